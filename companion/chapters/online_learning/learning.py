"""Students by SGD and by the order-parameter equations, as tables."""

import numpy as np
import pandas as pd
from torch import Tensor

from companion.chapters.online_learning.order_parameters import solve
from companion.chapters.online_learning.passages import plateau
from companion.chapters.online_learning.plateau import (
    at_rate,
    error_at_small_rate,
    escape_rate_at_small_rate,
    largest_rate,
    rectified,
    rectified_alike,
    symmetric,
)
from companion.chapters.online_learning.studies import SETTING, Escapes, Learning, Plateaus, Rectified
from companion.experiments.soft_committee.overlaps import Overlaps, cosines, error, overlaps
from companion.experiments.soft_committee.run import simulate, starts, teachers
from companion.experiments.tidy import tidy

FOUND = (
    0.95  # cosine from which on a teacher node counts as found: the threshold of the book's other chapters
)


def run(cell: Learning) -> dict[str, pd.DataFrame]:
    """As described at :meth:`Learning.run`."""
    alpha = cell.interval * np.arange(cell.records + 1)
    named = ("learning_rate", "fan_out_rate", "noise", "beta", "activation")
    rates = {name: getattr(cell, name) for name in named}
    teacher = teachers(cell)
    start = overlaps(starts(cell, teacher), teacher)
    curves = {
        "SGD": lambda: simulate(cell)[1],
        "ODE": lambda: solve(start, alpha, **rates),
        "flow": lambda: solve(start, alpha, fluctuations=False, **rates),
    }
    found: dict[str, list[pd.DataFrame]] = {part: [] for part in cell.tables}
    for route in cell.routes:
        path = curves[route]()
        for part, tables in found.items():
            tables.append(PARTS[part](cell, alpha, path).assign(route=route))
    setting = {name: getattr(cell, name) for name in SETTING}
    return {part: pd.concat(tables, ignore_index=True).assign(**setting) for part, tables in found.items()}


def _errors(cell: Learning, alpha: np.ndarray, path: Overlaps) -> pd.DataFrame:
    return tidy({"alpha": alpha, "seed": _seeds(cell)}, error=error(path, cell.activation))


def _overlaps(cell: Learning, alpha: np.ndarray, path: Overlaps) -> pd.DataFrame:
    nodes = {"student": range(cell.student_width), "teacher": range(cell.teacher_width)}
    return tidy({"alpha": alpha, "seed": _seeds(cell), **nodes}, overlap=path.r, cosine=cosines(path))


def _students(cell: Learning, alpha: np.ndarray, path: Overlaps) -> pd.DataFrame:
    last = Overlaps(*(part[-1] for part in path))
    best = cosines(last).abs().max(-1)
    size = last.q.diagonal(dim1=-2, dim2=-1).sqrt()
    among = last.q / (size[..., :, None] * size[..., None, :])
    return tidy(
        {"seed": _seeds(cell), "student": range(cell.student_width)},
        norm=size,
        fan_out=last.v,
        teacher=best.indices,
        cosine=best.values,
        partner=among.amin(-1),
    )


def _plateaus(cell: Learning, alpha: np.ndarray, path: Overlaps) -> pd.DataFrame:
    errors = error(path, cell.activation).numpy()
    found = [when_found(alpha, of) for of in cosines(path).abs().unbind(1)]
    rows = [plateau(alpha, of, when) for of, when in zip(errors.T, found)]
    return pd.DataFrame(rows).assign(seed=_seeds(cell), found=found)


def when_found(alpha: np.ndarray, cosine: Tensor) -> float:
    """The first alpha at which every teacher node has a student of cosine FOUND, else NaN.

    cosine      ``(t, K, M)``, signs left out.
    """
    all_found = (cosine.amax(1) >= FOUND).all(1).numpy()
    return float(alpha[all_found.argmax()]) if all_found.any() else np.nan


def _seeds(cell: Learning) -> range:
    return range(1, cell.seeds + 1)


PARTS = {"errors": _errors, "overlaps": _overlaps, "students": _students, "plateaus": _plateaus}


def plateaus(cell: Plateaus) -> pd.DataFrame:
    """As described at :meth:`Plateaus.run`."""
    rows = []
    for width in cell.widths:
        for beta in cell.betas:
            largest = largest_rate(width, beta)
            for learning_rate in largest * np.arange(1, cell.rates + 1) / (cell.rates + 1):
                try:
                    there = at_rate(width, learning_rate, beta)
                    found = {"error": there.error, "escape": there.escape}
                except RuntimeError:
                    found = {"error": np.nan, "escape": np.nan}
                small = escape_rate_at_small_rate(width, beta) * learning_rate
                row = dict(width=width, beta=beta, learning_rate=learning_rate, largest=largest, **found)
                rows.append(row | {"escape_small": small, "error_small": error_at_small_rate(width)})
    return pd.DataFrame(rows)


def escapes(cell: Escapes) -> pd.DataFrame:
    """As described at :meth:`Escapes.run`."""
    rows = []
    for beta in cell.betas:
        for rate in cell.learning_rates:
            small = escape_rate_at_small_rate(2, beta) * rate
            away = 0.3 + cell.apart * np.array([1, -1])
            alpha = np.linspace(0, 1.7 * np.log(1e-2 / cell.apart) / small, 400)
            path, first, escape = _left(symmetric(2, 0.5, 0.2, *away), alpha, learning_rate=rate, beta=beta)
            there = at_rate(2, rate, beta)
            rows.append(
                dict(learning_rate=rate, beta=beta, error=float(error(path)[first, 0]), escape=escape)
                | dict(error_theory=there.error, escape_theory=there.escape)
                | dict(error_small=error_at_small_rate(2), escape_small=small)
            )
    return pd.DataFrame(rows)


def rectified_escapes(cell: Rectified) -> pd.DataFrame:
    """As described at :meth:`Rectified.run`."""
    rows = []
    for width in cell.widths:
        rest, alike = rectified(width), rectified_alike(width)
        away = rest.r + cell.apart * np.array([1, -1])
        alpha = np.linspace(0, 1.7 * np.log(1e-2 / cell.apart) / rest.escape, 400)
        rates = dict(learning_rate=1.0, fluctuations=False, activation="ReLU")
        path, first, escape = _left(symmetric(width, rest.q + 0.02, rest.c, *away), alpha, **rates)
        found = dict(width=width, error=float(error(path, "ReLU")[first, 0]), escape=escape)
        found |= dict(angle=np.degrees(np.arccos(rest.c / rest.q)))
        for name, of in (("theory", rest), ("alike", alike)):
            found |= {f"error_{name}": of.error, f"escape_{name}": of.escape}
        erf = dict(error_erf=error_at_small_rate(width), escape_erf=escape_rate_at_small_rate(width))
        rows.append(found | erf)
    return pd.DataFrame(rows)


def _left(start: Overlaps, alpha: np.ndarray, **rates) -> tuple[Overlaps, int, float]:
    """The way off a plateau from nearly alike students: path, record at which R_11 - R_12 reaches 1e-4, and
    its growth rate from there to 1e-2."""
    path = solve(Overlaps(*(part[None] for part in start)), alpha, tolerance=1e-7, **rates)
    apart = (path.r[:, 0, 0, 0] - path.r[:, 0, 0, 1]).numpy()
    first, last = np.argmax(apart > 1e-4), np.argmax(apart > 1e-2)
    return path, int(first), np.log(apart[last] / apart[first]) / (alpha[last] - alpha[first])
