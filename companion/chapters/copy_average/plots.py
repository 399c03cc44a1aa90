"""Pictures of the chapter on students with too few nodes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.chapters.copy_average.levels import best_level, relu_level
from companion.chapters.copy_average.tables import moments
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    SIGNED,
    STUDENT,
    TEACHER,
    heatmap,
    legend_on_top,
    many_colours,
)

COLOURS = {"copy-average": TEACHER, "copies": STUDENT, "other": NEUTRAL}
NAMES = {"relu": "ReLU", "leaky": "leaky ReLU"}
WORDS = {"copy-average": "copy and average", "copies": "copies only", "other": "short of a node"}


def students(weights: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Rows of one student of each kind as a matrix, a panel each; the last column the teacher ignores."""
    for ax, kind in zip(axes, ("copies", "copy-average")):
        rows = weights[weights.kind == kind].pivot(index="node", columns="input", values="weight")
        ax.set(title=WORDS[kind], xlabel="teacher node", ylabel="student node" if ax is axes[0] else "")
        if rows.empty:
            ax.text(0.5, 0.5, "no start ended here", ha="center", va="center", transform=ax.transAxes)
            ax.set(xticks=[], yticks=[])
            continue
        columns = [*map(str, rows.columns[:-1]), "–"]
        heatmap(
            rows.set_axis(columns, axis=1),
            vmin=-1,
            vmax=1,
            cmap=SIGNED,
            cbar=ax is axes[1],
            cbar_kws=dict(label="weight", shrink=0.8),
            linewidths=0.5,
            square=True,
            ax=ax,
        )
        ax.set(xlabel="teacher node", ylabel="student node" if ax is axes[0] else "")  # heatmap takes them
        ax.tick_params(length=0, rotation=0)
    return axes


def stills(motion: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Rows of the student at four moments, a line of panels per kind of end."""
    for line, kind in zip(axes, ("copies", "copy-average")):
        of = motion[motion.kind == kind]
        if of.empty:
            line[0].set_title("no start ended here")
            continue
        for ax, (when, rows) in zip(line, moments(of).items()):
            columns = [*map(str, rows.columns[:-1]), "–"]
            look = dict(vmin=-1, vmax=1, cmap=SIGNED, cbar=False, linewidths=0.5)
            heatmap(rows.set_axis(columns, axis=1), ax=ax, **look)
            ax.set(title=when, xlabel="", ylabel="")
            ax.tick_params(length=0, rotation=0)
        line[0].set_ylabel(f"{WORDS[kind]}:\nstudent node")
    for ax in axes[-1]:
        ax.set_xlabel("teacher node")
    return axes


def level_counts(shares: pd.DataFrame, ax: Axes, n: int, k: int, lines: bool = True) -> Axes:
    """How many starts end at each level, a bar per kind; dashed: L* of the best copy-average student."""
    reached = shares[(shares.n == n) & (shares.k == k)].dropna(subset="level").sort_values("level")
    for place, row in enumerate(reached.itertuples()):
        ax.barh(place, row.starts, color=COLOURS[row.kind], height=0.6)
        ax.text(row.starts, place, f" {row.starts} ", va="bottom")
    ax.set_yticks(range(len(reached)), [f"{value:.5f}" for value in reached.level])
    if lines and len(reached):
        best = best_level(n, k)
        at = np.interp(best, reached.level, range(len(reached)))
        ax.axhline(at, color=INK, linestyle="--", linewidth=1, zorder=0)
        ax.annotate(
            f"$L^*({k - n + 1})$", (0.98, at), xycoords=("axes fraction", "data"), ha="right", va="bottom"
        )
    ax.set(xlabel="starts", ylabel="loss at the end", title=f"n = {n}, k = {k}")
    ax.margins(x=0.2, y=0.25)
    return ax


def partitions(points: pd.DataFrame, ax: Axes) -> Axes:
    """Loss of every copy-average student by width, with the number of directions down; filled: a minimum."""
    for place, (_, group) in enumerate(points.sort_values("loss").groupby("n")):
        for rank, row in enumerate(group.itertuples()):
            fill = "white" if row.negative else TEACHER
            ax.plot(place, row.loss, "o", color=TEACHER, markersize=8, markerfacecolor=fill)
            words = f"{row.negative} down" if row.negative else "minimum"
            side = "right" if rank % 2 else "left"  # neighbours would lie on each other
            ax.annotate(f"   {words}   ", (place, row.loss), ha=side, va="center")
    widths = sorted(points.n.unique())
    ax.set_xticks(range(len(widths)), [f"n = {n}" for n in widths])
    ax.set_xlim(-0.6, len(widths) - 0.4)
    ax.set(ylabel="loss L", title="only the most unequal groups are a minimum")
    return ax


def phase_line(phases: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Copies against copy-average over n / k: levels, and least curvature; solid: the largest k."""
    widest = phases.k.max()
    for k, of_k in phases.groupby("k"):
        look = dict(linestyle="-" if k == widest else ":", alpha=1 if k == widest else 0.8)
        level = of_k.pivot(index="n", columns="family", values="level")
        lead = level["copies"] / level["copy-average"] - 1
        axes[0].plot(level.index / k, 100 * lead, color=INK, label=f"k = {k}", **look)
        for family, line in of_k.groupby("family"):
            label = WORDS[family] if k == widest else None
            axes[1].plot(line.n / k, line.curvature, color=COLOURS[family], label=label, **look)
    for ax in axes:
        ax.axhline(0, color=NEUTRAL, linewidth=1)
    axes[0].set(xlabel="student nodes n / k", ylabel="loss, copies over average (%)", title="which is lower")
    axes[1].set_yscale("symlog", linthresh=1e-5)
    axes[1].set(xlabel="student nodes n / k", ylabel="least curvature", title="which is a minimum")
    axes[1].set_yticks([-1e-1, -1e-3, 0, 1e-3], ["−.1", "−.001", "0", ".001"])
    legend_on_top(np.array(axes))
    return axes


def one_neuron(curve: pd.DataFrame, levels: pd.DataFrame, ax: Axes) -> Axes:
    """Loss of one node over its signed length, as a share of a silent student's; dots: free minimization."""
    colours = many_colours(levels.activation)
    for row in levels.itertuples():
        line = curve[(curve.activation == row.activation) & (curve.l == row.l)]
        for side in (line[line.r < 0], line[line.r > 0]):
            ax.plot(
                side.r,
                side.loss / row.silent,
                color=colours[row.activation],
                label=NAMES.get(row.activation, row.activation) if side.r.iloc[0] > 0 else None,
            )
        ax.plot(row.size, row.free / row.silent, "o", color=colours[row.activation], markersize=7)
    ax.set_xscale("symlog", linthresh=0.1)
    ax.set_xticks([-10, -1, -0.1, 0.1, 1, 10], ["−10", "−1", "−.1", ".1", "1", "10"])
    ax.set_yscale("log")
    ax.set(xlabel="signed length r of the student node", ylabel="loss / loss of a silent student")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def shapes(found: pd.DataFrame, predicted: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Angle, length and outgoing weight of student nodes over the width: dots from flows, lines predicted.

    found       of :func:`tables.shapes`, one k; predicted  of :func:`tables.predicted`.
    """
    panels = (
        ("angle", "angle to a teacher node (°)"),
        ("length", "length ‖w‖"),
        ("outgoing", "outgoing weight |a|"),
    )
    of_average = (found.kind == "copy-average") & (found.part == "copy")
    groups = (
        ("copies", "o", found[found.kind == "copies"]),
        ("copy-average", "s", found[(found.kind == "copy-average") & ~of_average]),
        ("copy-average", "^", found[of_average]),
    )
    words = {"o": "copies only", "s": "the average", "^": "copies beside an average"}
    for ax, (column, label) in zip(axes, panels):
        for kind, line in predicted.groupby("kind"):
            ax.plot(line.n, line[column], color=COLOURS[kind], linewidth=1)
        for kind, marker, dots in groups:
            ax.plot(dots.n, dots[column], marker, color=COLOURS[kind], markersize=6, label=words[marker])
        ax.set(xlabel="student nodes n", ylabel=label)
    axes[2].set_yscale("log")
    axes[2].set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axes[2].minorticks_off()
    legend_on_top(np.array(axes))
    return axes


def widths(shares: pd.DataFrame, k: int, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Level and share of every end over the width, a panel per activation; line: one node for the rest."""
    one_node = {"erf": best_level, "relu": lambda n, k: relu_level(k - n + 1)}
    n = np.arange(1, k)
    for ax, (activation, reached) in zip(axes, shares[shares.k == k].groupby("activation")):
        ax.plot(
            n,
            [one_node[activation](i, k) for i in n],
            color=ACCENT,
            linestyle="--",
            label="one node for the rest",
        )
        for kind, group in reached.dropna(subset="level").groupby("kind"):
            size = 15 + 85 * group.share
            ax.scatter(group.n, group.level, s=size, color=COLOURS[kind], label=WORDS[kind], alpha=0.8)
        ax.set(
            xlabel="student nodes n",
            ylabel="loss at the end",
            yscale="log",
            title=NAMES.get(activation, activation),
        )
    legend_on_top(np.array(axes))
    return axes
