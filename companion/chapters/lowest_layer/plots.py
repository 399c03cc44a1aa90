"""Pictures of the chapter on multi-layer networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from companion.experiments.two_layer.plots import segments
from companion.pages.figures import (
    ACCENT,
    FIELD,
    INK,
    NEUTRAL,
    PUBLISHED,
    STUDENT,
    TEACHER,
    cloud,
    heatmap,
    label_rim,
    layer_colours,
    legend_above,
    legend_on_top,
    mean_and_band,
    ordered_colours,
    over_realization_colours,
    say_missing,
)

KEYS = {"mse": "squared error", "cross_entropy": "cross-entropy"}


MEASURES = {"root_beta": "√E[β$_{kk}$]", "root_h": "√E[H$_{kk}$]", "contribution": "√E[β$_{kk}$] · std f$_k$"}
LOOKS = {"mse": dict(linestyle="-", marker="s"), "cross_entropy": dict(linestyle="--", marker="^")}


def layer_curves(layers: pd.DataFrame, threshold: float, ax: Axes, title: str = "") -> Axes:
    """Teacher-mean correlation of each layer over the epochs: thin lines are seeds, thick lines their mean.

    layers      table of that name of :meth:`MultiLayer.run`, one run per seed.
    """
    colours = layer_colours(layers.layer)
    for layer, group in layers.groupby("layer"):
        _seeds_and_mean(
            group, "epoch", "mean_best_correlation", ax, color=colours[layer], label=f"layer {layer}"
        )
    ax.axhline(threshold, color=INK, linestyle=":", linewidth=1, label=f"threshold {threshold:g}")
    say_missing(ax, layers.mean_best_correlation)
    ax.set(ylim=(0, 1.02), title=title, xlabel="epoch")
    ax.legend(loc="lower right")
    return ax


def dataset_size(table: pd.DataFrame, published: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Final correlation of each layer against training samples; a row per orientation, a column per layer.

    table       of :func:`tables.by_size`; bars are one standard deviation.
    published   the same columns without seeds: open dots.
    """
    colours = over_realization_colours(table.over_realization)
    for row, (orientation, by_orientation) in zip(axes, table.groupby("orientation", sort=False)):
        for ax, (layer, panel) in zip(row, by_orientation.groupby("layer")):
            theirs = published[(published.layer == layer) & (published.orientation == orientation)]
            for (loss, ratio), line in _by_loss_and_ratio(panel):
                means = line.groupby("samples").correlation.agg(["mean", "std"])
                words = f"{KEYS[loss]}, {ratio:g}x"
                look = LOOKS[loss] | dict(color=colours[ratio], capsize=2)
                ax.errorbar(means.index, means["mean"], means["std"], **look, label=words)
                dots = theirs[(theirs.loss == loss) & (theirs.over_realization == ratio)]
                hollow = dict(markeredgecolor=colours[ratio], marker=LOOKS[loss]["marker"], markersize=5)
                ax.plot(dots.samples, dots.correlation, **PUBLISHED | hollow)
            say_missing(ax, panel.correlation)
            ax.set(xscale="log", ylim=(0.1, 1.04), title=f"layer {layer}")
        row[0].set_ylabel(orientation)
    _size_axis(axes, table.samples)
    axes.flat[0].plot([], [], **PUBLISHED, label="published (open symbols)")
    legend_on_top(axes)
    for ax in axes.flat:
        ax.label_outer()
    axes.flat[0].figure.supxlabel("training samples")
    return axes


def losses_by_size(runs: pd.DataFrame, published: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Final training (dotted) and evaluation loss, median and range over seeds, against training samples.

    A panel per loss; published evaluation losses are open dots.
    """
    colours = over_realization_colours(runs.over_realization)
    for ax, (loss, panel) in zip(axes, runs[runs.epoch == runs.epoch.max()].groupby("loss", sort=False)):
        for _, ratio in sorted(_by_loss_and_ratio(panel).groups):
            for column, look in (("eval_loss", "-"), ("train_loss", ":")):
                line = (
                    panel[panel.over_realization == ratio]
                    .groupby("samples")[column]
                    .agg(["median", "min", "max"])
                )
                words = {"eval_loss": "evaluation", "train_loss": "training"}[column]
                style = dict(color=colours[ratio], linestyle=look, marker="s", markersize=3)
                ax.plot(line.index, line["median"], **style, label=f"{words}, {ratio:g}x")
                # a standard deviation would leave the log axis
                ax.fill_between(line.index, line["min"], line["max"], color=colours[ratio], alpha=0.15, lw=0)
            dots = published[(published.loss == loss) & (published.over_realization == ratio)]
            ax.plot(
                dots.samples, dots.eval_loss, **PUBLISHED | dict(markeredgecolor=colours[ratio], markersize=5)
            )
        ax.set(xscale="log", yscale="log", title=KEYS[loss], xlabel="training samples")
        say_missing(ax, panel.eval_loss)
    _size_axis(np.asarray(axes), runs.samples)
    axes[0].plot([], [], **PUBLISHED, label="published evaluation")
    legend_on_top(axes)
    axes[0].set_ylabel("loss after training")
    return axes


def budget(layers: pd.DataFrame, published: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Teacher-mean correlation of each layer against samples seen, a panel per size of the training set.

    layers      table of that name of :meth:`MultiLayer.run`: seeds and their mean.
    published   samples, layer, correlation at the end of the longest run: open dots.
    """
    colours = layer_colours(layers.layer)
    seen = layers.assign(seen=layers.epoch * layers.samples).query("seen > 0")
    for ax, (samples, panel) in zip(axes, seen.groupby("samples")):
        for layer, group in panel.groupby("layer"):
            _seeds_and_mean(
                group, "seen", "mean_best_correlation", ax, color=colours[layer], label=f"layer {layer}"
            )
            dots = published[(published.samples == samples) & (published.layer == layer)].correlation
            ax.plot(
                [1.25 * seen.seen.max()] * len(dots),
                dots,
                **PUBLISHED | dict(markeredgecolor=colours[layer], markersize=5),
            )
        say_missing(ax, panel.mean_best_correlation)
        ax.set(xscale="log", ylim=(0, 1.04), title=f"{samples:,} samples")
    axes[0].plot([], [], **PUBLISHED, label="published")
    legend_on_top(axes)
    label_rim(axes, "samples seen (training samples × epochs)", "mean best-student correlation")
    return axes


def cross_entropy(
    layers: pd.DataFrame, released: pd.DataFrame, published: pd.DataFrame, axes: np.ndarray
) -> np.ndarray:
    """Student-mean correlation over the epochs, a column per layer, a row per size of the training set.

    layers      table of that name of :meth:`MultiLayer.run`: seeds and their mean.
    released    one run of the released code per size, over the epochs: black dots.
    published   samples, layer, correlation at the end: dashed.
    """
    colours = layer_colours(layers.layer)
    for row, (samples, of_size) in zip(axes, layers.groupby("samples")):
        for ax, (layer, panel) in zip(row, of_size.groupby("layer")):
            here = lambda table: table[(table.samples == samples) & (table.layer == layer)]
            _seeds_and_mean(panel, "epoch", "mean_best_teacher", ax, color=colours[layer], label="ours")
            run = here(released)
            ax.plot(run.epoch, run.mean_best_teacher, **PUBLISHED, label="released code")
            for level in here(published).correlation:
                ax.axhline(level, color=INK, linestyle="--", linewidth=1, label="published, at the end")
            say_missing(ax, panel.mean_best_teacher)
            ax.set(title=f"layer {layer}, {samples / 1000:g}k")
            ax.set_xscale("symlog", linthresh=1)
            ax.set_xticks(
                ticks := [t for t in (0, 1, 10, 100, 1000) if t <= panel.epoch.max()], [f"{t}" for t in ticks]
            )
    legend_on_top(axes)
    label_rim(axes, "epoch", "mean best-teacher correlation")
    return axes


def _seeds_and_mean(table: pd.DataFrame, x: str, y: str, ax: Axes, label: str, **style) -> None:
    for _, line in table.groupby("seed"):
        ax.plot(line[x], line[y], linewidth=0.7, alpha=0.5, **style)
    mean = table.groupby(x)[y].mean()
    ax.plot(mean.index, mean, linewidth=2.4, label=label, **style)


def _by_loss_and_ratio(table: pd.DataFrame):
    """Groups of one loss and one over-realization, squared error first."""
    return table.assign(loss=pd.Categorical(table.loss, list(KEYS))).groupby(
        ["loss", "over_realization"], observed=True
    )


def _size_axis(axes: np.ndarray, samples: pd.Series) -> None:
    sizes = sorted(samples.unique())
    for ax in axes.flat:
        ax.set_xlim(0.8 * sizes[0], 1.25 * sizes[-1])
        ax.set_xticks(sizes, [f"{size / 1000:g}k" for size in sizes])
        ax.minorticks_off()


def deep_l_shape(students: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Sensitivity against best-teacher correlation of every student node, a column per epoch."""
    for row, (layer, of_layer) in zip(axes, _downwards(students)):
        top = of_layer.root_beta.max()
        for ax, (epoch, group) in zip(row, of_layer.groupby("epoch")):
            _nodes(ax, group, "root_beta", top)
            ax.set_title(f"layer {layer}, epoch {epoch}")
    label_rim(axes, "best-teacher correlation of a student node", MEASURES["root_beta"])
    return axes


def floors(students: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Three measures of a node against its best-teacher correlation, a column each, the highest layer on top.

    students    of :func:`tables.arms`, one epoch.
    """
    for row, (layer, group) in zip(axes, _downwards(students)):
        for ax, (value, words) in zip(row, MEASURES.items()):
            _nodes(ax, group, value, group[value].max())
            ax.set_title(f"layer {layer}, {words}")
    axes[0, 0].figure.supxlabel("best-teacher correlation of a student node")
    return axes


def _downwards(students: pd.DataFrame):
    return reversed(list(students.groupby("layer")))


def _nodes(ax: Axes, group: pd.DataFrame, value: str, top: float) -> None:
    (colour,) = layer_colours(group.layer).values()
    top = 1.05 * max(top, 1e-9)
    cloud(ax, group.best_correlation, group[value], colour)
    ax.set(xlim=(0, 1.04), ylim=(-0.05 * top, top))
    say_missing(ax, group[value])


def depth_map(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Final teacher-mean correlation by layer (highest on top) and training samples, a panel per depth."""
    for ax, (depth, panel) in zip(axes, layers[layers.epoch == layers.epoch.max()].groupby("depth")):
        field = panel.pivot_table(
            index="layer", columns="samples", values="mean_best_correlation"
        ).sort_index(ascending=False)
        heatmap(field, vmin=0.4, vmax=1, cmap=FIELD, annot=True, fmt=".2f", cbar=False, ax=ax)
        ax.set_xticklabels([f"{size / 1000:g}k" for size in field.columns])
        ax.set(title=f"{depth} hidden layers", xlabel="", ylabel="")
        ax.tick_params(rotation=0, length=0)
    axes[0].set_ylabel("layer")
    axes[0].figure.supxlabel("training samples")
    return axes


def local_kinks(table: pd.DataFrame, ax: Axes) -> Axes:
    """The kink formula against the numerical kink, one dot per point, teacher and student node."""
    for (slope, group), colour in zip(table.groupby("slope"), (STUDENT, ACCENT)):
        cloud(ax, group.numerical, group.formula, colour, label=f"slope {slope:g}")
    ax.set(xlabel="numerical kink of h$_{1,k}$", ylabel="formula")
    legend_above(ax)
    return ax


def cells(table: pd.DataFrame, samples: int, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Cells that samples meet, and triples inside one, against the width, a line per number of hidden layers.

    table       ``cells`` of CellTriples;  samples  that were looked at: no more cells can be met.
    """
    colours = ordered_colours(table.layers)
    for ax, value in zip(axes, ("cells", "inside")):
        for layers, group in table.groupby("layers"):
            mean_and_band(group, "width", value, ax, colours[layers], label=f"{layers} hidden layers")
        widths = sorted(table.width.unique())
        ax.set(xscale="log", xlabel="teacher nodes per hidden layer")
        ax.set_xticks(widths, [f"{width}" for width in widths])
        ax.minorticks_off()
    axes[0].axhline(samples, color=INK, linestyle=":", linewidth=1)
    axes[0].set(ylabel=f"cells that {samples} samples meet", title="soon every sample has a cell of its own")
    axes[1].set(ylabel="share of triples inside one cell", ylim=(0, 1.05), title="and triples cross")
    axes[1].legend(loc="lower left")
    return axes


def depth_shift(lines: pd.DataFrame, half_width: float, ax: Axes) -> Axes:
    """Boundary lines around the box (grey): teacher layer 1 (red, dashed) and student layers 1 and 2.

    lines       of :func:`perfect_students.boundaries`.
    """
    styles = {
        ("student", 2): dict(color=STUDENT, linewidth=4, alpha=0.6, label="student, layer 2"),
        ("student", 1): dict(color=ACCENT, linewidth=1.2, label="student, layer 1"),
        ("teacher", 1): dict(color=TEACHER, linewidth=1.4, linestyle="--", label="teacher, layer 1"),
    }
    reach = 1000 * half_width
    corner, side = (-half_width, -half_width), 2 * half_width
    ax.add_patch(Rectangle(corner, side, side, color=NEUTRAL, alpha=0.35, linewidth=0))
    for (network, layer), style in styles.items():
        rows = lines[(lines.network == network) & (lines.layer == layer)]
        for number, ends in enumerate(segments(rows, reach)):
            ax.plot(*ends.T, **style | ({"label": None} if number else {}))
    view = 13 * half_width
    ax.set(xlim=(-view, view), ylim=(-view, view), aspect="equal", xlabel="x$_1$", ylabel="x$_2$")
    legend_above(ax)
    return ax
