"""What the numbers say: which levels are reached and how often, thresholds of the phase line."""

import numpy as np
import pandas as pd

from companion.chapters.copy_average.levels import level, one_neuron_norm, relu_level
from companion.pages.statistics import share_interval

SETTING = ["activation", "n", "k"]
DIGITS = 7  # of a level: two ends at the same one differ by less


def at_rest(runs: pd.DataFrame) -> pd.DataFrame:
    """Starts at rest, with ``best`` beside their loss: the level of one node for k - n + 1 teacher nodes.

    For erf it is that of the best copy-average student; ReLU has no such student.
    """
    found = runs[runs.status == "ok"]
    of = {"erf": level, "relu": relu_level}
    best = [of[name](k - n + 1) for name, n, k in zip(found.activation, found.n, found.k)]
    return found.assign(best=best)


def shares(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per activation, n, k, kind and level: starts, of all starts, and their share with its interval.

    Starts that are not at rest are rows of their status, without a level.
    """
    ended = runs.assign(
        kind=runs.kind.where(runs.status == "ok", runs.status),
        level=runs.loss.where(runs.status == "ok").round(DIGITS),
    )
    counts = ended.groupby([*SETTING, "kind", "level"], dropna=False).size().rename("starts").reset_index()
    counts["of"] = counts.groupby(SETTING).starts.transform("sum")
    found = [share_interval(some, of) for some, of in zip(counts.starts, counts.of)]
    return counts.join(pd.DataFrame(found, index=counts.index).rename(columns={"value": "share"}))


def short(runs: pd.DataFrame) -> pd.DataFrame:
    """Starts with ``short``: whether they end without the use of one of their nodes."""
    return runs.assign(short=(runs.status == "lost") | (runs.kind == "other"))


def next_level(n: int, k: int) -> float:
    """Level of the second best copy-average student: its groups are k - n and 2; NaN where there is none."""
    return level(k - n) + level(2) if n > 1 and k - n > 1 else float("nan")


def thresholds(phases: pd.DataFrame) -> pd.DataFrame:
    """Per k the widths at which copies become a minimum and the lower one, and copy-average ceases to be one.

    phases      table of that name of the cell PhaseLine.
    columns     minimum, lower: least n from which on it is so at all widths; ceases: least n at which the
                Hessian of the best copy-average student has a negative eigenvalue, k if there is none.
    """
    wide = phases.pivot(index=["k", "n"], columns="family", values=["level", "curvature"])
    rows = []
    for k, line in wide.groupby("k"):
        line = line.droplevel("k")
        minimum = line.curvature["copies"] > 0
        lower = minimum & (line.level["copies"] < line.level["copy-average"])
        saddle = line.curvature["copy-average"] < 0
        rows.append(
            dict(k=k, minimum=_from(minimum), lower=_from(lower))
            | dict(ceases=int(saddle.idxmax()) if saddle.any() else k)
        )
    return pd.DataFrame(rows).set_index("k")


def _from(holds: pd.Series) -> int:
    """Least width from which on it is so to the end; one beyond the last if never."""
    fails = holds.index[~holds]
    return int(fails.max() + 1 if len(fails) else holds.index.min())


def lowest(runs: pd.DataFrame) -> pd.DataFrame:
    """Lowest loss of each activation, n and k, and its ``ratio`` to best of :func:`at_rest`."""
    found = at_rest(runs).groupby(SETTING)[["loss", "best"]].min().reset_index()
    return found.assign(ratio=found.loss / found.best)


def shapes(nodes: pd.DataFrame) -> pd.DataFrame:
    """The different nodes of erf students at rest: a row per n, k, kind and shape (to three digits).

    columns     part (copy, average), angle (to the nearest teacher node, degrees), length, outgoing (size).
    """
    erf = nodes[(nodes.activation == "erf") & (nodes.kind != "other")]
    cosine = (erf["first"] / erf.norm).clip(upper=1)
    found = erf[["n", "k", "kind"]].assign(
        part=np.where(erf.second > erf["first"] / 2, "average", "copy"),
        angle=np.degrees(np.arccos(cosine)).round(1),
        length=erf.norm.round(3),
        outgoing=erf.outgoing.abs().round(3),
    )
    return found.drop_duplicates().sort_values(["k", "n", "kind"]).reset_index(drop=True)


def predicted(phases: pd.DataFrame) -> pd.DataFrame:
    """The same columns in closed form (the average) and from the symmetric family (copies only)."""
    copy = phases[phases.family == "copies"]
    size = copy.k - copy.n + 1
    average = pd.DataFrame(
        dict(angle=np.degrees(np.arccos(1 / np.sqrt(size))), length=size.map(one_neuron_norm), outgoing=size)
    )
    copies = pd.DataFrame(
        dict(angle=np.degrees(np.arccos(copy.own / copy.norm)), length=copy.norm, outgoing=copy.outgoing)
    )
    of = lambda table, kind, part: table.assign(n=copy.n, k=copy.k, kind=kind, part=part)
    return pd.concat(
        [of(average, "copy-average", "average"), of(copies, "copies", "copy")], ignore_index=True
    )


def with_live(stored: pd.DataFrame, live: pd.DataFrame, number: int) -> pd.DataFrame:
    """Rows for ``number`` teacher nodes: those of this run, and stored ones of the other activations."""
    here = live[live.l == number]
    others = stored[(stored.l == number) & ~stored.activation.isin(here.activation)]
    return pd.concat([here, others], ignore_index=True)


def two_lines(live: pd.DataFrame, stored: pd.DataFrame, k: int) -> pd.DataFrame:
    """The phase line of this run beside a stored one, unless it is the same."""
    return pd.concat([live[live.k != k], stored[stored.k == k]], ignore_index=True)


def moments(motion: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of a student as matrices at four moments, by name and time.

    The start; the looks at which the loss has first lost nine tenths, and ninety-nine hundredths, of all that
    it loses; the end.
    motion      table of the cell Motion, one kind.
    """
    loss = motion.groupby("time").loss.first()
    left = (loss - loss.iloc[-1]) / (loss.iloc[0] - loss.iloc[-1])
    times = [loss.index[0], *((left <= share).idxmax() for share in (0.1, 0.01)), loss.index[-1]]
    at = lambda time: motion[motion.time == time].pivot(index="node", columns="input", values="weight")
    rounded = lambda time: f"{float(f'{time:.2g}'):,g}"
    return {f"t = {rounded(time)}, L = {loss[time]:.3f}": at(time) for time in times}
