"""Many cells, run here, on worker processes or on a Dask cluster.

What is finished is kept and never computed again.
"""

import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from companion.runs.identity import Project, origin, run_id
from companion.runs.spec import Cell, Tables
from companion.runs.store import StoreError, check_writable, load, save
from companion.runs.workers import RunError, results

DAY = 86_400  # seconds after which a hidden staging folder can only be what a killed process left


@dataclass(frozen=True)
class Store:
    """A folder of finished cells, one folder each, named by its run id; several processes may share it."""

    folder: Path
    project: Project

    def place(self, cell: Cell) -> Path:
        return self.folder / run_id(self.project, cell)


def run_stages(stages: Sequence[Sequence[Cell]], store: Store, **options) -> tuple[Tables, list[dict]]:
    """Run one list of cells after the other; cells of a later stage get the tables of all earlier ones.

    options     as in :func:`run_cells`.
    returns     the tables of all stages, and the cells' facts.
    raises      RunError when two stages make tables of one name, and what :func:`run_cells` raises.
    """
    tables: Tables = {}
    facts: list[dict] = []
    for cells in stages:
        found, more = run_cells(cells, store, earlier=(tables,) if tables else (), **options)
        if twice := sorted(tables.keys() & found.keys()):
            raise RunError(f"two stages make a table called {', '.join(twice)}; each needs a name of its own")
        tables, facts = tables | found, facts + more
    return tables, facts


def run_cells(
    cells: Sequence[Cell],
    store: Store,
    *,
    earlier: Sequence[Tables] = (),
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
    title: str = "cells",
) -> tuple[Tables, list[dict]]:
    """Run every cell that has no finished result yet, and gather all tables.

    cells       of one type.
    earlier     what every cell's ``run`` gets.
    workers     processes on this machine, one thread each; 1 runs here.
    scheduler   address of a Dask scheduler to run the cells on instead.
    returns     each table of all cells, in the order of ``cells``, and the cells' facts.
    raises      StoreError, RunError: before any work where it can be known then; finished cells are kept.
    """
    if workers < 1 or not cells:
        raise RunError(f"need at least 1 worker and 1 cell, got {workers} and {len(cells)}")
    source = origin(store.project, cells[0])
    check_writable(store.folder)
    _clean(store.folder)
    places = {store.place(cell): cell for cell in cells}
    done = {place: kept for place, cell in places.items() if (kept := _finished(place, source, cell))}
    todo = {place: cell for place, cell in places.items() if place not in done}
    with _bar(title, places, done, progress and todo) as bar:
        for place, tables, facts in results(store.project, source["code"], todo, earlier, workers, scheduler):
            save(place, tables, {**source, "spec": plain(places[place]), **facts})
            done[place] = load(place)
            bar.set_description_str(f"{title}: {len(done)} of {len(places)} cells", refresh=False)
            bar.update(places[place].work)
    found = [done[place] for place in places]
    gathered = {
        name: pd.concat([tables[name] for tables, _ in found], ignore_index=True) for name in found[0][0]
    }
    return gathered, [facts for _, facts in found]


def plain(spec) -> dict:
    """Settings as JSON holds them."""
    return json.loads(spec.model_dump_json())


def _clean(folder: Path) -> None:
    """Remove what killed processes left while they wrote a cell."""
    for staged in folder.glob(".*"):
        with suppress(OSError):
            if re.match(r"\.[0-9a-f]{16}-", staged.name) and time.time() - staged.stat().st_mtime > DAY:
                shutil.rmtree(staged)


def _finished(place: Path, source: dict, cell: Cell) -> tuple[Tables, dict] | None:
    """A cell's saved result, or None; one that is damaged or of another run is set aside, not deleted."""
    if not place.exists():
        return None
    try:
        tables, facts = load(place)
        if [facts.get("run"), facts.get("code"), facts.get("spec")] != [
            source["run"],
            source["code"],
            plain(cell),
        ]:
            raise StoreError(f"{place} holds another run than its name says")
        return tables, facts
    except StoreError as error:
        aside = place.with_name(f"{place.name}.damaged-{time.time_ns()}")
        with suppress(FileNotFoundError):  # another process sharing the folder was faster
            os.rename(place, aside)
        warnings.warn(f"{error}; set aside as {aside.name} and computed again", stacklevel=4)
        return None


def _bar(title: str, places: dict[Path, Cell], done: dict, visible) -> tqdm:
    # when visible, the environment (TQDM_DISABLE) may still hide it
    return tqdm(
        total=sum(cell.work for cell in places.values()),
        initial=sum(places[place].work for place in done),
        desc=f"{title}: {len(done)} of {len(places)} cells",
        bar_format="{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}]",
        **({} if visible else {"disable": True}),
    )
