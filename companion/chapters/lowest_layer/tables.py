"""What the multi-layer experiment's tables say: last epochs, which layer is first, both means by size."""

import numpy as np
import pandas as pd

RUN = ["seed", "depth", "samples", "loss", "over_realization"]


def last(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last epoch."""
    return table[table.epoch == table.groupby(RUN).epoch.transform("max")]


def first_reached(layers: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """First evaluated epoch with each layer's teacher-mean correlation above ``threshold``; else infinity.

    columns     keys of a run, and one column per layer.
    """
    reached = layers.epoch.where(layers.mean_best_correlation > threshold).fillna(np.inf)
    return layers.assign(reached=reached).groupby([*RUN, "layer"]).reached.min().unstack()


def lowest_first(layers: pd.DataFrame, threshold: float) -> pd.Series:
    """Whether the lowest layer gets above ``threshold`` before all others, per run: 1 or 0 (0 if never)."""
    reached = first_reached(layers, threshold)
    return (reached[1] < reached.drop(columns=1).min(axis=1)).astype(float)


def by_size(layers: pd.DataFrame) -> pd.DataFrame:
    """Both means of the correlation at the last epoch, long: one row per run, layer and ``orientation``."""
    means = {"mean_best_correlation": "teacher mean", "mean_best_teacher": "student mean"}
    kept = last(layers)[[*RUN, "layer", *means]].rename(columns=means)
    return kept.melt([*RUN, "layer"], list(means.values()), "orientation", "correlation")
