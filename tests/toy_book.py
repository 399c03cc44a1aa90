"""A book of one chapter: tests/toy dropped into a folder, beside what all chapters of the real book share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from companion import chapters, project
from companion.pages.book import Book
from companion.pages.parameters import Parameters

ROOT = Path(__file__).parents[1]
TOY = ROOT / "tests" / "toy"
SHARED = (
    "_config.yml",
    "book/references.bib",
    "book/house.mplstyle",
    "book/map.ipynb",
    "book/scorecard.ipynb",
    "book/_ext",
)


def drop(root: Path) -> Path:
    """Make root such a book."""
    shutil.copytree(TOY, root, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for name in SHARED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root / name)
    return root


def leave_chapter_alone(root: Path) -> Path:
    """Take the pages that collect from chapters out of such a book: a run is then of one notebook."""
    toc, intro = root / "_toc.yml", root / "book" / "intro.md"
    toc.write_text(toc.read_text().partition("  - caption: Results")[0])
    intro.write_text("# A book of one chapter\n\nIt is about [the polygon](polygon.ipynb).\n")
    return root


def add_chapter(root: Path, name: str) -> None:
    """The polygon once more, under another name."""
    folder = root / "companion" / "chapters" / name
    shutil.copytree(root / "companion" / "chapters" / "polygon", folder)
    page = root / "book" / f"{name}.ipynb"
    shutil.copy(root / "book" / "polygon.ipynb", page)
    for path in (page, *folder.glob("*.py")):
        path.write_text(path.read_text().replace("polygon", name))
    toc = root / "_toc.yml"
    toc.write_text(toc.read_text().replace("polygon\n", f"polygon\n      - file: book/{name}\n"))


@contextmanager
def chapters_of(root: Path) -> Iterator[None]:
    """Chapters of such a book are found, although this process works elsewhere."""
    chapters.__path__.append(str(root / "companion" / "chapters"))
    try:
        yield
    finally:
        chapters.__path__.pop()


def parameters(root: Path, name: str = "polygon") -> type[Parameters]:
    """Parameters of a chapter of such a book."""
    with chapters_of(root):
        return import_module(f"companion.chapters.{name}.parameters").Parameters


def book(root: Path, *others: str) -> Book:
    """Such a book as this process sees it, with its chapters."""
    found = {name: parameters(root, name) for name in ("polygon", *others)}
    return Book(root, root / "_build", found, project.PROJECT)
