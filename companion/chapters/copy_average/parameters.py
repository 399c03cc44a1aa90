"""Parameters of the chapter on students with too few nodes, and the cells of its live run."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.copy_average import studies
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Fraction, Ints, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    teachers: Annotated[int, Field(ge=3)] = 6
    """teacher nodes k, orthonormal; the input dimension is k + 1 (nodes)"""
    missing: Ints = (1, 2)
    """by how many nodes the students of the erf flows are too few, k - n, each below k (nodes)"""
    relu_missing: Count = 2
    """the same of the ReLU flow (nodes)"""
    starts: Count = 48
    """random starts of each width, followed as one ensemble (number)"""
    start_scale: Positive = 0.3
    """standard deviation of every weight at a random start"""
    tolerance: Fraction = 1e-4
    """error of a step of the flow, relative, in (0, 1)"""
    averaged: Annotated[int, Field(ge=2)] = 4
    """teacher nodes l that a single student node stands for, at least 2 (nodes)"""
    free_starts: Count = 50
    """starts of the minimization with all weights free (number)"""
    line_teachers: Annotated[int, Field(ge=4)] = 20
    """teacher nodes k of the phase line, at least 4 (nodes)"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Flows, the phase line, single nodes, the way of two starts, copy-average points."""
        own = [self.line(), *self.one_neuron(), self.motion(), self.points()]
        return [*self.flows(), self.relu(), *own]

    def flows(self) -> list[studies.Flows]:
        """Erf flows, a cell per width."""
        return [self.into(studies.Flows, students=self.teachers - missing) for missing in self.missing]

    def motion(self) -> studies.Motion:
        """Two starts of the widest student on their way."""
        return self.into(studies.Motion, students=self.teachers - min(self.missing))

    def relu(self) -> studies.Flows:
        """The ReLU flow."""
        return self.into(studies.Flows, activation="relu", students=self.teachers - self.relu_missing)

    def line(self) -> studies.PhaseLine:
        """Both families at every width."""
        return studies.PhaseLine(teachers=self.line_teachers)

    def one_neuron(self) -> list[studies.OneNeuron]:
        """One node for several, a cell per activation."""
        return [
            studies.OneNeuron(activation=name, teachers=self.averaged, starts=self.free_starts)
            for name in ("erf", "softplus")
        ]

    def points(self) -> studies.Points:
        """All copy-average points of this teacher."""
        return studies.Points(teachers=self.teachers, widths=tuple(range(2, self.teachers)))
