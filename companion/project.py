"""This project as runs and pages see it; they know nothing of it by themselves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from companion import place
from companion.pages.book import Book
from companion.pages.parameters import Parameters
from companion.runs.identity import Project
from companion.runs.spec import Cell

if TYPE_CHECKING:
    from companion.pages.page import Page


@contextmanager
def one_thread() -> Iterator[None]:
    # torch is slow to import, and only a run needs it
    from ts_core.training.device import one_thread as alone

    with alone():
        yield


def device_name(cell: Cell) -> str:
    from ts_core.training.device import device_name as name

    return name(getattr(cell, "device", "cpu"))


PROJECT = Project(("ts_core", "companion"), ("torch", "numpy", "pandas"), one_thread, device_name)


def book(chapters: Mapping[str, type[Parameters]]) -> Book:
    """The book with its chapters."""
    return Book(place.root(), place.work(), chapters, PROJECT)


def open_page(parameters: type[Parameters], namespace: Mapping[str, Any]) -> "Page":
    """The page of a chapter: the first call of its notebook, with ``globals()`` as the namespace."""
    from companion.pages.page import Page  # slow to import, and only a page draws

    return Page(book({parameters.chapter(): parameters}), parameters, namespace)
