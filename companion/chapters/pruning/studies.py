"""The chapter's cells: students that are trained, pruned and merged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.pruning.kdpp import MOST_ITEMS
from companion.runs.spec import Cell, Count, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Pruned(Cell):
    """Erf students of one over-realization, pruned and merged to every number of nodes below their own."""

    input_dim: Count = 60
    teacher_width: Count = 2
    fan_out: Positive = 4.0
    """v*, of every teacher node"""
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    start: Literal["even", "drawn"] = "even"
    """fan-outs 1 + N(0, 1) / 10; or N(0, 1), as released"""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """standard deviation of the noise on the labels"""
    seeds: Seeds = tuple(range(1, 21))
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 1500
    draws: Annotated[int, Field(ge=2)] = 20
    """masks per student, of random and of DPP edges; and shuffles of a kernel"""
    dtype: Literal["float32", "float64"] = "float32"

    @model_validator(mode="after")
    def _fits(self):
        if not 2 <= self.width <= MOST_ITEMS:
            raise ValueError(
                f"over_realization: all subsets of 2 to {MOST_ITEMS} student nodes are tried, "
                f"got {self.width}"
            )
        if self.width > self.input_dim:
            raise ValueError(
                f"input_dim: must be at least the student's {self.width} nodes, got {self.input_dim}"
            )
        return self

    @property
    def width(self) -> int:
        """Student nodes n."""
        return over_realized_width(self.teacher_width, self.over_realization)

    @property
    def work(self) -> float:
        return float(self.steps) * len(self.seeds) * self.batch_size * self.input_dim * self.width

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``students`` and ``errors`` of students.pruned."""
        from companion.chapters.pruning.students import pruned

        return pruned(self)
