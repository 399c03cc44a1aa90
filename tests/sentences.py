"""What a chapter says in words, each sentence beside the query that gives it.

A chapter's ``test_sentences.py`` lists what its text says of the stored tables and the published numbers:

    Said("the 1x students, <d> of <d> at $p=1$, keep <.2f>", lambda of: (8, 320, .71))

The words stand in the notebook (text, captions or descriptions of figures) with the numbers of the query at
the marks, in the digits that a mark asks for; a sentence that is changed fails, and so does a number that is
no longer that of the tables. A query without numbers returns whether the sentence is true. :func:`unsaid`
finds numbers in the text that no entry accounts for.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from companion import place, project
from companion.pages import notebooks
from companion.runs.cells import Store, run_cells
from companion.runs.spec import Cell, Tables

BOOK = place.PACKAGE.parent / "book"
MARK = re.compile(r"<([\d,+]*\.?\d*[dfge])>")
# a number by itself: 10x is the name of a student
NUMBER = re.compile(r"(?<![\w.,])[−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e-?\d+)?(?![\w])")
# what holds numbers but says nothing of a result: code, formulas, settings by their letter, the level, a name
SILENT = re.compile(
    r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\b[mp] = [\d.]*\d|\b95 %|\bCIFAR-10\b", re.DOTALL
)


class Said(NamedTuple):
    words: str
    query: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.words[:60]

    def filled(self, evidence: Any) -> str:
        """The words with the numbers of the query; raises AssertionError if it finds them not true."""
        found = self.query(evidence)
        numbers = list(found) if isinstance(found, tuple) else [found]
        marks = MARK.findall(self.words)
        if not marks:
            assert all(numbers), f"not so: {self.words}"
            return one_line(self.words)
        assert len(marks) == len(numbers), f"{len(marks)} marks, {len(numbers)} numbers: {self.words}"
        values = iter(numbers)
        return one_line(MARK.sub(lambda mark: spelled(next(values), mark[1]), self.words))


def spelled(number: float, form: str) -> str:
    """As the book prints numbers: .05 and −1.5."""
    text = f"{int(number) if form.endswith('d') else float(number):{form}}"
    return re.sub(r"^(-?)0\.", r"\1.", text).replace("-", "−")


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def texts(chapter: str) -> Iterator[str]:
    """Markdown cells, captions and descriptions of figures of a stored notebook, white space made single."""
    for cell in notebooks.glance(BOOK / f"{chapter}.ipynb")["cells"]:
        if cell["cell_type"] == "markdown":
            yield one_line(cell["source"])
        shown = cell["metadata"].get("mystnb", {})
        for text in (shown.get("figure", {}).get("caption"), shown.get("image", {}).get("alt")):
            if text:
                yield one_line(text)


def of_replicas(one: str, other: str) -> tuple[int, int, int]:
    """Draws in which a claim holds, of how many, and those of another claim; the stored simulation."""
    stored = pd.read_csv(BOOK.parent / "benchmarks" / "results" / "replicas.csv").set_index("claim")
    held = (stored.holds * stored.trials).round().astype(int)
    return held[one], stored.trials[one], held[other]


def live(cell: Cell) -> Tables:
    """The tables of a cell that a chapter runs live: as a build has kept them, else computed, and kept."""
    return run_cells([cell], Store(BOOK.parent / "_build" / "cells", project.PROJECT), progress=False)[0]


@cache
def prose(chapter: str) -> str:
    return "\n".join(texts(chapter))


def unsaid(text: str, filled: Iterable[str]) -> list[str]:
    """Numbers in a text, with their surroundings, that lie in none of the filled sentences."""
    told = [match.span() for words in filled for match in re.finditer(re.escape(words), text)]
    quiet = [match.span() for match in SILENT.finditer(text)]
    covered = lambda at: any(start <= at < end for start, end in (*told, *quiet))
    found = [number for number in NUMBER.finditer(text) if not covered(number.start())]
    return [text[max(0, n.start() - 40) : n.end() + 40].replace("\n", " ") for n in found]
