"""Where students specialize: the samples, angles and gradients at which a level is crossed, and exponents.

N* is the number of samples at which the mean over seeds of the mean best-student correlation reaches a level,
interpolated in log N. It and what is made of it are functions of mean curves: their intervals are the
jackknife's.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from companion.pages.statistics import jackknife_interval, mean_interval

FOUND = 0.2  # sine below which a teacher node counts as found
BOUND = {"input_dim": 3.0, "nodes": 2.5, "sine": 1.0}  # the paper's exponents of N in d, K and 1 / epsilon
LEVEL_BOUND = {"input_dim": -0.5, "nodes": -1.5, "sine": 1.0}  # and of the gradient in d, K and epsilon
Places = Mapping[tuple, float]  # from combinations of settings to N*


def at_the_end(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last epoch."""
    return table[table.epoch == table.epoch.max()]


def along(table: pd.DataFrame, quantity: str, centre: Mapping[str, float]) -> pd.DataFrame:
    """The rows in which one quantity is varied: the others have their values of ``centre``."""
    others = [name for name in centre if name != quantity]
    return table[(table[others] == pd.Series(centre)[others]).all(axis=1)]


def crossing(samples: np.ndarray, values: np.ndarray, level: float) -> float:
    """First number of samples at which a curve reaches a level, interpolated in its logarithm.

    samples     in increasing order.
    returns     the smallest number where that is enough already; NaN where none is.
    """
    reached = values >= level
    first = int(reached.argmax())
    if not reached[first]:
        return math.nan
    if first == 0:
        return float(samples[0])
    part = (level - values[first - 1]) / (values[first] - values[first - 1])
    return float(samples[first - 1] * (samples[first] / samples[first - 1]) ** part)


def needed(runs: pd.DataFrame, by: Sequence[str], level: float) -> pd.DataFrame:
    """N* with its interval: one row per combination of ``by``, as value, low and high.

    smallest    whether the fewest samples tried reach the level: N* may lie below.
    """
    rows = []
    for place, group in runs.groupby(list(by)):
        found = _exp(_of_places(group, by, level, lambda stars: math.log(*stars.values())))
        smallest = math.isclose(found["value"], group.samples.min())
        rows.append(dict(zip(by, place)) | found | {"smallest": smallest})
    return pd.DataFrame(rows)


def needed_along(runs: pd.DataFrame, centre: Mapping[str, float], level: float) -> dict[str, pd.DataFrame]:
    """N* of every kind of data along each quantity of ``centre``, a table per quantity.

    bound       of that table: K^{5/2} d^3, to which the paper's bound on the samples is proportional.
    """
    tables = {}
    for quantity in centre:
        table = needed(along(runs, quantity, centre), ["data", quantity], level)
        at = dict(centre, **{quantity: table[quantity].astype(float)})
        nodes = at["teacher_width"] * (1 + at["over_realization"])
        tables[quantity] = table.assign(bound=nodes ** BOUND["nodes"] * at["input_dim"] ** BOUND["input_dim"])
    return tables


def exponent(runs: pd.DataFrame, quantity: str, level: float) -> dict:
    """Exponent of N* in a quantity along which ``runs`` of one kind lie: slope of log N* by least squares."""
    return _of_places(
        runs, [quantity], level, lambda stars: _slope([size for (size,) in stars], stars.values())
    )


def ratio(runs: pd.DataFrame, column: str, one: object, other: object, level: float, by: str) -> dict:
    """N* where ``column`` is ``one`` over that where it is ``other``: geometric mean over all ``by``."""

    def log_ratio(stars: Places) -> float:
        return float(np.mean([math.log(stars[one, at] / stars[other, at]) for at in runs[by].unique()]))

    return _exp(_of_places(runs[runs[column].isin([one, other])], [column, by], level, log_ratio))


def _of_places(
    runs: pd.DataFrame, by: Sequence[str], level: float, statistic: Callable[[Places], float]
) -> dict:
    """A function of N* at every combination of ``by``, with its interval; all places have the same seeds."""
    points = runs.pivot_table(index=[*by, "samples"], columns="seed", values="mean_best_correlation")
    samples = points.index.get_level_values("samples").to_numpy()
    places = points.groupby(list(by), sort=True).indices
    keyed = {place if isinstance(place, tuple) else (place,): at for place, at in places.items()}

    def of_seeds(chosen: np.ndarray) -> float:
        mean = chosen.mean(0)
        return statistic({place: crossing(samples[at], mean[at], level) for place, at in keyed.items()})

    return jackknife_interval(points.to_numpy().T, of_seeds)


def _exp(found: dict) -> dict:
    return {name: math.exp(end) for name, end in found.items()}


def _slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Exponent of y in x: least squares on logarithms; NaN where a y is."""
    log_x, log_y = np.log(list(x)), np.log(list(y))
    centred = log_x - log_x.mean()
    return float(centred @ log_y / (centred @ centred))


def plateau(runs: pd.DataFrame, fewest: int, most: int) -> pd.DataFrame:
    """Height of the plateau of teacher-aware data, a row per teacher width and seed.

    Mean of the mean best-student correlation over sets of ``fewest`` to ``most`` triples per teacher node.
    """
    triples = runs.samples / (3 * runs.teacher_width)
    flat = runs[triples.between(fewest, most)]
    return flat.groupby(["teacher_width", "seed"]).mean_best_correlation.mean().reset_index()


def median_sines(nodes: pd.DataFrame) -> pd.DataFrame:
    """Sine of the median teacher node, a row per network and epoch."""
    keys = ["input_dim", "teacher_width", "polarity", "samples", "seed", "epoch"]
    return nodes.groupby(keys).sine.median().reset_index()


def samples_for_sine(sines: pd.DataFrame, sine: float) -> dict:
    """N* for a sine: where the geometric mean over seeds of the median node's sine falls to it."""
    points = np.log(sines.pivot_table(index="samples", columns="seed", values="sine"))
    samples = points.index.to_numpy()
    reach = lambda chosen: math.log(crossing(samples, -chosen.mean(0), -math.log(sine)))
    return _exp(jackknife_interval(points.to_numpy().T, reach))


def exponent_in_sine(sines: pd.DataFrame, levels: Sequence[float]) -> dict:
    """Exponent of N* in one over the sine that is asked for."""
    points = np.log(sines.pivot_table(index="samples", columns="seed", values="sine"))
    samples = points.index.to_numpy()

    def slope(chosen: np.ndarray) -> float:
        mean = -chosen.mean(0)
        stars = [crossing(samples, mean, -math.log(level)) for level in levels]
        return _slope([1 / level for level in levels], stars)

    return jackknife_interval(points.to_numpy().T, slope)


def gradient_levels(runs: pd.DataFrame, nodes: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """The largest gradient at which the sine stays at or below a level: a row per network, node and level.

    gradient    the smallest max|g| / max_k |alpha_kj| that was seen with a larger sine: below it there is
                none. 0 for a node whose sine is never so small.
    """
    network = ["input_dim", "teacher_width", "polarity", "samples", "seed"]
    seen = nodes.merge(runs[[*network, "epoch", "max_gradient"]], on=[*network, "epoch"])
    seen = seen.assign(gradient=seen.max_gradient / seen.overlap)
    parts = []
    for level in levels:
        smallest = seen[seen.sine > level].groupby([*network, "teacher"]).gradient.min()
        reached = seen.groupby([*network, "teacher"]).sine.min() <= level
        parts.append(smallest.where(reached, 0.0).rename("gradient").reset_index().assign(level=level))
    return pd.concat(parts, ignore_index=True)


def gradient_exponent(table: pd.DataFrame, quantity: str) -> dict:
    """Exponent of the gradient level in a quantity: a slope per seed, of the median over nodes.

    returns     NaN where half of the nodes of a seed are never found.
    """
    medians = table.groupby(["seed", quantity]).gradient.median().unstack()
    return mean_interval([_slope(row.index, row.where(row > 0)) for _, row in medians.iterrows()])


def found_at(runs: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """The gradient at which each teacher node is found for good, and its overlap at the end.

    A node is found at the first look from which on its sine is at most FOUND; one that never is has no row.
    """
    network = ["input_dim", "teacher_width", "polarity", "samples", "seed"]
    seen = nodes.merge(runs[[*network, "epoch", "max_gradient"]], on=[*network, "epoch"])
    node = [*network, "teacher"]
    last_lost = seen[seen.sine > FOUND].groupby(node).epoch.max().rename("lost").reset_index()
    after = (
        seen.merge(last_lost, on=node, how="left").query("epoch > lost or lost.isna()").sort_values("epoch")
    )
    first = after.groupby(node).max_gradient.first()
    return after.groupby(node).overlap.last().to_frame().join(first).reset_index()


def slopes(table: pd.DataFrame, x: str, y: str) -> list[float]:
    """Exponent of y in x among the rows of each seed; a seed with fewer than two rows has none."""
    return [_slope(rows[x], rows[y]) for _, rows in table.groupby("seed") if len(rows) > 1]
