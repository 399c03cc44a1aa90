"""What students of a lesson reach, and what their teachers do on noise: tables by seed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from companion.runs.spec import Tables

NAMES = {
    ("noise", "stored"): "noise,\nstored statistics",
    ("noise", "batch"): "noise,\nbatch statistics",
    ("matched noise", "stored"): "noise with the\nimages' covariance",
    ("images", "stored"): "images",
}
"""lessons in words: what students see, and what the teacher that labels it normalizes with"""
EVALUATED = ("stored", "batch", "recalibrated")


def reached(accuracy: pd.DataFrame, source: str, statistics: str) -> pd.DataFrame:
    """Accuracies of the students of a lesson: a row per seed, a column per what they normalize with."""
    chosen = accuracy[(accuracy.source == source) & (accuracy.statistics == statistics)]
    return chosen.pivot(index="seed", columns="evaluated", values="accuracy")


def teachers(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of the teachers, likewise."""
    return reached(accuracy, "labels", "batch")


def one(table: pd.DataFrame, samples: int | None = None, over_realization: float = 1.0) -> pd.DataFrame:
    """The students of one length and width; without ``samples`` those that saw the most inputs."""
    chosen = table[table.over_realization == over_realization]
    return chosen[chosen.samples == (chosen.samples.max() if samples is None else samples)]


def gap(accuracy: pd.DataFrame, source: str, statistics: str, evaluated: str = "recalibrated") -> pd.Series:
    """Accuracy of the teacher, as it is used, minus that of its student of a lesson: a value per seed."""
    return teachers(accuracy).stored - reached(accuracy, source, statistics)[evaluated]


def advantage(accuracy: pd.DataFrame, statistics: str, other: str) -> pd.Series:
    """What noise students of one kind of teacher reach recalibrated, minus the other kind's best: by seed."""
    best = reached(accuracy, "noise", other).max(axis=1)
    return reached(accuracy, "noise", statistics).recalibrated - best


def apart(values: pd.Series) -> pd.Series:
    """|each value - mean of the others|: how unlike the seeds are; NaN for one alone."""
    if len(values) < 2:
        return values * np.nan
    return (values - (values.sum() - values) / (len(values) - 1)).abs()


def divergences(shift: pd.DataFrame, input: str) -> pd.DataFrame:
    """Mean divergence of the channels of a layer on an input: a row per seed, a column per layer."""
    return shift[shift.input == input].pivot_table(index="seed", columns="layer", values="divergence")


def evenness(labels: pd.DataFrame, input: str) -> pd.DataFrame:
    """Entropy of the mean soft label over its largest, log 10: a row per seed, a column per statistics.

    1 where all classes are as frequent, 0 where one takes all.
    """
    chosen = labels[labels.input == input]
    terms = chosen.assign(term=-chosen.probability * np.log(chosen.probability.clip(lower=1e-30)))
    sums = terms.pivot_table(index="seed", columns="statistics", values="term", aggfunc="sum")
    return sums / np.log(labels["class"].nunique())


def ranked(labels: pd.DataFrame, input: str = "noise") -> pd.DataFrame:
    """Mean soft labels by rank, the most frequent class of each seed first: columns seed, statistics, rank
    and probability.
    """
    chosen = labels[labels.input == input].sort_values("probability", ascending=False)
    rank = chosen.groupby(["seed", "statistics"]).cumcount() + 1
    return chosen.assign(rank=rank)[["seed", "statistics", "rank", "probability"]]


def levels(
    units: pd.DataFrame, source: str, statistics: str, on: str = "images", trained: bool = True
) -> pd.DataFrame:
    """Mean best-student correlation of a layer's channels: a row per seed, a column per layer."""
    chosen = units[(units.source == source) & (units.statistics == statistics)]
    chosen = chosen[(chosen.on == on) & (chosen.trained == trained)]
    return chosen.pivot_table(index="seed", columns="layer", values="best_correlation")


def summary(accuracy: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of every lesson's students by what they normalize with; rho of every layer on images."""
    rows = {}
    for source, statistics in NAMES:
        if not ((accuracy.source == source) & (accuracy.statistics == statistics)).any():
            continue
        means = reached(accuracy, source, statistics)[list(EVALUATED)].mean()
        rho = levels(units, source, statistics).mean().rename(lambda layer: f"rho, layer {layer}")
        rows[source, statistics] = pd.concat([means, rho])
    return pd.DataFrame(rows).T.rename_axis(["input", "teacher's statistics"])


def by_samples(accuracy: pd.DataFrame, over_realization: float = 1.0) -> pd.DataFrame:
    """Accuracies of recalibrated students by how many inputs they saw, and those of the teachers."""
    chosen = accuracy[accuracy.over_realization == over_realization]
    students = chosen[(chosen.network == "student") & (chosen.evaluated == "recalibrated")]
    return students[["samples", "seed", "source", "statistics", "accuracy"]]


def together(stored: Mapping[str, Tables], name: str) -> pd.DataFrame:
    """A table of the stored sweeps on digits: their students saw different numbers of inputs."""
    sweeps = ("data_free", "data_free_long", "data_free_million")
    parts = [stored[sweep][name] for sweep in sweeps if sweep in stored]
    return pd.concat(parts, ignore_index=True)


def wider(stored: Mapping[str, Tables]) -> pd.DataFrame:
    """:func:`summary` by student width, of students that saw as many inputs as the wider ones."""
    tables = stored["data_free"]
    samples = tables["accuracy"].query("over_realization > 1").samples.max()
    parts = {}
    for z in sorted(tables["accuracy"].over_realization.unique()):
        of = (one(tables[name], samples, z) for name in ("accuracy", "units"))
        parts[z] = summary(*of)
    return pd.concat(parts, names=["width"]).round(3)
