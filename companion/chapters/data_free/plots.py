"""Pictures of the chapter on distillation from noise."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.chapters.data_free.tables import (
    EVALUATED,
    NAMES,
    by_samples,
    divergences,
    levels,
    reached,
    teachers,
)
from companion.pages.figures import INK, NEUTRAL, TEACHER, legend_on_top

COLOURS = {
    ("noise", "stored"): "#e0951a",
    ("noise", "batch"): "#00798c",
    ("matched noise", "stored"): "#a23d80",
    ("images", "stored"): "#222222",
}
SHADES = {"stored": 0.35, "batch": 0.65, "recalibrated": 1.0}
CHANCE = 0.1
WORDS = {
    "stored": "moments as in training",
    "batch": "of the test batch",
    "recalibrated": "of unlabelled images",
}
INPUTS = {
    "noise": ("white noise", "#e0951a"),
    "matched noise": ("matched noise", "#a23d80"),
    "images": ("test images", "#222222"),
}
SHORT = {
    ("noise", "stored"): "noise, stored",
    ("noise", "batch"): "noise, batch",
    ("matched noise", "stored"): "matched noise",
    ("images", "stored"): "images",
}
"""lessons in a legend"""


def bars(accuracy: pd.DataFrame, ax: Axes) -> Axes:
    """Test accuracy of the students of every lesson, a bar per what they normalize with; dots are seeds."""
    shown = []
    for place, (lesson, name) in enumerate(NAMES.items()):
        found = reached(accuracy, *lesson)
        for shift, evaluated in zip((-0.26, 0, 0.26), EVALUATED):
            values = found[evaluated]
            ax.bar(place + shift, values.mean(), 0.24, color=COLOURS[lesson], alpha=SHADES[evaluated])
            ax.plot([place + shift] * len(values), values, "o", color=INK, markersize=2.5)
        shown.append(name)
    ax.axhline(teachers(accuracy).stored.mean(), color=TEACHER, linewidth=1.5)
    ax.axhline(CHANCE, color=INK, linestyle=":", linewidth=0.8)
    ax.text(-0.88, CHANCE, "chance", ha="left", va="bottom", color=INK)
    ax.set_xticks(range(len(shown)), shown)
    ax.set(ylabel="test accuracy", ylim=(0, 1.02), xlim=(-0.9, None), xlabel="what the student saw")
    handles = [
        *(Line2D([], [], color=INK, alpha=SHADES[e], linewidth=6, label=WORDS[e]) for e in EVALUATED),
        Line2D([], [], color=TEACHER, label="the teacher"),
    ]
    legend_on_top(np.array([[ax]]), handles)
    return ax


def shifts(shift: pd.DataFrame, ranked: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Left: how far the moments of a layer move, by input. Right: mean soft labels of noise by rank of class.

    ranked      of tables.ranked.
    """
    left, right = axes
    for name, (label, colour) in INPUTS.items():
        found = divergences(shift, name)
        left.plot(found.columns, found.mean(), color=colour, marker="o", label=label)
        for values in found.T.to_numpy().T:
            left.plot(found.columns, values, color=colour, alpha=0.3, linewidth=0.8)
    formula = shift.dropna(subset=["formula"]).formula.mean()
    left.plot([1], [formula], "x", color=INK, markersize=9, label="closed form", zorder=4)
    left.set(xlabel="layer", ylabel="divergence from stored\nmoments (nats per channel)")
    left.set_xticks(sorted(shift.layer.unique()))
    for statistics in ("stored", "batch"):
        mean = ranked[ranked.statistics == statistics].groupby("rank").probability.mean()
        colour = COLOURS["noise", statistics]
        right.plot(mean.index, mean, color=colour, marker="s", label=f"{statistics} statistics")
    right.axhline(CHANCE, color=NEUTRAL, linestyle=":")
    right.set(xlabel="class, most frequent first", ylabel="mean soft label of noise", ylim=(0, None))
    legend_on_top(np.array([list(axes)]))
    return axes


def correlations(units: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean best correlation by layer. Left: on test images; right: on white noise."""
    for ax, on in zip(axes, ("images", "noise")):
        start = levels(units, "noise", "batch", on, trained=False).mean()
        ax.plot(start.index, start, color=NEUTRAL, linestyle=":", marker="o", label="untrained")
        for lesson, name in SHORT.items():
            found = levels(units, *lesson, on)
            ax.plot(found.columns, found.mean(), color=COLOURS[lesson], marker="o", label=name)
            half = found.std() / np.sqrt(len(found))
            ax.errorbar(found.columns, found.mean(), half, color=COLOURS[lesson], linestyle="none")
        ax.set(title=f"on {'test images' if on == 'images' else 'white noise'}", ylim=(0, 1), xlabel="layer")
        ax.set_xticks(start.index)
    axes[0].set_ylabel("mean best correlation ρ")
    legend_on_top(np.array([list(axes)]))
    return axes


def lengths(accuracy: pd.DataFrame, ax: Axes) -> Axes:
    """Accuracy of recalibrated students against how many inputs they saw."""
    found = by_samples(accuracy)
    for lesson, name in SHORT.items():
        mine = found[(found.source == lesson[0]) & (found.statistics == lesson[1])]
        mean, std = (mine.groupby("samples").accuracy.agg(what) for what in ("mean", "std"))
        ax.errorbar(mean.index, mean, std, color=COLOURS[lesson], marker="o", label=name)
    ax.axhline(
        teachers(
            accuracy[accuracy.samples == accuracy.samples.max()].query("over_realization == 1")
        ).stored.mean(),
        color=TEACHER,
        label="the teacher",
    )
    ax.set(xscale="log", xlabel="inputs the student saw", ylabel="test accuracy", ylim=(0, 1.02))
    ax.set_xticks(ticks := sorted(found.samples.unique()), [f"{samples:,}" for samples in ticks])
    ax.minorticks_off()
    legend_on_top(np.array([[ax]]))
    return ax
