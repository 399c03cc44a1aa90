"""The chapter's cells: what each of its experiments needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Fraction, Ints, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Activated = Literal["tanh", "sigmoid", "relu"]


class Recovery(Cell):
    """Two-layer teachers that are to be recovered, each from its own samples and students."""

    activation: Activated = "tanh"
    teachers: Seeds = (1, 2)
    input_dim: Count = 4
    teacher_width: Count = 5
    over_realization: Annotated[float, Field(gt=1)] = 3.0
    students: Annotated[int, Field(ge=2)] = 8
    """expanded ones for each teacher, and as many of its own size"""
    samples: Count = 300
    steps: Count = 300
    """of Levenberg-Marquardt, for students of either size"""
    tuning: Count = 100
    """steps of fine-tuning"""
    zero: Positive = 1e-12
    """loss below which a student counts as perfect; the others are left out"""
    share: Fraction = 0.5
    """neurons per student that a cluster of the published rule needs, gamma"""

    @model_validator(mode="after")
    def _fits(self):
        over_realized_width(self.teacher_width, self.over_realization)
        return self

    @property
    def work(self) -> float:
        return len(self.teachers) * self.students * self.samples * self.steps

    def run(self, *earlier: Tables) -> Tables:
        """Tables of recovery.recovery."""
        from companion.chapters.expand_and_cluster.recovery import recovery

        return recovery(self)


class Ends(Cell):
    """Teachers as those of ``Recovery``, by the most whole clusters, cut at either end of their stretch."""

    recovery: Recovery

    @property
    def work(self) -> float:
        return self.recovery.work

    def run(self, *earlier: Tables) -> Tables:
        """Table ``ends`` of ends.ends."""
        from companion.chapters.expand_and_cluster.ends import ends

        return ends(self.recovery)


class Chain(Cell):
    """One deeper tanh teacher, recovered layer by layer: what is found is frozen, the rest restarts."""

    teacher: Annotated[int, Field(ge=0)] = 1
    input_dim: Count = 4
    teacher_widths: Ints = (3, 2)
    over_realization: Annotated[float, Field(gt=1)] = 3.0
    students: Annotated[int, Field(ge=2)] = 8
    samples: Count = 400
    steps: Count = 800
    tuning: Count = 200
    zero: Positive = 1e-12

    @model_validator(mode="after")
    def _fits(self):
        for width in self.teacher_widths:
            over_realized_width(width, self.over_realization)
        return self

    @property
    def work(self) -> float:
        return 4.0 * self.students * self.samples * self.steps

    def run(self, *earlier: Tables) -> Tables:
        """Tables of chain.chained."""
        from companion.chapters.expand_and_cluster.chain import chained

        return chained(self)
