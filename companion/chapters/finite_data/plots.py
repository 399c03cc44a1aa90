"""Pictures of the chapter on finite data."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.experiments.two_layer.plots import published_handle
from companion.pages.figures import (
    ACCENT,
    NEUTRAL,
    PUBLISHED,
    STUDENT,
    cloud,
    legend_above,
    legend_on_top,
    mean_and_band,
    say_missing,
)


def small_gradient(dots: pd.DataFrame, ax: Axes) -> Axes:
    """Sine of the angle against the per-sample gradient, a dot per checkpoint and teacher, and the bound.

    dots        table of :func:`tables.scatter`.
    """
    shown = dots[dots.sine > 0].sort_values("ratio")
    for (kind, group), colour in zip(shown.groupby("kind"), (ACCENT, STUDENT)):
        cloud(ax, group.ratio, group.sine, colour, label=f"teacher-{kind}")
        ax.plot(group.ratio, group.bound, color=colour, linestyle="--", label="its bound")
    ax.axhspan(1, 10, color=NEUTRAL, alpha=0.2, linewidth=0)
    ax.set(xscale="log", yscale="log", ylim=(shown.sine.min() / 3, 10))
    ax.set(xlabel="largest gradient, max |g$_k$| / |α$_{kj}$|", ylabel="sine of teacher to nearest student")
    legend_above(ax)
    return ax


def undersampled(table: pd.DataFrame, ax: Axes) -> Axes:
    """Gradient and true error of a tilted student against the number of points on the teacher plane."""
    floor = 1e-17
    for value, colour, label in (
        ("gradient", STUDENT, "largest |g$_1$| on augmented samples"),
        ("fresh_residual", ACCENT, "largest |f* − f| on new samples"),
    ):
        ax.plot(table.plane_points, table[value].clip(lower=floor), "o", color=colour, alpha=0.5, label=label)
    ax.set(yscale="log", xlabel="points on the teacher plane", ylabel="at an angle of 60°")
    ax.set_xticks(sorted(table.plane_points.unique()))
    legend_above(ax, columns=1)
    return ax


def sample_complexity(
    curves: pd.DataFrame, published: pd.DataFrame | None, value: str, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Curves against training samples, a panel per over-realization; bands are one standard deviation.

    curves      one row per seed, data, samples, over_realization, with the column ``value``.
    published   the same columns without seeds: open dots (aware) and squares (random).
    """
    colours = {"aware": (STUDENT, "o"), "random": (ACCENT, "s")}
    for ax, (ratio, group) in zip(axes, curves.groupby("over_realization")):
        for kind, (colour, marker) in colours.items():
            mean_and_band(group[group.data == kind], "samples", value, ax, colour)
            if published is not None:
                dots = published[(published.over_realization == ratio) & (published.data == kind)]
                ax.plot(dots.samples, dots[value], **PUBLISHED | dict(marker=marker, markeredgecolor=colour))
        say_missing(ax, group[value])
        ax.set(title=f"{ratio:g}x", xscale="log")
        ax.set_xticks([30, 100, 300, 900], ["30", "100", "300", "900"])
        ax.minorticks_off()
    handles = [Line2D([], [], color=colour, label=f"{kind} data") for kind, (colour, _) in colours.items()]
    legend_on_top(axes, handles + published_handle(published))
    return axes
