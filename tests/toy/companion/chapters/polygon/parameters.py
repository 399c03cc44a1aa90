"""Parameters of the chapter on polygons, and the cells of its live run."""

from typing import Annotated

from pydantic import Field

from companion.chapters.polygon.studies import Areas
from companion.chapters.polygon.sweeps import Darts, Throws
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Fraction, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    sides: Annotated[int, Field(ge=3)] = 12
    """sides of the polygon that is held to the bars (number)"""
    radius: Positive = 1.0
    """of the circle (metres)"""
    bars: Annotated[tuple[Fraction, ...], Field(strict=False, min_length=1)] = (0.9, 0.99)
    """shares of the circle's area that the polygon should reach, in (0, 1)"""
    label: str = "inside"
    """which polygon (word)"""
    seeds: Count = 8
    """players, each with darts of their own (number)"""
    darts: Count = 2000
    """darts of a player at each polygon (number)"""

    def live_cells(self) -> list[Cell]:
        """All that the notebook runs: with several cores they are computed side by side."""
        return [*self.throws(), Areas(sides=self.sides, radius=self.radius)]

    def throws(self) -> list[Throws]:
        """The live run: darts at polygons of few and of many sides."""
        return self.into(Darts).cells()
