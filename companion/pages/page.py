"""What a chapter's notebook holds: its parameters, its cells, the stored tables and the published numbers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.pages import figures
from companion.pages.book import Book
from companion.pages.parameters import Parameters
from companion.pages.request import asked, place
from companion.runs.cells import Store, finish, run_cells, run_stages
from companion.runs.partial import load_partial, progress
from companion.runs.spec import Cell, Tables
from companion.runs.store import StoreError, load_results


class Page:
    """One chapter, opened by its notebook.

    spec        the chapter's parameters.
    data        folder of input data, None where nobody named one.
    raises      SpecError for bad parameters.
    """

    def __init__(self, book: Book, parameters: type[Parameters], namespace: Mapping[str, Any]):
        self.book, self.spec = book, parameters.of(namespace)
        request = asked(book, parameters.chapter(), Path.cwd())
        self.data = request.data_folder
        self.store, self.workers = Store(Path(request.results), book.project), request.workers
        staged = place(Path.cwd(), parameters.chapter()).exists()
        self._figures = Path.cwd() / "figures" / parameters.chapter() if staged else None
        figures.style(book.root / "book" / "house.mplstyle", book.work / "pictures")
        pd.set_option("display.max_colwidth", None)  # a name that is cut cannot be looked up

    def run(self, *cells: Cell) -> Tables:
        """The gathered tables of some cells of one type; finished ones are read, not computed again.

        Where the page may use several processes, one that is missing brings along all that the page will ask
        for, so that they are computed side by side. The numbers are the same.
        """
        if self.workers > 1 and self._missing(cells):
            finish(self._missing([*self.spec.live_cells(), *cells]), self.store, workers=self.workers)
        return run_cells(cells, self.store)[0]

    def _missing(self, cells: Sequence[Cell]) -> list[Cell]:
        return [cell for cell in dict.fromkeys(cells) if not self.store.place(cell).exists()]

    def run_stages(self, stages: Sequence[Sequence[Cell]]) -> Tables:
        """The tables of cells that need those of earlier ones."""
        return run_stages(stages, self.store, workers=self.workers)[0]

    def stored(self, sweep: str, partial: bool = False) -> tuple[Tables, dict]:
        """Tables of a larger scale, and where they come from.

        partial     what is done so far will do, where the sweep has never been finished: the ``scale`` of its
                    facts says how much that is, and no claim accepts it.
        raises      StoreError when there are none.
        """
        folder = self.book.committed / sweep
        if not self.has(sweep) and (unfinished := self.progress(sweep)):
            if partial:
                return load_partial(folder)
            raise StoreError(f"{unfinished}; python -m companion sweep goes on")
        return load_results(sweep, folder)

    def has(self, sweep: str) -> bool:
        """Whether complete tables of a larger scale are stored with the book."""
        return (self.book.committed / sweep / "meta.json").exists()

    def progress(self, sweep: str) -> str:
        """How much of a sweep that is under way is stored, in a sentence; empty if none is."""
        return progress(self.book.committed / sweep)

    def published(self, name: str) -> pd.DataFrame:
        """Numbers of the papers: a file of ``book/reference``."""
        return pd.read_csv(self.book.root / "book" / "reference" / f"{name}.csv")

    def figure(
        self,
        name: str,
        rows: int,
        columns: int,
        data: pd.DataFrame | Mapping[str, pd.DataFrame] | None,
        **options,
    ) -> tuple[Figure, np.ndarray]:
        """A figure and its 2-D array of axes; in a build, the data behind it are written beside it as CSV.

        name        of the figure in the cell's metadata.
        data        the tables that it draws; None for pictures of images.
        options     as in :func:`companion.pages.figures.figure`.
        """
        if self._figures and data is not None:
            figures.save_data(self._figures, name, data)
        return figures.figure(rows, columns, **options)


def provenance(facts: Mapping[str, Any]) -> pd.DataFrame:
    """Where the tables of a sweep come from, a row per fact."""
    shown = {name: value for name, value in facts.items() if name not in ("spec", "sha256", "versions")}
    return pd.Series(shown | facts["versions"]).to_frame("this sweep")


def costs(committed: Path) -> pd.DataFrame:
    """What the stored sweeps took: a row per sweep, the longest first; hours are of its cells one by one."""
    rows = []
    for path in committed.glob("*/meta.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))
        hours = facts["seconds"] / 3600
        each = {"hours": hours, "minutes per cell": 60 * hours / facts["cells"]}
        rows.append({name: facts[name] for name in ("sweep", "scale", "cells")} | each)
    table = pd.DataFrame(rows, columns=["sweep", "scale", "cells", "hours", "minutes per cell"])
    return table.set_index("sweep").sort_values("hours", ascending=False)
