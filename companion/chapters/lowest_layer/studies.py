"""The chapter's small numbers: the kink formula inside a cell of the gates, perfect non-unique students."""

from typing import Annotated

from pydantic import Field

from companion.experiments.multi_layer.spec import MultiLayer
from companion.runs.spec import Cell, Count, Floats, Ints, Positive, Tables


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


class LeakyMultiLayer(MultiLayer):
    """The multi-layer experiment with Leaky ReLU; ``slope`` is a column of its tables."""

    def run(self, *earlier: Tables) -> Tables:
        return {name: table.assign(slope=self.slope) for name, table in super().run(*earlier).items()}


class CellTriples(Cell):
    """The small-gradient theorem inside cells of the upper gates, for trained three-layer students."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=2)] = (3, 4)
    """teacher nodes per hidden layer; students have twice as many (nodes)"""
    slopes: Floats = (0.0, 0.1)
    """slopes of the activation for negative input, each in [0, 1)"""
    seeds: Count = 4
    samples: Count = 400
    """Gaussian training samples, and as many that meet cells (number)"""
    points: Count = 200
    """points per teacher hyperplane (number)"""
    radii: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.01, 0.03, 0.1)
    """lengths of the steps"""
    steps: Count = 100
    """training time (Levenberg-Marquardt steps)"""
    checkpoints: Annotated[int, Field(ge=2)] = 9
    """loss levels at which students are checked, the start included (number)"""
    decades: Positive = 16.0
    """distance of the first from the last loss level (powers of ten)"""
    widths: Ints = (2, 4, 8, 16)
    """teacher nodes per hidden layer of the networks whose cells are counted (nodes)"""
    depths: Ints = (2, 3, 4)
    """hidden layers of them (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``counts``, a row per slope and radius, and ``cells``, per width, number of layers and seed.

        counts      as cell_triples.counted says, and lowest_loss of a student.
        cells       as cell_triples.cells_met says.
        """
        from companion.chapters.lowest_layer.cell_triples import run

        return run(self)
