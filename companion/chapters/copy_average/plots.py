"""Pictures of the chapter on students with too few nodes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.chapters.copy_average.levels import best_level, one_neuron_norm
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    SIGNED,
    STUDENT,
    TEACHER,
    legend_on_top,
    many_colours,
)

COLOURS = {"copy-average": TEACHER, "copies": STUDENT, "other": NEUTRAL}
WORDS = {"copy-average": "copy and average", "copies": "copies only", "other": "short of a node"}


def students(weights: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Rows of one student of each kind as a matrix, a panel each; the last column the teacher ignores."""
    import seaborn as sns

    for ax, kind in zip(axes, ("copies", "copy-average")):
        rows = weights[weights.kind == kind].pivot(index="node", columns="input", values="weight")
        columns = [*map(str, rows.columns[:-1]), "–"]
        sns.heatmap(
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
        ax.set(title=WORDS[kind], xlabel="teacher node", ylabel="student node" if ax is axes[0] else "")
        ax.tick_params(length=0, rotation=0)
    return axes


def level_counts(shares: pd.DataFrame, ax: Axes, n: int, k: int, lines: bool = True) -> Axes:
    """How many starts end at each level, a bar per kind; dashed: L* of the best copy-average student."""
    reached = shares[(shares.n == n) & (shares.k == k)].dropna(subset="level").sort_values("level")
    for place, row in enumerate(reached.itertuples()):
        ax.barh(place, row.starts, color=COLOURS[row.kind], height=0.6)
        ax.text(row.starts, place, f" {row.starts} ", va="bottom")
    ax.set_yticks(range(len(reached)), [f"{value:.5f}" for value in reached.level])
    if lines:
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


def phase_line(phases: pd.DataFrame, k: int, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Copies against copy-average over the width: difference of levels, least curvature of both."""
    of_k = phases[phases.k == k]
    level = of_k.pivot(index="n", columns="family", values="level")
    axes[0].plot(level.index, level["copies"] / level["copy-average"] - 1, color=INK)
    axes[0].axhline(0, color=NEUTRAL, linewidth=1)
    axes[0].set(xlabel="student nodes n", ylabel="copies / copy-average − 1", title="which is lower")
    for family, line in of_k.groupby("family"):
        axes[1].plot(line.n, line.curvature, color=COLOURS[family], label=WORDS[family])
    axes[1].axhline(0, color=NEUTRAL, linewidth=1)
    axes[1].set_yscale("symlog", linthresh=1e-5)
    axes[1].set(xlabel="student nodes n", ylabel="least curvature", title="which is a minimum")
    axes[1].set_yticks([-1e-1, -1e-3, 0, 1e-3])
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
                label=row.activation if side.r.iloc[0] > 0 else None,
            )
        ax.plot(row.size, row.free / row.silent, "o", color=colours[row.activation], markersize=7)
    ax.set_xscale("symlog", linthresh=0.1)
    ax.set_xticks([-10, -1, -0.1, 0.1, 1, 10], ["−10", "−1", "−.1", ".1", "1", "10"])
    ax.set_yscale("log")
    ax.set(xlabel="signed length r of the student node", ylabel="loss / loss of a silent student")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def nodes(table: pd.DataFrame, n: int, k: int, ax: Axes) -> Axes:
    """Length and outgoing weight of every student node, by kind; dotted: of a copy and of the average."""
    shown = table[(table.n == n) & (table.k == k)]
    for kind, group in shown.groupby("kind"):
        ax.plot(
            group.norm,
            group.outgoing.abs(),
            "o",
            color=COLOURS[kind],
            markersize=5,
            alpha=0.6,
            label=WORDS[kind],
        )
    size = k - n + 1
    for number in (1, size):
        ax.axvline(one_neuron_norm(number), color=NEUTRAL, linestyle=":", linewidth=1)
        ax.axhline(number, color=NEUTRAL, linestyle=":", linewidth=1)
    ax.set(xlabel="length ‖w‖", ylabel="outgoing weight |a|", title=f"n = {n}, k = {k}")
    return ax


def widths(runs: pd.DataFrame, k: int, ax: Axes) -> Axes:
    """Loss at the end over the width, a dot per kind and level; line: the best copy-average student (erf)."""
    of_k = runs[runs.k == k]
    for kind, group in of_k.groupby("kind"):
        ax.plot(group.n, group.loss, "o", color=COLOURS[kind], markersize=6, label=WORDS[kind], alpha=0.8)
    n = np.arange(1, k)
    if set(of_k.activation) == {"erf"}:
        ax.plot(
            n, [best_level(i, k) for i in n], color=ACCENT, linestyle="--", label="$L^*(k-n+1)$", zorder=0
        )
    ax.set(
        xlabel="student nodes n",
        ylabel="loss at the end",
        yscale="log",
        title=f"{of_k.activation.iloc[0]}, k = {k}",
    )
    return ax
