"""What the multi-layer experiment's tables say: last epochs, which layer is first, both means by size."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from companion.pages.statistics import distances

RUN = ["seed", "depth", "samples", "loss", "over_realization"]
PUBLISHED_SEEDS, RELEASED_SEEDS = 10, 1
READING = 0.002  # largest error of reading a published correlation from its figure
PRINTED = "Nov 18"  # the published series whose numbers are printed
MATCHED, UNMATCHED = 0.95, 0.8  # best-teacher correlations above and below which a student node is so called


def last(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last epoch."""
    return table[table.epoch == table.groupby(RUN).epoch.transform("max")]


def final_by(layers: pd.DataFrame, key: str, of: Sequence[int] | None = (1,)) -> pd.DataFrame:
    """Teacher-mean correlation at the last epoch of the worst of some layers (None: of all).

    returns     a row per seed, a column per value of ``key``.
    """
    kept = last(layers)
    kept = kept if of is None else kept[kept.layer.isin(of)]
    return kept.pivot_table(index="seed", columns=key, values="mean_best_correlation", aggfunc="min")


def first_reached(layers: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """First evaluated epoch with each layer's teacher-mean correlation above ``threshold``; else infinity.

    columns     keys of a run, and one column per layer.
    """
    reached = layers.epoch.where(layers.mean_best_correlation > threshold).fillna(np.inf)
    return layers.assign(reached=reached).groupby([*RUN, "layer"]).reached.min().unstack()


def is_first(layers: pd.DataFrame, threshold: float, layer: int = 1) -> pd.Series:
    """Whether a layer gets above ``threshold`` before all others, per run: 1 or 0 (0 if never)."""
    reached = first_reached(layers, threshold)
    return (reached[layer] < reached.drop(columns=layer).min(axis=1)).astype(float)


def head_start(layers: pd.DataFrame, threshold: float, layer: int = 1) -> pd.Series:
    """Epochs that a layer takes to get above ``threshold`` over those of the first above it, per run.

    One that never gets there counts with the last epoch of the run, at epoch 0 with the first evaluation.
    """
    epochs = layers[layers.epoch > 0].groupby(RUN).epoch
    reached = first_reached(layers, threshold).clip(lower=epochs.min(), upper=epochs.max(), axis=0)
    above = [other for other in reached.columns if other > layer]
    return reached[layer] / reached[above].min(axis=1)


def by_size(layers: pd.DataFrame) -> pd.DataFrame:
    """Both means of the correlation at the last epoch, long: one row per run, layer and ``orientation``."""
    means = {"mean_best_correlation": "teacher mean", "mean_best_teacher": "student mean"}
    kept = last(layers)[[*RUN, "layer", *means]].rename(columns=means)
    return kept.melt([*RUN, "layer"], list(means.values()), "orientation", "correlation")


def agreement(
    layers: pd.DataFrame,
    published: pd.DataFrame,
    by: Sequence[str] = ("runs",),
    measure: Callable = distances,
) -> Any:
    """How far our correlations lie from the published ones of one loss and orientation: a row per curve.

    ``by`` says what is one curve: a series of published runs, or a layer or size of it. Of the curves of the
    over-realizations that we ran only our sizes are scored; the others count in ``of_points``. ``measure``
    may be another one of :mod:`statistics` with the arguments of ``distances``.
    """
    ours = by_size(layers).merge(published[["loss", "orientation"]].drop_duplicates())
    theirs = published[published.over_realization.isin(ours.over_realization)]
    theirs = theirs.assign(reading=np.where(theirs.runs == PRINTED, 0.0, READING))
    keys = ["over_realization", "samples", "layer"]
    return measure(ours, theirs, keys, "correlation", by, seeds=PUBLISHED_SEEDS)


def code_agreement(
    layers: pd.DataFrame,
    released: pd.DataFrame,
    by: Sequence[str] = ("samples",),
    measure: Callable = distances,
) -> Any:
    """The same for the runs of the released code and our mean curves, student means: a row per curve."""
    keys = ["samples", "epoch", "layer"]
    return measure(layers, released, keys, "mean_best_teacher", by, seeds=RELEASED_SEEDS)


def arms(students: pd.DataFrame) -> pd.DataFrame:
    """Student nodes with their ``arm`` (matched, unmatched or between) and ``contribution``.

    The contribution is the spread that a node's output gives the network's: root_beta times output_std. It
    keeps its value when a node's fan-in is scaled and its fan-out scaled back, which root_beta does not.
    """
    rho = students.best_correlation
    arm = np.select([rho > MATCHED, rho < UNMATCHED], ["matched", "unmatched"], "between")
    return students.assign(arm=arm, contribution=students.root_beta * students.output_std)


def floor_over_arm(students: pd.DataFrame, value: str) -> pd.Series:
    """Mean of a value over the unmatched nodes, over that of the matched ones: a ratio per seed with both."""
    means = arms(students).groupby(["seed", "arm"])[value].mean().unstack()
    return (means.unmatched / means.matched).dropna()


def separation(students: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Share of pairs of a matched and an unmatched node in which the matched one has the larger value.

    returns     a row per over_realization, epoch and layer with nodes of both kinds, a column per value.
    """

    def share(group: pd.DataFrame, value: str) -> float:
        matched, unmatched = (group[value][group.arm == arm].to_numpy() for arm in ("matched", "unmatched"))
        return np.mean(matched[:, None] > unmatched) if len(matched) and len(unmatched) else np.nan

    groups = arms(students).groupby(["over_realization", "epoch", "layer"])
    return (
        pd.DataFrame({value: {key: share(group, value) for key, group in groups} for value in values})
        .rename_axis(["over_realization", "epoch", "layer"])
        .dropna()
    )
