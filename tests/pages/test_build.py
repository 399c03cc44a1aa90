"""From a reader's values to a rendered page: what is refused, what is swapped in, and what survives a failure."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pydantic import Field

from ts_core import __main__ as command
from ts_core import book, chapters, claims, experiments, notebooks
from ts_core.experiments.spec import Floats, Positive, Spec
from ts_core.notebooks import ROOT, BookError

TOY = Path(__file__).parent / "data" / "toy"


class Toy(Spec):
    """Settings of the toy chapter in tests/data/toy."""

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


REGISTRY = {"toy": Toy}


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", 50), ("-3", -3), ("0.5", 0.5), ("1e-2", 0.01), ("1.0e-2", 0.01), (".5", 0.5), ("2E3", 2000.0),
        ("true", True), ("True", True), ("false", False), ("yes", "yes"), ("on", "on"), ("null", None),
        ("[1, 2.5, 1e-3]", [1, 2.5, 0.001]), ("word", "word"), ("'7'", "7"), ("010", 10), ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"), ("1_000", 1000),
    ],
)
def test_values_from_the_command_line(text, value):
    read = chapters.parse("name", text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("text", ["[1, 2", "{", "a: b: c", "!!python/object:os.system x"])
def test_values_that_cannot_be_read(text):
    with pytest.raises(BookError, match="^seeds: cannot read"):
        chapters.parse("seeds", text)


def test_merge_gives_plain_values_in_order_and_the_last_source_wins():
    values = chapters.merge(Toy, {"bars": [1, 0.5], "sides": 4}, {"sides": 5})
    assert values == {"sides": 5, "bars": [1.0, 0.5]}
    assert list(values) == ["sides", "bars"] and type(values["bars"][0]) is float and type(values["bars"]) is list


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sidse": 4}, "unknown parameter 'sidse'; did you mean sides[?] known: sides, radius, bars, label, breaks"),
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
    ],
)
def test_merge_refuses(given, message):
    with pytest.raises(BookError, match=message) as refused:
        chapters.merge(Toy, given)
    assert "\n" not in str(refused.value)


def test_a_file_is_read_as_papermill_reads_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("radius: 1e-2\n")
    with pytest.raises(BookError, match="write 1.0e-2, not 1e-2"):
        chapters.merge(Toy, chapters.read_values(path))
    path.write_text("radius: 1.0e-2\nbreaks: true\n")
    assert chapters.merge(Toy, chapters.read_values(path)) == {"radius": 0.01, "breaks": True}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read"), (b"a: [", "is not YAML"), (b"\xff\xfe\x00", "is not YAML"), (b"- 1\n", "name: value"), (b"", "name: value")],
)
def test_files_that_are_no_parameters(tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BookError, match=message) as refused:
        chapters.read_values(path)
    assert "mine.yaml" in str(refused.value) and "\n" not in str(refused.value)


def with_cell(source: str) -> nbformat.NotebookNode:
    return new_notebook(cells=[new_code_cell(source, metadata={"tags": ["parameters"]})])


def test_parameters_cell_is_read_without_running_it():
    cell = with_cell("a: int = 3  # nodes\nb = -1.5\nc: tuple[int, ...] = (1, 2)\nd: int | None = None\ne: str = 'x # y'")
    assert notebooks.parameters(cell) == {"a": 3, "b": -1.5, "c": (1, 2), "d": None, "e": "x # y"}
    assert notebooks.parameters(new_notebook(cells=[new_code_cell("a = 3")])) == {}


@pytest.mark.parametrize("source", ["a = b = 1", "a: int", "a = f(1)", "import os", "a = 1\na = 2", "a, b = 1, 2", "a = 2 * 3"])
def test_parameters_cell_holds_literals_only(source):
    with pytest.raises(BookError, match="only hold lines like name = value"):
        notebooks.parameters(with_cell(source))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sides: int = 12", "sides: int = 13", "sides is 13 in the parameters cell, 12"),
        ("radius: float = 1.0", "radius: float = 1", "radius is 1 in the parameters cell, 1.0"),
        ("breaks: bool", "broken: bool", "the parameters cell has sides, radius, bars, label, broken"),
    ],
)
def test_parameters_cell_agrees_with_the_settings(tmp_path, old, new, message):
    path = tmp_path / "toy.ipynb"
    path.write_text((TOY / "book" / "toy.ipynb").read_text())
    chapters.check_defaults(path, Toy)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BookError, match=message):
        chapters.check_defaults(path, Toy)


@pytest.mark.parametrize("chapter", experiments.CHAPTERS)
def test_every_chapter_is_in_the_book_and_holds_its_defaults(chapter):
    page = {page.stem: page for page in book.pages(ROOT)}[chapter]
    chapters.check_defaults(ROOT / page, experiments.CHAPTERS[chapter])


@pytest.mark.parametrize("chapter", experiments.CHAPTERS)
def test_every_parameter_has_a_meaning_and_a_unit(chapter):
    for name, field in experiments.CHAPTERS[chapter].model_fields.items():
        assert field.description, f"{chapter}: {name} has no description"


def test_list_shows_types_defaults_and_meanings():
    text = chapters.describe(REGISTRY)
    assert "radius  float = 1.0" in text and "of the circle (metres)" in text and "list of float = [0.9, 0.99]" in text


def test_normal_form_is_reached_once_and_drops_what_changes():
    cell = new_code_cell("# Parameters\na = 1", metadata={"tags": ["injected-parameters"], "papermill": {"duration": 1.2}})
    other = new_code_cell("a", metadata={"execution": {"iopub": "10:00"}, "tags": []}, id="kept")
    notebook = new_notebook(cells=[cell, other], metadata={"papermill": {"start_time": "10:00"}, "kernelspec": {"name": "mine", "display_name": "Mine"}})
    notebooks.normalise(notebook)
    assert cell.id == "injected-parameters" and cell.metadata.tags == ["injected-parameters", "hide-input"]
    assert other.id == "kept" and other.metadata == {} and "papermill" not in notebook.metadata
    once = nbformat.writes(notebook)
    notebooks.normalise(notebook)
    assert nbformat.writes(notebook) == once


def test_problems_of_an_executed_notebook():
    error = [new_output("error", ename="ValueError", evalue="no", traceback=[])]
    ran, expected = new_code_cell("a", execution_count=1), {"tags": ["raises-exception"]}
    assert notebooks.problems(new_notebook(cells=[ran, new_code_cell(" ")])) == []
    announced = new_code_cell("b", execution_count=2, outputs=error, metadata=expected)
    assert notebooks.problems(new_notebook(cells=[announced])) == []
    assert "not executed" in notebooks.problems(new_notebook(cells=[new_code_cell("a")]))[0]
    stored = new_code_cell("b", execution_count=2, outputs=error)
    assert "ValueError: no" in notebooks.problems(new_notebook(cells=[stored]))[0]


def make_toy(root: Path) -> Path:
    """A book of one chapter that shares everything but its text with the real one."""
    shutil.copytree(TOY, root, ignore=shutil.ignore_patterns("make_toy.py"))
    shutil.copy(ROOT / "_config.yml", root)
    for name in ("references.bib", "scorecard.ipynb"):
        shutil.copy(ROOT / "book" / name, root / "book")
    shutil.copytree(ROOT / "book" / "_ext", root / "book" / "_ext")
    return root


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """The toy book, its notebooks executed and stored, built once; tests leave it rendered."""
    root = make_toy(tmp_path_factory.mktemp("books") / "toy")
    book.rewrite(root, REGISTRY)
    book.build(root, REGISTRY)
    return root


def test_build_renders_every_chapter_and_the_scorecard(toy):
    html = toy / "_build" / "html"
    assert "2 claims: 1 hold, 1 fail, 0 undecided" in (html / "book" / "intro.html").read_text()
    assert "toy/share-0.99" in (html / "book" / "scorecard.html").read_text()
    assert not list((toy / "_build").glob("stage-*"))


def test_execution_is_byte_identical(toy):
    before = tree(toy / "book")
    assert book.rewrite(toy, REGISTRY) == []
    assert tree(toy / "book") == before
    staged = toy / "_build" / "run" / "book"
    assert tree(staged) == before  # what a build executes is what is stored


def test_run_changes_the_rendering_and_nothing_in_book(toy):
    before = tree(toy / "book")
    page = book.run(toy, REGISTRY, "toy", chapters.merge(Toy, {"sides": 100, "label": "fine"}))
    assert page == toy / "_build" / "html" / "book" / "toy.html"
    assert tree(toy / "book") == before
    text = page.read_text()
    assert "Show the parameters of this run" in text and "The fine polygon" in text
    assert "2 claims: 2 hold, 0 fail" in (toy / "_build" / "html" / "book" / "intro.html").read_text()
    stored = [claim.value for claim in claims.collect(toy / "_build" / "run" / "book")]
    assert stored[0] == pytest.approx(0.99934, rel=1e-5)  # 100 / (2 pi) * sin(2 pi / 100)


def damage(root: Path, kind: str) -> None:
    """Break one thing in a copy of the toy book."""
    page, chapter = root / "book" / "intro.md", root / "book" / "toy.ipynb"
    if kind == "reference":
        page.write_text(page.read_text() + "\nSee {ref}`nowhere`.\n")
    elif kind == "default":
        chapter.write_text(chapter.read_text().replace("sides: int = 12", "sides: int = 13"))
    elif kind == "toc":
        (root / "_toc.yml").write_text((root / "_toc.yml").read_text() + "  - file: book/missing\n")
    elif kind == "traceback":
        chapter.write_text(chapter.read_text().replace("if breaks:", "if not breaks:"))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("", {"breaks": True}, "toy failed in cell 4: RuntimeError: asked to break .*with its traceback"),
        ("reference", {}, r"does not render: book/intro.md.*nowhere"),
        ("default", {}, "sides is 13 in the parameters cell"),
        ("toc", {}, "_toc.yml names book/missing"),
        ("traceback", {}, "toy failed in cell 3: RuntimeError"),
    ],
)
def test_a_failure_leaves_the_last_rendering(toy, tmp_path, kind, values, message):
    root = tmp_path / "toy"
    shutil.copytree(toy, root, symlinks=True)
    damage(root, kind)
    kept = {part: tree(root / part) for part in ("book", "_build/run", "_build/html")}
    with pytest.raises(BookError, match=message) as failed:
        book.run(root, REGISTRY, "toy", values)
    assert "\n" not in str(failed.value)
    assert {part: tree(root / part) for part in kept} == kept
    assert not list((root / "_build").glob("stage-*"))


def test_a_swap_that_fails_half_way_is_undone(toy, tmp_path, monkeypatch):
    root = tmp_path / "toy"
    shutil.copytree(toy, root)
    kept = {part: tree(root / part) for part in ("_build/run", "_build/html")}
    stage = root / "_build" / "stage-x"
    make_toy(stage)
    html = stage / "_build" / "html"
    html.mkdir(parents=True)
    monkeypatch.setattr(book, "render", lambda root, stage: html)
    move = Path.rename

    def rename(self, target):
        if self == html:
            raise OSError("disk full")
        return move(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="disk full"):
        book._publish(root, stage)
    assert {part: tree(root / part) for part in kept} == kept


def test_one_run_at_a_time(toy):
    with book._stage(toy), pytest.raises(BookError, match="another run is at work"), book._stage(toy):
        pass


def test_other_chapters_must_be_executed(toy, tmp_path):
    root = tmp_path / "toy"
    shutil.copytree(toy, root)
    shutil.copy(TOY / "book" / "toy.ipynb", root / "book" / "other.ipynb")
    (root / "_toc.yml").write_text((root / "_toc.yml").read_text() + "  - file: book/other\n")
    with pytest.raises(BookError, match="book/other.ipynb: cell 1 was not executed"):
        book.run(root, REGISTRY, "toy", {})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "toi"], "unknown chapter 'toi'; did you mean toy? known: toy"),
        (["run", "toy", "-p", "sidse", "4"], "unknown parameter 'sidse'; did you mean sides?"),
        (["run", "toy", "-p", "sides", "2"], "sides: "),
        (["run", "toy", "-p", "breaks", "7"], "breaks: "),
        (["run", "toy", "-f", "missing.yaml"], "cannot read missing.yaml"),
        (["run", "toy", "-p", "breaks", "true"], "toy failed in cell 4: RuntimeError: asked to break"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(toy, words, message, monkeypatch, capfd):
    monkeypatch.setattr(experiments, "CHAPTERS", REGISTRY)
    monkeypatch.setattr(command, "ROOT", toy)
    kept = {part: tree(toy / part) for part in ("book", "_build/run", "_build/html")}
    assert command.main(words) == 1
    out = capfd.readouterr()
    assert out.err.startswith(f"error: {message}") and out.err.count("\n") == 1
    assert {part: tree(toy / part) for part in kept} == kept


def test_plain_papermill_works_from_any_folder(toy, tmp_path):
    tool = Path(sys.executable).parent / "papermill"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [tool, toy / "book" / "toy.ipynb", "out.ipynb", "-p", "sides", "6", "--no-progress-bar"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert notebooks.problems(notebooks.read(tmp_path / "out.ipynb")) == []
    assert next(iter(claims.collect(tmp_path))).value == pytest.approx(0.82699, rel=1e-4)  # 3 sqrt(3) / (2 pi)


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(BookError, match="x.ipynb is not a notebook"):
        notebooks.read(tmp_path / "x.ipynb")
    with pytest.raises(BookError, match="there is no notebook"):
        notebooks.read(tmp_path / "y.ipynb")
