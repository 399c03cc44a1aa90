"""Pictures of the chapter on over-realization as a catalyst."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.pages.figures import (
    ACCENT,
    FIELD,
    INK,
    NEUTRAL,
    STUDENT,
    TEACHER,
    cloud,
    heatmap,
    legend_on_top,
    many_colours,
    ordered_colours,
    over_realization_colours,
)


def narrow(runs: pd.DataFrame, bar: float, ax: Axes) -> Axes:
    """Largest per-sample gradient of every start at rest against n / m, a colour per polarity."""
    ratios, polarities = sorted(runs.over_realization.unique()), sorted(runs.polarity.unique())
    abreast = runs.seed / (runs.seed.max() + 1)  # in (0, 1)
    for place, (polarity, colour) in enumerate(zip(polarities, (STUDENT, TEACHER))):
        dots = runs.polarity == polarity
        group = runs.over_realization[dots].map(ratios.index)
        x = group - 0.4 + 0.8 * (place + 0.1 + 0.8 * abreast[dots]) / len(polarities)
        cloud(ax, x, runs.sample_gradient[dots], colour, size=6, label=f"p = {polarity:g}")
    ax.axhline(bar, color=NEUTRAL, linestyle="--")
    ax.set(yscale="log", xlabel="student nodes per teacher node, n / m", ylabel="largest |g$_k$(x)| at rest")
    ax.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
    ax.legend(markerscale=2)
    return ax


def phase_map(shares: pd.DataFrame, columns: dict[str, str], axes: Sequence[Axes]) -> Sequence[Axes]:
    """A panel per column of shares: width to the right, polarity upwards, the share as a number."""
    for ax, (column, title) in zip(axes, columns.items()):
        wide = shares.pivot(index="polarity", columns="over_realization", values=column).sort_index(
            ascending=False
        )
        heatmap(
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


def waiting_by_polarity(runs: pd.DataFrame, ax: Axes) -> Axes:
    """Median time of coverage of the starts that get there, a line per polarity."""
    middle = runs.groupby(["polarity", "over_realization"]).time.median().dropna()
    for polarity, colour in ordered_colours(runs.polarity).items():
        line = middle[polarity]
        ax.plot(line.index, line, color=colour, marker="o", markersize=4, label=f"p = {polarity:g}")
    _widths(runs.over_realization, ax)
    ax.set(yscale="log", ylabel="median time")
    ax.legend(ncols=2)
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


def noisy(nodes: pd.DataFrame, ax: Axes) -> Axes:
    """Angle to the nearest student against noise over fan-out norm: a dot per node, a median line per law."""
    ratio = nodes.noise / nodes.fan_out
    bins = np.geomspace(ratio.min(), ratio.max() * (1 + 1e-9), 9)
    for law, colour in many_colours(nodes.law).items():
        here, x = nodes[nodes.law == law], ratio[nodes.law == law]
        cloud(ax, x, here.sine, colour, size=4, alpha=0.25)
        middle = here.sine.groupby(np.digitize(x, bins)).median()
        centres = x.groupby(np.digitize(x, bins)).median()
        ax.plot(centres, middle, color=colour, label=law)
    guide = np.array([bins[0], bins[-1]])
    level = (nodes.sine / ratio).median()
    ax.plot(guide, level * guide, color=INK, linestyle="--", label="in proportion")
    ax.set(xscale="log", yscale="log", xlabel="noise over fan-out norm", ylabel="sine to the nearest student")
    return ax


def guaranteed(nodes: pd.DataFrame, tilted: pd.DataFrame, ax: Axes) -> Axes:
    """Angle against the smallest bound on it, of trained nodes and of the students built to be tight."""
    told = nodes.dropna(subset="bound")
    cloud(ax, told.bound, told.sine, STUDENT, size=4, label="trained, any law")
    ax.plot(
        tilted.bound, tilted.sine, color=TEACHER, marker="s", markersize=4, linestyle="none", label="built"
    )
    ends = np.array([min(told.bound.min(), tilted.bound.min()), 1.0])
    ax.plot(ends, ends, color=INK, linestyle="--", label="as far as allowed")
    ax.set(xscale="log", yscale="log", xlabel="bound on the sine", ylabel="sine")
    return ax


def chances(events: pd.DataFrame, ax: Axes) -> Axes:
    """Chance that a teacher node is observed, or faced, by some student: closed form and random starts."""
    shares = sorted(events.share.dropna().unique())
    colours = dict(zip(shares, (TEACHER, ACCENT, STUDENT)))
    for share in [*shares, np.nan]:
        line = events[events.share.isna() if np.isnan(share) else events.share == share]
        colour = INK if np.isnan(share) else colours[share]
        label = "faced" if np.isnan(share) else f"{share:.0%} observed"
        ax.plot(line.over_realization, line.chance, color=colour, label=label)
        ax.plot(
            line.over_realization,
            line.found / line.of,
            color=colour,
            marker="o",
            markersize=4,
            linestyle="none",
        )
    _widths(events.over_realization, ax)
    ax.set(ylabel="share of the teacher nodes", ylim=(None, 1.02))
    ax.legend(loc="lower right")
    return ax


def stuck_by_faces(shares: pd.DataFrame, ax: Axes) -> Axes:
    """Share of the starts that are stuck, by whether every teacher node is faced at the start."""
    for faced, colour, label in (
        (False, TEACHER, "some node faced by none"),
        (True, STUDENT, "every node faced"),
    ):
        line = shares[shares.faced == faced]
        ax.errorbar(
            line.over_realization,
            line.value,
            yerr=[line.value - line.low.clip(lower=0), line.high - line.value],
            color=colour,
            marker="o",
            markersize=4,
            label=label,
        )
    _widths(shares.over_realization, ax)
    ax.set(ylabel="share that is stuck", ylim=(-0.01, None))
    ax.legend()
    return ax


def _widths(ratios: pd.Series, ax: Axes) -> None:
    """A logarithmic axis of over-realizations, with some of them written."""
    ax.set(xscale="log", xlabel="over-realization n / m")
    shown = [ratio for ratio in sorted(ratios.unique()) if ratio in (1.0, 1.4, 2.0, 4.0, 8.0, 16.0)]
    ax.set_xticks(shown, [f"{ratio:g}" for ratio in shown])
    ax.minorticks_off()
