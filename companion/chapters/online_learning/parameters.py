"""Parameters of the chapter on online learning, and the cells of its live run."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from companion.chapters.online_learning import studies
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Ints, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 200
    """input dimension N, at least 2 (number); a unit of time alpha is N steps"""
    learning_rate: Positive = 1.5
    """eta of the students that learn from clean labels; from 2.3 on a perfect student is unstable (number)"""
    start_overlap: Annotated[float, Field(ge=0)] = 0.1
    """share of its teacher row that each student row starts with (number; 0 is a random start)"""
    horizon: Positive = 50.0
    """length of that run (units of alpha)"""
    seeds: Annotated[int, Field(ge=2)] = 4
    """students of that run, each with its own teacher, start and samples, at least 2 (number)"""
    betas: Floats = (1.0, 2.0, 4.0)
    """inverse temperatures beta of the gate in the theory of the plateau; 1 is gradient descent (number)"""
    rates: Count = 6
    """learning rates for each of them (number)"""
    student_widths: Ints = (2, 4)
    """student nodes K of the run with noisy labels, at least the two of the teacher (number)"""
    noise: Positive = 0.1
    """standard deviation of the labels' noise there (number; the teacher's output has .8)"""
    noisy_rate: Positive = 0.5
    """eta there, of both layers where both are trained"""
    noisy_horizon: Positive = 300.0
    """length of that run (units of alpha)"""

    @model_validator(mode="after")
    def _runnable(self):
        if min(self.student_widths) < 2:
            raise ValueError(
                f"student_widths: need at least the 2 nodes of the teacher, got {self.student_widths}"
            )
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Noisy labels, theory of the plateau, stills, runs by SGD, escapes by the equations, ReLU nodes."""
        by_sgd = [*self.stills(), *self.wide(), self.clean()]
        return [*self.noisy(), self.theory(), *by_sgd, studies.Escapes(), *self.beside(), studies.Rectified()]

    def clean(self) -> studies.Learning:
        """K = M = 2 by SGD, by the equations, and by the equations without fluctuations."""
        return self.into(
            studies.Learning,
            interval=1.0,
            routes=("SGD", "ODE", "flow"),
            tables=("errors", "overlaps"),
            fan_out_rate=0.0,
            noise=0.0,
        )

    def wide(self) -> list[studies.Learning]:
        """The widest of the students with noisy labels by SGD and the equations; a cell per kind."""
        shared: dict[str, Any] = dict(
            student_width=max(self.student_widths),
            learning_rate=self.noisy_rate,
            horizon=30.0,
            interval=1.0,
            routes=("SGD", "ODE", "flow"),
            tables=("errors", "overlaps"),
        )
        return [self.into(studies.Learning, **shared, **kind) for kind in self._kinds()]

    def stills(self) -> list[studies.Learning]:
        """The equations from one random start: K = M = 2, and the widest student with both layers trained."""
        shared: dict[str, Any] = dict(
            input_dim=3200, start_overlap=0.0, noise=0.0, horizon=3 * self.horizon, interval=1.0
        )
        shared |= dict(seeds=1, routes=("ODE",), tables=("overlaps",))
        both = dict(fan_out_rate=self.learning_rate, fan_out_spread=0.1)
        kinds = (dict(fan_out_rate=0.0), dict(student_width=max(self.student_widths), **both))
        return [self.into(studies.Learning, **shared, **kind) for kind in kinds]

    def beside(self) -> list[studies.Learning]:
        """Committees of erf and of ReLU nodes by the gradient flow, from starts that share their overlaps."""
        shared = dict(learning_rate=1.0, fan_out_rate=0.0, noise=0.0, horizon=50.0, interval=0.5)
        activations: tuple[Literal["erf", "ReLU"], ...] = ("erf", "ReLU")
        return [
            self.into(studies.Learning, activation=nodes, routes=("flow",), **shared) for nodes in activations
        ]

    def theory(self) -> studies.Plateaus:
        """The plateau of K = M = 2 over rates and temperatures."""
        return self.into(studies.Plateaus, widths=(2,))

    def noisy(self) -> list[studies.Learning]:
        """M = 2, by the equations: soft committees, and both layers trained; a cell per width and kind."""
        shared = dict(
            learning_rate=self.noisy_rate,
            noise=self.noise,
            horizon=self.noisy_horizon,
            start_overlap=0.3,
            start_norm=1.0,
            interval=5.0,
            seeds=4,
            routes=("ODE",),
            tables=("errors", "students"),
        )
        return [
            self.into(studies.Learning, student_width=width, **shared, **kind)
            for width in sorted(self.student_widths, reverse=True)
            for kind in self._kinds()
        ]

    def _kinds(self) -> tuple[dict, dict]:
        """A soft committee, and both layers trained."""
        return dict(), dict(fan_out_rate=self.noisy_rate, fan_out_spread=0.1)
