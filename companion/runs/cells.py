"""Many cells, run here, on worker processes or on a Dask cluster.

What is finished is kept and never computed again.
"""

import json
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from companion.runs import locks
from companion.runs.identity import Project, code_of, kind, origin, run_id, stage_ids
from companion.runs.spec import Cell, Tables
from companion.runs.store import StoreError, check, check_writable, load, save
from companion.runs.workers import RunError, results

# What an account of several cells asks of each one's facts, with the types that it takes.
FACTS: dict[str, type | tuple[type, ...]] = {
    "seconds": (int, float),
    "started": str,
    "run": str,
    "code": str,
    "commit": str,
    "machine": str,
    "device": str,
    "uncommitted_changes": bool,
    "versions": dict,
}


@dataclass(frozen=True)
class Store:
    """A folder of finished cells, one folder each, named by its run id; several processes may share it."""

    folder: Path
    project: Project

    def place(self, cell: Cell, after: Sequence[str] = ()) -> Path:
        return self.folder / run_id(self.project, cell, after)


def run_stages(stages: Sequence[Sequence[Cell]], store: Store, **options) -> tuple[Tables, list[dict]]:
    """Run one list of cells after the other; cells of a later stage get the tables of all earlier ones.

    stages      each of cells of one type.
    options     as in :func:`finish`.
    returns     the tables of all stages, and the cells' facts.
    raises      RunError when two stages make tables of one name, and what :func:`finish` raises.
    """
    tables: Tables = {}
    facts: list[dict] = []
    after: list[str] = []
    for cells, ids in zip(stages, stage_ids(store.project, stages)):
        earlier = (tables,) if tables else ()
        found, more = gather(finish(cells, store, earlier=earlier, after=after, **options))
        if twice := sorted(tables.keys() & found.keys()):
            raise RunError(f"two stages make a table called {', '.join(twice)}; each needs a name of its own")
        tables, facts, after = tables | found, facts + more, after + ids
    return tables, facts


def run_cells(cells: Sequence[Cell], store: Store, **options) -> tuple[Tables, list[dict]]:
    """Run cells of one type; returns their gathered tables and facts. Options are those of :func:`finish`."""
    return gather(finish(cells, store, **options))


def gather(finished: Iterable[tuple[Tables, dict]]) -> tuple[Tables, list[dict]]:
    """Each table of all cells, in their order, and the cells' facts.

    Tables are put together column by column: of cells that are read one at a time, as :func:`finish` does, no
    more than one column of one table is ever held twice.
    """
    import pandas as pd  # slow to import, and only tables need it

    facts: list[dict] = []
    parts: dict[str, dict[str, list]] = {}
    for tables, about in finished:
        facts.append(about)
        for name, table in tables.items():
            columns = parts.setdefault(name, {column: [] for column in table})
            if list(columns) != list(table):
                raise RunError(f"cells make {name} tables of other columns: {[*columns]} and {[*table]}")
            for column, values in table.items():
                columns[column].append(values.array.copy())  # else it keeps its whole table alive
    gathered = {}
    for name, columns in parts.items():
        whole = lambda column: [pd.DataFrame({column: part}) for part in columns.pop(column)]
        joined = {column: pd.concat(whole(column), ignore_index=True)[column] for column in list(columns)}
        gathered[name] = pd.DataFrame(joined, copy=False)
    return gathered, facts


def finish(
    cells: Sequence[Cell],
    store: Store,
    *,
    earlier: Sequence[Tables] = (),
    after: Sequence[str] = (),
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
    title: str = "cells",
    keep: Callable[[Path], object] = lambda place: None,
) -> Iterator[tuple[Tables, dict]]:
    """Run every cell that has no finished result yet.

    cells       of any types.
    earlier     what every cell's ``run`` gets; ``after`` are the ids of the runs that made it.
    workers     processes on this machine, one thread each; 1 runs here.
    scheduler   address of a Dask scheduler to run the cells on instead.
    keep        is called with the folder of every finished cell, at once.
    returns     tables and facts of every cell, in their order; each is read when it is asked for.
    raises      StoreError, RunError: before any work where it can be known then; finished cells are kept.
    """
    if workers < 1 or not cells:
        raise RunError(f"need at least 1 worker and 1 cell, got {workers} and {len(cells)}")
    places = {store.place(cell, after): cell for cell in cells}
    ours = {place: _described(store.project, cell, after) for place, cell in places.items()}
    done = {place for place in places if _is_finished(place, ours[place])}
    todo = {place: cell for place, cell in places.items() if place not in done}
    if todo:
        check_writable(store.folder)
    clean(store.folder)  # of what a copy of a finished cell left, too
    sources = {type(cell): origin(store.project, cell) for cell in todo.values()}
    for place in done:
        keep(place)
    with _bar(title, places, done, progress and todo) as bar:
        for place, tables, facts in results(store.project, todo, earlier, workers, scheduler):
            if tables is not None:  # else another run on this folder was faster
                save(place, tables, {**sources[type(places[place])], **ours[place], **facts})
            done.add(place)
            keep(place)
            bar.set_description_str(f"{title}: {len(done)} of {len(places)} cells", refresh=False)
            bar.update(places[place].work)
    return (load(place) for place in places)


def summary(facts: Sequence[dict]) -> dict:
    """Where the gathered numbers of several cells come from; what differs between cells is listed."""
    every = lambda of: ", ".join(sorted({str(of(f)) for f in facts}))
    return {
        "cells": len(facts),
        "seconds": round(sum(f["seconds"] for f in facts)),
        "started": min(f["started"] for f in facts),
        **{key: every(lambda f: f[key]) for key in ("run", "code", "commit", "machine", "device")},
        "uncommitted_changes": any(f["uncommitted_changes"] for f in facts),
        "versions": {name: every(lambda f: f["versions"].get(name)) for name in facts[0]["versions"]},
    }


def plain(spec) -> dict:
    """Settings as JSON holds them."""
    return json.loads(spec.model_dump_json())


def check_cell(place: Path) -> dict:
    """The facts of a finished cell.

    raises      StoreError when it is damaged, or lacks a fact that :func:`summary` needs.
    """
    facts = check(place)
    if wrong := [name for name, types in FACTS.items() if not isinstance(facts.get(name), types)]:
        raise StoreError(f"{place / 'meta.json'} is damaged: it does not say {', '.join(wrong)}")
    return facts


def clean(folder: Path) -> None:
    """Remove what killed processes left in a folder of cells: of one half written, of one claimed."""
    for left in folder.glob(".*"):
        if re.match(r"\.[0-9a-f]{16}[-.]", left.name):
            locks.clear(left)


def _described(project: Project, cell: Cell, after: Sequence[str]) -> dict:
    """What a run's id is made of, as its facts say it."""
    facts = {"run": kind(cell), "code": code_of(project.packages, cell), "spec": plain(cell)}
    return facts | {"after": list(after)} if after else facts


def _is_finished(place: Path, ours: dict) -> bool:
    """Whether a cell's result is saved; one that is damaged or of another run is set aside, not deleted."""
    if not place.exists():
        return False
    try:
        facts = check_cell(place)
        if {name: facts.get(name) for name in (*ours, "after")} != {"after": None} | ours:
            raise StoreError(f"{place} holds another run than its name says")
        return True
    except StoreError as error:
        aside = place.with_name(f"{place.name}.damaged-{time.time_ns()}")
        with suppress(FileNotFoundError):  # another process sharing the folder was faster
            os.rename(place, aside)
        warnings.warn(f"{error}; set aside as {aside.name} and computed again", stacklevel=4)
        return False


def _bar(title: str, places: dict[Path, Cell], done: set[Path], visible) -> tqdm:
    # when visible, the environment (TQDM_DISABLE) may still hide it
    return tqdm(
        total=sum(cell.work for cell in places.values()),
        initial=sum(places[place].work for place in done),
        desc=f"{title}: {len(done)} of {len(places)} cells",
        bar_format="{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}]",
        **({} if visible else {"disable": True}),
    )
