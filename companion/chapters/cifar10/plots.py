"""Pictures of the chapter on CIFAR-10."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ts_core.plots.common import NEUTRAL, PUBLISHED, TEACHER, palette, say_missing


def gallery(classes: Mapping[str, np.ndarray], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Images ``(number, height, width, 3)`` of each class, a panel per class."""
    for ax, (name, images) in zip(axes, classes.items()):
        half = len(images) // 2
        ax.imshow(np.concatenate([np.concatenate(list(part), 1) for part in (images[:half], images[half:2 * half])]))
        ax.set(xticks=[], yticks=[])
        ax.set_title(name.replace("_", " "), fontsize="small")
    return axes


def fan_out_of_channels(channels: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean |fan-out| of every teacher channel, strongest first, a panel per layer; pruned channels are grey."""
    for ax, (layer, panel) in zip(axes, channels.groupby("layer")):
        shown = panel.sort_values("fan_out", ascending=False)
        ax.bar(range(len(shown)), shown.fan_out, color=np.where(shown.active, TEACHER, NEUTRAL), width=0.85)
        ax.set(title=f"layer {layer}: {shown.active.sum()} of {len(shown)}", xticks=[], xlabel="channel, strongest first")
    axes[0].set_ylabel("mean |fan-out| weight")
    return axes


def specialization(layers: pd.DataFrame, published: pd.DataFrame | None, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean best-student correlation against epochs, a panel per layer; bands are one standard deviation over seeds.

    layers      table of :func:`ts_core.experiments.cifar10_chapter.by_layer`.
    published   the same columns without seeds: open dots, for the over-realizations that ``layers`` has.
    """
    colours = palette(layers.over_realization.unique())
    for ax, (layer, panel) in zip(axes, layers.groupby("layer")):
        for ratio, group in panel.groupby("over_realization"):
            line = group.groupby("epoch").mean_best_correlation.agg(["mean", "std"])
            ax.plot(line.index, line["mean"], color=colours[ratio])
            ax.fill_between(line.index, line["mean"] - line["std"], line["mean"] + line["std"], color=colours[ratio], alpha=0.2, linewidth=0)
            if published is not None:
                dots = published[(published.layer == layer) & (published.over_realization == ratio)]
                ax.plot(dots.epoch, dots.mean_best_correlation, **PUBLISHED | dict(markeredgecolor=colours[ratio]))
        say_missing(ax, panel.mean_best_correlation)
        ax.set(title=f"layer {layer}", xlabel="epoch", ylim=(0, 1.02), xlim=(-0.02 * layers.epoch.max(), 1.03 * layers.epoch.max()))
    handles = [Line2D([], [], color=c, label=f"{r:g}x") for r, c in colours.items()]
    if published is not None:
        handles.append(Line2D([], [], **PUBLISHED, label="published"))
    axes[-1].legend(handles=handles, fontsize="small")
    axes[0].set_ylabel("mean best-student correlation")
    return axes


def filters(table: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """First-layer filters as small images, grey is zero: a row per label, a column per teacher channel; correlations below.

    table       of :func:`ts_core.experiments.cifar10_chapter.first_filters`.
    """
    for row, (label, part) in zip(axes, table.groupby("label", sort=False)):
        for ax, (_, one) in zip(row, part.sort_values(["row", "column", "colour"]).groupby("teacher")):
            weights = one.weight.to_numpy().reshape(3, 3, 3)
            ax.imshow(0.5 + 0.5 * weights / max(np.abs(weights).max(), 1e-12))
            ax.set(xticks=[], yticks=[], xlabel="" if label == "teacher" else f"{one.best_correlation.iloc[0]:.2f}")
        row[0].set_ylabel(label, fontsize="small")
    return axes


def higher_together(outcomes: pd.DataFrame, teacher: float, ax: Axes) -> Axes:
    """Test accuracy against mean correlation, one dot per student; the teacher's accuracy is the dashed line.

    outcomes    table of :func:`ts_core.experiments.cifar10_chapter.outcomes`.
    """
    found = outcomes.reset_index()
    colours = palette(found.over_realization.unique())
    for ratio, group in found.groupby("over_realization"):
        ax.plot(group.mean_best_correlation, group.test_accuracy, "o", color=colours[ratio], label=f"{ratio:g}x student")
    ax.axhline(teacher, color=TEACHER, linestyle="--", linewidth=1, label="teacher")
    say_missing(ax, found.mean_best_correlation)
    ax.set(xlabel="mean best-student correlation, all layers", ylabel="test accuracy")
    ax.legend()
    return ax
