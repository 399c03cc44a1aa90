"""Pictures of the chapter on CIFAR-10."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from companion.pages.figures import (
    NEUTRAL,
    PUBLISHED,
    TEACHER,
    label_rim,
    legend_on_top,
    mean_and_band,
    over_realization_colours,
    say_missing,
)
from companion.pages.statistics import rank_correlation


def gallery(classes: Mapping[str, np.ndarray], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Images ``(number, height, width, 3)`` of each class, a row per class, spread over the axes."""
    for ax, names in zip(axes, np.array_split(list(classes), len(axes))):
        rows = [np.concatenate(list(classes[name]), 1) for name in names]
        widest = max(row.shape[1] for row in rows)
        white = 255 if rows[0].dtype == np.uint8 else 1.0
        full = [
            np.pad(row, ((0, 0), (0, widest - row.shape[1]), (0, 0)), constant_values=white) for row in rows
        ]
        ax.imshow(np.concatenate(full), interpolation="none")  # stored with its own pixels, not the page's
        ax.set_xticks([])
        ax.set_yticks((np.arange(len(rows)) + 0.5) * len(rows[0]), [name.replace("_", " ") for name in names])
        _bare(ax)
    return axes


def _bare(ax: Axes) -> None:
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def fan_out_of_channels(channels: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean |fan-out| of every teacher channel, strongest first, a panel per layer; pruned ones are grey."""
    for ax, (layer, panel) in zip(axes, channels.groupby("layer")):
        shown = panel.sort_values("fan_out", ascending=False)
        ax.bar(range(len(shown)), shown.fan_out, color=np.where(shown.active, TEACHER, NEUTRAL), width=0.85)
        ax.set(title=f"layer {layer}: {shown.active.sum()} of {len(shown)}", xticks=[])
    axes[0].set_ylabel("mean |fan-out| weight")
    axes[0].figure.supxlabel("channel, strongest first")
    return axes


def specialization(
    layers: pd.DataFrame, published: pd.DataFrame | None, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Mean best-student correlation against epochs, a panel per layer; bands are one standard deviation.

    layers      table of :func:`tables.by_layer`.
    published   the same columns without seeds: open dots, for the over-realizations that ``layers`` has.
    """
    colours = over_realization_colours(layers.over_realization)
    for ax, (layer, panel) in zip(axes, layers.groupby("layer")):
        for ratio, group in panel.groupby("over_realization"):
            mean_and_band(
                group, "epoch", "mean_best_correlation", ax, colours[ratio], label=f"{ratio:g}x student"
            )
            if published is not None:
                dots = published[(published.layer == layer) & (published.over_realization == ratio)]
                ax.plot(
                    dots.epoch, dots.mean_best_correlation, **PUBLISHED | dict(markeredgecolor=colours[ratio])
                )
        say_missing(ax, panel.mean_best_correlation)
        last = layers.epoch.max()
        ax.set(title=f"layer {layer}", ylim=(0, 1.02), xlim=(-0.02 * last, 1.03 * last))
    if published is not None:
        axes[0].plot([], [], **PUBLISHED, label="published")
    legend_on_top(axes)
    label_rim(axes, "epoch", "mean best-student correlation")
    return axes


def filter_rows(table: pd.DataFrame) -> int:
    """Mosaics that :func:`filters` needs: sixteen filters side by side can be told apart."""
    return -(-table.teacher.nunique() // 16)


def filters(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """First-layer filters as mosaics: a row per label, a column per teacher channel; grey is zero.

    Below each student's filter stands its correlation with the teacher's; above all of them, its mean.

    table       of :func:`tables.first_filters`, spread over the axes.
    """
    labels = list(table.label.unique())
    across, down = 4, 5  # a filter of 3 x 3, one free column, and two free rows for the number
    for ax, teachers in zip(axes, np.array_split(sorted(table.teacher.unique()), len(axes))):
        mosaic = np.ones((down * len(labels), across * len(teachers), 3))
        for (label, teacher), one in table[table.teacher.isin(teachers)].groupby(["label", "teacher"]):
            top, left = down * labels.index(label), across * list(teachers).index(teacher)
            weights = one.sort_values(["row", "column", "colour"]).weight.to_numpy().reshape(3, 3, 3)
            mosaic[top : top + 3, left : left + 3] = 0.5 + 0.5 * weights / max(np.abs(weights).max(), 1e-12)
            if label != "teacher":
                ax.text(left + 1, top + 2.7, f"{one.best_correlation.iloc[0]:.2f}", ha="center", va="top")
        ax.imshow(mosaic, interpolation="nearest")
        ax.set_xticks([])
        ax.set_yticks(down * np.arange(len(labels)) + 1, labels)
        _bare(ax)
    means = table.drop_duplicates(["label", "teacher"]).groupby("label", sort=False).best_correlation.mean()
    means = means.drop("teacher", errors="ignore")
    shown = [f"{mean:.2f} {label.removeprefix('student, ')}" for label, mean in means.items()]
    axes[0].set_title(f"mean correlation: {', '.join(shown)}")
    return axes


def higher_together(outcomes: pd.DataFrame, teacher: float, ax: Axes) -> Axes:
    """Test accuracy against mean correlation, one dot per student; the teacher's accuracy is the dashed line.

    outcomes    table of :func:`tables.outcomes`.
    """
    found = outcomes.reset_index()
    colours = over_realization_colours(found.over_realization)
    for ratio, group in found.groupby("over_realization"):
        ax.plot(
            group.mean_best_correlation,
            group.test_accuracy,
            "o",
            color=colours[ratio],
            label=f"{ratio:g}x student",
        )
    ax.axhline(teacher, color=TEACHER, linestyle="--", linewidth=1, label="teacher")
    say_missing(ax, found.mean_best_correlation)
    ax.set(xlabel="mean best-student correlation, all layers", ylabel="test accuracy")
    if len(found) > 2:
        ranks = rank_correlation(found.mean_best_correlation, found.test_accuracy)
        ax.set_title(f"{len(found)} students: rank correlation {ranks:.2f}")
    legend_on_top(np.array([ax]))
    return ax
