"""What the chapter's tables say: premises and violations of theorems; aware against random data; thresholds.

N* is the number of samples at which the mean over seeds of the mean best-student correlation reaches a level,
interpolated in log N. It and what is made of it are functions of mean curves: their intervals are the
jackknife's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# in a room of their own, since cells count with them: a cell that read this room would change with its tables
from companion.chapters.finite_data.premises import counts as counts
from companion.chapters.finite_data.premises import scatter as scatter
from companion.pages.statistics import distances, jackknife_interval, mean_interval

# of the sample-complexity figure; largest errors of reading it, as its README names them
PUBLISHED_SEEDS = 32
READING, AWARE_READING, AWARE_1X_READING = 0.002, 0.005, 0.01
LAST_CROWDED = 195  # samples up to which the aware correlations are read less well
# Mean best-student correlations that N* asks for, fixed before the sweeps. An affine node, which has no
# boundary, reaches .856, and the released teacher-aware recipe stays at a plateau near .95 (d = 100, m = 5,
# n / m = 2, the published sweep): LEVEL lies between them. Wider teachers have a lower plateau (.8 for m = 20
# in a first trial of four seeds), so a second level lies below it.
LEVEL, LOWER_LEVEL = 0.9, 0.75
FOUND = 0.2  # sine below which a teacher node counts as found
BOUND = {"input_dim": 3.0, "nodes": 2.5, "sine": 1.0}  # the paper's exponents of N in d, K and 1 / epsilon
LEVEL_BOUND = {"level": 1.0, "nodes": -1.5, "input_dim": -0.5}  # and of the gradient in epsilon, K and d
SINES = (0.2, 0.1, 0.05, 0.02, 0.01)  # that are asked for
MIDDLE = 0.1  # the one at which K and d are varied
Places = Mapping[tuple, float]  # from combinations of settings to N*


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


VIOLATIONS = ["violations", "angle_violations", "bias_violations"]


def violations(found: pd.DataFrame) -> pd.Series:
    """All that a row of counts has against its theorem, the dots above the paper's form included."""
    return found[[*VIOLATIONS, "dots_above"]].sum(axis=1)


def law_premises(found: pd.DataFrame) -> pd.DataFrame:
    """One row per law of the inputs: true premises, and those with a bound below 1, of both theorems.

    found       ``counts`` of the sweep of laws.
    returns     eta_aware and eta_agnostic, in units of the Gaussian's; violations of any conclusion,
                ``weaker`` of the premise that asks less of the gradient, and ``gaussian`` of bounds with the
                Gaussian's eta.
    """
    found = found.assign(found=found[VIOLATIONS].sum(axis=1), eta=found.eta / found.eta_gaussian)
    own, theorem = found.eta_of == "law", found.slack == 1
    of = lambda rows, value: found[rows].groupby("law", sort=False)[value].sum()
    table = pd.DataFrame(
        {
            "premises": of(own & theorem, "premises"),
            "below_1": of(own & theorem, "telling_premises"),
            "violations": of(own & theorem, "found"),
            "weaker": of(own & ~theorem, "found"),
            "gaussian": of(~own & theorem, "found"),
        }
    )
    eta = found.pivot_table(index="law", columns="kind", values="eta").add_prefix("eta_")
    return eta[["eta_aware", "eta_agnostic"]].join(table).loc[table.index]


def agreement(table: pd.DataFrame, published: pd.DataFrame, value: str, measure: Callable = distances) -> Any:
    """How far our curves lie from the published ones, a row per over-realization.

    Both kinds of data and all sizes together.

    table       of :func:`over_epochs`.
    measure     may be another one of :mod:`statistics` with the arguments of ``distances``.
    """
    keys = ["data", "over_realization", "samples"]
    read = published.assign(reading=reading_error(published, value))
    return measure(table, read, keys, value, ["over_realization"], seeds=PUBLISHED_SEEDS)


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


def at_the_end(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last epoch."""
    return table[table.epoch == table.epoch.max()]


def centre(spec: Mapping[str, Any]) -> dict[str, float]:
    """What a sweep of samples needed varies, with its value where it is not varied.

    spec        of the stored sweep.
    """
    return {name: spec[name] for name in ("input_dim", "teacher_width", "over_realization")}


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
        found = _exp(_of_places(group, by, level, lambda stars: math.log(*list(stars.values()))))
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
        runs, [quantity], level, lambda stars: _slope([size for (size,) in stars], list(stars.values()))
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


def augmented(runs: pd.DataFrame) -> pd.DataFrame:
    """Random data and the agnostic augmentation at the input dimensions of the latter, Gaussian inputs."""
    dims = runs[runs.data == "agnostic"].input_dim
    return runs[runs.input_dim.isin(dims) & (runs.law == "gaussian")]


def of_laws(runs: pd.DataFrame) -> pd.DataFrame:
    """Random data at the input dimension where the laws are compared."""
    d = runs[runs.law != "gaussian"].input_dim.iloc[0]
    return runs[(runs.data == "random") & (runs.input_dim == d)]


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


def level_lines(runs: pd.DataFrame, nodes: pd.DataFrame, spec: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Gradient levels of equal teacher nodes along the level, the number of nodes, and the input dimension.

    spec        of the stored sweep: K and d are varied at N = factor d and at the level MIDDLE.
    """
    equal = lambda table: table[table.polarity == spec["polarities"][0]]
    levels = gradient_levels(equal(runs), equal(nodes), SINES)
    levels = levels[levels.samples == (spec["factor"] * levels.input_dim).round()]
    levels = levels.assign(nodes=levels.teacher_width * (1 + spec["over_realization"]))
    here, there = (levels[name] == spec[name] for name in ("input_dim", "teacher_width"))
    middle = levels.level == MIDDLE
    return {
        "level": levels[here & there],
        "nodes": levels[here & middle],
        "input_dim": levels[there & middle],
    }


def sine_line(nodes: pd.DataFrame, spec: Mapping[str, Any]) -> pd.DataFrame:
    """Sines of the median of equal teacher nodes along the number of samples, at every look."""
    names = {"polarity": spec["polarities"][0]} | {n: spec[n] for n in ("input_dim", "teacher_width")}
    return median_sines(nodes[(nodes[list(names)] == pd.Series(names)).all(axis=1)])


def gradient_exponent(table: pd.DataFrame, quantity: str) -> dict:
    """Exponent of the gradient level in a quantity: a slope per seed, of the median over nodes.

    Places at which half of the nodes of a seed are never found have no level, and do not count for that seed.
    """
    medians = table.groupby(["seed", quantity]).gradient.median()
    found = [row.droplevel("seed") for _, row in medians[medians > 0].groupby("seed")]
    return mean_interval([_slope(row.index, row) for row in found if len(row) > 1])


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
