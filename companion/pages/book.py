"""A book as a record: where its sources lie, where it may write, which chapters take parameters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from companion.pages.notebooks import BookError
from companion.pages.parameters import Parameters
from companion.runs.identity import Project


@dataclass(frozen=True)
class Book:
    """What pages need to know.

    root        folder of ``_toc.yml``, ``_config.yml`` and ``book/``; only ``rewrite`` writes there.
    work        folder for everything that is made.
    chapters    parameters of every chapter, by its name, which is that of its notebook.
    project     whose cells the chapters run.
    """

    root: Path
    work: Path
    chapters: Mapping[str, type[Parameters]]
    project: Project

    @property
    def cells(self) -> Path:
        """Folder of finished cells, unless told otherwise."""
        return self.work / "cells"

    @property
    def committed(self) -> Path:
        """Gathered tables of the larger scales, a folder per sweep."""
        return self.root / "book" / "results"

    def pages(self) -> list[Path]:
        """Notebooks of the table of contents, in reading order, relative to root.

        raises      BookError when the table is missing or names a file that does not exist.
        """
        return pages(self.root)


def pages(root: Path) -> list[Path]:
    """Notebooks of the table of contents of the book at root, in reading order, relative to it.

    raises      BookError when the table is missing or names a file that does not exist.
    """
    try:
        toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    except OSError:
        raise BookError(f"{root} is no book: it has no _toc.yml") from None
    found = []
    for name in _files(toc):
        kinds = [kind for kind in (".ipynb", ".md") if (root / f"{name}{kind}").exists()]
        if not kinds:
            raise BookError(f"_toc.yml names {name}, but there is no {name}.ipynb or {name}.md")
        if kinds[0] == ".ipynb":
            found.append(Path(f"{name}.ipynb"))
    return found


def _files(toc: Any) -> Iterator[str]:
    """Every file a table of contents names, at any depth."""
    if isinstance(toc, dict):
        yield from (toc[key] for key in ("root", "file") if key in toc)
    for branch in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else ():
        yield from _files(branch)
