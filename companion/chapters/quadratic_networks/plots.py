"""Pictures of the chapter on quadratic networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from companion.chapters.quadratic_networks.tables import (
    aligned,
    counted,
    distance,
    excess,
    expected_excess,
    expected_log_prefactor,
    final_excess,
    growth,
    log_prefactor,
    misfit,
)
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    STUDENT,
    TEACHER,
    cloud,
    legend_on_top,
    ordered_colours,
    over_realization_colours,
)
from companion.pages.statistics import mean_interval

SHOWN = 4  # starts that are drawn


def overlay(warm: pd.DataFrame, moved: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Loss of SGD (lines) and its equations (dashed): warm starts; random ones as they are, and aligned.

    warm, moved     of one width each; moved is of :func:`tables.aligned`.
    """
    level = moved.plateau.iloc[0]
    first = lambda runs: runs[runs.seed.isin(sorted(runs.seed.unique())[:SHOWN])]
    panels = (
        (first(warm), "time", "loss_ode", "time", "warm start: on its equations"),
        (first(moved), "time", "loss_ode", "time", "random start: each at its own time"),
        (first(moved), "aligned", "loss_aligned", "aligned", "the same, aligned at escape"),
    )
    for ax, (runs, x, fit, _, title) in zip(axes, panels):
        for _, one in runs.assign(aligned=runs.time - runs.get("escape", 0)).groupby("seed"):
            ax.plot(one[x], one.loss, color=STUDENT, alpha=0.8, linewidth=1.2)
            ax.plot(one[x], one[fit], color=ACCENT, linestyle=(0, (4, 2)), linewidth=1.4)
        ax.set_title(title)
        ax.set_ylim(bottom=0)
    for ax in axes[1:]:
        ax.axhline(level, color=NEUTRAL, linestyle=":", zorder=0)
    axes[0].set(xlabel="time α, steps / N", ylabel="population loss ε")
    axes[1].set_xlabel("time α, steps / N")
    axes[2].set(xlabel="time since escape", xlim=(-12, 16))
    legend_on_top(
        np.atleast_2d(axes),
        [
            Line2D([], [], color=STUDENT, label="SGD, one start each"),
            Line2D([], [], color=ACCENT, linestyle="--", label="equations, same start"),
            Line2D([], [], color=NEUTRAL, linestyle=":", label="plateau, by theory"),
        ],
    )
    return axes


def escapes(table: pd.DataFrame, passages: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Escape time against N, growth rate against p, and prefactor against p, a colour per p.

    table, passages     of the cell Escapes.
    """
    waits, rates, prefactors = axes
    colours = over_realization_colours(table.width / table.teachers)
    teachers, rate = table.teachers.iloc[0], table.rate.iloc[0]
    for width, group in table.groupby("width"):
        means = group.groupby("input_dim").time.mean()
        colour = colours[width / teachers]
        waits.plot(means.index, means, color=colour, marker="o", label=f"p = {width}")
    at = sorted(table.input_dim.unique())
    slowest = table[table.width == table.width.min()].groupby("input_dim").time.mean()
    slope = teachers / (8 * rate)
    waits.plot(
        at,
        slowest.iloc[0] + 1.5 + slope * np.log(np.array(at) / at[0]),
        color=INK,
        linestyle="--",
        linewidth=1,
    )
    waits.annotate(
        "slope p*/8η₀",
        (at[1], slowest.iloc[0] + 1.5 + slope * np.log(at[1] / at[0])),
        (-4, 3),
        textcoords="offset points",
        ha="right",
    )
    waits.set(xscale="log", xlabel="input dimension N", ylabel="mean escape time", title="parallel: one rate")
    waits.legend()

    large = table[table.input_dim == max(at)]
    widths = sorted(table.width.unique())
    rates.plot(widths, [4 * rate / teachers] * len(widths), color=INK, linestyle="--", label="4η₀/p*, theory")
    _points(rates, large.groupby("width").growth, STUDENT, "flow")
    rates.plot(
        widths, 4 * rate / (teachers * np.array(widths)), color=NEUTRAL, linestyle=":", label="at fixed η"
    )
    rates.set(xscale="log", xlabel="student nodes p", ylabel="growth rate of ‖M‖", title="the rate ignores p")
    rates.set_ylim(bottom=0)
    rates.legend()

    measured = log_prefactor(table).groupby("width")
    _points(prefactors, measured, STUDENT, "flow")
    expected = expected_log_prefactor(passages)
    prefactors.plot(expected.index, expected, color=INK, linestyle="--", label="theory")
    prefactors.set(xscale="log", xlabel="student nodes p", ylabel="ln A", title="the prefactor does not")
    prefactors.legend(loc="lower right")
    for ax in axes[1:]:
        ax.set_xticks(widths, [f"{p}" for p in widths])
        ax.minorticks_off()
    return axes


def _points(ax: Axes, groups, colour: str, label: str) -> None:
    """Means with their intervals."""
    found = {p: mean_interval(values) for p, values in groups}
    value, low, high = (np.array([of[name] for of in found.values()]) for name in ("value", "low", "high"))
    ax.errorbar(
        list(found),
        value,
        (value - low, high - value),
        color=colour,
        marker="o",
        linestyle="none",
        label=label,
    )


def geometry(kept: pd.DataFrame, endings: pd.DataFrame, bar: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Drift of the conserved matrix over time; how far the solutions that are reached lie from the start."""
    drift, far = axes
    looks = {
        "drift_bare": (NEUTRAL, ":", "without the exponential"),
        "drift_noisy": (TEACHER, "-.", "equations of SGD"),
        "drift": (STUDENT, "-", "gradient flow"),
    }
    later = kept[kept.time > 0].dropna()
    for column, (colour, style, label) in looks.items():
        for number, (_, shape) in enumerate(later.groupby(["width", "teachers"])):
            line = shape.groupby("time")[column].max()
            drift.plot(line.index, line, color=colour, linestyle=style, label=None if number else label)
    drift.axhline(bar, color=INK, linewidth=0.8, linestyle="--")
    drift.set(yscale="log", xlabel="time α", ylabel="relative drift", title="conserved by the flow")
    drift.legend()

    names = []
    for at, ((p, p_star), shape) in enumerate(endings.groupby(["width", "teachers"])):
        names.append(f"{p}, {p_star}")
        spread = (shape.other_sd / (shape.other - shape.closest)).mean()
        cloud(
            far,
            at + np.linspace(-0.15, 0.15, len(shape)),
            excess(shape),
            STUDENT,
            size=16,
            alpha=0.8,
            label=None if at else "reached by the flow",
        )
        far.errorbar(
            at + 0.3,
            1,
            spread,
            color=NEUTRAL,
            marker="D",
            linestyle="none",
            label=None if at else "random solutions, 1 s.d.",
        )
    far.axhline(0, color=INK, linestyle="--", linewidth=0.8, label="closest solution")
    far.set_xticks(range(len(names)), names)
    far.set(
        xlabel="student and teacher nodes p, p*",
        ylabel="distance beyond the closest",
        title="it ends next to its start",
    )
    far.set_ylim(-0.15, 2.7)  # the legend has its place above the bars
    far.legend(loc="upper right")
    return axes


def spectra(table: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Eigenvalues of the Hessian in order: plateau above, solution below, a panel per shape."""
    found = counted(table).set_index(["width", "teachers", "point"])
    shapes = list(table.groupby(["width", "teachers"]).groups)
    for column, (p, p_star) in zip(axes.T, shapes):
        for ax, point in zip(column, ("plateau", "solution")):
            one = table[(table.width == p) & (table.teachers == p_star) & (table.point == point)]
            counts = found.loc[(p, p_star, point)]
            colours = np.select(
                [one.eigenvalue < -1e-9, one.eigenvalue.abs() <= 1e-9], [TEACHER, ACCENT], STUDENT
            )
            share = (one.order + 0.5) / len(one)
            ax.scatter(share, one.eigenvalue, s=9, color=colours, linewidths=0)
            ax.axhline(0, color=INK, linewidth=0.6)
            ax.text(
                0.03,
                0.95,
                f"{counts.negative:.0f} negative\n{counts.zeros:.0f} zero of {len(one)}",
                va="top",
                transform=ax.transAxes,
            )
            ax.set_xticks([])
        column[0].set_title(f"p = {p}, p* = {p_star}")
    for ax, name in zip(axes[:, 0], ("plateau", "solution")):
        ax.set_ylabel(f"{name}:\neigenvalue")
    return axes


def tails(table: pd.DataFrame, floor: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Loss over time, a colour per shape, dashed with norms that are kept; and time^2 loss over its limit.

    floor       below it the loss is the solver's error, and is left out.
    """
    falling, factor = axes
    shapes = list(table.groupby(["width", "teachers"]).groups)
    colours = dict(zip(shapes, (INK, *ordered_colours(range(len(shapes) - 1)).values())))
    for (p, p_star, norms), curve in table.groupby(["width", "teachers", "norms"]):
        line = curve.groupby("time")[["loss", "limit"]].mean()
        line = line[(line.loss >= floor).cummin()]
        style = dict(color=colours[p, p_star], linestyle="-" if norms == "free" else "--")
        falling.plot(
            line.index, line.loss, label=f"p = {p}, p* = {p_star}" if norms == "free" else None, **style
        )
        if line.limit.notna().all():
            factor.plot(line.index, line.index**2 * line.loss / line.limit, **style)
    factor.axhline(1, color=NEUTRAL, linestyle=":")
    falling.set(
        xscale="log", yscale="log", xlabel="time α", ylabel="population loss ε", title="spare nodes are slow"
    )
    factor.set(xscale="log", xlabel="time α", ylabel="α²ε over theory", title="and end as expected")
    factor.set(xlim=(40, table.time.max()), ylim=(0, 4))
    factor.set_xticks([50, 100, 200, 500], ["50", "100", "200", "500"])
    factor.minorticks_off()
    handles = [
        *falling.get_legend_handles_labels()[0],
        Line2D([], [], color=INK, linestyle="--", label="norms kept"),
        Line2D([], [], color=NEUTRAL, linestyle=":", label="theory"),
    ]
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def finite_rate(
    warm: pd.DataFrame, random: pd.DataFrame, passages: pd.DataFrame, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Distances of SGD from its equations against N; its growth rate, its lead and its solution against p."""
    far, rates, excesses = axes
    fits = misfit(aligned(random))
    for label, values, colour, style in (
        ("warm start", distance(warm) / np.sqrt(_dims(distance(warm))), STUDENT, "-"),
        ("warm, noise left out", distance(warm, "apart_flow") / np.sqrt(_dims(distance(warm))), NEUTRAL, ":"),
        ("random start, bare", fits.bare, TEACHER, "-."),
        ("random, aligned", fits.aligned, ACCENT, "--"),
    ):
        means = np.exp(np.log(values).groupby("input_dim").mean())
        far.plot(means.index, means, color=colour, linestyle=style, marker="o", label=label)
    far.set(xscale="log", yscale="log", xlabel="input dimension N", ylabel="rms distance from the equations")
    far.set_title("what N helps")
    dims = sorted({*warm.input_dim, *random.input_dim})
    far.set_xticks(dims, [f"{dim}" for dim in dims])
    far.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    far.yaxis.set_major_formatter("{x:g}")
    far.minorticks_off()
    far.set_ylim(bottom=0.002)  # room for the legend
    far.legend(loc="lower left")

    largest = random[random.input_dim == random.input_dim.max()]
    theory = passages.set_index("width")
    rate, teachers = random.rate.iloc[0], random.teachers.iloc[0]
    _points(rates, growth(largest).groupby("width"), STUDENT, "SGD")
    equations = growth(largest, column="share_ode").groupby("width").mean()
    rates.plot(equations.index, equations, color=ACCENT, linestyle="--", label="equations")
    rates.plot(theory.index, theory.growth, color=INK, linestyle="--", label="plateau, this rate")
    rates.axhline(4 * rate / teachers, color=NEUTRAL, linestyle=":", label="plateau, rate to 0")
    rates.set(ylabel="growth rate of ‖M‖", title="p hardly matters")
    rates.set_ylim(0, 4.6 * rate / teachers)
    rates.legend(loc="lower left")

    dims = sorted(random.input_dim.unique())
    for number, (dim, colour) in enumerate(ordered_colours(dims).items()):
        values = final_excess(random[random.input_dim == dim])
        shift = 1.06 ** (number - (len(dims) - 1) / 2)
        _points(excesses, values.groupby(lambda one: one[2] * shift), colour, f"SGD, N = {dim:,}")
    expected = expected_excess(passages)
    excesses.plot(expected.index, expected, color=INK, linestyle="--", label="theory")
    excesses.axhline(0, color=NEUTRAL, linestyle=":", label="closest solution")
    excesses.set(ylabel="excess distance", title="not quite the closest")
    excesses.legend(loc="upper right")
    for ax in (rates, excesses):
        ax.set(xscale="log", xlabel="student nodes p")
        ax.set_xticks(list(theory.index), [f"{p}" for p in theory.index])
        ax.minorticks_off()
    return axes


def _dims(values: pd.Series) -> np.ndarray:
    return values.index.get_level_values("input_dim").to_numpy()


def stills(paths: pd.DataFrame, times: Sequence[float], axes: np.ndarray) -> np.ndarray:
    """Overlaps of two student nodes with the teacher node, at some times; free norms above, kept below.

    paths       of the cell Paths, p = 2; a dot per start, and its way so far.
    """
    turn = np.linspace(0, 2 * np.pi, 100)
    for row, norms in zip(axes, ("free", "kept")):
        of = paths[paths.norms == norms].pivot(index=["seed", "time"], columns="student", values="overlap")
        for ax, time in zip(row, times):
            if norms == "free":
                ax.plot(np.sqrt(2) * np.cos(turn), np.sqrt(2) * np.sin(turn), color=TEACHER, linewidth=1)
            else:
                ax.plot(
                    [1, 1, -1, -1], [1, -1, 1, -1], color=TEACHER, linestyle="none", marker="+", markersize=9
                )
            for _, way in of.groupby("seed"):
                so_far = way[way.index.get_level_values("time") <= time]
                ax.plot(so_far[0], so_far[1], color=NEUTRAL, linewidth=0.8)
                ax.plot(*so_far.iloc[-1], color=STUDENT, marker="o", markersize=3.5)
            ax.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), aspect="equal", title=f"α = {time:g}")
        row[0].set_ylabel(f"{norms}: node 2, M₂")
    for ax in axes[-1]:
        ax.set_xlabel("node 1, M₁")
    handles = [
        Line2D([], [], color=STUDENT, linestyle="none", marker="o", markersize=4, label="SGD, a start each"),
        Line2D([], [], color=TEACHER, label="solutions, free norms"),
        Line2D([], [], color=TEACHER, linestyle="none", marker="+", label="solutions, norms kept"),
    ]
    legend_on_top(axes, handles)
    return axes


def prefactors(table: pd.DataFrame, passages: pd.DataFrame, ax: Axes) -> Axes:
    """ln A against p: measured, with 95 % intervals, and by theory."""
    _points(ax, log_prefactor(table).groupby("width"), STUDENT, "flow")
    expected = expected_log_prefactor(passages)
    ax.plot(expected.index, expected, color=INK, linestyle="--", label="theory")
    ax.set(xscale="log", xlabel="student nodes p", ylabel="ln A")
    ax.set_title(f"p* = {table.teachers.iloc[0]}: theory with no fit")
    ax.set_xticks(expected.index, [f"{p}" for p in expected.index])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    return ax
