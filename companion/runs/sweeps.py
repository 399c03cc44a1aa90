"""Sweeps: named sets of cells at several scales, run or resumed, and gathered into one folder of tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.runs.cells import Store, plain, run_stages
from companion.runs.spec import SweepSpec
from companion.runs.store import check_replaceable, export
from companion.runs.workers import RunError

SCALES = ("quick", "laptop", "paper")


@dataclass(frozen=True)
class Sweep:
    """One sweep: its settings by scale, ``quick``, ``laptop`` or ``paper``.

    ``quick`` is a chapter's defaults, ``paper`` the paper's own.

    keys        columns of its tables that hold floating-point numbers and are looked up by value.
    raises      ValueError for a scale of another name.
    """

    name: str
    scales: Mapping[str, SweepSpec]
    keys: tuple[str, ...] = ()

    def __post_init__(self):
        unknown = set(self.scales) - set(SCALES)
        if unknown or not self.scales:
            raise ValueError(
                f"{self.name}: scales must be some of {', '.join(SCALES)}, got {sorted(unknown)}"
            )

    def settings(self, scale: str) -> SweepSpec:
        """Settings at a scale; raises RunError for one that does not exist."""
        if scale not in SCALES:
            raise RunError(f"unknown scale {scale!r}; known are {', '.join(SCALES)}")
        if scale not in self.scales:
            raise RunError(f"{self.name} has no {scale} scale; try {' or '.join(self.scales)}")
        return self.scales[scale]

    def run(self, scale: str, store: Store, target: Path, *, data: Path | None = None, **options) -> Path:
        """Run or resume the cells of a scale, then write their gathered tables.

        store       of finished cells.
        target      the folder of the gathered tables (see :func:`companion.runs.store.load_results`).
        data        folder of input data, for a sweep that reads any.
        options     as in :func:`companion.runs.cells.run_cells`.
        returns     ``target``.
        raises      RunError, StoreError: before any work where it can be known then.
        """
        spec = self.settings(scale)
        spec.check(data)
        check_replaceable(target, self.name)
        tables, facts = run_stages(spec.stages(data), store, title=self.name, **options)
        about = {"sweep": self.name, "scale": scale, "spec": plain(spec), **summary(facts)}
        return export(target, tables, about, self.keys)


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
