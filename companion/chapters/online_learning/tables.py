"""What the numbers of online learning say: tables in, tables out."""

import numpy as np
import pandas as pd


def distance(overlaps: pd.DataFrame, limit: str) -> pd.DataFrame:
    """How far SGD's overlaps R lie from those of a limit, in units of 1 / sqrt N.

    limit       a route of the table ``overlaps``: ODE, or flow.
    returns     a row per input_dim and seed: distance, the root mean square over times and pairs of nodes.
    """
    keys = ["input_dim", "seed", "alpha", "student", "teacher"]
    wide = overlaps.pivot(index=keys, columns="route", values="overlap")
    square = (wide["SGD"] - wide[limit]).pow(2).groupby(["input_dim", "seed"]).mean()
    return np.sqrt(square * square.index.get_level_values("input_dim")).rename("distance").reset_index()


def off_on_the_way(errors: pd.DataFrame, limit: str, above: float = 0.025) -> pd.Series:
    """Mean |log| of SGD's error over that of a limit, per seed, while the equations' error is above a level.

    After that a small shift in time is a large ratio.
    """
    wide = errors[errors.alpha > 0].pivot(index=["seed", "alpha"], columns="route", values="error")
    before = wide["ODE"].groupby("seed").cummin() > above
    return np.log(wide["SGD"] / wide[limit]).abs()[before].groupby("seed").mean()


def fall_with_size(distances: pd.DataFrame) -> pd.Series:
    """Exponent of the plain distance as a power of N, per seed: -1/2 where it is of order 1 / sqrt N."""
    logs = np.log(distances.pivot(index="seed", columns="input_dim", values="distance"))
    size = np.log(logs.columns.to_numpy(dtype=float))
    return pd.Series(np.polyfit(size, logs.to_numpy().T, 1)[0] - 0.5, index=logs.index)


def best_rates(theory: pd.DataFrame) -> pd.DataFrame:
    """The learning rate of the fastest escape for each width and beta: a row of ``theory`` each."""
    return theory.loc[theory.groupby(["width", "beta"]).escape.idxmax()]


def final(errors: pd.DataFrame) -> pd.DataFrame:
    """The error at the end of every run, with its ``kind``: soft committee, or both layers."""
    last = errors[errors.alpha == errors.alpha.max()]
    return with_kind(last)


def partners(students: pd.DataFrame) -> pd.Series:
    """Least cosine of surplus student nodes with another student node, a mean per kind, width and seed.

    The surplus nodes are those farthest from the teacher nodes; none where K = M.
    """
    keys = ["kind", "student_width", "seed"]
    place = students.groupby(keys).cosine.rank(method="first")
    surplus = students[place <= students.student_width - students.teacher_width]
    return surplus.groupby(keys).partner.mean()


def with_kind(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column ``kind``: how the output weights are trained, and from where."""
    both = np.where(table.fan_out_spread < 0.5, "both layers", "both layers, random fan-outs")
    return table.assign(kind=np.where(table.fan_out_rate > 0, both, "soft committee"))


def first_order(width: float, learning_rate: float, noise: float, teacher_width: int = 2) -> float:
    """Final error that noisy labels leave to a soft committee of K = ``width`` at small rates.

    The surplus nodes rest near 0. Derived here, eta sigma^2 / 2 pi (K - M + M / sqrt 3); that it is linear in
    K - M is published.
    source      Goldt et al. (2019).
    """
    return learning_rate * noise**2 / (2 * np.pi) * (width - teacher_width + teacher_width / 3**0.5)


def plateau_at(theory: pd.DataFrame, learning_rate: float) -> float:
    """Error on the plateau at beta = 1 and a learning rate, linear between the rates of ``theory``."""
    line = theory[(theory.beta == 1) & (theory.width == theory.width.min())].dropna(subset="error")
    return float(np.interp(learning_rate, line.learning_rate, line.error)) if len(line) else np.nan


def pauses(plateaus: pd.DataFrame) -> pd.DataFrame:
    """Starts by SGD that find their teacher, with ``scenario`` and the ``ratio`` of length to next fall."""
    of = plateaus[plateaus.route == "SGD"].dropna(subset=["found", "length", "next"])
    name = "K = " + of.student_width.astype(str) + ", M = " + of.teacher_width.astype(str)
    for words, which in (
        (", noisy labels", of.noise > 0),
        (", both layers", of.fan_out_rate > 0),
        (", β = 2", of.beta == 2),
        (", warm start", of.start_overlap > 0.5),
    ):
        name = name.where(~which, name + words)
    return of.assign(scenario=name, ratio=of.length / of.next)
