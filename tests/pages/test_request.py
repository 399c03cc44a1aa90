"""A request: made from a reader's words, checked before anything starts, a file for the kernel."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from companion.datasets.cifar10 import DataError
from companion.pages import request
from companion.pages.book import Book
from companion.pages.notebooks import BookError
from companion.project import PROJECT
from companion.runs.store import StoreError
from tests import toy_book


class Imaged(toy_book.parameters(toy_book.TOY)):
    """A chapter that needs images."""

    def check(self, data: Path | None) -> None:
        if data and not (data / "images").exists():
            raise DataError(f"no images in {data}")


@pytest.fixture
def book(tmp_path) -> Book:
    known = {"polygon": toy_book.parameters(toy_book.TOY), "imaged": Imaged}
    return Book(tmp_path, tmp_path / "_build", known, PROJECT)


def test_words_become_one_frozen_record(book, tmp_path):
    (tmp_path / "mine.yaml").write_text("sides: 5\nlabel: fine\n")
    (tmp_path / "images").touch()
    wanted = request.ask(
        book,
        "imaged",
        [("sides", "6"), ("bars", "[0.5, 1e-1]")],
        file=tmp_path / "mine.yaml",
        data=tmp_path,
        results=tmp_path / "cells",
        name="six",
    )
    assert wanted == request.Request(
        "imaged",
        {"sides": 6, "bars": [0.5, 0.1], "label": "fine"},
        str(tmp_path / "cells"),
        str(tmp_path),
        "six",
        standing={"sides": 12, "bars": [0.9, 0.99], "label": "inside"},
    )
    assert wanted.data_folder == tmp_path
    with pytest.raises(FrozenInstanceError):
        wanted.name = "other"


def test_what_is_not_said_is_the_books_own(book):
    wanted = request.ask(book, "polygon")
    assert wanted == request.defaults(book, "polygon")
    assert wanted.results == str(book.work / "cells") and wanted.data_folder is None
    assert wanted.values == {} and wanted.name == "polygon"


def test_paths_are_absolute_because_the_kernel_works_elsewhere(book, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").touch()
    wanted = request.ask(book, "imaged", data=Path("."), results=Path("cells"))
    assert wanted.data == str(tmp_path) and wanted.results == str(tmp_path / "cells")


def test_equal_values_give_one_name_and_others_another(book):
    name = lambda *words: request.ask(book, "polygon", words).name
    assert name(("sides", "6"), ("radius", "2.0")) == name(("radius", "2"), ("sides", "6"))
    assert name(("sides", "6")) != name(("sides", "7")) != name(("darts", "7"))
    assert name(("sides", "6")).startswith("polygon-")


def test_a_name_has_as_many_letters_as_are_allowed_and_no_more(book):
    assert request.ask(book, "polygon", name="n" * request.LONGEST_NAME).name == "n" * 100
    with pytest.raises(BookError, match="must be that of a folder"):
        request.ask(book, "polygon", name="n" * 101)


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", ".", "..", ".hidden", "a/"])
def test_a_name_that_is_no_folder_is_refused(book, name):
    with pytest.raises(BookError, match="the name of a run must be that of a folder, got ") as refused:
        request.ask(book, "polygon", name=name)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize(
    ("chapter", "words", "message"),
    [
        ("polygone", [], "unknown chapter 'polygone'; did you mean polygon. known: polygon, imaged"),
        ("polygon", [("sidse", "4")], "unknown parameter 'sidse'; did you mean sides"),
        ("polygon", [("results", "x")], "unknown parameter 'results'"),
        ("polygon", [("sides", "2")], "sides: .*got 2"),
        ("polygon", [("sides", "[")], "sides: cannot read"),
    ],
)
def test_wrong_words_are_refused(book, chapter, words, message):
    with pytest.raises(BookError, match=message):
        request.ask(book, chapter, words)
    assert not book.work.exists(), "nothing has started"


def test_a_results_folder_that_cannot_be_written_is_refused(book, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(StoreError, match=f"{tmp_path / 'file'} cannot be written: a file is in its place"):
        request.ask(book, "polygon", results=tmp_path / "file")


def test_missing_data_are_refused(book, tmp_path):
    with pytest.raises(DataError, match=f"no images in {tmp_path}"):
        request.ask(book, "imaged", data=tmp_path)


def test_the_kernel_finds_the_request_beside_the_notebook(book, tmp_path):
    wanted = request.ask(book, "polygon", [("sides", "6")], name="six")
    wanted.save(tmp_path)
    assert json.loads((tmp_path / "polygon.request.json").read_text())["values"] == {"sides": 6}
    assert request.asked(book, "polygon", tmp_path) == wanted
    assert request.asked(book, "imaged", tmp_path) == request.defaults(book, "imaged"), "of another chapter"
