"""Parameters of the chapter on recovering networks, and the cells of its live runs."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.expand_and_cluster.studies import Activated, Recovery
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Fraction, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    activations: Annotated[tuple[Activated, ...], Field(strict=False, min_length=1)] = ("tanh", "relu")
    """activations of teachers and their students: tanh, sigmoid, relu"""
    teachers: Count = 2
    """teachers of each activation to recover, each with its own samples and students (number)"""
    input_dim: Count = 4
    """input dimension d (nodes)"""
    teacher_width: Count = 4
    """hidden nodes m of the teachers (nodes)"""
    over_realization: Annotated[float, Field(gt=1)] = 3.0
    """nodes of an expanded student per teacher node, n / m, above 1 (ratio)"""
    students: Annotated[int, Field(ge=2)] = 8
    """expanded students of each teacher, and as many of its own size (number)"""
    samples: Count = 250
    """inputs that each teacher is asked about (number)"""
    steps: Count = 200
    """training of a student (Levenberg-Marquardt steps)"""
    tuning: Count = 100
    """fine-tuning of what was recovered (Levenberg-Marquardt steps)"""
    zero: Positive = 1e-12
    """loss below which a student counts as perfect; the others are left out (mean squared error)"""
    share: Fraction = 0.5
    """neurons per student that a cluster of the published rule needs, in (0, 1); published"""
    precise: Positive = 1e-6
    """largest error of any parameter at which a network counts as recovered (weights)"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        return [*self.live()]

    def live(self) -> list[Recovery]:
        """A run for each activation."""
        teachers = tuple(range(1, self.teachers + 1))
        return [
            self.into(Recovery, activation=activation, teachers=teachers) for activation in self.activations
        ]
