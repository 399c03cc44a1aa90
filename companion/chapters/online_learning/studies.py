"""The chapter's numbers, each a cell."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.experiments.soft_committee.spec import SoftCommittee
from companion.runs.spec import Cell, Count, Floats, Ints, SpecError, Tables

Route = Literal["SGD", "ODE", "flow"]
Part = Literal["errors", "overlaps", "students", "plateaus"]
SETTING = (
    "input_dim",
    "activation",
    "teacher_width",
    "student_width",
    "learning_rate",
    "fan_out_rate",
    "fan_out_spread",
    "noise",
    "beta",
    "start_overlap",
)


class Learning(SoftCommittee, Cell):
    """Students while they learn: step by step, and by the equations from the same overlaps."""

    routes: Annotated[tuple[Route, ...], Field(min_length=1)] = ("SGD", "ODE")
    """SGD, its limit for many inputs (ODE), or that without the terms in eta^2 (flow)"""
    tables: Annotated[tuple[Part, ...], Field(min_length=1)] = ("errors",)

    @model_validator(mode="after")
    def _closed(self):
        if self.activation == "ReLU" and "ODE" in self.routes:
            raise SpecError(
                "routes: the terms in eta^2 have no closed form for ReLU nodes, got ODE; take flow"
            )
        return self

    @property
    def work(self) -> float:
        sgd = (
            self.horizon * self.input_dim * (1 + self.seeds * self.input_dim / 1e4)
            if "SGD" in self.routes
            else 0
        )
        return sgd + self.horizon * self.seeds * self.student_width**4

    def run(self, *earlier: Tables) -> Tables:
        """The tables that are asked for; all have the columns SETTING, route and seed.

        errors      a row per alpha: error, the generalization error.
        overlaps    a row per alpha, student and teacher node: overlap R, and cosine of the rows.
        students    a row per student node at the end: norm sqrt Q_ii, fan_out v, teacher (the nearest), and
                    cosine with it, signs left out; partner, the least cosine with another student node.
        plateaus    a row: of :func:`companion.chapters.online_learning.passages.plateau`, and found, when
                    every teacher node has a student of cosine FOUND (alpha, NaN if never).
        """
        from companion.chapters.online_learning.learning import run

        return run(self)


class Plateaus(Cell):
    """The symmetric plateau of K = M by theory, over learning rates and temperatures."""

    widths: Ints = (2, 3)
    betas: Floats = (1.0, 2.0)
    rates: Count = 12
    """learning rates for each, evenly spaced up to the largest one (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``theory``: a row per width, beta and learning_rate, as a number and as share of ``largest``.

        error, escape   of :func:`companion.chapters.online_learning.plateau.at_rate`, NaN where there is no
                        such plateau; escape_small, error_small  by the formulas for small rates.
        """
        from companion.chapters.online_learning.learning import plateaus

        return {"theory": plateaus(self)}


class Escapes(Cell):
    """K = M = 2 by the full equations from nearly alike students: the plateau as it is passed."""

    learning_rates: Floats = (0.75, 1.5)
    betas: Floats = (1.0, 2.0)
    apart: Annotated[float, Field(gt=0, lt=1e-4)] = 1e-7
    """half of R_11 - R_12 at the start"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``escapes``: a row per learning_rate and beta.

        error       when R_11 - R_12 reaches 1e-4;  escape  its growth rate from there to 1e-2.
        error_theory, escape_theory, error_small, escape_small      the same as predicted.
        """
        from companion.chapters.online_learning.learning import escapes

        return {"escapes": escapes(self)}


class Rectified(Cell):
    """K = M committees of ReLU nodes by the gradient flow from nearly alike students, beside those of erf."""

    widths: Ints = (2, 3)
    apart: Annotated[float, Field(gt=0, lt=1e-4)] = 1e-5
    """half of R_11 - R_12 at the start"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``rectified``: a row per width; rates per unit of eta alpha.

        error       when R_11 - R_12 reaches 1e-4;  escape  its growth rate from there to 1e-2.
        angle       of the students on the plateau (degrees).
        error_theory, escape_theory, ..._alike, ..._erf     by the fixed point; by that of identical students;
                    of erf nodes.
        """
        from companion.chapters.online_learning.learning import rectified_escapes

        return {"rectified": rectified_escapes(self)}
