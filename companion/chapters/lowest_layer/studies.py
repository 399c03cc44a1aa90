"""The chapter's small numbers: the kink formula inside a cell of the gates, perfect non-unique students."""

from typing import Annotated

from pydantic import Field

from companion.runs.spec import Cell, Count, Floats, Ints, Tables


class LocalKinks(Cell):
    """The kink formula against a second difference, in three-layer networks."""

    slopes: Floats = (0.0, 0.1)
    """slopes of the activation for negative input, each in [0, 1)"""
    seeds: Ints = (1, 2, 3)
    points: Count = 200
    """points per teacher hyperplane (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``kinks`` of local_kinks.local_kinks."""
        from companion.chapters.lowest_layer.local_kinks import local_kinks

        return {"kinks": local_kinks(self.slopes, self.seeds, self.points)}


class PerfectStudents(Cell):
    """Two perfect students: one not unique above the lowest layer, one not aligned in it; and one spoiled."""

    seed: Annotated[int, Field(ge=0)] = 0

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``summary`` of all, and ``boundaries`` of the depth-shifted one."""
        from companion.chapters.lowest_layer.perfect_students import (
            boundaries,
            depth_shift,
            signed_splits,
            summary,
        )

        shifted = depth_shift(self.seed)
        cases = [signed_splits(self.seed), shifted, depth_shift(self.seed, lift=0.0)]
        return {"summary": summary(cases), "boundaries": boundaries(shifted)}
