"""What every sweep took, or would take: here, on a laptop, and on a cluster.

Hours of what is stored were measured, cell by cell; those of what is not are estimates of
:mod:`companion.cost`. So is how the hours of a stored sweep fall to its cells, which matters where the
longest of them keeps many cores waiting.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from companion import cost
from companion.runs.partial import describe
from companion.runs.spec import Cell, SweepSpec
from companion.runs.store import PARTIAL
from companion.runs.sweeps import Sweep

MACHINES = {"laptop": 8, "64 cores": 64, "1,000 cores": 1000}  # cores, each as fast as one here
DASK_FROM = 9  # cores; fewer are one machine's


@dataclass(frozen=True)
class Overhead:
    """What the driver needs for every cell, one after the other: seconds to hand it out and keep it, and to
    gather it.
    """

    keep: float
    gather: float

    @classmethod
    def measured(cls, path: Path, dask: bool) -> "Overhead":
        """From the table of ``benchmarks/scheduler.py``; none where there is no such table."""
        if not path.exists():
            return cls(0.0, 0.0)
        table = pd.read_csv(path)
        row = table[table.way.str.startswith("Dask") == dask].iloc[-1]
        return cls(row.driver_ms_per_cell / 1e3, row.gather_s / row.cells)


def table(
    sweeps: Mapping[str, Sweep], committed: Path, benchmarks: Path, slower: float = 1.0
) -> pd.DataFrame:
    """Every scale of every sweep but the quick one, the dearest last.

    committed       folder of stored sweeps; ``benchmarks`` of measurements.
    slower          as in :func:`companion.cost.estimate`.
    returns         sweep, scale, cells, hours of one core, measured (their share that is no estimate), told
                    (estimate over measurement, where all of it is measured), the hours of the longest cell,
                    and hours on each of ``MACHINES``.
    """
    known = cost.table(benchmarks / "costs.json")[0]
    overheads = {dask: Overhead.measured(benchmarks / "scheduler.csv", dask) for dask in (False, True)}
    rows = []
    for sweep in sweeps.values():
        for scale, spec in sweep.scales.items():
            if scale == "quick":
                continue
            stages = cells(spec)
            usual = [cell for stage in cells(sweep.scales["quick"]) for cell in stage]
            costs = cost.assumed(usual, known)
            told = [[cost.estimate([cell], slower, costs).seconds for cell in stage] for stage in stages]
            total = sum(map(sum, told))
            spent, share = measured(committed / sweep.name, scale)
            seconds = spent + (1 - share) * total
            each = [[own * seconds / total for own in stage] for stage in told]
            row = {
                "sweep": sweep.name,
                "scale": scale,
                "cells": sum(map(len, stages)),
                "core_hours": seconds / cost.HOUR,
                "measured": spent / seconds,
                "told": total / spent if share == 1 else float("nan"),
                "longest_cell": max(map(max, each)) / cost.HOUR,
            }
            walls = {
                name: wall(each, cores, overheads[cores >= DASK_FROM]) / cost.HOUR
                for name, cores in MACHINES.items()
            }
            rows.append(row | walls)
    return pd.DataFrame(rows).sort_values("core_hours", ignore_index=True)


def cells(spec: SweepSpec) -> list[list[Cell]]:
    """Cells by stage; where images are missing, those of as many other ones, which cost the same."""
    try:
        return spec.stages()
    except OSError:
        return spec.model_copy(update={"dataset": "patches"}).stages()


def measured(folder: Path, scale: str) -> tuple[float, float]:
    """Seconds that are stored for a sweep at a scale, and the share of its work that they are."""
    if (path := folder / "meta.json").exists():
        facts = json.loads(path.read_text(encoding="utf-8"))
        return (float(facts["seconds"]), 1.0) if facts["scale"] == scale else (0.0, 0.0)
    if not (folder / PARTIAL).exists() or (about := describe(folder))["scale"] != scale:
        return 0.0, 0.0
    done = [folder / PARTIAL / run / "meta.json" for run in about["done"]]
    return sum(json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in done), about["share"]


def wall(stages: Sequence[Sequence[float]], cores: int, overhead: Overhead) -> float:
    """Seconds on some cores of cells of known seconds, a stage after the other.

    As long as the longest cell, the cores' share of all, or what the driver needs for all, whichever is most.
    """
    of = lambda each: (
        max(max(each), sum(each) / cores, overhead.keep * len(each)) + overhead.gather * len(each)
    )
    return sum(of(each) for each in stages)


def words(found: pd.DataFrame) -> str:
    """The table in lines, and what it adds up to."""
    shown = found.assign(
        core_hours=found.core_hours.map("{:,.2f}".format),
        measured=found.measured.map("{:.0%}".format),
        told=found.told.map(lambda share: f"{share:.2f}" if share == share else ""),
        **{name: found[name].map(_hours) for name in ("longest_cell", *MACHINES)},
    )
    stored, total = found[found.measured > 0], found.core_hours.sum()
    spent = (stored.core_hours * stored.measured).sum()
    return "\n".join(
        (
            shown.to_string(index=False),
            "",
            f"core_hours: {total:,.0f} in all, {spent:.1f} of them measured ({spent / total:.0%}); "
            "told: estimate over measurement",
            f"laptop: {MACHINES['laptop']} cores; every core as fast as one here",
        )
    )


def _hours(hours: float) -> str:
    return cost.duration(cost.HOUR * hours).removeprefix("about ")
