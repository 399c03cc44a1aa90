"""Two-layer training dynamics on the population: settings."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Positive, Spec, Tables
from ts_core.sizes import over_realized_width


class Population(Spec):
    """Teachers of strength s_j = strength * j^-polarity, and students that start at start_scale * N(0, 1)."""

    input_dim: Count = 10
    teacher_width: Count = 5
    strength: Positive = 3.0
    polarity: Annotated[float, Field(ge=0)] = 1.0
    seeds: Count = 6
    start_scale: Positive = 0.02
    horizon: Positive = 40.0
    """length of the flow, in time units"""
    interval: Positive = 0.5
    """time between two records"""
    step: Positive = 0.1
    """of the fourth-order Runge-Kutta method"""

    @model_validator(mode="after")
    def _fits(self):
        if self.teacher_width > self.input_dim:
            limit = f"at most input_dim = {self.input_dim} rows are orthonormal"
            raise ValueError(f"teacher_width: {limit}, got {self.teacher_width}")
        _whole(self.horizon, self.interval, "horizon", "interval")
        _whole(self.interval, self.step, "interval", "step")
        return self


class LearningCurves(Population, Cell):
    """Learned strength over time: the flow, its reductions, and a student trained by SGD on samples."""

    over_realization: Positive = 4.0
    batch_size: Count = 512
    learning_rate: Positive = 0.02

    @model_validator(mode="after")
    def _fits_students(self):
        over_realized_width(self.teacher_width, self.over_realization)
        _whole(self.interval, self.learning_rate, "interval", "learning_rate")
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``curves``: start, route, seed, teacher (0 = strongest), strength, time, learned.

        start "aligned"     routes "flow", "SGD" and "reduced", which is exact there.
        start "random"      routes "flow", "SGD" and "logistic": one balanced student, p_0 = start_scale^2.
        """
        from companion.experiments.dynamics.run import learning_curves

        return {"curves": learning_curves(self)}


def student_width(teacher_width: int, ratio: float) -> int:
    """Student width n = ratio * m, also below m; raises ValueError when n is not a whole number above 0."""
    width = teacher_width * ratio
    if round(width, 9) != round(width) or width < 1:
        raise ValueError(
            f"n / m must give a whole number of nodes; {ratio} times {teacher_width} nodes is {width:g}"
        )
    return round(width)


def _whole(long: float, short: float, name: str, unit: str) -> None:
    if abs(long / short - round(long / short)) > 1e-9 or long < short:
        raise ValueError(f"{name}: must be a whole multiple of {unit} = {short}, got {long}")
