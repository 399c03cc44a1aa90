"""Numbers over seeds with their 95 % intervals, in the form that claims take.

Which interval a number gets is settled by what it is, before anyone looks at it:

====================================================  ==================================================
a mean over seeds                                     :func:`mean_interval`, Student's t
a positive quantity (loss, ratio, time)               the same with ``scale="log"``: a geometric mean
a correlation                                         the same with ``scale="correlation"``: Fisher's z
a share of independent trials, such as seeds          :func:`share_interval`, Clopper and Pearson
a distance from a published curve                     :func:`distances`, beside what sampling alone gives;
                                                      its bar is :func:`replica_bar` of :func:`multiples`
a smooth function of mean curves, such as a slope     :func:`jackknife_interval`, over the seeds of all
anything else (medians, shares of pairs)              :func:`bca_interval`, with its simulated coverage
a count or an identity, which no seed moves           :func:`exact`
====================================================  ==================================================

An interval is a dict of ``value``, ``low`` and ``high``; NaN where nothing could be measured.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

# scipy is imported where it is used: a page that draws nothing anew does not wait for it
LEVEL = 0.95
AT_ONCE = 100  # pairs of reproductions that are drawn together
SCALES: dict[str, tuple[Callable, Callable, float, float]] = {  # to the scale, back, range of the values
    "linear": (lambda x: x, lambda y: y, -math.inf, math.inf),
    "log": (np.log, np.exp, 0.0, math.inf),
    "correlation": (np.arctanh, np.tanh, -1.0, 1.0),
}


def exact(number: float) -> dict:
    """A number that no seed moves."""
    return {"value": float(number), "low": float(number), "high": float(number)}


def mean_interval(
    values: Sequence[float] | pd.Series, scale: Literal["linear", "log", "correlation"] = "linear"
) -> dict:
    """Mean of one value per seed with its interval by Student's t, taken on a scale and carried back.

    scale       "log": geometric mean of positive values; "correlation": mean of Fisher's z.
    returns     NaN for the ends with one value or a value at the end of its scale (a loss of 0, a
                correlation of 1: infinitely far out); NaN throughout with no value or a NaN among them.
    raises      ValueError for a scale that is not there, or a value outside of it.
    """
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    to_scale, back, lowest, highest = SCALES[scale]
    data = np.asarray(values, dtype=float).ravel()
    if ((data < lowest) | (data > highest)).any():
        found = f"got {data.min():g} to {data.max():g}"
        raise ValueError(f"values on the {scale} scale lie in [{lowest:g}, {highest:g}], {found}")
    if not data.size or np.isnan(data).any():
        return exact(math.nan)
    with np.errstate(divide="ignore"):
        scaled = to_scale(data)
    value = scaled.mean()
    if data.size == 1 or not np.isfinite(scaled).all():
        return {"value": float(back(value)), "low": math.nan, "high": math.nan}
    half = student_t(data.size) * scaled.std(ddof=1) / math.sqrt(data.size)
    return {name: float(back(end)) for name, end in zip(("value", "low", "high"), value + half * SIGNS)}


SIGNS = np.array([0.0, -1.0, 1.0])


def within(interval: Mapping[str, float], low: float = -math.inf, high: float = math.inf) -> dict:
    """An interval, its ends cut to the range of what it is about, which Student's t does not know."""
    return dict(interval) | {end: float(np.clip(interval[end], low, high)) for end in ("low", "high")}


def student_t(size: int) -> float:
    """How many standard errors the interval reaches to both sides of a mean of ``size`` values."""
    from scipy.special import stdtrit

    return float(stdtrit(size - 1, (1 + LEVEL) / 2))


def rank_correlation(one: pd.Series, other: pd.Series) -> float:
    """Spearman's correlation of two columns, ties averaged, of rows that have both; in [-1, 1], or NaN."""
    # pandas' own waits for the import of scipy.stats
    return pd.DataFrame({"one": one, "other": other}).dropna().rank().corr().loc["one", "other"]


def share_interval(successes: int, trials: int) -> dict:
    """Share of independent trials with its exact interval (Clopper and Pearson): 5 of 5 is 1 [.48, 1].

    returns     NaN with no trial.
    raises      ValueError unless 0 <= successes <= trials.
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= trials:
        raise ValueError(f"successes must lie in 0 to {trials} trials, got {successes}")
    if not trials:
        return exact(math.nan)
    tail, failures = (1 - LEVEL) / 2, trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return {"value": successes / trials, "low": float(low), "high": float(high)}


def bca_interval(values: Sequence[float], statistic: Callable, resamples: int = 2000) -> dict:
    """A statistic of one value per seed with its BCa bootstrap interval: only where no other interval exists.

    statistic   takes an array and ``axis``, like ``np.median``.
    returns     the interval, and a ``note`` with the coverage that it has for the mean of as many normal
                values, whatever the statistic; NaN for the ends where the bootstrap gives none, NaN
                throughout with no value or a NaN among them.
    """
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=float).ravel()
    if not data.size or np.isnan(data).any():
        return exact(math.nan)
    value = float(statistic(data, axis=0))
    if np.ptp(data) == 0:  # nothing to resample
        return {"value": value, "low": math.nan, "high": math.nan}
    with warnings.catch_warnings(action="ignore"):  # it warns where it gives NaN
        found = bootstrap(
            (data,), statistic, n_resamples=resamples, confidence_level=LEVEL, method="BCa", rng=0
        )
    low, high = map(float, found.confidence_interval)
    if not low <= value <= high:  # the share of resamples below the value was 0 or 1
        low = high = math.nan
    note = f"BCa bootstrap over {data.size} seeds, which covers {bca_coverage(data.size):.0%} of normal means"
    return {"value": value, "low": low, "high": high, "note": note}


@cache
def bca_coverage(size: int, trials: int = 500, resamples: int = 500) -> float:
    """How often the BCa interval of the mean of ``size`` normal values holds the true mean, by simulation."""
    from scipy.stats import bootstrap

    data = np.random.default_rng(size).normal(size=(trials, size))
    found = bootstrap(
        (data,), np.mean, axis=-1, n_resamples=resamples, confidence_level=LEVEL, method="BCa", rng=0
    )
    low, high = found.confidence_interval
    return float(np.mean((low <= 0) & (high >= 0)))


def jackknife_interval(runs: np.ndarray, statistic: Callable[[np.ndarray], float]) -> dict:
    """A smooth function of all seeds together, such as a slope of mean curves, with Student's t about it.

    runs        ``(seed, ...)``; the standard error is the jackknife's, each seed left out once.
    statistic   takes such an array of any number of seeds; NaN where it cannot say.
    returns     NaN for the ends where it cannot say without some seed, or there is only one.
    """
    size, value = len(runs), statistic(runs)
    if size < 2:
        return {"value": float(value), "low": math.nan, "high": math.nan}
    without = np.array([statistic(np.delete(runs, seed, axis=0)) for seed in range(size)])
    # about the value, not about their own mean: that counts its bias as error, and few seeds need it
    error = np.sqrt((size - 1) * np.mean((without - value) ** 2))
    half = student_t(size) * error
    return {"value": float(value), "low": float(value - half), "high": float(value + half)}


def distances(
    table: pd.DataFrame,
    published: pd.DataFrame,
    keys: Sequence[str],
    value: str,
    by: Sequence[str],
    seeds: int,
    shares: bool = False,
) -> pd.DataFrame:
    """How far our mean curves lie from published ones, beside the distance that sampling alone would give.

    Were both means over seeds of the same networks, a point of the curves would differ by chance: by the
    spread between seeds, as of ours, over the root of both numbers of seeds, and by the reading error.

    table       one value per seed and point; a point is a combination of ``keys``.
    published   one value per point; its column ``reading``, if any, is the largest error of a reading.
    by          the keys that tell one curve from another; seeds: of the published means.
    shares      the values are 0 or 1: the spread is that of the pooled share, and points where both curves
                are saturated (0 or 1 throughout) tell nothing and are left out.
    returns     a row per curve: points, of_points (published ones), distance and sampling (means of the
                absolute difference), ratio with low and high, largest and largest_sampling (of the points).
                The interval of the ratio is the jackknife's over our seeds, by Student's t on a log scale.
    raises      ValueError for fewer than 3 seeds of ours.
    """
    points, ours, theirs, reading = _paired(table, published, keys, value)
    of_points = published.dropna(subset=[value]).groupby(list(by)).size()
    if shares:
        told = _told(ours, theirs)
        points, ours, theirs, reading = points[told], ours[:, told], theirs[told], reading[told]
    rows = []
    places = points.reset_index().groupby(list(by), sort=True).indices
    for curve, at in places.items():
        here = ours[:, at], theirs[at], seeds, reading[at], shares
        apart, chance = _apart(*here)
        rows.append(
            dict(zip(by, curve if isinstance(curve, tuple) else (curve,)))
            | {"points": len(at), "of_points": int(of_points[curve])}
            | {"distance": apart.mean(), "sampling": chance.mean()}
            | _ratio(*here)
            | {"largest": apart.max(), "largest_sampling": _largest(*here)}
        )
    return pd.DataFrame(rows)


def multiples(
    table: pd.DataFrame,
    published: pd.DataFrame,
    keys: Sequence[str],
    value: str,
    by: Sequence[str],
    seeds: int,
    shares: bool = False,
    pairs: int = 1000,
) -> np.ndarray:
    """Largest ratio of :func:`distances` of any curve, for faithful reproductions: ``pairs`` values, sorted.

    Both sides of a pair are drawn from our seeds, as many as either side has, the published one with its
    reading errors: normal values with the means and covariances of our seeds, or, for ``shares``, our seeds
    themselves, drawn with replacement. The published numbers are not looked at. Arguments as there.
    """
    points, ours, _, reading = _paired(table, published, keys, value)
    curves = points.reset_index().groupby(list(by)).indices.values()
    rng, size, mean = np.random.default_rng(0), len(ours), ours.mean(0)
    centred = (ours - mean) / math.sqrt(size - 1)

    def draw(number: int) -> np.ndarray:
        """``(pair, number, point)``"""
        if shares:
            return ours[rng.integers(size, size=(AT_ONCE, number))]
        return mean + rng.normal(size=(AT_ONCE, number, size)) @ centred

    def largest() -> np.ndarray:
        one = draw(size)
        other = draw(seeds).mean(1) + rng.uniform(-reading, reading, (AT_ONCE, len(mean)))
        sides = np.stack(_apart(one, other, seeds, reading, shares)) * (_told(one, other) if shares else 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.max([np.divide(*sides[..., at].sum(-1)) for at in curves], axis=0)

    return np.sort(np.concatenate([largest() for _ in range(pairs // AT_ONCE)]))


def replica_bar(faithful: np.ndarray) -> float:
    """The bar of every claim that ours lie on published curves, from :func:`multiples`.

    The multiple of what sampling alone gives that 95 % of faithful reproductions stay below.
    """
    return round(float(np.quantile(faithful, LEVEL)), 2)


# of the claims whose bar :func:`near` gives
RULE = (
    "the bar was an absolute distance, then a multiple chosen with the data in view; now it is the multiple "
    "that 95 % of faithful reproductions, drawn from our seeds alone, stay below"
)


def near(measured: Callable[[Callable], Any], points: str = "published points") -> dict:
    """Value, interval, bar and note of a claim that ours lie on published curves.

    measured    calls what it is given, :func:`distances` or :func:`multiples`, with the tables of the claim.
    """
    found, faithful = measured(distances), measured(multiples)
    far = worst(found)
    as_far = f"{np.mean(faithful >= far['value']):.1%} of faithful reproductions are as far off"
    return far | {"at_most": replica_bar(faithful), "note": f"{in_words(found, points)}; {as_far}"}


def worst(found: pd.DataFrame) -> dict:
    """The largest ratio of :func:`distances`, as a claim about *every* curve takes it.

    Each end is the largest of the ends, so the interval lies below a bar exactly when that of every curve
    does: a claim that holds so errs no more often than one about a single curve. It lies above the bar when
    that of any curve does: a claim that fails so may err as many times as often as there are curves. A curve
    whose ratio has no interval may lie anywhere above.
    """
    value, low, high = found[["ratio", "low", "high"]].max()
    return {"value": value, "low": low, "high": math.inf if found.high.isna().any() else high}


def in_words(found: pd.DataFrame, points: str = "published points") -> str:
    """What :func:`distances` found, for the note of a claim: points, mean and largest distances.

    The largest is that of the row where it is most out of proportion to what sampling alone gives there.
    """
    mean = lambda column: np.average(found[column], weights=found.points)
    rows = "1 group" if len(found) == 1 else f"{len(found)} groups"
    worst_row = found.iloc[(found.largest / found.largest_sampling).fillna(0).argmax()]
    return (
        f"{found.points.sum()} of {found.of_points.sum()} {points} in {rows}; "
        f"mean distance {mean('distance'):.2g}, by sampling alone {mean('sampling'):.2g}; "
        f"largest of the worst group {worst_row.largest:.2g}, "
        f"by sampling alone {worst_row.largest_sampling:.2g}"
    )


def swapped(table: pd.DataFrame, column: str, one: float, other: float) -> pd.DataFrame:
    """A table with two curves under each other's name: what a wrong curve looks like."""
    return table.assign(**{column: table[column].replace({one: other, other: one})})


def _paired(
    table: pd.DataFrame, published: pd.DataFrame, keys: Sequence[str], value: str
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Published points that we have; ours ``(seed, point)``, theirs and reading errors ``(point,)``."""
    runs = table.pivot_table(index=list(keys), columns="seed", values=value)
    if runs.shape[1] < 3:
        raise ValueError(f"a distance needs at least 3 seeds, got {runs.shape[1]}")
    points = published.dropna(subset=[value]).set_index(list(keys))
    points = points[points.index.isin(runs.index)]
    reading = points.reading.to_numpy() if "reading" in points else np.zeros(len(points))
    return points, runs.loc[points.index].to_numpy().T, points[value].to_numpy(), reading


def _told(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Points of shares that are not 0 on both sides or 1 on both."""
    total = ours.mean(-2) + theirs
    return (total > 0) & (total < 2)


def _apart(
    ours: np.ndarray, theirs: np.ndarray, seeds: int, reading: np.ndarray, shares: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Per point of curves ``(…, seed, point)`` and ``(…, point)``: |difference|, and by sampling alone."""
    size, mean = ours.shape[-2], ours.mean(-2)
    if shares:
        pooled = (size * mean + seeds * theirs) / (size + seeds)
        spread = np.sqrt(pooled * (1 - pooled))
    else:
        spread = ours.std(-2, ddof=1) / _unbiased(size)
    sampling = np.sqrt(spread**2 * (1 / size + 1 / seeds) + reading**2 / 3)  # a reading error is uniform
    return np.abs(mean - theirs), math.sqrt(2 / math.pi) * sampling


def _unbiased(size: int) -> float:
    """Mean of the standard deviation of ``size`` normal values, in units of the true one."""
    return math.sqrt(2 / (size - 1)) * math.exp(math.lgamma(size / 2) - math.lgamma((size - 1) / 2))


def _ratio(ours: np.ndarray, *rest) -> dict:
    """Mean distance over mean distance by sampling alone; no interval where either of them is 0."""

    def log_ratio(runs: np.ndarray) -> float:
        apart, chance = _apart(runs, *rest)
        return np.log(apart.mean() / chance.mean())

    with np.errstate(divide="ignore", invalid="ignore"):
        found = jackknife_interval(ours, log_ratio)
    return {name: float(np.exp(end)) for name, end in zip(("ratio", "low", "high"), found.values())}


def _largest(ours: np.ndarray, *rest, draws: int = 1000) -> float:
    """Mean over draws of the largest distance of a point that sampling alone would give.

    Points differ together as they do between our seeds; one where our seeds agree differs on its own.
    """
    rng, size = np.random.default_rng(0), len(ours)
    _, chance = _apart(ours, *rest)
    centred, spread = ours - ours.mean(0), ours.std(0)
    together = rng.normal(size=(draws, size)) @ (centred / np.where(spread > 0, spread, 1)) / math.sqrt(size)
    alone = rng.normal(size=together.shape)
    drawn = np.abs(np.where(spread > 0, together, alone)) * chance * math.sqrt(math.pi / 2)
    return float(drawn.max(1).mean())
