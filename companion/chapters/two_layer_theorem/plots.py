"""Pictures of the chapter on two-layer networks."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm

from companion.experiments.two_layer.plots import segments
from companion.pages.figures import (
    ACCENT,
    FIELD,
    INK,
    NEUTRAL,
    SIGNED,
    STUDENT,
    TEACHER,
    cloud,
    heatmap,
    legend_above,
    ordered_colours,
    over_realization_colours,
)


def plane(
    lines: pd.DataFrame, error: pd.DataFrame, steps: Sequence[int], axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Boundary lines of teacher (red, dashed) and student (white) over the error ||f* - f|| at some steps.

    lines, error    tables of a Plane study; wide lines are strong.
    """
    reach = error.x_1.abs().max()
    norm = LogNorm(error.error.quantile(0.02), error.error.max())
    widest = lines.strength[lines.network == "teacher"].max()
    for ax, step in zip(axes, steps):
        field = error[error.step == step].pivot(index="x_2", columns="x_1", values="error")
        box = (-reach, reach, -reach, reach)
        ax.imshow(field, extent=box, origin="lower", cmap=FIELD, norm=norm, interpolation="bilinear")
        now = lines[(lines.network == "student") & (lines.step == step)]
        for table, style in (
            (now, dict(colors="white", alpha=0.95)),
            (lines[lines.network == "teacher"], dict(colors=TEACHER, linestyles=(0, (3, 2)))),
        ):
            width = 0.4 + 3.6 * table.strength / widest
            ax.add_collection(LineCollection(segments(table, 2 * reach), linewidths=width, **style))
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], title=f"step {step:,}")
        ax.spines[:].set_visible(False)
    return axes


def kinks(table: pd.DataFrame, boundaries: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Outputs along a line (left), and the bracket of the first student's gradient (right), with every kink.

    table, boundaries   ``kinks`` and ``boundaries`` of a CriticalPoints study.
    """
    outputs, bracket = axes
    styles = {"teacher": (TEACHER, "--", "teacher f*"), "student": (STUDENT, "-", "student f")}
    for name, (colour, style, label) in styles.items():
        at = boundaries[boundaries.network == name].x
        outputs.plot(table.x, table[name], color=colour, linestyle=style, label=label)
        outputs.plot(at, np.interp(at, table.x, table[name]), "o", color=colour, markersize=5)
        only = at[~at.isin(boundaries[boundaries.network != name].x)]
        bracket.plot(only, np.interp(only, table.x, table.bracket), "o", color=colour, label=f"{name}'s kink")
    bracket.plot(table.x, table.bracket, color=INK, zorder=1)
    shared = boundaries.x[boundaries.x.duplicated()]
    bracket.plot(shared, np.interp(shared, table.x, table.bracket), "o", mfc="white", mec=INK, label="shared")
    outputs.set(xlabel="x", ylabel="output", title="a kink at every boundary")
    bracket.set(xlabel="x", ylabel="bracket h$_1$", title="only shared kinks cancel")
    for ax in axes:
        ax.legend()
    return axes


def gradient_rule(table: pd.DataFrame, bar: float, ax: Axes) -> Axes:
    """Difference of the rule from autograd, a dot per seed, by depth and slope; dashed is the claim."""
    colours = ordered_colours(table.slope)
    sns.swarmplot(table, x="depth", y="max_error", hue="slope", palette=colours, dodge=True, size=4, ax=ax)
    ax.axhline(bar, color=INK, linestyle="--", linewidth=1)
    ax.text(0.99, bar, "claimed at most ", ha="right", va="bottom", transform=ax.get_yaxis_transform())
    ax.set(
        yscale="log",
        ylim=(1e-17, 10 * bar),
        xlabel="weight layers L",
        ylabel="largest error against autograd",
    )
    ax.legend(title="slope of the activation", loc="center left", bbox_to_anchor=(0, 0.72), ncols=3)
    return ax


def matched(table: pd.DataFrame, value: str, ax: Axes, label: str = "") -> Axes:
    """Teacher x student matrix of one column of a tidy table (teacher, student, value), from -1 to 1."""
    matrix = table.pivot(index="teacher", columns="student", values=value)
    heatmap(
        matrix,
        vmin=-1,
        vmax=1,
        cmap=SIGNED,
        square=True,
        linewidths=0.3,
        ax=ax,
        cbar_kws=dict(label=label or value, shrink=0.7),
    )
    ax.set(xlabel="student node", ylabel="teacher node")
    ax.tick_params(rotation=0, length=0)
    return ax


def hyperplane_sums(table: pd.DataFrame, ax: Axes) -> Axes:
    """Strength of every node on each hyperplane; on top the norm of the sum that must vanish there.

    table       of :func:`critical_points.hyperplanes` for one case.
    """
    shown = table.assign(plane=table.plane.astype(str))
    sns.swarmplot(shown, x="plane", y="fan_out", hue="network", palette=[TEACHER, STUDENT], size=6, ax=ax)
    top = 1.3 * shown.fan_out.max()
    for tick, (_, group) in enumerate(shown.groupby("plane", sort=False)):
        ax.text(tick, 0.96 * top, f"{group.sum_norm.max():.0e}".replace("0e+00", "0"), ha="center", va="top")
    ax.set(xlabel="hyperplane", ylabel="strength ‖w‖ ‖v‖ of a node", ylim=(-0.05 * top, top))
    ax.legend(loc="lower left")
    return ax


def one_dimension(table: pd.DataFrame, ax: Axes) -> Axes:
    """Teacher and student outputs along a line, and where the gradient is."""
    ax.plot(table.x, table.teacher, color=TEACHER, linestyle="--", label="teacher f*")
    ax.plot(table.x, table.student, color=STUDENT, label="student f")
    ax.plot(table.x, table.max_gradient, color=NEUTRAL, linewidth=3, alpha=0.6, label="largest |g$_1$|")
    ax.set(xlabel="x")
    ax.legend()
    return ax


def bars(table: pd.DataFrame, x: str, y: str, ax: Axes, label: str) -> Axes:
    """One bar per row, its number on top; ``label`` names the height."""
    sns.barplot(table, x=x, y=y, color=STUDENT, width=0.5, ax=ax)
    ax.bar_label(ax.containers[0], fmt="%.2g", padding=2)
    ax.set(xlabel=x if pd.api.types.is_numeric_dtype(table[x]) else "", ylabel=label)
    ax.margins(y=0.15)
    return ax


def gradients(table: pd.DataFrame, ax: Axes) -> Axes:
    """Gradient of a single sample against that of all together, a dot per student and checkpoint.

    table       ``gradients`` of a TrainedStudents study.
    """
    for name, colour, group in _kinds(table):
        cloud(ax, group.full, group.single, colour, label=name)
        last = group[group.checkpoint == group.checkpoint.max()]
        ax.plot(last.full, last.single, "o", color=colour, mec=INK, markersize=6)
    ax.set(xscale="log", yscale="log", xlabel="gradient of all samples together", ylabel="of a single sample")
    ax.set_title("zero together is not zero for each", pad=40)
    legend_above(ax)
    return ax


def moved(table: pd.DataFrame, ax: Axes) -> Axes:
    """How far SGD moves each student from where it is started; ``table`` of a TrainedStudents study."""
    for name, colour, group in _kinds(table):
        for _, one in group.groupby("seed"):
            ax.plot(one.step, one.distance, color=colour, alpha=0.7)
        ax.plot([], [], color=colour, label=name)
    ax.set(xscale="log", yscale="log", xlabel="SGD steps", ylabel="distance moved, of ‖weights‖")
    ax.set_title("SGD stays where it is zero for each", pad=40)
    legend_above(ax)
    return ax


def _kinds(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Name, colour and rows of students by over-realization and by the noise of their labels."""
    colours = over_realization_colours(table.over_realization)
    for (noise, ratio), group in table.groupby(["noise", "over_realization"]):
        yield f"{ratio:g}x" + ", noise" * bool(noise), ACCENT if noise else colours[ratio], group
