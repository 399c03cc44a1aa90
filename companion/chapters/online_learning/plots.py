"""Pictures of the chapter on online learning."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.chapters.online_learning.tables import FEWEST, distance, first_order, speed_up_at_small_rates
from companion.pages.figures import (
    INK,
    NEUTRAL,
    SIGNED,
    STUDENT,
    TEACHER,
    heatmap,
    legend_on_top,
    many_colours,
    ordered_colours,
    over_realization_colours,
)
from companion.pages.statistics import mean_interval, within

DOTS = dict(linestyle="none", marker="o", markersize=3)
KINDS = {
    "soft committee": (TEACHER, "o"),
    "both layers": (STUDENT, "s"),
    "both layers, random fan-outs": (NEUTRAL, "^"),
}


def overlay(
    errors: pd.DataFrame, overlaps: pd.DataFrame, height: float, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Errors of some students over alpha, and all overlaps R of the first one: SGD, equations, gradient flow.

    height      of the plateau, marked in the first panel.
    """
    left, right = axes
    first, last = errors.seed.min(), errors.seed.max()
    for seed, colour in ((first, STUDENT), (last, NEUTRAL)):
        of = dict(list(errors[errors.seed == seed].groupby("route")))
        left.plot(of["SGD"].alpha, of["SGD"].error, color=colour, **DOTS)
        left.plot(of["ODE"].alpha, of["ODE"].error, color=colour)
        if seed == first:
            left.plot(of["flow"].alpha, of["flow"].error, color=colour, linestyle=":")
    left.axhline(height, color=TEACHER, linestyle="--", linewidth=1)
    left.text(errors.alpha.max(), height * 1.08, "symmetric plateau", color=TEACHER, ha="right", va="bottom")
    left.set(yscale="log", xlabel="steps / N, α", ylabel="generalization error", title="two students")
    for (student, teacher), node in overlaps[overlaps.seed == first].groupby(["student", "teacher"]):
        of = dict(list(node.groupby("route")))
        colour = (STUDENT, TEACHER)[teacher]
        line = dict(color=colour, alpha=1 if student == 0 else 0.5)
        right.plot(of["SGD"].alpha, of["SGD"].overlap, **line, **DOTS)
        right.plot(of["ODE"].alpha, of["ODE"].overlap, **line)
    right.set(
        xlabel="steps / N, α", ylabel="overlap with a teacher row, R", title="one student's four overlaps"
    )
    handles = [
        Line2D([], [], color=INK, label="equations"),
        Line2D([], [], color=INK, label="SGD", **DOTS),
        Line2D([], [], color=INK, linestyle=":", label="without terms in η²"),
        Line2D([], [], color=STUDENT, label="R: teacher node 1"),
        Line2D([], [], color=TEACHER, label="R: teacher node 2"),
    ]
    legend_on_top(axes, handles)
    return axes


def escapes(theory: pd.DataFrame, measured: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Error on the plateau and rate of the escape over the learning rate, a colour per beta.

    theory      lines: solid at finite rates, dashed by the formulas for small ones; measured: dots.
    """
    colours = ordered_colours(theory.beta)
    for column, ax in zip(("error", "escape"), axes):
        for beta, line in theory.groupby("beta"):
            ax.plot(line.learning_rate, line[column], color=colours[beta])
            shown = line[line[f"{column}_small"] < 1.3 * theory[column].max()]
            ax.plot(
                shown.learning_rate,
                shown[f"{column}_small"],
                color=colours[beta],
                linestyle="--",
                linewidth=1,
            )
        for beta, dots in measured.groupby("beta"):
            ax.plot(dots.learning_rate, dots[column], color=colours[beta], **DOTS | dict(markersize=5))
        ax.set(xlabel="learning rate η")
    axes[0].set(ylabel="error on the plateau", title="height")
    axes[1].set(ylabel="growth rate per unit of α", title="escape", ylim=(0, None))
    handles = [Line2D([], [], color=colour, label=f"β = {beta:g}") for beta, colour in colours.items()]
    handles += [
        Line2D([], [], color=INK, label="fixed point"),
        Line2D([], [], color=INK, linestyle="--", label="at small rates"),
        Line2D([], [], color=INK, label="full equations", **DOTS | dict(markersize=5)),
    ]
    legend_on_top(axes, handles)
    return axes


def too_wide(errors: pd.DataFrame, last: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Errors over alpha by width and kind, and final errors against the width.

    errors, last    with a column ``kind``; dashed in the second panel: the formula for small rates.
    """
    left, right = axes
    widths = sorted(errors.student_width.unique())
    dark = over_realization_colours(width / 2 for width in widths)
    for (kind, width), runs in errors[errors.seed == errors.seed.min()].groupby(["kind", "student_width"]):
        if kind != "both layers, random fan-outs":
            line = "-" if kind == "both layers" else "--"
            left.plot(runs.alpha, runs.error, color=dark[width / 2], linestyle=line)
    left.set(yscale="log", xlabel="steps / N, α", ylabel="generalization error", title="first start")
    handles = [Line2D([], [], color=dark[width / 2], label=f"K = {width}") for width in widths]
    for kind, dots in last.groupby("kind"):
        colour, marker = KINDS[kind]
        mean = dots.groupby("student_width").error.agg(lambda e: np.exp(np.log(e).mean()))
        right.plot(mean.index, mean, color=colour)
        right.plot(
            dots.student_width, dots.error, color=colour, linestyle="none", marker=marker, markersize=4
        )
        look = dict(color=colour, marker=marker, linestyle="--" if kind == "soft committee" else "-")
        handles.append(Line2D([], [], label=kind, **look))
    rate, noise = last.learning_rate.iloc[0], last.noise.iloc[0]
    wide = np.array(sorted(last.student_width.unique()))
    right.plot(wide, first_order(wide, rate, noise), color=INK, linestyle=":")
    handles.append(Line2D([], [], color=INK, linestyle=":", label="soft, small rates"))
    right.set(yscale="log", xlabel="student nodes K (teacher: 2)", ylabel="final error", title="all starts")
    right.set_xticks(wide)
    legend_on_top(axes, handles)
    return axes


def surplus(students: pd.DataFrame, ax: Axes) -> Axes:
    """Size of every student node's contribution against its cosine with the nearest teacher node."""
    for kind, dots in students.groupby("kind"):
        colour, marker = KINDS[kind]
        size = dots.fan_out.abs() * dots.norm
        ax.plot(dots.cosine, size, color=colour, linestyle="none", marker=marker, alpha=0.7, label=kind)
    ax.set(xlabel="cosine with the nearest teacher node", ylabel="size of the node, |v| ‖w‖", ylim=(0, None))
    ax.legend()
    return ax


def sizes(overlaps: pd.DataFrame, ax: Axes) -> Axes:
    """Root mean square distance of SGD from its limits against the number of inputs, a dot per seed."""
    for route, label, colour in (("ODE", "equations", STUDENT), ("flow", "without terms in η²", TEACHER)):
        far = distance(overlaps, route)
        plain = far.assign(distance=far.distance / np.sqrt(far.input_dim))
        mean = plain.groupby("input_dim").distance.agg(lambda d: np.exp(np.log(d).mean()))
        ax.plot(plain.input_dim, plain.distance, color=colour, alpha=0.5, **DOTS)
        ax.plot(mean.index, mean, color=colour, label=label)
        if route == "ODE":
            fall = mean.iloc[0] * np.sqrt(mean.index[0] / mean.index)
            ax.plot(mean.index, fall, color=INK, linestyle="--", linewidth=1, label="1/√N")
    ax.set(xscale="log", yscale="log", xlabel="inputs N", ylabel="distance of SGD's R (rms)")
    ax.legend()
    return ax


def pauses(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Length of the plateau and its ratio to the next fall against the learning rate, a line per scenario."""
    colours = many_colours(table.scenario)
    for column, ax in zip(("length", "ratio"), axes):
        medians = table.groupby(["scenario", "learning_rate"])[column].median()
        for i, (scenario, line) in enumerate(medians.groupby("scenario")):
            x = line.index.get_level_values("learning_rate")
            look = dict(color=colours[scenario], linestyle=("-", "--", ":")[i % 3])  # neighbours look alike
            ax.plot(x, line, marker="o", markersize=3, label=scenario, **look)
        ax.set(xscale="log", yscale="log", xlabel="learning rate η")
    axes[0].set(ylabel="length in α", title="plateau")
    axes[1].set(ylabel="length / next fall", title="against the next fall")
    axes[0].figure.legend(handles=axes[0].get_lines(), loc="outside upper center", ncols=4)
    axes[1].axhline(1, color=INK, linewidth=1)
    return axes


def stills(runs: dict[str, dict[str, pd.DataFrame]], axes: np.ndarray) -> np.ndarray:
    """Overlaps R as matrices, a row per run and a column per moment.

    runs    name to :func:`companion.chapters.online_learning.tables.moments`.
    """
    for row, (name, moments) in zip(axes, runs.items()):
        for ax, (when, r) in zip(row, moments.items()):
            zero = 0.0  # added, it takes the sign from a zero that was rounded to
            words = r.map(
                lambda value: f"{round(value, 2) + zero:.2f}".replace("0.", ".", 1).replace("-", "−")
            )
            names = dict(xticklabels=r.columns + 1, yticklabels=r.index + 1)
            look = dict(cmap=SIGNED, vmin=-1.2, vmax=1.2, cbar=False, linewidths=1)
            heatmap(r, annot=words, fmt="", ax=ax, **look, **names)
            ax.set(title=when, xlabel="", ylabel="")
            ax.tick_params(length=0)
            ax.tick_params(axis="y", rotation=0)
        row[0].set_ylabel(f"{name}:\nstudent node")
    for ax in axes[-1]:
        ax.set_xlabel("teacher node")
    return axes


def wide(errors: dict[str, pd.DataFrame], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Errors of students wider than their teacher: SGD, equations, gradient flow; a panel per kind."""
    for ax, (kind, table) in zip(axes, errors.items()):
        for seed, colour in ((table.seed.min(), STUDENT), (table.seed.max(), NEUTRAL)):
            of = dict(list(table[table.seed == seed].groupby("route")))
            ax.plot(of["SGD"].alpha, of["SGD"].error, color=colour, **DOTS)
            ax.plot(of["ODE"].alpha, of["ODE"].error, color=colour)
            ax.plot(of["flow"].alpha, of["flow"].error, color=colour, linestyle=":")
        ax.set(yscale="log", xlabel="steps / N, α", title=kind)
        ax.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5], [".02", ".05", ".1", ".2", ".5"])
        ax.minorticks_off()
    axes[0].set_ylabel("generalization error")
    handles = [
        Line2D([], [], color=INK, label="equations"),
        Line2D([], [], color=INK, label="SGD", **DOTS),
        Line2D([], [], color=INK, linestyle=":", label="without terms in η²"),
    ]
    legend_on_top(axes, handles)
    return axes


def beside(errors: pd.DataFrame, rest: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Gradient flows of erf and ReLU committees; plateau and escape of both against the width.

    errors      of flows from the same starts, K = M = 2;  rest  of the cell Rectified.
    """
    left, right = axes
    here = rest.set_index("width").loc[2]
    looks = {"erf": (TEACHER, here.error_erf), "ReLU": (STUDENT, here.error_theory)}
    for nodes, (colour, height) in looks.items():
        for _, one in errors[errors.activation == nodes].groupby("seed"):
            left.plot(one.alpha * one.learning_rate, one.error, color=colour, alpha=0.7)
        left.axhline(height, color=colour, linestyle="--", linewidth=1)
    left.set(yscale="log", xlabel="η α", ylabel="generalization error", ylim=(1e-5, None))
    left.set_title("four starts")
    for column, colour, marker in (
        ("escape_erf", TEACHER, "o"),
        ("escape_theory", STUDENT, "s"),
        ("escape_alike", NEUTRAL, "^"),
    ):
        right.plot(rest.width, rest[column], color=colour, marker=marker)
    right.plot(rest.width, rest.escape, color=INK, linestyle="none", marker="x")
    right.set(xlabel="nodes K = M", ylabel="growth rate per unit of η α", title="escape", ylim=(0, None))
    right.set_xticks(rest.width)
    handles = [
        Line2D([], [], color=TEACHER, marker="o", markersize=4, label="erf"),
        Line2D([], [], color=STUDENT, marker="s", markersize=4, label="ReLU"),
        Line2D([], [], color=NEUTRAL, marker="^", markersize=4, label="ReLU, identical students"),
        Line2D([], [], color=INK, linestyle="--", label="plateau, by theory"),
        Line2D([], [], color=INK, linestyle="none", marker="x", label="measured in the flow"),
    ]
    legend_on_top(axes, handles)
    return axes


def rectified(errors: pd.DataFrame, off: pd.Series, axes: Sequence[Axes]) -> Sequence[Axes]:
    """ReLU committees by SGD at several rates beside the flow, and their distance against the rate."""
    left, right = axes
    colours = ordered_colours(errors.learning_rate)
    first = errors[errors.seed == errors.seed.min()]
    for (rate, route), one in first.groupby(["learning_rate", "route"]):
        if route == "SGD":
            left.plot(one.alpha * rate, one.error, color=colours[rate], **DOTS)
        elif rate == errors.learning_rate.min():
            left.plot(one.alpha * rate, one.error, color=INK)
    left.set(yscale="log", xlabel="η α", ylabel="generalization error", title="first start")
    rates = off.index.get_level_values("learning_rate")
    right.plot(rates, off, color=STUDENT, alpha=0.5, **DOTS)
    mean = off.groupby("learning_rate").mean()
    right.plot(mean.index, mean, color=STUDENT, label="mean")
    line = mean.iloc[-1] * mean.index / mean.index[-1]
    right.plot(mean.index, line, color=INK, linestyle="--", linewidth=1, label="proportional to η")
    right.set(
        xscale="log", yscale="log", xlabel="learning rate η", ylabel="mean |log| of error, SGD over flow"
    )
    right.set_xticks(mean.index, [f"{rate:g}".removeprefix("0") for rate in mean.index])
    right.minorticks_off()
    right.legend()
    handles = [Line2D([], [], color=INK, label="gradient flow")]
    handles += [
        Line2D([], [], color=colour, label=f"SGD, η = {rate:g}", **DOTS) for rate, colour in colours.items()
    ]
    legend_on_top(axes, handles)
    return axes


def fates(table: pd.DataFrame, ax: Axes) -> Axes:
    """Share of surplus nodes that fade against the width, a line per kind; bars are 95 % intervals."""
    for kind, of in table.groupby("kind"):
        colour, marker = KINDS[kind]
        means = {
            width: within(mean_interval(values.faded), 0, 1) for width, values in of.groupby("student_width")
        }
        value, low, high = (np.array([m[name] for m in means.values()]) for name in ("value", "low", "high"))
        ax.errorbar(
            list(means),
            value,
            (value - low, high - value),
            color=colour,
            marker=marker,
            capsize=3,
            label=kind,
        )
    ax.set(xlabel="student nodes K (teacher: 2)", ylabel="share of surplus nodes", ylim=(-0.05, 1.05))
    ax.set_xticks(sorted(table.student_width.unique()))
    ax.set_title("what fades depends on the start")
    legend_on_top(np.array([[ax]]))
    return ax


def speed_ups(measured: pd.DataFrame, expected: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """What a colder gate buys at the same rate, a panel per width: SGD with 95 % intervals, and theory."""
    for ax, (width, of) in zip(axes, measured.groupby("width")):
        few = of.groupby("learning_rate").speed_up.transform("size") < FEWEST
        means = {rate: mean_interval(v, "log") for rate, v in of[~few].groupby("learning_rate").speed_up}
        value, low, high = (np.array([m[name] for m in means.values()]) for name in ("value", "low", "high"))
        bars = dict(color=STUDENT, marker="o", markersize=4, capsize=3, label="SGD, length of the plateau")
        ax.errorbar(list(means), value, (value - low, high - value), **bars)
        line = expected[expected.width == width]
        ax.plot(line.learning_rate, line.speed_up, color=TEACHER, label="fixed point, rate of escape")
        small = speed_up_at_small_rates(width)
        ax.axhline(small, color=TEACHER, linestyle=":", label="the same at small rates")
        ax.axhline(1, color=INK, linewidth=0.8)
        ax.set(xlabel="learning rate η", title=f"K = M = {width}", ylim=(0.5, 3))
    axes[0].set_ylabel("speed-up, β = 2 over 1")
    legend_on_top(np.atleast_2d(axes))
    return axes
