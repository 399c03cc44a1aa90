"""From a reader's words to the values of a run: what is read and refused, and the cell of the defaults."""

from typing import Annotated, Literal

import hypothesis
import nbformat
import pytest
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook
from pydantic import Field

from companion import chapters
from companion.pages import notebooks, parameters
from companion.pages.notebooks import BookError
from companion.runs.spec import Floats, Fraction, Positive, SpecError
from tests import toy_book

CHAPTERS = chapters.parameters()


class Toy(parameters.Parameters):
    """One parameter of each type."""

    sides: Annotated[int, Field(ge=3)] = 12
    """polygon sides (number)"""
    radius: Positive = 1.0
    """of the circle (metres)"""
    bars: Floats = (0.9, 0.99)
    """share of the circle's area to reach (ratio)"""
    label: str = "inside"
    """which polygon (word)"""
    breaks: bool = False
    """whether the chapter fails half-way (truth value)"""
    kind: Literal["regular", "star"] = "regular"
    """shape of the polygon"""
    parts: Annotated[tuple[Fraction, ...], Field(strict=False, min_length=1)] = (0.5,)
    """where a side is cut, as a share of its length, with words that are too many for one line"""


NAMES = "sides, radius, bars, label, breaks, kind, parts"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e-2", 0.01),
        ("1.0e-2", 0.01),
        (".5", 0.5),
        ("2E3", 2000.0),
        ("true", True),
        ("True", True),
        ("false", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("[1, 2.5, 1e-3]", [1, 2.5, 0.001]),
        ("word", "word"),
        ("'7'", "7"),
        ("010", 10),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", 1000),
    ],
)
def test_values_from_the_command_line(text, value):
    read = parameters.parse("name", text)
    assert read == value and type(read) is type(value)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    "text",
    [
        *("[1, 2", "{", "{a: 1}", "a: b: c", "- a: 1\n  b: {c: 1}", "%YAML 1.2", "\0", "1\n---\n2"),
        *("!!python/object:os.system x", "!!timestamp x", "!!bool maybe", "!!int x", "&a [1]", "*a", BOMB),
        *("[" * 500, "[" * 500 + "]" * 500, "- " * 500, "[[[[1]]]]", "9" * 5000, "9" * 30_000),
    ],
)
def test_values_that_cannot_be_read(text):
    with pytest.raises(BookError, match="^seeds: cannot read") as refused:
        parameters.parse("seeds", text)
    assert "\n" not in str(refused.value) and len(str(refused.value)) <= 300


@hypothesis.given(st.text() | st.text(alphabet="[]{}&*!|>%@`'\"#,:-?0.eE \n\tab", max_size=40))
def test_whatever_is_typed_is_read_or_refused_in_one_line(text):
    said = ""
    try:
        parameters.parse("seeds", text)
    except BookError as refused:
        said = str(refused)
    assert "\n" not in said and len(said) <= 300


def test_merge_gives_plain_values_in_order_and_the_last_source_wins():
    values = parameters.merge(Toy, {"bars": [1, 0.5], "sides": 4}, {"sides": 5})
    assert values == {"sides": 5, "bars": [1.0, 0.5]}
    assert list(values) == ["sides", "bars"]
    assert type(values["bars"][0]) is float and type(values["bars"]) is list


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sidse": 4}, f"unknown parameter 'sidse'; did you mean sides[?] known: {NAMES}"),
        ({"sides": 2}, "sides: .*greater than or equal to 3, got 2"),
        ({"sides": "many"}, "sides: .*integer, got 'many'"),
        ({"sides": 4.0}, "sides: .*integer, got 4.0"),
        ({"sides": True}, "sides: .*integer, got True"),
        ({"radius": "1e-2"}, "radius: .*got '1e-2'.*write 1.0e-2"),
        ({"radius": 0}, "radius: .*greater than 0, got 0"),
        ({"radius": float("nan")}, "radius: .*finite"),
        ({"breaks": "true"}, "breaks: .*boolean, got 'true'"),
        ({"bars": []}, "bars"),
        ({"label": None}, "label: .*string, got None"),
        ({"kind": "round"}, "kind: .*'regular' or 'star', got 'round'"),
        ({"parts": [0.5, 2.0]}, "parts.1: .*less than 1, got 2.0"),
    ],
)
def test_merge_refuses(given, message):
    with pytest.raises(BookError, match=message) as refused:
        parameters.merge(Toy, given)
    assert "\n" not in str(refused.value)


def test_a_file_is_read_as_papermill_reads_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("radius: 1e-2\n")
    with pytest.raises(BookError, match="write 1.0e-2, not 1e-2"):
        parameters.merge(Toy, parameters.read_values(path))
    path.write_text("radius: 1.0e-2\nbreaks: true\n")
    assert parameters.merge(Toy, parameters.read_values(path)) == {"radius": 0.01, "breaks": True}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"a: [", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"- 1\n", "name: value"),
        (b"", "name: value"),
        (BOMB.encode(), "is not YAML of plain values: line 1: no tags, anchors"),
        (b"a: 2026-13-01", "is not YAML of plain values"),
        (b"a: 1\nb: 2\na: 3\n", "given twice: a"),
        (b"a:\n  b: 1\n", "line 2"),
        (b"a: " + b"9" * 5000, "is not YAML of plain values"),
    ],
)
def test_files_that_are_no_parameters(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BookError, match=message) as refused:
        parameters.read_values(path)
    assert "mine.yaml" in str(refused.value) and "\n" not in str(refused.value)


def with_cell(source: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])


def test_parameters_cell_is_read_without_running_it():
    cell = with_cell(
        "a: int = 3  # nodes\nb = -1.5\nc: tuple[int, ...] = (1, 2)\nd: int | None = None\ne: str = 'x # y'"
    )
    assert notebooks.parameters(cell) == {"a": 3, "b": -1.5, "c": (1, 2), "d": None, "e": "x # y"}
    assert notebooks.parameters(new_notebook(cells=[new_code_cell("a = 3")])) == {}


@pytest.mark.parametrize(
    "source",
    [
        "a = b = 1",
        "a: int",
        "a = f(1)",
        "import os",
        "a = 1\na = 2",
        "a, b = 1, 2",
        "a = 2 * 3",
        "a += 1",
        "a: int = 1\na *= 2",
        "for a in [1, 2]:\n    pass",
        "with open('x') as a:\n    pass",
        "a.b = 1",
        "a.b: int = 1",
        "a[0]: int = 1",
        "(a := 1)",
        "a = {[]: 1}",
        "del a",
    ],
)
def test_parameters_cell_holds_literals_only(source):
    with pytest.raises(BookError, match="only hold lines like name = value") as refused:
        notebooks.parameters(with_cell(source))
    assert "\n" not in str(refused.value)


def test_parameters_cell_that_is_no_python():
    with pytest.raises(BookError, match="the parameters cell is not Python: .*, line 2"):
        notebooks.parameters(with_cell("a = 1\nb = = 2"))


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_parameters_cell_to_write(tmp_path, count):
    cells = [new_code_cell("a = 1", metadata={"tags": ["parameters"]}) for _ in range(count)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "x.ipynb")
    with pytest.raises(BookError, match=f"x.ipynb: one cell has the tag parameters, not {count}"):
        notebooks.write_parameters(tmp_path / "x.ipynb", "a = 2")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sides: int = 12", "sides: int = 13", "sides is 13 in the parameters cell, 12"),
        ("radius: float = 1.0", "radius: float = 1", "radius is 1 in the parameters cell, 1.0"),
        ("seeds: int", "seed: int", "the parameters cell has sides, radius, bars, label, seed, darts"),
        ("# of the circle (metres)", "# of the circle (feet)", "not the one that the settings write"),
        ("label: str", "label: object", "not the one that the settings write"),
        ("sides: int = 12", "sides: int = 12  # twelve", "not the one that the settings write"),
    ],
)
def test_an_edited_parameters_cell_is_refused(tmp_path, old, new, message):
    path, spec = tmp_path / "polygon.ipynb", toy_book.parameters(toy_book.TOY)
    notebook = notebooks.read(toy_book.TOY / "book" / "polygon.ipynb")
    nbformat.write(notebook, path)
    parameters.check_defaults(path, spec)
    (cell,) = notebooks.parameter_cells(notebook)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(notebook, path)
    with pytest.raises(BookError, match=message) as refused:
        parameters.check_defaults(path, spec)
    assert str(refused.value).startswith("polygon.ipynb: ") and "\n" not in str(refused.value)
    notebooks.write_parameters(path, spec.cell())
    parameters.check_defaults(path, spec)


def test_the_cell_says_meaning_name_type_and_default():
    assert Toy.cell().splitlines() == [
        "# polygon sides (number)",
        "sides: int = 12",
        "# of the circle (metres)",
        "radius: float = 1.0",
        "# share of the circle's area to reach (ratio)",
        "bars: list[float] = [0.9, 0.99]",
        "# which polygon (word)",
        'label: str = "inside"',
        "# whether the chapter fails half-way (truth value)",
        "breaks: bool = False",
        "# shape of the polygon",
        'kind: str = "regular"',
        "# where a side is cut, as a share of its length, with words that are too",
        "# many for one line",
        "parts: list[float] = [0.5]",
    ]


@pytest.mark.parametrize("spec", [Toy, *CHAPTERS.values()], ids=lambda spec: spec.__module__)
def test_the_cell_is_read_back_as_the_defaults_and_fits_the_page(spec):
    assert notebooks.parameters(with_cell(spec.cell())) == parameters.defaults(spec)
    assert max(map(len, spec.cell().splitlines())) <= parameters.WIDTH == 76


def test_parameters_are_taken_from_the_variables_of_a_notebook():
    names = {**parameters.defaults(Toy), "sides": 5, "bars": [0.5], "unrelated": object()}
    assert Toy.of(names) == Toy(sides=5, bars=(0.5,))
    with pytest.raises(SpecError, match="sides: .*got 2"):
        Toy.of({**names, "sides": 2})
    with pytest.raises(KeyError, match="kind"):
        Toy.of({name: value for name, value in names.items() if name != "kind"})


def test_a_chapter_is_named_by_its_folder():
    assert toy_book.parameters(toy_book.TOY).chapter() == "polygon"
    assert {name: spec.chapter() for name, spec in CHAPTERS.items()} == {name: name for name in CHAPTERS}


def test_list_shows_types_defaults_and_meanings():
    text = parameters.describe({"toy": Toy})
    assert "radius  float = 1.0" in text and "of the circle (metres)" in text
    assert "bars    list of float = [0.9, 0.99]" in text and "parts   list of float = [0.5]" in text
    assert "kind    one of 'regular', 'star' = 'regular'" in text


def test_list_names_types_in_words():
    text = parameters.describe(CHAPTERS)
    assert "Annotated" not in text and "FieldInfo" not in text and "[int" not in text
