"""Parameters of the chapter on quadratic networks, and the cells of its live run."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.quadratic_networks import studies
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Ints, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    warm_students: Count = 4
    """student nodes p of the warm start, at least warm_teachers (nodes)"""
    warm_teachers: Count = 2
    """teacher nodes p* of the warm start (nodes)"""
    warm_dim: Count = 400
    """input dimension N of the warm start (nodes)"""
    overlap: Positive = 0.3
    """of each student with a teacher node that the warm start begins with (number; 1 is a copy)"""
    widths: Ints = (1, 4)
    """student nodes p of the random starts, on one teacher node (nodes)"""
    input_dim: Count = 200
    """input dimension N of the random starts (nodes)"""
    rate: Annotated[float, Field(gt=0, le=0.2)] = 0.1
    """learning rate per student node, eta / p, at most .2: norms blow up not far above"""
    warm_seeds: Count = 8
    """members of the warm start (number)"""
    seeds: Annotated[int, Field(ge=3)] = 24
    """random starts, each with its own teacher and samples (number)"""
    flow_widths: Ints = (1, 2, 4, 8)
    """student nodes p of the flows that are followed to their escape (nodes)"""
    starts: Annotated[int, Field(ge=3)] = 40
    """random starts of each of these widths and each N (number)"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Random starts, flows to their escape, flows to their end, the warm start, tails, Hessians."""
        return [
            self.random_start(),
            self.escapes(),
            studies.Endings(),
            self.warm_start(),
            studies.Tails(),
            studies.Curvature(),
        ]

    def warm_start(self) -> studies.Descent:
        """SGD from students that know a little of their teacher."""
        return self.into(
            studies.Descent,
            widths=(self.warm_students,),
            teachers=self.warm_teachers,
            input_dim=self.warm_dim,
            seeds=self.warm_seeds,
            horizon=1.4 / self.rate,
        )

    def random_start(self) -> studies.Descent:
        """SGD from students that know nothing."""
        return self.into(studies.Descent, teachers=1, overlap=0.0, horizon=3.6 / self.rate)

    def escapes(self) -> studies.Escapes:
        """Gradient flows from random starts, at a larger N than SGD could afford."""
        return self.into(studies.Escapes, widths=self.flow_widths, seeds=self.starts, input_dims=DIMS)


DIMS = studies.Escapes().input_dims
