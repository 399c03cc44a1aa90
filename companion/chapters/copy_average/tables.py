"""What the numbers say: which levels are reached and how often, thresholds of the phase line."""

import pandas as pd

from companion.chapters.copy_average.levels import best_level, level
from companion.pages.statistics import share_interval

SETTING = ["activation", "n", "k"]
DIGITS = 7  # of a level: two ends at the same one differ by less


def at_rest(runs: pd.DataFrame) -> pd.DataFrame:
    """Starts at rest, with the level of the best copy-average student beside their loss."""
    found = runs[runs.status == "ok"]
    best = [best_level(n, k) for n, k in zip(found.n, found.k)]
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
    """Lowest loss of each activation, n and k, beside copy-average: columns loss, best."""
    return at_rest(runs).groupby(SETTING)[["loss", "best"]].min().reset_index()
