"""Darts: how many of those that hit the circle hit the polygon inside it, for growing numbers of sides."""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from companion.runs.spec import Cell, Count, Grid, Ints, Tables
from companion.runs.sweeps import Sweep


class Throws(Cell):
    """Darts of several players at one polygon inside the unit circle."""

    sides: Annotated[int, Field(ge=3)] = 12
    seeds: Count = 8
    darts: Count = 2000

    def run(self, *earlier: Tables) -> Tables:
        """Table ``shares``: of a player's (seed's) darts in the circle, the share in the polygon."""
        found = []
        for seed in range(self.seeds):
            # Seen from the centre a side is 2 width wide; it is nearest in its middle, cos(width) away.
            radius, angle = np.random.default_rng([seed, self.sides]).random((2, self.darts))
            width = np.pi / self.sides
            reach = np.cos(width) / np.cos(2 * np.pi * angle % (2 * width) - width)
            found.append(dict(sides=self.sides, seed=seed, share=np.mean(np.sqrt(radius) <= reach)))
        return {"shares": pd.DataFrame(found)}

    @property
    def work(self) -> float:
        return self.seeds * self.darts


class Darts(Grid):
    """The sweep behind the figure; one cell per polygon."""

    polygons: Ints = (3, 4, 6, 12, 24)
    """their numbers of sides"""
    seeds: Count = 8
    darts: Count = 2000

    def cells(self) -> list[Throws]:
        return [self.into(Throws, sides=sides) for sides in self.polygons]


PAPER = Darts(polygons=(3, 4, 6, 12, 24, 48, 96), seeds=32, darts=20_000)  # Archimedes stopped at 96
POLYGON_DARTS = Sweep("polygon_darts", {"quick": Darts(), "paper": PAPER})
