"""Online learning of committees of erf or ReLU nodes: settings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Count, Positive, Spec


class SoftCommittee(Spec):
    """A student with one output learns from one fresh Gaussian sample per step; time alpha is steps / N."""

    input_dim: Count = 250
    """N"""
    teacher_width: Count = 2
    """M, orthonormal rows"""
    student_width: Count = 2
    """K"""
    activation: Literal["erf", "ReLU"] = "erf"
    """of the hidden nodes of teacher and student"""
    learning_rate: Positive = 1.5
    """eta of the first layer"""
    fan_out_rate: Annotated[float, Field(ge=0)] = 0.0
    """eta_v of the output weights; at 0 they stay, which is a soft committee"""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """standard deviation of the labels' noise, sigma"""
    beta: Positive = 1.0
    """inverse temperature of the gate g'(beta x); 1 is gradient descent"""
    start_norm: Positive = 0.5
    """Q_ii at the start, on average"""
    start_overlap: Annotated[float, Field(ge=0)] = 0.0
    """share of teacher row i that student row i starts with; 0 is a random start"""
    fan_out_spread: Annotated[float, Field(ge=0)] = 0.0
    """standard deviation of output weights at the start"""
    fan_out_mean: float = 1.0
    """their mean"""
    horizon: Positive = 60.0
    """length, in alpha"""
    interval: Positive = 0.5
    """between two records, in alpha; a whole number of steps"""
    seeds: Count = 4
    """each with its own teacher, start and samples (number)"""

    @model_validator(mode="after")
    def _fits(self):
        if self.teacher_width > self.input_dim:
            limit = f"at most input_dim = {self.input_dim} rows are orthonormal"
            raise ValueError(f"teacher_width: {limit}, got {self.teacher_width}")
        if self.activation == "ReLU" and self.beta != 1:
            raise ValueError(f"beta: the gate of ReLU nodes knows no temperature; must be 1, got {self.beta}")
        steps = self.interval * self.input_dim
        if abs(steps - round(steps)) > 1e-9 or round(steps) < 1:
            raise ValueError(
                f"interval: times input_dim = {self.input_dim} must be a whole number of steps, "
                f"at least 1, got {self.interval}"
            )
        if self.horizon < self.interval:
            raise ValueError(f"horizon: must be at least interval = {self.interval}, got {self.horizon}")
        return self

    @property
    def records(self) -> int:
        """Intervals within the horizon."""
        return int(self.horizon / self.interval + 1e-9)
