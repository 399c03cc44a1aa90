"""The map of the literature: which work each chapter is about, and what became of its claims."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.pages import notebooks
from companion.pages.book import pages
from companion.pages.scorecard import COLLECT, Table, claims_in

CITED = re.compile(r"\{cite(?::\w+)?\}`\s*([^`,\s]+)")


@dataclass(frozen=True)
class Entry:
    """One chapter.

    work        key of the work that it is about: the first that it cites; empty for one that cites none.
    """

    work: str
    chapter: str
    claims: Table


class Literature:
    """Chapters with their works, in reading order."""

    def __init__(self, entries: list[Entry]):
        self.entries = tuple(entries)

    def __repr__(self) -> str:
        return "\n".join(f"{one.work}  {one.chapter}  {one.claims.summary()}" for one in self.entries)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """Text, and MyST markdown whose citations and titles are those of the rendered book."""
        rows = ["| work | chapter | claims |", "| --- | --- | --- |"]
        for one in self.entries:
            work = f"{{cite:t}}`{one.work}`" if one.work else "–"
            rows.append(
                f"| {work} | {{doc}}`{one.chapter}` | {one.claims.summary().replace(' · ', '<br>')} |"
            )
        return {"text/plain": repr(self), "text/markdown": "\n".join(rows)}


def work(notebook: Mapping) -> str:
    """The key of the first work that the text of a notebook cites; empty without one."""
    text = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    first = CITED.search(text)
    return first[1] if first else ""


def collect(folder: Path = Path(".")) -> Literature:
    """The executed chapters of a book's folder that make claims, in the order of its table of contents."""
    found = []
    for page in pages(Path(folder).resolve().parent):
        notebook = {} if page.stem in COLLECT else notebooks.glance(Path(folder) / page.name)
        if notebook and (made := claims_in(notebook)):
            found.append(Entry(work(notebook), page.stem, Table(made)))
    return Literature(found)
