"""Numbers over seeds with their intervals, in the form that claims take."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd


def interval(
    values: Sequence[float],
    statistic: Callable = np.mean,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
) -> tuple[float, float, float]:
    """Statistic of one value per seed, with its percentile bootstrap interval: (value, low, high).

    statistic   takes an array and ``axis``, like ``np.mean``.
    returns     NaN for the ends with a single value, NaN throughout with none or with a NaN among them.
    raises      ValueError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    data = np.asarray(values, dtype=float).ravel()
    if not data.size or np.isnan(data).any():
        return math.nan, math.nan, math.nan
    value = float(statistic(data, axis=0))
    if data.size == 1:
        return value, math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(0, data.size, (resamples, data.size))
    low, high = np.quantile(statistic(data[drawn], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return value, min(float(low), value), max(float(high), value)


def measured(per_seed: pd.Series) -> dict:
    """The mean of one number per seed with its interval, as a Claim takes them."""
    return dict(zip(("value", "low", "high"), interval(per_seed)))


def distance(table: pd.DataFrame, published: pd.DataFrame, keys: list[str], value: str) -> dict:
    """Mean over published points of |mean over seeds - published|, with its interval, as a Claim takes them.

    Seeds are resampled together. The interval sits high: resampling adds scatter, which adds to a distance.
    """
    ours = table.pivot_table(index=keys, columns="seed", values=value)
    all_points = published.set_index(keys)[value].dropna()
    points = all_points[all_points.index.isin(ours.index)]
    runs = ours.loc[points.index].T.to_numpy()  # (seed, point)

    def from_published(index: np.ndarray, axis: int) -> np.ndarray:
        return np.abs(np.nanmean(runs[index.astype(int)], axis=axis) - points.to_numpy()).mean(axis=-1)

    note = f"{len(points)} of {len(all_points)} published points, {len(runs)} seeds"
    return dict(zip(("value", "low", "high"), interval(np.arange(len(runs)), from_published)), note=note)
