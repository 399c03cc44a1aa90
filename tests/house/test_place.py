"""Where work goes: beside the book, or where one is when the book is only for reading."""

import os

import pytest

from companion import place
from companion.__main__ import main
from tests.toy_book import ROOT


@pytest.fixture
def for_reading(monkeypatch, tmp_path):
    """A checkout that cannot be written, seen from a folder of the reader's."""
    allowed = os.access
    refuse = lambda path, mode, **rest: path != ROOT and allowed(path, mode, **rest)
    monkeypatch.setattr(os, "access", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_work_lies_beside_the_book_wherever_one_is(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert (place.root(), place.work(), place.is_fixed()) == (ROOT, ROOT / "_build", False)


def test_of_a_checkout_for_reading_it_lies_where_one_is(for_reading, capsys):
    assert (place.root(), place.work(), place.is_fixed()) == (ROOT, for_reading / "_build", True)
    assert main(["notebooks"]) == 1
    error = capsys.readouterr().err
    assert error == "error: the notebooks here stay as they are; work in a checkout of your own\n"
