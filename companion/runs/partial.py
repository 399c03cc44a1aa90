"""A sweep that is under way: its finished cells, exactly as they were computed, kept with the book.

They lie beside the gathered tables, in a folder ``partial``. Another machine goes on from there.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.runs.cells import check_cell, clean, gather, summary
from companion.runs.spec import Tables
from companion.runs.store import PARTIAL, StoreError, check, load, staging

EVERY = 100  # cells are counted when there is one more to each of these: all counts together are linear


@dataclass
class Partial:
    """The finished cells of one sweep at one scale.

    folder      of its gathered tables, once all cells are finished.
    about       sweep, scale and spec.
    work        of every cell by its run id, in the order of the sweep.
    """

    folder: Path
    about: Mapping
    work: Mapping[str, float]

    def __post_init__(self) -> None:
        self._kept: set[str] = set()
        self._counted = 0

    @property
    def cells(self) -> Path:
        return self.folder / PARTIAL

    def check(self) -> None:
        """Raise StoreError where cells of another sweep, of another scale or anything else lie."""
        if not _has_begun(self.folder):
            return
        facts = describe(self.folder)
        for name in ("sweep", "scale"):
            if facts[name] != self.about[name]:
                raise StoreError(
                    f"{self.cells} holds a partial result of {name} {facts[name]!r}, not of "
                    f"{self.about[name]!r}; finish it, remove it, or name another folder with --export"
                )

    def restore(self, store: Path) -> int:
        """Copy the cells of this sweep into a store that lacks them; returns how many."""
        missing = [run for run in self.done() if not (store / run).exists()]
        for run in missing:
            _copy(self.cells / run, store / run)
        return len(missing)

    def keep(self, cell: Path) -> None:
        """Copy one finished cell from a store, if it is not there in one piece.

        Counting them costs as much as there are, so it is not done after each of many; see :meth:`count`.
        """
        place = self.cells / cell.name
        if not self._kept:
            self._begin()
        if not _is_whole(place):
            _copy(cell, place)
        self._kept.add(cell.name)
        if EVERY * (len(self._kept) - self._counted) > self._counted:
            self.count()

    def done(self) -> list[str]:
        """Run ids of the cells that are there, in the order of the sweep; cells of other code are not."""
        return [run for run in self.work if (self.cells / run).exists()]

    def count(self) -> None:
        """Describe what is there, if any cell was kept that the description lacks."""
        if self._counted < len(self._kept):
            self._describe()

    def _begin(self) -> None:
        self.cells.mkdir(parents=True, exist_ok=True)
        clean(self.cells)
        self._kept.update(self.done())
        if not (self.cells / "meta.json").exists():
            self._describe()

    def _describe(self) -> None:
        done = [run for run in self.work if run in self._kept]
        share = sum(self.work[run] for run in done) / sum(self.work.values())
        facts = {**self.about, "cells": len(self.work), "share": round(share, 4), "done": done}
        fresh = self.cells / ".meta.json"
        fresh.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        os.replace(fresh, self.cells / "meta.json")
        self._counted = len(self._kept)


def describe(folder: Path) -> dict:
    """What is done of a sweep: sweep, scale, spec, cells (how many), share (of the work), done (run ids).

    folder      of the sweep; the facts are those of ``meta.json`` in its partial result.
    raises      StoreError when it cannot be read.
    """
    place = folder / PARTIAL / "meta.json"
    try:
        facts = json.loads(place.read_text(encoding="utf-8"))
        found = {name: facts[name] for name in ("sweep", "scale", "spec", "cells", "share", "done")}
        if not (0 <= found["share"] <= 1 and all(Path(run).name == run for run in found["done"])):
            raise ValueError(found)
        return found
    except OSError as error:
        raise StoreError(f"cannot read results at {place}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreError(f"{place} is damaged, or not a description of a partial result") from None


def progress(folder: Path) -> str:
    """How much of a sweep is done, in words; empty where no partial result lies."""
    if not _has_begun(folder):
        return ""
    facts = describe(folder)
    done = f"{len(facts['done'])} of {facts['cells']} cells, {facts['share']:.0%} of the work"
    return f"{facts['sweep']} at {facts['scale']} scale is not finished: {done}"


def load_partial(folder: Path) -> tuple[Tables, dict]:
    """The tables of the cells that are done, gathered, and where they come from.

    No scale of a claim is called as theirs: to ``scale`` the share is added.

    raises      StoreError when a cell is missing or damaged, or none is done.
    """
    about = describe(folder)
    if not about["done"]:
        raise StoreError(f"{folder / PARTIAL} has no finished cell")
    places = [folder / PARTIAL / run for run in about["done"]]
    for place in places:
        check_cell(place)
    tables, facts = gather(map(load, places))
    scale = f"{about['scale']}, {about['share']:.0%} done"
    return tables, {**about, **summary(facts), "scale": scale, "done": progress(folder)}


def _has_begun(folder: Path) -> bool:
    """Whether a partial result lies there; one whose first file was never finished is none."""
    return any(not path.name.startswith(".") for path in (folder / PARTIAL).glob("*"))


def _is_whole(place: Path) -> bool:
    try:
        check(place)
    except StoreError:
        return False
    return True


def _copy(cell: Path, place: Path) -> None:
    """Copy a finished cell, all or nothing; what lies in its place is replaced."""
    with staging(place) as fresh:
        shutil.copytree(cell, fresh, dirs_exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        os.rename(fresh, place)
