"""What the chapter's tables say: premises and violations of theorems; aware against random data."""

import numpy as np
import pandas as pd

from companion.chapters.finite_data.premises import counts as counts  # claims and pages find them here
from companion.chapters.finite_data.premises import scatter as scatter
from companion.pages.statistics import distances

# of the sample-complexity figure; largest errors of reading it, as its README names them
PUBLISHED_SEEDS = 32
READING, AWARE_READING, AWARE_1X_READING = 0.002, 0.005, 0.01
LAST_CROWDED = 195  # samples up to which the aware correlations are read less well


def over_epochs(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run, as the released plots aggregate it: the minimum of every column over trained epochs.

    For the losses that is early stopping by an oracle; for ``mean_best_correlation`` it is the *worst* epoch,
    a pessimistic number (``last_correlation`` has the final one). A diverged run is NaN throughout.
    """
    keys = ["seed", "data", "samples", "over_realization"]
    trained = runs[runs.epoch > 0].sort_values("epoch")
    values = ["train_loss", "eval_loss", "mean_best_correlation"]
    table = trained.groupby(keys)[values].min()
    last = trained.groupby(keys).last()
    table["last_correlation"], table["status"] = last.mean_best_correlation, last.status
    table.loc[table.status != "ok", [*values, "last_correlation"]] = np.nan  # not the minimum before it broke
    return table.reset_index()


def advantage(table: pd.DataFrame, samples: int) -> pd.DataFrame:
    """Aware minus random of every column, paired by seed, at one number of samples.

    returns     ``(seed, over_realization)`` rows.
    """
    at = table[table.samples == samples].set_index(["seed", "over_realization", "data"])
    values = at[["train_loss", "eval_loss", "mean_best_correlation", "last_correlation"]].unstack("data")
    return (values.xs("aware", axis=1, level=1) - values.xs("random", axis=1, level=1)).reset_index()


def loss_ratio(table: pd.DataFrame, samples: int) -> pd.Series:
    """Evaluation loss of aware over random data at one number of samples: geometric mean per seed."""
    losses = np.log(table[table.samples == samples].set_index(["seed", "over_realization", "data"]).eval_loss)
    apart = losses.unstack("data")
    return np.exp((apart.aware - apart.random).groupby("seed").mean())


GEOMETRY = ["input_dim", "teacher_width", "outputs", "slope", "teacher_bias"]


def geometries(found: pd.DataFrame) -> pd.DataFrame:
    """One row per geometry: true premises with a bound below 1, of both theorems, and what violates them.

    found       ``counts`` of the sweep of geometries.
    returns     violations of any conclusion, and ``weaker``: of the premise that asks less of the gradient.
    """
    of = lambda rows, values: values.where(rows, 0).groupby([found[name] for name in GEOMETRY], sort=False)
    theorem = found.slack == 1
    return pd.DataFrame(
        {
            "premises": of(theorem, found.telling_premises).sum(),
            "violations": of(theorem, violations(found)).sum(),
            "weaker": of(~theorem, violations(found)).sum(),
        }
    ).reset_index()


def violations(found: pd.DataFrame) -> pd.Series:
    """All that a row of counts has against its theorem, the dots above the paper's form included."""
    return found[["violations", "angle_violations", "bias_violations", "dots_above"]].sum(axis=1)


def agreement(table: pd.DataFrame, published: pd.DataFrame, value: str) -> pd.DataFrame:
    """How far our curves lie from the published ones, a row per over-realization.

    Both kinds of data and all sizes together.

    table       of :func:`over_epochs`.
    """
    keys = ["data", "over_realization", "samples"]
    read = published.assign(reading=reading_error(published, value))
    return distances(table, read, keys, value, ["over_realization"], seeds=PUBLISHED_SEEDS)


def reading_error(published: pd.DataFrame, value: str) -> np.ndarray:
    """Largest error of reading each published point of a column."""
    aware = np.where(published.over_realization == 1, AWARE_1X_READING, AWARE_READING)
    crowded = (published.data == "aware") & (published.samples <= LAST_CROWDED)
    return np.where(crowded & (value == "mean_best_correlation"), aware, READING)


def interpolating(runs: pd.DataFrame, largest: float) -> pd.DataFrame:
    """The students whose training loss is at most ``largest`` at the last epoch, one row each."""
    return runs[(runs.epoch == runs.epoch.max()) & (runs.train_loss <= largest)]


def specialized_over_others(students: pd.DataFrame, least: float, below: float) -> pd.Series:
    """Geometric mean of evaluation losses where the correlation is >= ``least``, over that where < ``below``.

    returns     a ratio per seed that has students of both kinds.
    """
    rho = students.mean_best_correlation
    kind = pd.Series(np.select([rho >= least, rho < below], ["specialized", "other"], ""), students.index)
    logs = np.log(students.eval_loss).groupby([students.seed, kind]).mean().unstack()
    return np.exp(logs.specialized - logs.other).dropna()
