"""Pictures of the chapter on pruning."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from companion.pages.figures import (
    INK,
    NEUTRAL,
    PUBLISHED,
    SIGNED,
    STUDENT,
    TEACHER,
    label_rim,
    legend_on_top,
)

COLOURS = {
    "uniform nodes": "#8d99ae",
    "DPP nodes": "#1a618a",
    "random edges": "#e0951a",
    "DPP edges": "#a23d80",
    "magnitude edges": "#009e73",
    "best nodes": "#222222",
    "merging": "#d1495b",
}
MARKERS = {"uniform nodes": "s", "DPP nodes": "o", "best nodes": "v", "merging": "D"}


def pruned(
    errors: pd.DataFrame, curves: pd.DataFrame, published: pd.DataFrame | None, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Relative error against the share that is kept: closed forms as lines, trained students as marks.

    Left: fan-outs as they are, or summed where nodes merge. Right: fitted anew. Marks are geometric means
    over students, the dotted line is that of the students before pruning.

    errors      of one kind of student.
    curves      of tables.curves.
    published   method, kept and loss at v* = 4 and two teacher nodes, drawn as open dots; None for none.
    """
    for ax, reweighted in zip(axes, (False, True)):
        chosen = errors[errors.reweighted == reweighted]
        for method, colour in COLOURS.items():
            if not reweighted and method in set(curves.method):
                line = curves[curves.method == method]
                ax.plot(line.kept, line.error, color=colour, linewidth=1.2)
            points = np.exp(
                np.log(chosen[chosen.method == method].set_index("kept").error).groupby("kept").mean()
            )
            if len(points):
                style = dict(linestyle=":" if reweighted or method in ("best nodes", "merging") else "none")
                ax.plot(points.index, points, color=colour, marker=MARKERS.get(method, "^"), **style)
        own = np.exp(np.log(errors.drop_duplicates("seed").own).mean())
        ax.axhline(own, color=INK, linestyle=(0, (1, 2)), linewidth=1)
        ax.text(0.01, own, "the student itself", va="bottom", transform=ax.get_yaxis_transform())
        ax.set(yscale="log", xlim=(0, 1), ylim=(own / 3, 1.3))
    if published is not None:
        axes[0].plot(published.kept, 6 * published.loss / 32, **PUBLISHED, label="published")
    axes[0].set_title("fan-outs kept, or summed")
    axes[1].set_title("fan-outs fitted anew")
    label_rim(
        np.array([list(axes)]), "share of first-layer weights kept", "error over that of predicting zero"
    )
    handles = [
        Line2D([], [], color=colour, marker=MARKERS.get(name, "^"), label=named(name))
        for name, colour in COLOURS.items()
    ]
    if published is not None:
        handles.append(Line2D([], [], **PUBLISHED, label="published"))
    legend_on_top(axes, handles)
    return axes


def named(method: str) -> str:
    return {"best nodes": "best of all subsets of nodes", "merging": "merging copies"}.get(method, method)


def limits(merged: pd.DataFrame, ax: Axes) -> Axes:
    """Error of the merged student over the student's own, against label noise, a line per over-realization.

    Dashed: the best m of the student's own nodes. The line at 2 is the bar of what counts as free.
    """
    import seaborn as sns

    sizes = sorted(merged.over_realization.unique())
    mean = lambda rows, column: np.exp(np.log(rows[column] / rows.own).groupby(rows.noise).mean())
    for z, colour in zip(sizes, sns.color_palette("viridis", len(sizes))):
        rows = merged[merged.over_realization == z]
        for column, style in (("error", dict(marker="o")), ("subset", dict(linestyle="--", linewidth=1))):
            points = mean(rows, column)
            ax.plot(
                points.index, points, color=colour, label=f"z = {z:g}" if column == "error" else None, **style
            )
    ax.axhline(2, color=INK, linestyle=(0, (1, 2)), linewidth=1)
    ax.text(0.01, 2, "twice the student's own", va="bottom", transform=ax.get_yaxis_transform())
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="standard deviation of label noise",
        ylabel="error over the student's own",
    )
    noises = sorted(merged.noise.unique())
    ax.set_xticks(noises, [f"{noise:g}" for noise in noises])
    ax.minorticks_off()
    handles, _ = ax.get_legend_handles_labels()
    handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label="best m of its nodes"))
    legend_on_top(np.array([[ax]]), handles)
    return ax


def on_images(accuracies: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Share of wrong answers against the share of parameters kept, means over networks; dotted: unpruned.

    Left: fan-outs and weights as they are, or summed where nodes merge. Right: fitted anew.
    """
    for ax, reweighted in zip(axes, (False, True)):
        chosen = accuracies[accuracies.reweighted == reweighted]
        for method, colour in (COLOURS | {"important nodes": "#56b4e9"}).items():
            points = 1 - chosen[chosen.method == method].groupby("kept").accuracy.mean()
            if len(points):
                ax.plot(points.index, points, color=colour, marker=MARKERS.get(method, "^"), label=method)
        own = 1 - accuracies.own.mean()
        ax.axhline(own, color=INK, linestyle=(0, (1, 2)), linewidth=1)
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(FixedLocator([0.04, 0.06, 0.1, 0.2, 0.4, 0.6, 0.8]))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
        ax.set(xlim=(0.15, 0.85), xticks=sorted(accuracies.kept.unique()))
    axes[0].set_title("as they are")
    axes[1].set_title("fitted anew")
    label_rim(np.array([list(axes)]), "share of parameters kept", "share of wrong answers")
    legend_on_top(np.array([list(axes)]))
    return axes


def sign_map(found: pd.DataFrame, measured: pd.DataFrame, ax: Axes) -> Axes:
    """Where random edges err less than DPP nodes: blue; dots are trained students.

    found       of tables.sign_map.
    measured    columns over_realization, kept and edges_win (log2, mean over students).
    """
    import seaborn as sns

    colours = sns.color_palette(f"{SIGNED}_r", as_cmap=True)
    look = dict(cmap=colours, vmin=-1, vmax=1)
    grid = found.pivot(index="z", columns="kept", values="edges_win")
    mesh = ax.pcolormesh(grid.columns, grid.index, grid, shading="nearest", rasterized=True, **look)
    ax.contour(grid.columns, grid.index, grid, levels=[0], colors=INK, linewidths=1.2)
    ax.scatter(
        measured.kept,
        measured.over_realization,
        c=measured.edges_win,
        s=34,
        edgecolor=INK,
        linewidth=0.8,
        **look,
    )
    ax.set(yscale="log", xlabel="share c kept", ylabel="copies z of each teacher node")
    ax.set_yticks(ticks := [1, 2, 3, 5, 10, 30, 100], [f"{z}" for z in ticks])
    ax.minorticks_off()
    ax.text(0.12, 25, "random edges\nerr less", ha="left", va="center")
    ax.text(0.5, 1.15, "DPP nodes err less", ha="center", va="center")
    bar = ax.figure.colorbar(mesh, ax=ax, label="log$_2$ of node error / edge error")
    bar.outline.set_visible(False)
    return ax


def noise(curves: pd.DataFrame, errors: pd.DataFrame, m: int, axes: Sequence[Axes]) -> Sequence[Axes]:
    """When merging stops being free. Left: formula for noisy copies. Right: students by label noise.

    curves      of tables.noise_curves.
    errors      of students of one start and over-realization.
    """
    left, right = axes
    for column, colour, label in (
        ("kept", STUDENT, "the student itself"),
        ("merged", TEACHER, "merged to m nodes"),
    ):
        left.plot(curves.deviation, curves[column], color=colour, label=label)
    left.set(xscale="log", yscale="log", title="formula", xlabel="squared distance of a copy from w*")
    mean = lambda values: np.exp(np.log(values).groupby(level="noise").mean())
    at_m = errors[(errors.k == m) & errors.reweighted].set_index("noise")
    for label, values, colour in (
        ("the student itself", at_m[at_m.method == "merging"].own, STUDENT),
        ("merged to m nodes", at_m[at_m.method == "merging"].error, TEACHER),
        ("best m of its nodes", at_m[at_m.method == "best nodes"].error, NEUTRAL),
    ):
        points = mean(values)
        right.plot(points.index, points, color=colour, marker="o", label=label)
    right.set(yscale="log", title="trained, fan-outs fitted", xlabel="standard deviation of label noise")
    left.set_ylabel("error over that of predicting zero")
    legend_on_top(np.array([[left, right]]))
    return axes
