"""Distance of SGD from its limit over input dimensions; plateaus over learning rates; students too wide."""

from typing import Annotated, Any

from pydantic import Field

from companion.chapters.online_learning import studies
from companion.chapters.online_learning.studies import Learning, Route
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep


class Sizes(Grid):
    """K = M = 2 by SGD and by the equations from the same starts; a cell per input dimension."""

    input_dims: Ints = (50, 200)
    """N (number)"""
    learning_rate: Positive = 1.5
    start_overlap: Positive = 0.1
    horizon: Positive = 40.0
    seeds: Count = 4

    def cells(self) -> list[Learning]:
        shared = dict(routes=("SGD", "ODE", "flow"), tables=("errors", "overlaps"), interval=1.0)
        cells = [self.into(Learning, input_dim=n, **shared) for n in self.input_dims]
        return sorted(cells, key=lambda cell: -cell.work)


SIZES = Sweep(
    "committee_sizes", {"quick": Sizes(), "laptop": Sizes(input_dims=(50, 200, 800, 3200), seeds=16)}
)

# the rates from which on a perfect student of K = M is unstable (plateau.largest_rate)
LARGEST = {2: 2.307, 3: 1.621, 5: 1.016}
# what a start needs to find its teacher, in units of eta alpha and of alpha
PATIENCE = {2: (120, 120), 3: (200, 200), 5: (400, 400)}
SCENARIOS: dict[str, dict[str, Any]] = {
    "K = M = 2": dict(),
    "K = M = 3": dict(teacher_width=3, student_width=3),
    "K = M = 5": dict(teacher_width=5, student_width=5),
    "K = 4": dict(student_width=4),
    "noisy labels": dict(noise=0.3),
    "both layers": dict(fan_out_rate=True),
    "both layers, K = 4": dict(fan_out_rate=True, student_width=4),
    "β = 2": dict(beta=2.0),
    "warm start": dict(start_overlap=1.0),
}
COLDER: dict[str, dict[str, Any]] = {
    f"K = M = {width}, β = 2": dict(teacher_width=width, student_width=width, beta=2.0) for width in (3, 5)
}


class Plateaus(Grid):
    """How long students of each scenario stay on their plateau; a cell per learning rate."""

    scenarios: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = ("K = M = 2", "warm start")
    shares: Floats = (0.3, 0.6)
    """learning rates as shares of the largest one of K = M"""
    input_dim: Count = 100
    seeds: Count = 4

    def cells(self) -> list[Learning]:
        cells = [
            self._cell(share, **(SCENARIOS | COLDER)[name])
            for name in self.scenarios
            for share in self.shares
        ]
        return sorted(cells, key=lambda cell: -cell.work)

    def _cell(self, share: float, fan_out_rate: bool = False, **changes) -> Learning:
        width = changes.get("teacher_width", 2)
        rate = round(share * LARGEST[width], 3)
        scaled, at_least = PATIENCE[width]
        slow = fan_out_rate or changes.get("student_width", 2) > width
        horizon = max(scaled / rate, at_least) * (1 + slow)
        shared = dict(
            tables=("plateaus",), interval=round(horizon / 500, 2), fan_out_spread=0.1 * fan_out_rate
        )
        rates = dict(learning_rate=rate, fan_out_rate=rate * fan_out_rate)
        return self.into(Learning, horizon=horizon, **shared, **rates, **changes)


PLATEAUS = Sweep(
    "committee_plateaus",
    {
        "quick": Plateaus(),
        "laptop": Plateaus(
            scenarios=tuple(SCENARIOS), shares=(0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05), seeds=20
        ),
    },
    ("learning_rate", "fan_out_rate", "noise", "beta"),
)


class ColderPlateaus(Plateaus):
    """The same for gates of β = 2, by SGD alone; with the teachers and starts of :data:`PLATEAUS`."""

    scenarios: tuple[str, ...] = tuple(COLDER)
    routes: tuple[Route, ...] = ("SGD",)


COLDER_PLATEAUS = Sweep(
    "colder_plateaus",
    {
        "quick": ColderPlateaus(routes=("SGD", "ODE")),
        "laptop": ColderPlateaus(shares=(0.2, 0.3, 0.45, 0.6, 0.75, 0.9), seeds=20),
    },
    ("learning_rate", "fan_out_rate", "noise", "beta"),
)


class RectifiedRates(Grid):
    """K = M = 2 committees of ReLU nodes by SGD and by the gradient flow; a cell per learning rate."""

    learning_rates: Floats = (0.2, 0.4)
    input_dim: Count = 40
    start_overlap: Positive = 0.1
    span: Positive = 10.0
    """length in eta alpha"""
    seeds: Count = 2

    def cells(self) -> list[Learning]:
        cells = [
            self.into(
                Learning,
                activation="ReLU",
                routes=("SGD", "flow"),
                learning_rate=rate,
                horizon=self.span / rate,
                interval=self.span / rate / 40,
            )
            for rate in self.learning_rates
        ]
        return sorted(cells, key=lambda cell: -cell.work)


RECTIFIED_RATES = Sweep(
    "rectified_rates",
    {
        "quick": RectifiedRates(),
        "laptop": RectifiedRates(learning_rates=(0.05, 0.1, 0.2, 0.4), input_dim=400, seeds=8),
    },
    ("learning_rate", "fan_out_rate", "fan_out_spread", "noise", "beta", "start_overlap"),
)


class Theory(Grid):
    """The plateau of K = M by theory, over rates and temperatures; a cell per width."""

    widths: Ints = (2, 3)
    betas: Floats = (1.0, 2.0)
    rates: Count = 2
    """learning rates for each, evenly spaced up to the largest one (number)"""

    def cells(self) -> list[studies.Plateaus]:
        return [self.into(studies.Plateaus, widths=(width,)) for width in sorted(self.widths, reverse=True)]


THEORY = Sweep("plateau_theory", {"quick": Theory(), "laptop": Theory(widths=(2, 3, 5), rates=12)})


class OverRealized(Grid):
    """Noisy labels, M = 2: final errors of soft committees and of students that train both layers."""

    widths: Ints = (2, 4)
    """K (number)"""
    learning_rate: Positive = 0.3
    noise: Positive = 0.1
    horizon: Positive = 300.0
    input_dim: Count = 400
    seeds: Count = 2

    def cells(self) -> list[Learning]:
        rate = self.learning_rate
        kinds = (
            dict(fan_out_spread=0.0),  # a soft committee
            dict(fan_out_spread=0.1, fan_out_rate=rate),
            dict(fan_out_spread=1.0, fan_out_rate=rate, fan_out_mean=0.0),
        )
        shared = dict(routes=("ODE",), tables=("errors", "students"), start_norm=1.0, interval=10.0)
        cells = [
            self.into(Learning, student_width=k, **shared, **kind) for k in self.widths for kind in kinds
        ]
        return sorted(cells, key=lambda cell: -cell.work)


OVER_REALIZED = Sweep(
    "over_realized_committees",
    {"quick": OverRealized(), "laptop": OverRealized(widths=(2, 3, 4, 6, 8), horizon=1500.0, seeds=8)},
    ("learning_rate", "fan_out_rate", "fan_out_spread", "noise", "beta"),
)
