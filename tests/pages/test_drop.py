"""A chapter dropped into an empty folder is found, listed, refused, run, swept, built; nothing names it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.runs.store import load_results
from tests import toy_book
from tests.toy_book import ROOT


def companion(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command line, in a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "companion", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return toy_book.drop(tmp_path_factory.mktemp("empty"))


def test_it_is_listed_with_its_parameters_and_its_sweep(folder):
    done = companion(folder, "list")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("polygon\n  sides   int = 12\n          sides of the polygon")
    assert "  polygon_darts: quick, paper\n" in done.stdout
    assert "two_layer_theorem\n" not in done.stdout, "a chapter of another book"


def test_it_is_found_from_a_folder_below(folder):
    assert companion(folder / "book", "list").stdout.startswith("polygon\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "polygon", "-p", "sides", "2"], "sides: should be greater than or equal to 3, got 2"),
        (["run", "polygon", "-p", "side", "4"], "unknown parameter 'side'; did you mean sides?"),
        (["run", "poligon"], "unknown chapter 'poligon'; did you mean polygon?"),
        (["sweep", "polygon_dart"], "unknown sweep 'polygon_dart'; did you mean polygon_darts?"),
    ],
)
def test_wrong_values_are_refused_in_one_line(folder, words, message):
    done = companion(folder, *words)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1
    assert not (folder / "_build" / "stage").exists(), "nothing has started"


def test_it_is_swept_stored_run_and_built(folder):
    """In the order in which its author would do it."""
    done = companion(folder, "sweep", "polygon_darts", "--workers", "1")
    assert done.stdout == f"wrote {folder / '_build' / 'results' / 'polygon_darts'}\n", done.stderr
    tables, facts = load_results("polygon_darts", folder / "_build" / "results" / "polygon_darts")
    assert facts["scale"] == "quick" and facts["cells"] == 5 and len(tables["shares"]) == 5 * 8
    assert companion(folder, "sweep", "polygon_darts", "--scale", "paper", "--workers", "1").returncode == 0
    assert load_results("polygon_darts", folder / "book" / "results" / "polygon_darts")[1]["cells"] == 7

    done = companion(folder, "run", "polygon", "-p", "sides", "26", "--name", "mine")
    page = folder / "_build" / "runs" / "mine" / "book" / "polygon.html"
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"open {page.as_uri()}"
    assert "The inside polygon of 26 sides" in page.read_text() and not (folder / "_build" / "html").exists()

    done = companion(folder, "build")
    html = folder / "_build" / "html"
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"open {(html / 'index.html').as_uri()}"
    card = (html / "book" / "scorecard.html").read_text()
    assert "polygon/share-0.9 " in card.replace("<", " ") and "paper scale" in card
    counted = "quick scale: 2 hold, 1 fail, 0 undecided · paper scale: 1 hold, 0 fail, 0 undecided"
    assert counted in (html / "book" / "intro.html").read_text()
    text = (html / "book" / "polygon.html").read_text()
    assert "proof theorem" in text and "exercise admonition" in text and "solution dropdown" in text


def test_nothing_else_names_a_chapter():
    """No registry, no list, no help text: a new chapter changes no file of the packages but its own."""
    names = [
        path.name for path in (ROOT / "companion" / "chapters").iterdir() if (path / "__init__.py").exists()
    ]
    assert len(names) >= 4
    for path in [*(ROOT / "companion").rglob("*.py"), *(ROOT / "ts_core").rglob("*.py")]:
        own = path.relative_to(ROOT).parts[:3]
        text = path.read_text()
        for name in ["polygon", *names]:
            # a chapter may be named as its data
            data = (ROOT / "companion" / "datasets" / f"{name}.py").exists()
            if own[:2] != ("companion", "chapters") or own[2] != name:
                assert f"chapters.{name}" not in text and (data or f'"{name}"' not in text), (
                    f"{path} names {name}"
                )
