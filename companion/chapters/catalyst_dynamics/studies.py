"""The chapter's own numbers, each a cell."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.experiments.dynamics.spec import Population
from companion.runs.spec import Cell, Count, Floats, Positive, Spec, Tables
from ts_core.sizes import student_width


class Settled(Spec):
    """How a flow is followed to its end, whatever that is."""

    step: Positive = 0.5
    """of the fourth-order Runge-Kutta method (time units); half of it changes no fate"""
    interval: Positive = 10.0
    """time between two looks at the gradient (time units)"""
    limit: Positive = 10_000.0
    """after so long a start that is neither covered nor at rest counts as moving (time units)"""
    rest: Positive = 1e-6
    """largest derivative of J by a weight at which a start is at rest"""
    descent: Positive = 1e-4
    """a state at rest is stuck if no eigenvalue of the Hessian of J lies below minus this: else a saddle"""


class Fates(Settled, Cell):
    """What becomes of random starts of one width, for several polarities: covered, stuck, or still moving."""

    over_realization: Positive = 1.0
    """student nodes per teacher node n / m, below 1 too (ratio)"""
    polarities: Floats = (0.0, 0.5, 1.0, 1.5, 2.0)
    """p: strength of teacher node j decays like j^-p (exponent)"""
    input_dim: Count = 10
    teacher_width: Count = 5
    strength: Positive = 3.0
    start_scale: Positive = 0.02
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """cosine of the fan-outs of any two teacher nodes; at 0 a student may not see a missing one at all"""
    to_rest: bool = False
    """whether a covered start is followed until it is at rest, too"""
    seeds: Count = 200
    """starts (number)"""
    samples: Count = 1000
    """on which the gradient of a state at rest is looked at (number)"""

    @model_validator(mode="after")
    def _fits(self):
        student_width(self.teacher_width, self.over_realization)
        for polarity in self.polarities:
            self.population(polarity)
        return self

    @property
    def nodes(self) -> int:
        return student_width(self.teacher_width, self.over_realization)

    def population(self, polarity: float) -> Population:
        return self.into(Population, polarity=polarity, horizon=self.limit, seeds=self.seeds)

    @property
    def work(self) -> float:
        return 40.0 + self.nodes**1.5

    def run(self, *earlier: Tables) -> Tables:
        """A start is *covered* once every teacher node is learned to more than half its strength.

        It is *stuck* when it rests before; what is neither by the limit is *moving*.

        runs        a row per polarity and seed: over_realization, nodes, status, outcome (covered, stuck,
                    moving), time (of coverage, NaN if never), end (of the flow), loss J, gradient (largest
                    derivative), curvature (smallest eigenvalue of the Hessian), learned (teacher nodes beyond
                    half), strongest (whether the first one is), aligned (teacher nodes with a student of
                    cosine above .95); sample_gradient, largest |g_k(x)| on samples. NaN where not looked at.
        teachers    a row per stuck start and teacher node: learned and mirrored, shares of its strength, the
                    latter by students that point against it in both layers; mirror, the cosine with the
                    strongest of those.
        """
        from companion.chapters.catalyst_dynamics.fates import run

        return run(self)
