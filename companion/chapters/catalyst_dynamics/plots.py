"""Pictures of the chapter on over-realization as a catalyst."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.pages.figures import (
    FIELD,
    INK,
    NEUTRAL,
    STUDENT,
    TEACHER,
    legend_on_top,
    ordered_colours,
    over_realization_colours,
)


def narrow(runs: pd.DataFrame, bar: float, ax: Axes) -> Axes:
    """Largest per-sample gradient of every start at rest against n / m, a colour per polarity."""
    shown = runs.sort_values(["over_realization", "polarity"]).assign(
        p=runs.polarity.map("p = {:g}".format), ratio=runs.over_realization.map("{:g}".format)
    )
    sns.stripplot(
        shown,
        x="ratio",
        y="sample_gradient",
        hue="p",
        dodge=True,
        jitter=0.3,
        size=2,
        palette=[STUDENT, TEACHER][: runs.polarity.nunique()],
        ax=ax,
    )
    ax.axhline(bar, color=NEUTRAL, linestyle="--")
    ax.set(yscale="log", xlabel="student nodes per teacher node, n / m", ylabel="largest |g$_k$(x)| at rest")
    ax.legend(title="", markerscale=3)
    return ax


def phase_map(shares: pd.DataFrame, columns: dict[str, str], axes: Sequence[Axes]) -> Sequence[Axes]:
    """A panel per column of shares: width to the right, polarity upwards, the share as a number."""
    for ax, (column, title) in zip(axes, columns.items()):
        wide = shares.pivot(index="polarity", columns="over_realization", values=column).sort_index(
            ascending=False
        )
        sns.heatmap(
            wide,
            vmin=0,
            vmax=1.4,  # the darkest shades leave no room for a number
            cmap=f"{FIELD}_r",
            annot=wide.map(lambda share: f"{share:.2f}".replace("0.", ".")),
            fmt="",
            annot_kws=dict(fontsize=9),
            linewidths=1,
            cbar=False,
            ax=ax,
        )
        ax.set(title=title, xlabel="over-realization n / m", ylabel="polarity p")
        ax.set_xticklabels([f"{ratio:g}" for ratio in wide.columns], rotation=0)
        ax.set_yticklabels([f"{p:g}" for p in wide.index], rotation=0)
    return axes


def three_starts(curves: pd.DataFrame, states: pd.DataFrame, horizon: float, axes: np.ndarray) -> np.ndarray:
    """Learned share of every teacher node over time, and the gradient below; a column per fate.

    axes        ``(2, 3)`` panels.
    """
    colours = ordered_colours(-curves.teacher)  # dark is strong
    fates = [fate for fate in ("in time", "later", "never") if fate in set(curves.fate)]
    for (top, bottom), fate in zip(axes.T, fates):
        for teacher, line in curves[curves.fate == fate].groupby("teacher"):
            top.plot(line.time, line.learned, color=colours[-teacher])
        here = states[(states.fate == fate) & (states.time > 0)]
        bottom.plot(here.time, here.gradient, color=INK)
        bottom.plot(here.time, here.loss.clip(lower=1e-14), color=STUDENT, linestyle="--")
        top.set(title=f"covered {fate}" if fate != "never" else "stuck: never", ylim=(-0.08, 1.08))
        bottom.set(yscale="log", ylim=(1e-13, 10))
        for ax in (top, bottom):
            ax.set(xscale="log", xlim=(1, None))
            ax.axvline(horizon, color=NEUTRAL, linestyle=":")
        bottom.set_xlabel("time")
    axes[0, 0].set_ylabel("learned share")
    axes[1, 0].set_ylabel("size")
    handles = [
        *(Line2D([], [], color=colour, label=f"teacher node {1 - node}") for node, colour in colours.items()),
        Line2D([], [], color=INK, label="largest derivative"),
        Line2D([], [], color=STUDENT, linestyle="--", label="loss J"),
    ]
    legend_on_top(axes, sorted(handles[:-2], key=Line2D.get_label) + handles[-2:])
    return axes


def mirrored(teachers: pd.DataFrame, ax: Axes) -> Axes:
    """Teacher nodes of stuck starts: how far they are learned, and how far by students that look away."""
    for missing, colour, label in ((False, STUDENT, "found"), (True, TEACHER, "missing")):
        dots = teachers[teachers.missing == missing]
        ax.scatter(dots.learned, dots.mirrored, s=8, color=colour, alpha=0.4, linewidths=0, label=label)
    ax.set(xlabel="learned share", ylabel="share learned the wrong way round")
    legend = ax.legend(title="teacher node", markerscale=2)
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    return ax


def waiting(times: pd.DataFrame, ax: Axes) -> Axes:
    """Time of coverage of the starts that get there, against over-realization: median, quartiles, range."""
    shown = times.sort_values("over_realization").assign(ratio=times.over_realization.map("{:g}".format))
    sns.boxplot(
        shown, x="ratio", y="time", color=STUDENT, fliersize=2, linewidth=1, ax=ax, boxprops=dict(alpha=0.5)
    )
    ax.set(yscale="log", xlabel="over-realization n / m", ylabel="time until all are covered")
    return ax


def few_samples(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Share of the starts that cover the teacher against training samples, with exact intervals."""
    for ratio, colour in over_realization_colours(shares.over_realization).items():
        line = shares[shares.over_realization == ratio]
        ax.plot(
            line.train_samples,
            line.value,
            color=colour,
            marker="o",
            markersize=4,
            label=f"{ratio:g}x student",
        )
        ax.fill_between(line.train_samples, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
    sizes = sorted(shares.train_samples.unique())
    ax.set(
        xscale="log", xlabel="training samples", ylabel="share that covers the teacher", ylim=(-0.02, 1.02)
    )
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.legend()
    return ax


def long_time(runs: pd.DataFrame, ax: Axes) -> Axes:
    """Time until the gradient is small against 1 / strength of the weakest node: dots and medians."""
    for ratio, colour in over_realization_colours(runs.over_realization).items():
        here = runs[runs.over_realization == ratio]
        middle = here.groupby("weakest").time.median()
        ax.scatter(1 / here.weakest, here.time, s=8, color=colour, alpha=0.4, linewidths=0)
        ax.plot(1 / middle.index, middle, color=colour, label=f"{ratio:g}x student, median")
    first = 1 / np.array([runs.weakest.max(), runs.weakest.min()])
    start = runs[runs.over_realization == runs.over_realization.min()].groupby("weakest").time.median()
    ax.plot(
        first, start[start.index.max()] * first / first[0], color=INK, linestyle="--", label="in proportion"
    )
    ax.set(xscale="log", yscale="log", ylabel="time until the gradient is small")
    weakest = sorted(1 / runs.weakest.unique())
    ax.set_xticks(weakest, [f"{inverse:.2g}" for inverse in weakest])
    ax.minorticks_off()
    ax.set_xlabel("1 / strength of the weakest teacher node")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 0.9))
    return ax
