"""Pictures of the chapter on factor transfer: a row per method."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    STUDENT,
    TEACHER,
    label_rim,
    legend_on_top,
    ordered_colours,
    say_missing,
)

METHODS = ["labels", "soft labels", "hints", "attention", "factors", "factors, as printed"]


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")


def accuracies(students: pd.DataFrame, teachers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Test accuracy of every student, a row per method and a colour per number of labels; bars at means.

    axes    a panel per size of the student; dashed: the mean teacher.
    """
    colours = ordered_colours(students.labels)
    if len(colours) == 1:  # the middle of the scale looks like the teacher's
        colours = dict.fromkeys(colours, STUDENT)
    for ax, (_, panel) in zip(axes, students.groupby("divisor")):
        ax.axvline(teachers.accuracy.mean(), color=TEACHER, linestyle="--", linewidth=1)
        for (labels, method), of in panel.groupby(["labels", "method"]):
            row = METHODS.index(method)
            ax.scatter(
                of.accuracy, np.full(len(of), row), s=14, color=colours[labels], alpha=0.5, linewidths=0
            )
            ax.plot([of.accuracy.mean()] * 2, [row - 0.3, row + 0.3], color=colours[labels], linewidth=2.5)
        say_missing(ax, panel.accuracy)
        _rows(ax, METHODS)
        share = panel.parameters.iloc[0] / teachers.parameters.iloc[0]
        ax.set(title=f"1/{1 / share:.0f} of the teacher's parameters")
    label_rim(np.asarray(axes), "test accuracy", "")
    handles = [Line2D([], [], color=c, linewidth=2.5, label=f"{n:,} labels") for n, c in colours.items()]
    legend_on_top(axes, [*handles, Line2D([], [], color=TEACHER, linestyle="--", label="teacher")])
    return axes


def lead_over_best(leads: pd.DataFrame, ax: Axes) -> Axes:
    """Factors minus the best baseline with its interval, a row per size and number of labels.

    leads   of :func:`tables.leads`; grey ones are ties.
    """
    ax.axvline(0, color=INK, linewidth=1)
    colours = {"ahead": STUDENT, "behind": ACCENT, "tie": NEUTRAL}
    for row, of in enumerate(leads.itertuples()):
        ax.plot([of.low, of.high], [row, row], color=colours[of.verdict], linewidth=2)
        ax.plot(of.value, row, "o", color=colours[of.verdict])
    names = [f"channels / {of.divisor}, {of.labels:,} labels\nbest: {of.best}" for of in leads.itertuples()]
    _rows(ax, names)
    ax.set_xlabel("accuracy, factors − best baseline")
    shown = [name for name in colours if name in set(leads.verdict)]
    handles = [Line2D([], [], color=colours[name], marker="o", label=name) for name in shown]
    legend_on_top(np.array([[ax]]), handles)
    return ax


def reconstructions(paraphrasers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Errors of reconstructed test maps, a dot per teacher; squared over the variance, and absolute."""
    names = ["linear", "paraphraser", "untrained", "mean"]
    for ax, (column, title) in zip(axes, {"absolute": "absolute error", "squared": "squared error"}.items()):
        for row, name in enumerate(names):
            values = paraphrasers[paraphrasers.reading == name][column]
            colour = STUDENT if name == "paraphraser" else NEUTRAL
            ax.scatter(values, np.full(len(values), row), s=16, color=colour, alpha=0.6, linewidths=0)
            ax.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=2.5)
        _rows(ax, ["projection", *names[1:]])
        ax.set(title=title, xlim=(0, None))
    axes[0].set_xlabel("over the mean of the maps")
    axes[1].set_xlabel("over the variance of the maps")
    axes[1].tick_params(labelleft=False)
    return axes


def channels(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Correlation of student channels with their best teacher channel, mean over all, a panel per layer.

    Filled: with the student's own teacher; open: with one that it has not seen; dotted: untrained.
    """
    for ax, (layer, panel) in zip(axes, layers.groupby("layer")):
        before = panel[~panel.trained & (panel.teacher == "own")].by_student
        ax.axvline(before.mean(), color=INK, linestyle=":", linewidth=1)
        for (method, teacher), of in panel[panel.trained].groupby(["method", "teacher"]):
            filled, row = teacher == "own", METHODS.index(method)
            mean, spread = of.by_student.mean(), of.groupby("seed").by_student.mean().std()
            y = row - 0.15 if filled else row + 0.15
            ax.plot([mean - spread, mean + spread], [y, y], color=STUDENT if filled else NEUTRAL, linewidth=2)
            ax.plot(
                mean,
                y,
                "o",
                color=STUDENT if filled else NEUTRAL,
                markerfacecolor=STUDENT if filled else "white",
            )
        say_missing(ax, panel.by_student)
        _rows(ax, METHODS)
        ax.set(title=f"layer {layer}")
    label_rim(np.asarray(axes), "correlation with the best teacher channel", "")
    legend_on_top(
        axes,
        [
            Line2D([], [], color=STUDENT, marker="o", label="own teacher"),
            Line2D([], [], color=NEUTRAL, marker="o", markerfacecolor="white", label="another teacher"),
            Line2D([], [], color=INK, linestyle=":", label="untrained"),
        ],
    )
    return axes
