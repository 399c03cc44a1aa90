"""A sweep of small cells for the tests: each leaves a mark when it starts, and chosen ones wait for a gate.

A module of its own, because worker processes import the cells that they run.
"""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from companion.runs.identity import Project
from companion.runs.spec import Cell, Grid, SweepSpec, Tables
from companion.runs.sweeps import Sweep

PROJECT = Project(("companion.runs",))  # runs serve a project without any science too


class Marked(Cell):
    """A cell that shows when it runs."""

    seed: int
    gate: str
    """folder for the marks; a cell waits while ``hold-<seed>`` exists there"""

    def mark(self) -> None:
        gate = Path(self.gate)
        (gate / f"started-{self.seed}-{os.getpid()}-{time.time_ns()}").touch()
        while (gate / f"hold-{self.seed}").exists():
            time.sleep(0.02)


class Gated(Marked):
    """One cell: random numbers of its seed."""

    def run(self, *earlier: Tables) -> Tables:
        self.mark()
        return numbers(self.seed)


class Draws(Marked):
    """A cell of another type, with a table of its own."""

    def run(self, *earlier: Tables) -> Tables:
        self.mark()
        return {"draws": pd.DataFrame({"draw": np.random.default_rng(self.seed).random(4)})}


class Sums(Marked):
    """A cell of a second stage: sums over what the first stage made, times its seed."""

    def run(self, *earlier: Tables) -> Tables:
        self.mark()
        (tables,) = earlier
        rows = tables["runs"].groupby("seed").loss.sum()
        return {
            "sums": pd.DataFrame(
                {"factor": self.seed, "seed": rows.index, "sum": self.seed * rows.to_numpy()}
            )
        }


def numbers(seed: int) -> Tables:
    """The tables of one cell: several kinds of columns, and a number that is looked up by value."""
    draws = np.random.default_rng(seed)
    runs = pd.DataFrame(
        {"seed": seed, "ratio": 0.1, "epoch": [0, 1, 2], "loss": draws.random(3), "status": "ok"}
    )
    units = pd.DataFrame(
        {
            "seed": seed,
            "ratio": 0.1,
            "unit": range(5),
            "norm": draws.random(5),
            "active": draws.random(5) > 0.5,
        }
    )
    return {"runs": runs, "units": units}


class FourCells(Grid):
    """Cells 1 to 4."""

    gate: str

    def cells(self):
        return [Gated(seed=seed, gate=self.gate) for seed in (1, 2, 3, 4)]


class TwoStages(SweepSpec):
    """Cells 1 to 4, then two that need all of them."""

    gate: str

    def stages(self, data=None):
        first = FourCells(gate=self.gate).cells()
        return [first, [Sums(seed=seed, gate=self.gate) for seed in (10, 20)]]


def sweep(gate: str) -> Sweep:
    """The four cells as a sweep."""
    return Sweep("gated", {"paper": FourCells(gate=gate)}, keys=("ratio",))
