"""Parameters of the chapter on over-realization as a catalyst, and the cells of its live run."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.catalyst_dynamics import studies
from companion.experiments.dynamics.spec import LearningCurves
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Fraction, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 10
    """input dimension d, at least the number of teacher nodes (nodes)"""
    teacher_width: Annotated[int, Field(ge=2)] = 5
    """teacher nodes m, at least 2 (nodes)"""
    over_realizations: Floats = (1.0, 2.0, 4.0, 8.0)
    """student nodes per teacher node n / m of the random starts (ratio)"""
    polarities: Floats = (0.0, 1.0)
    """p: strength of teacher node j is strength * j^-p (exponent)"""
    strength: Positive = 3.0
    """of the first teacher node: product of the norms of both its weights"""
    start_scale: Positive = 0.02
    """standard deviation of every weight at a random start"""
    overlap: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """cosine of the fan-outs of any two teacher nodes for students one node short of them, in (0, 1)"""
    starts: Count = 12
    """random starts of each width and polarity (number)"""
    step: Positive = 0.5
    """of the fourth-order Runge-Kutta method for many starts at once (time units)"""
    limit: Positive = 1500.0
    """time after which a start that is neither covered nor at rest counts as moving (time units)"""
    tolerance: Fraction = 1e-7
    """of the adaptive solver for single starts, relative, in (0, 1)"""
    horizon: Annotated[float, Field(gt=1)] = 120.0
    """what a reader would wait: after this time a start that is not covered has failed so far (time units)"""
    flow_seeds: Count = 3
    """starts of the learning curves (number)"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Random starts, single starts, learning curves, exact statements, what starts see."""
        return [
            *self.fates(),
            self.examples(),
            self.learning_curves(),
            studies.Aligned(),
            studies.ClosedForms(),
            studies.Tilted(),
            studies.Faces(),
        ]

    def fates(self) -> list[studies.Fates]:
        """Random starts followed to their end, a cell per width; then with one node too few and none."""
        wide = [
            self.into(studies.Fates, over_realization=ratio, seeds=self.starts, overlap=0.0)
            for ratio in self.over_realizations
        ]
        few = [
            self.into(studies.Fates, over_realization=ratio, seeds=self.starts, to_rest=True)
            for ratio in ((self.teacher_width - 1) / self.teacher_width, 1.0)
        ]
        return wide + few

    def examples(self) -> studies.Examples:
        """The first few starts, one by one."""
        horizon = studies.Examples().horizon
        return self.into(studies.Examples, horizon=horizon, polarity=studies.Examples().polarity)

    def learning_curves(self) -> LearningCurves:
        """Learned strengths by flow, reduction and SGD."""
        return LearningCurves(seeds=self.flow_seeds)
