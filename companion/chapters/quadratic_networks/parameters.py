"""Parameters of the chapter on quadratic networks, and the cells of its live run."""

import math
from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.quadratic_networks import studies
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Ints, Positive, SpecError


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
    widths: Annotated[tuple[Count, ...], Field(strict=False, min_length=1)] = (1, 4)
    """student nodes p of the random starts, on one teacher node (nodes)"""
    input_dim: Count = 200
    """input dimension N of the random starts (nodes)"""
    rate: Positive = 0.1
    """learning rate per student node, eta / p; above about .12 the norms of some random starts blow up"""
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
        self._check_norms(min(self.widths), 1, 1.0, self.input_dim)
        self._check_norms(self.warm_students, self.warm_teachers, 1 + self.overlap**2, self.warm_dim)
        self.live_cells()  # refuses what it cannot run
        return self

    def _check_norms(self, p: int, p_star: int, norm: float, dim: int) -> None:
        """Raise SpecError if five standard deviations above their mean the norms of a start would blow up.

        The equations of overlaps.plateau have two roots: the plateau, and above it the norm from which on the
        steps are too large.
        """
        a = self.rate * (1 + 6 / p + 8 / p**2)
        b = (p + 2) / p * (1 + 2 * self.rate)
        inside = b * b - 4 * a * (1 + self.rate * (1 + 2 / p_star))
        most = (b + math.sqrt(inside)) / (2 * a) if inside > 0 else 0.0
        if norm + 5 * math.sqrt(2 / dim) > most:
            raise SpecError(
                f"rate: too large for p = {p} student nodes at N = {dim}, where norms of random starts would "
                f"blow up, got {self.rate}"
            )

    def live_cells(self) -> list[Cell]:
        """Random starts, flows to their escape and to their end, paths, the warm start, tails, Hessians."""
        return [
            self.random_start(),
            self.escapes(),
            self.more_teachers(),
            studies.Paths(),
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

    def more_teachers(self) -> studies.Escapes:
        """The same for two teacher nodes, at the largest N."""
        widths = tuple(width for width in self.flow_widths if width >= 2) or (2,)
        return self.into(studies.Escapes, widths=widths, teachers=2, seeds=self.starts, input_dims=DIMS[-1:])

    def escapes(self) -> studies.Escapes:
        """Gradient flows from random starts, at a larger N than SGD could afford."""
        return self.into(studies.Escapes, widths=self.flow_widths, seeds=self.starts, input_dims=DIMS)


DIMS = studies.Escapes().input_dims
