"""A chapter dropped into an empty folder is found, listed, refused; nothing names it.

It is swept, stored and built in test_build.py; swept and run, by a reader of the package, in test_wheel.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import toy_book
from tests.toy_book import ROOT


def python(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """A fresh process in a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def companion(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """The command line, in a folder."""
    return python(folder, "-m", "companion", *words)


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


WRONG = {
    "run polygon -p sides 2": "sides: should be greater than or equal to 3, got 2",
    "run polygon -p side 4": "unknown parameter 'side'; did you mean sides?",
    "run poligon": "unknown chapter 'poligon'; did you mean polygon?",
    "sweep polygon_dart": "unknown sweep 'polygon_dart'; did you mean polygon_darts?",
}


def test_wrong_values_are_refused_in_one_line(folder):
    """One after the other in one process: each needs the folder, none a process of its own."""
    code = (
        "import sys; from companion.__main__ import main\n"
        "sys.exit(sum(main(words.split()) for words in sys.argv[1:]))"
    )
    done = python(folder, "-c", code, *WRONG)
    assert done.returncode == len(WRONG) and done.stdout == ""
    for said, message in zip(done.stderr.splitlines(), WRONG.values(), strict=True):
        assert said.startswith(f"error: {message}")
    assert not (folder / "_build" / "stage").exists(), "nothing has started"


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
