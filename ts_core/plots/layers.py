"""Pictures of the chapter on multi-layer networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ts_core.plots.common import PUBLISHED, STUDENT, TEACHER, label_rim, say_missing
from ts_core.plots.two_layer import segments

LOSSES = {"mse": STUDENT, "cross_entropy": "#edae49"}
KEYS = {"mse": "squared error", "cross_entropy": "cross-entropy"}


def shades(layers: Sequence[int]) -> dict:
    """One colour per layer, the same in every figure: the lowest is the darkest."""
    return dict(zip(sorted(layers), sns.color_palette("flare_r", len(layers))))


def layer_curves(layers: pd.DataFrame, threshold: float, ax: Axes, title: str = "") -> Axes:
    """Teacher-mean correlation of each layer over the epochs: thin lines are seeds, thick lines their mean.

    layers      table of that name of :func:`ts_core.experiments.multi_layer.run`, one run per seed.
    """
    colours = shades(layers.layer.unique())
    for layer, group in layers.groupby("layer"):
        for _, line in group.groupby("seed"):
            ax.plot(line.epoch, line.mean_best_correlation, color=colours[layer], linewidth=0.7, alpha=0.5)
        mean = group.groupby("epoch").mean_best_correlation.mean()
        ax.plot(mean.index, mean, color=colours[layer], linewidth=2.4, label=f"layer {layer}")
    ax.axhline(threshold, color="gray", linestyle=":", linewidth=1)
    say_missing(ax, layers.mean_best_correlation)
    ax.set(ylim=(0, 1.02), title=title, xlabel="epoch")
    ax.legend(loc="lower right")
    return ax


def dataset_size(table: pd.DataFrame, published: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Final correlation of each layer against training samples; a row per orientation of the mean, a column per layer.

    table       of :func:`ts_core.experiments.lowest_layer.by_size`; bars are one standard deviation over seeds.
    published   the same columns without seeds: open dots.
    """
    for row, (orientation, by_orientation) in zip(axes, table.groupby("orientation", sort=False)):
        for ax, (layer, panel) in zip(row, by_orientation.groupby("layer")):
            for loss, group in panel.groupby("loss"):
                line = group.groupby("samples").correlation.agg(["mean", "std"])
                ax.errorbar(line.index, line["mean"], line["std"], color=LOSSES[loss], marker="s", markersize=3, capsize=2)
                dots = published[(published.loss == loss) & (published.layer == layer) & (published.orientation == orientation)]
                ax.plot(dots.samples, dots.correlation, **PUBLISHED | dict(markeredgecolor=LOSSES[loss], markersize=4.5))
            say_missing(ax, panel.correlation)
            ax.set(xscale="log", ylim=(0.1, 1.04), title=f"layer {layer}, {orientation}")
    _size_axis(axes, table.samples)
    handles = [Line2D([], [], color=LOSSES[loss], marker="s", markersize=3, label=KEYS[loss]) for loss in LOSSES]
    axes.flat[0].legend(handles=[*handles, Line2D([], [], **PUBLISHED, label="published")], loc="lower right", fontsize="small")
    label_rim(axes, "training samples", "mean correlation after training")
    return axes


def losses_by_size(runs: pd.DataFrame, published: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Final training (dashed) and evaluation loss, median and range over seeds, against training samples, a panel per loss."""
    for ax, (loss, panel) in zip(axes, runs[runs.epoch == runs.epoch.max()].groupby("loss", sort=False)):
        for column, style in (("eval_loss", "-"), ("train_loss", "--")):
            line = panel.groupby("samples")[column].agg(["median", "min", "max"])
            reach = np.abs(line[["min", "max"]].T - line["median"])  # a standard deviation would leave the log axis
            ax.errorbar(
                line.index, line["median"], reach, color=LOSSES[loss], linestyle=style, marker="s", markersize=3, capsize=2,
                label=column.replace("_", " "),
            )
        dots = published[published.loss == loss]
        ax.plot(dots.samples, dots.eval_loss, **PUBLISHED | dict(markersize=4.5), label="published eval loss")
        ax.set(xscale="log", yscale="log", title=KEYS[loss], xlabel="training samples")
        say_missing(ax, panel.eval_loss)
        ax.legend(loc="best")
    _size_axis(np.asarray(axes), runs.samples)
    axes[0].set_ylabel("loss after training")
    return axes


def _size_axis(axes: np.ndarray, samples: pd.Series) -> None:
    sizes = sorted(samples.unique())
    for ax in axes.flat:
        ax.set_xlim(0.8 * sizes[0], 1.25 * sizes[-1])
        ax.set_xticks(sizes, [f"{size / 1000:g}k" for size in sizes])
        ax.minorticks_off()


def deep_l_shape(students: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """sqrt(E beta_kk) against best-teacher correlation of every student node; rows are layers, top down, columns epochs."""
    colours = shades(students.layer.unique())
    for row, layer in zip(axes, sorted(students.layer.unique(), reverse=True)):
        of_layer = students[students.layer == layer]
        for ax, (epoch, group) in zip(row, of_layer.groupby("epoch")):
            ax.scatter(group.best_correlation, group.root_beta, s=7, alpha=0.4, color=colours[layer], linewidths=0, rasterized=True)
            ax.set(xlim=(0, 1.04), ylim=(-0.05, 1.05 * max(of_layer.root_beta.max(), 1e-9)), title=f"layer {layer}, epoch {epoch}")
            say_missing(ax, group.root_beta)
    label_rim(axes, "best-teacher correlation of a student node", "√E[β$_{kk}$]")
    return axes


def depth_map(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Final teacher-mean correlation by layer (rows, top down) and training samples, a panel per number of layers."""
    for ax, (depth, panel) in zip(axes, layers[layers.epoch == layers.epoch.max()].groupby("depth")):
        field = panel.pivot_table(index="layer", columns="samples", values="mean_best_correlation").sort_index(ascending=False)
        sns.heatmap(field, vmin=0.4, vmax=1, cmap="mako", annot=True, fmt=".2f", annot_kws=dict(fontsize="small"), cbar=False, ax=ax)
        ax.set_xticklabels([f"{size / 1000:g}k" for size in field.columns])
        ax.set(title=f"{depth} hidden layers", xlabel="training samples", ylabel="")
        ax.tick_params(rotation=0, length=0)
    axes[0].set_ylabel("layer")
    return axes


def local_kinks(table: pd.DataFrame, ax: Axes) -> Axes:
    """The kink formula against the numerical kink, one dot per point, teacher and student node."""
    for (slope, group), colour in zip(table.groupby("slope"), (STUDENT, "#edae49")):
        ax.scatter(group.numerical, group.formula, s=5, alpha=0.3, color=colour, linewidths=0, rasterized=True, label=f"slope {slope:g}")
    ax.set(xlabel="numerical kink of h$_{1,k}$", ylabel="formula")
    ax.legend(markerscale=3)
    return ax


def depth_shift(lines: pd.DataFrame, half_width: float, ax: Axes) -> Axes:
    """Boundary lines around the box (grey): teacher layer 1 (red, dashed) and student layers 1 and 2.

    lines       of :func:`ts_core.experiments.lowest_only.boundaries`.
    """
    styles = {
        ("student", 2): dict(color=STUDENT, linewidth=4, alpha=0.6, label="student, layer 2"),
        ("student", 1): dict(color="#edae49", linewidth=1.2, label="student, layer 1"),
        ("teacher", 1): dict(color=TEACHER, linewidth=1.4, linestyle="--", label="teacher, layer 1"),
    }
    reach = 1000 * half_width
    ax.add_patch(Rectangle((-half_width, -half_width), 2 * half_width, 2 * half_width, color="gray", alpha=0.2, linewidth=0))
    for (network, layer), style in styles.items():
        rows = lines[(lines.network == network) & (lines.layer == layer)]
        for number, ends in enumerate(segments(rows, reach)):
            ax.plot(*ends.T, **style | ({"label": None} if number else {}))
    view = 13 * half_width
    ax.set(xlim=(-view, view), ylim=(-view, view), aspect="equal", xlabel="x$_1$", ylabel="x$_2$")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax
