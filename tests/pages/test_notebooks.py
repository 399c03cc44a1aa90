"""Stored notebooks: their form, that they ran, and the tolerance of their comparison, tested both ways."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from companion import chapters, project
from companion.pages import notebooks, scorecard
from companion.pages.notebooks import tags
from companion.pages.parameters import WIDTH
from conftest import VARIES, Tolerant, steady
from tests import toy_book
from tests.toy_book import ROOT

PAGES = project.book({}).pages()
CHAPTERS = [page for page in PAGES if page.stem in chapters.names()]
TOY = (toy_book.TOY / "book" / "polygon.ipynb").relative_to(ROOT)  # without outputs, as it is written


def stored(page: Path) -> nbformat.NotebookNode:
    return notebooks.read(ROOT / page)


def code(page: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in stored(page).cells if cell.cell_type == "code"]


def outputs(page: Path) -> list[nbformat.NotebookNode]:
    return [output for cell in code(page) for output in cell.outputs]


def statements(cell: nbformat.NotebookNode) -> ast.Module:
    return ast.parse(cell.source)


def test_no_notebook_of_the_book_is_forgotten():
    assert {path.relative_to(ROOT) for path in (ROOT / "book").glob("*.ipynb")} == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_it_is_stored_executed(page):
    assert notebooks.problems(stored(page)) == []
    counts = [cell.execution_count for cell in code(page) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "cells were run out of order; use make notebooks"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_it_is_stored_in_normal_form(page):
    notebook = stored(page)
    before = (ROOT / page).read_text()
    notebooks.normalise(notebook)
    assert nbformat.writes(notebook) + "\n" == before
    assert not any("injected-parameters" in tags(cell) for cell in notebook.cells)
    assert notebook.nbformat_minor >= 5, "without cell ids every run writes another file"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_outputs_are_free_of_noise(page):
    for output in outputs(page):
        assert output.get("name") != "stderr", f"a warning or a progress bar is stored: {output.text[:80]}"
        data = output.get("data", {})
        assert not any("widget" in kind or "javascript" in kind for kind in data)
        words = "".join(
            [output.get("text", ""), *(data[kind] for kind in ("text/plain", "text/html") if kind in data)]
        )
        assert str(ROOT) not in words and " at 0x" not in words, (
            f"differs from machine to machine: {words[:200]}"
        )


@pytest.mark.parametrize("page", [*CHAPTERS, TOY], ids=str)
def test_parameters_come_first_and_explain_themselves(page):
    cells = code(page)
    assert sum("parameters" in tags(cell) for cell in cells) == 1
    first = next(index for index, cell in enumerate(cells) if "parameters" in tags(cell))
    for cell in cells[:first]:
        assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in statements(cell).body)
    about = ""
    for line in cells[first].source.splitlines():
        if line.startswith("# "):
            about += line
            continue
        assert ": " in line.split("=")[0] and about, (
            f"write # meaning (unit), then name: type = value; got {line}"
        )
        about = ""
    assert not about


@pytest.mark.parametrize("page", [*CHAPTERS, TOY], ids=str)
def test_the_code_belongs_to_the_package(page):
    cells = [cell for cell in code(page) if "parameters" not in tags(cell)]
    nodes = [node for cell in cells for node in ast.walk(statements(cell))]
    assert not [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sum(isinstance(node, ast.Lambda) for node in nodes) <= 2


@pytest.mark.parametrize("page", [*PAGES, TOY], ids=str)
def test_its_lines_of_code_fit_the_page(page):
    wide = [line for cell in code(page) for line in cell.source.splitlines() if len(line) > WIDTH]
    assert wide == [], f"a page cuts off what is wider than {WIDTH} characters"


@pytest.mark.parametrize("page", [*CHAPTERS, TOY], ids=str)
def test_it_opens_its_page_right_after_its_parameters(page):
    cells = [cell.source for cell in code(page)]
    first = next(index for index, cell in enumerate(code(page)) if "parameters" in tags(cell))
    assert f"from companion.chapters.{page.stem}.parameters import Parameters" in "\n".join(cells[:first])
    assert cells[first + 1].startswith("page = open_page(Parameters, globals())")


@pytest.mark.parametrize("page", [*CHAPTERS, TOY], ids=str)
def test_it_ends_with_claims_and_how_to_run_it(page):
    cells = stored(page).cells
    last = [cell for cell in cells if cell.cell_type == "code"][-1]
    assert "Table([" in last.source and tags(last) in (["claims"], ["claims", VARIES])
    if page != TOY:
        kept = [output.metadata.get(scorecard.STORED) for output in last.outputs]
        assert kept and kept[-1], "the last code cell shows the claims table"
    after = "\n".join(cell.source for cell in cells[cells.index(last) + 1 :])
    assert "## Run it yourself" in after and f"python -m companion run {page.stem}" in after


@pytest.mark.parametrize("page", CHAPTERS, ids=str)
def test_pictures_have_a_caption_and_words_for_those_who_cannot_see_them(page):
    for cell in code(page):
        if any({"image/png", "image/svg+xml"} & set(output.get("data", {})) for output in cell.outputs):
            shown = cell.metadata.get("mystnb", {})
            assert shown.get("figure", {}).get("caption") and shown.get("image", {}).get("alt"), cell.source


NUMBERS = "loss 0.123456 after 5000 steps, slope -1.5e-3\n"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (NUMBERS, True),
        ("loss  0.123500 after 5000 steps, slope -1.5e-3", True),  # 0.04 %, and another column width
        ("loss 0.1296 after 5000 steps, slope -1.5e-3", False),  # 5 %
        ("loss 0.123456 after 5000 steps, slope 1.5e-3", False),
        ("loss 0.123456 after 5000 epochs, slope -1.5e-3", False),
        ("loss 0.123456 after 5000 steps", False),
        ("loss 0.123456 after 5000 steps, slope nan", False),
    ],
)
def test_tolerance_of_texts(other, same):
    assert (Tolerant(NUMBERS) == Tolerant(other)) is same
    assert (Tolerant(NUMBERS) != Tolerant(other)) is not same


def test_small_counts_are_exact_and_names_are_not_numbers():
    assert Tolerant("0 violations of 812") != Tolerant("1 violations of 812")
    assert Tolerant("0 violations of 812") != Tolerant("0 violations of 813")
    assert Tolerant("layer2 x1.5y") != Tolerant("layer3 x1.5y")


CLAIMS = """\
a/loss  quick  holds      0.31 [0.2, 0.4]  ≤ 0.5  refuses 0.8: a start
a/loss  paper  undecided  0.52 [0.4, 0.6]  ≤ 0.5
quick scale: 1 hold, 0 fail, 0 undecided · paper scale: 0 hold, 0 fail, 1 undecided"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("holds      0.31 [0.2, 0.4]", "fails      0.7 [0.6, 0.8]", True),
        ("refuses 0.8", "does not refuse 0.4", True),
        ("1 hold, 0 fail, 0 un", "0 hold, 1 fail, 0 un", True),
        ("a start", "an end", False),
        ("a/loss  quick", "a/lost  quick", False),
        ("0.52", "0.54", False),
        ("undecided  0.52", "fails  0.52", False),
    ],
)
def test_what_varies_are_numbers_and_verdicts_at_the_scale_of_a_page(old, new, same):
    assert old in CLAIMS
    assert (Tolerant(steady(CLAIMS)) == Tolerant(steady(CLAIMS.replace(old, new)))) is same
    assert Tolerant(CLAIMS) != Tolerant(CLAIMS.replace(old, new))


def test_where_no_scale_is_named_only_words_do_not_vary():
    assert (
        steady("node  #28 0.68 (from 10 %)") == steady("node  #3 0.7 (from 9 %)") != steady("node #28 0.68")
    )


PICTURE = {"application/papermill.record/image/png": "new", "text/html": "<b>new</b>", "text/plain": "held"}
PRINTS = "print(0.25, 7)\n'a value that the semicolon hides';"
SHOWS = f"""import sys
from IPython.display import display
display({PICTURE!r}, raw=True)
print("noise", file=sys.stderr)"""


def shown(**data: str) -> list[nbformat.NotebookNode]:
    """What SHOWS might have stored: other noise, and a display with these texts."""
    data = {kind.replace("_", "/", 1): text for kind, text in data.items()}
    noise = new_output("stream", name="stderr", text="other noise\n")
    picture = {"application/papermill.record/image/png": "old"}
    return [noise, new_output("display_data", data={**picture, **data})]


@pytest.fixture(scope="module")
def validated(tmp_path_factory) -> tuple[Path, dict[str, bool]]:
    """A notebook of cells with stored outputs of each kind, and which of them nbval passes."""
    printed = lambda text: [new_output("stream", name="stdout", text=text)]
    kinds = {
        "equal": (PRINTS, printed("0.25 7\n")),
        "nearly equal": (PRINTS, printed("0.2501 7\n")),
        "another picture, html and noise": (SHOWS, shown(text_plain="held", text_html="")),
        "another number": (PRINTS, printed("0.2625 7\n")),
        "another count": (PRINTS, printed("0.25 8\n")),
        "a line more": (PRINTS, printed("0.25 7\nmore\n")),
        "another text": (SHOWS, shown(text_plain="lost", text_html="<b>new</b>")),
        "never ran": (PRINTS, []),
    }
    cells = [
        new_code_cell(source, outputs=outputs, execution_count=number if outputs else None)
        for number, (source, outputs) in enumerate(kinds.values(), 1)
    ]
    folder = tmp_path_factory.mktemp("nbval")
    nbformat.write(new_notebook(cells=cells), folder / "x.ipynb")
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    options = ["-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "-v", "x.ipynb"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=folder, capture_output=True, text=True
    )
    said = re.findall(r"^x\S+::Cell \d+ (PASSED|FAILED)", done.stdout, re.MULTILINE)
    assert done.returncode == 1 and len(said) == len(kinds), done.stdout
    return folder / "x.ipynb", {kind: word == "PASSED" for kind, word in zip(kinds, said, strict=True)}


def test_nbval_passes_equal_and_nearly_equal_outputs_only(validated):
    passed = {kind for kind, fine in validated[1].items() if fine}
    assert passed - {"never ran"} == {"equal", "nearly equal", "another picture, html and noise"}


def test_nbval_alone_would_pass_what_never_ran(validated):
    """Why the check for executed cells exists."""
    path, said = validated
    assert said["never ran"]
    assert notebooks.problems(notebooks.read(path)) == [f"cell {len(said) - 1} was not executed"]
