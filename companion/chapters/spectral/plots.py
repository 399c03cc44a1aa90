"""Pictures of the chapter on the spectral parametrization: a panel per method."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.chapters.spectral.tables import at_the_end, cuts
from companion.pages.figures import (
    INK,
    NEUTRAL,
    TEACHER,
    label_rim,
    legend_on_top,
    mean_and_band,
    ordered_colours,
    say_missing,
)

TITLES = {
    ("spectral", "three layers"): "spectral",
    ("direct", "three layers"): "direct, same penalty",
    ("plain", "two layers"): "fan-out decay",
    ("group lasso", "three layers"): "group lasso",
    ("plain", "three layers"): "fan-out, three layers",
    ("spectral", "two layers"): "spectral, two layers",
}
FARTHEST = 12  # nodes beyond the teacher's that a picture of cuts shows
SMALLEST = 1e-6  # size that is drawn as the floor


def _panels(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each method that there are any of, in the order of TITLES, with its title."""
    groups = dict(list(table.groupby(["method", "problem"])))
    return [(title, groups[key]) for key, title in TITLES.items() if key in groups]


def cut_curves(kept: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Test error against the nodes kept beyond the teacher's: mean of log10 over seeds.

    For a single teacher width with a band of one standard deviation.

    kept        table of that name of students.trained; a colour per student width, dashes per teacher width.
    axes        a panel per method.
    """
    rows = cuts(kept)
    rows = rows[rows.beyond <= FARTHEST].assign(log10_error=np.log10(rows.error))
    colours = ordered_colours(kept.width)
    styles = dict(zip(sorted(kept.teacher_width.unique()), ("-", "--", ":", "-.")))
    for ax, (title, panel) in zip(axes, _panels(rows)):
        ax.axvline(0, color=TEACHER, linewidth=1)
        for (width, teacher), line in panel.groupby(["width", "teacher_width"]):
            if len(styles) == 1:
                mean_and_band(line, "beyond", "log10_error", ax, colours[width])
            else:  # bands of all teachers would hide each other
                mean = line.groupby("beyond").log10_error.mean()
                ax.plot(mean.index, mean, color=colours[width], linestyle=styles[teacher])
        say_missing(ax, kept.error)
        ax.set(title=title)
    handles = [Line2D([], [], color=colour, label=f"student n = {n}") for n, colour in colours.items()]
    if len(styles) > 1:
        handles += [
            Line2D([], [], color=INK, linestyle=s, label=f"teacher m = {m}") for m, s in styles.items()
        ]
    label_rim(np.asarray(axes), "nodes kept − nodes of the teacher", "log$_{10}$ relative test error")
    legend_on_top(axes, handles)
    return axes


def survivors(counted: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Nodes that survive against student width: a dot per student, lines through the medians.

    counted     of :func:`tables.survivors`; dashed lines are at the teachers' widths, the diagonal is all.
    """
    ends = at_the_end(counted)
    colours = ordered_colours(counted.teacher_width)
    widths = sorted(ends.width.unique())
    ticks = sorted({2, *widths, *ends.teacher_width})
    for ax, (title, panel) in zip(axes, _panels(ends)):
        ax.plot(widths, widths, color=NEUTRAL, label="all nodes")
        for teacher, of in panel.groupby("teacher_width"):
            ax.axhline(teacher, color=colours[teacher], linestyle="--", linewidth=1)
            middle = of.groupby("width").nodes.median()
            ax.plot(middle.index, middle, color=colours[teacher], marker="s", label=f"teacher m = {teacher}")
            ax.scatter(of.width, of.nodes, s=12, color=colours[teacher], alpha=0.5, linewidths=0)
        ax.set(xscale="log", yscale="log", title=title)
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.set_yticks(ticks, [str(tick) for tick in ticks])
        ax.minorticks_off()
    label_rim(np.asarray(axes), "nodes of the student, n", "nodes that survive")
    legend_on_top(axes)
    return axes


def sorted_sizes(units: pd.DataFrame, alive: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Sizes of all nodes of each student, the largest first, a line per student.

    units       table of that name of students.trained, of one teacher width.
    alive       the share of the largest that is drawn dotted.
    """
    ends = at_the_end(units)
    colours = ordered_colours(units.width)
    for ax, (title, panel) in zip(axes, _panels(ends)):
        for (width, _), line in panel.groupby(["width", "seed"]):
            size = line["size"].clip(lower=SMALLEST)
            ax.plot(
                line.unit + 1,
                size,
                color=colours[width],
                alpha=0.6,
                linewidth=1,
                label=f"student n = {width}",
            )
        ax.axvline(
            ends.teacher_width.max() + 0.5, color=TEACHER, linewidth=1, label="the teacher's nodes, left"
        )
        ax.axhline(alive, color=INK, linestyle=":", linewidth=1, label="survives, above")
        ax.set(yscale="log", ylim=(SMALLEST / 2, 2), title=title)
        say_missing(ax, panel["size"])
    label_rim(np.asarray(axes), "node, the largest first", "size over the largest")
    legend_on_top(axes)
    return axes


def forgetting(counted: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean number of survivors beyond the teacher's against steps, a panel per teacher width."""
    colours = ordered_colours(counted.width)
    for ax, (teacher, panel) in zip(axes, counted[counted.step > 0].groupby("teacher_width")):
        for width, line in panel.groupby("width"):
            mean_and_band(
                line, "step", "excess", ax, colours[width], marker="o", label=f"student n = {width}"
            )
        ax.axhline(0, color=TEACHER, linewidth=1)
        ax.set(xscale="log", title=f"teacher m = {teacher}")
    label_rim(np.asarray(axes), "Adam steps", "survivors − teacher's")
    legend_on_top(axes)
    return axes
