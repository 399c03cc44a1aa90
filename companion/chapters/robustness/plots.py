"""Pictures of the chapter on robustness."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.chapters.robustness.tables import FREE, by_layer
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    STUDENT,
    TEACHER,
    legend_on_top,
    mean_and_band,
    ordered_colours,
)

PARTS = {"cos_in": ("inside S", STUDENT), "cos_out": ("outside S", TEACHER)}
# One colour and mark per way to train; what stands beside a published scenario has its colour.
METHODS = {
    "standard": (NEUTRAL, "o"),
    "adversarial": (STUDENT, "o"),
    "adversarial and clean": (STUDENT, "^"),
    "confidence-calibrated": (TEACHER, "o"),
    "Jacobian": (INK, "^"),
    "robust features": (ACCENT, "o"),
    "standard features": (ACCENT, "^"),
}
OPTIMIZERS = {
    "SGD": (STUDENT, "-", "o"),
    "SGD with momentum": (STUDENT, "--", "s"),
    "SGD with weight decay": (STUDENT, ":", "^"),
    "Adam, S of coordinates": (ACCENT, "--", "s"),
    "Adam": (TEACHER, "-", "o"),
}
ATTACKS = {
    "free": ("free", STUDENT),
    "outside S": ("only\noutside S", STUDENT),
    "random": ("random\ndirection", NEUTRAL),
    "inside S": ("only\ninside S", STUDENT),
    "repaired": ("free,\nrepaired", ACCENT),
    "repaired with another node": ("repaired\nwrongly", NEUTRAL),
}
KINDS = {
    "none": "none",
    "inside S": "inside S",
    "along teacher nodes": "along\nteacher nodes",
    "isotropic": "isotropic",
    "outside S": "outside S",
}
WAYS = {"standard": NEUTRAL, "random": TEACHER, "adversarial": STUDENT}  # to train on images
INPUTS = ("images", "white noise")
NEAREST = 1e-6  # to a correlation of 1, on its axis
LEAST = 1e-17  # where a logarithmic axis ends that has zeros


def inside_and_outside(nodes: pd.DataFrame, methods: Sequence[str], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Cosines of every teacher node with its best student inside S, and of the same pair outside, by r.

    A panel per method, a dot per teacher node and seed, bars at the means.
    """
    for method, ax in zip(methods, axes):
        rows = nodes[nodes.method == method]
        noises = sorted(rows.noise.unique())
        for at, noise in enumerate(noises):
            here = rows[rows.noise == noise]
            for (column, (label, colour)), shift in zip(PARTS.items(), (-0.2, 0.2)):
                spread = np.linspace(-0.13, 0.13, len(here))
                ax.plot(at + shift + spread, here[column], ".", color=colour, alpha=0.4, markersize=4)
                ends = [at + shift - 0.17, at + shift + 0.17]
                ax.plot(
                    ends,
                    [here[column].mean()] * 2,
                    color=colour,
                    linewidth=3,
                    label=label if not at else None,
                )
        ax.axhline(0, color=INK, linewidth=0.6)
        ax.set(ylim=(None, 1.05), xlabel="noise r in all directions")
        ax.set_xticks(range(len(noises)), [f"{noise:g}" for noise in noises])
        ax.set_title(f"{method} training")
    axes[0].set_ylabel("cosine with the teacher node")
    legend_on_top(np.asarray(axes))
    return axes


def drift(table: pd.DataFrame, bar: float, ax: Axes) -> Axes:
    """Distance of the weights outside S from what the proposition says, by optimizer; worst and best seed."""
    for name, (colour, line, marker) in OPTIMIZERS.items():
        rows = table[(table.optimizer == name) & (table.step > 0)]
        off = rows.groupby("step").off.agg(["min", "max"]).clip(lower=LEAST)
        ax.fill_between(off.index, off["min"], off["max"], color=colour, alpha=0.15, linewidth=0)
        middle = np.sqrt(off["min"] * off["max"])
        ax.plot(off.index, middle, color=colour, linestyle=line, marker=marker, markersize=4, label=name)
    ax.axhline(bar, color=INK, linestyle="--", linewidth=0.8)
    ax.set(xscale="log", yscale="log", ylim=(LEAST / 3, 10), xlabel="step")
    ax.set_ylabel("distance from the prediction,\nover the start")
    ax.set_title("gradients never leave S, Adam does")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax


def layers(table: pd.DataFrame, ax: Axes) -> Axes:
    """Best-student correlation of every layer, in S and on full-rank inputs; before training dotted."""
    for name, colour in (("in S", STUDENT), ("full rank", TEACHER)):
        for when, line in (("end", "-"), ("start", ":")):
            rows = table[(table.inputs == name) & (table.when == when)]
            label = f"inputs {name}" if when == "end" else f"{name}, before training"
            marker = "o" if when == "end" else None
            mean_and_band(
                rows, "layer", "correlation", ax, colour, linestyle=line, marker=marker, label=label
            )
    ax.set(ylim=(0, 1.03), xlabel="layer (1 is the lowest)", ylabel="best-student correlation")
    ax.set_xticks(sorted(table.layer.unique()))
    ax.set_title("the gap runs through all layers")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax


def attacks(added: pd.DataFrame, shares: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Left: what attacks add at r = 0, a dot per student. Right: loss under attack after augmentation.

    added       a row per seed, a column per attack;  shares  a row per seed, a column per kind.
    """
    _dots(added, {name: label for name, (label, _) in ATTACKS.items()}, axes[0])
    for dots, (_, colour) in zip(axes[0].lines, [pair for pair in ATTACKS.values() for _ in range(2)]):
        dots.set_color(colour)
    axes[0].set_ylabel("loss that\nthe attack adds")
    axes[0].set_title("attacks live outside S")
    _dots(shares, KINDS, axes[1])
    axes[1].axhline(1, color=INK, linewidth=0.6)
    axes[1].set(ylabel="loss under attack,\nover that without", xlabel="inputs moved")
    axes[1].set_title("what leaves S, teaches")
    return axes


def _dots(table: pd.DataFrame, names: dict[str, str], ax: Axes) -> None:
    """A column of dots and its geometric mean per name, logarithmic."""
    for at, name in enumerate(names):
        values = table[name].to_numpy()
        spread = np.linspace(-0.15, 0.15, len(values))
        ax.plot(at + spread, values, "o", color=STUDENT, alpha=0.6, markersize=4)
        ax.plot([at - 0.3, at + 0.3], [np.exp(np.log(values).mean())] * 2, color=STUDENT, linewidth=2)
    ax.set_yscale("log")
    ax.set_xticks(range(len(names)), list(names.values()), rotation=40, ha="right", rotation_mode="anchor")


def parabola(attacks: pd.DataFrame, ax: Axes) -> Axes:
    """Adversarial loss against the radius, standard training by r; dashed: the prediction at r = 0."""
    rows = attacks[(attacks.attack == FREE) & attacks.method.isin(["standard", "adversarial"])]
    standard = rows[rows.method == "standard"]
    for noise, colour in ordered_colours(standard.noise).items():
        _line(
            standard[standard.noise == noise],
            "loss",
            ax,
            color=colour,
            marker="o",
            label=f"standard, r = {noise:g}",
        )
    adversarial = rows[(rows.method == "adversarial") & (rows.noise == 0)]
    _line(adversarial, "loss", ax, color=STUDENT, marker="s", label="adversarial, r = 0")
    _line(standard[standard.noise == 0], "predicted", ax, color=INK, linestyle="--", label="predicted, r = 0")
    ax.set(xscale="log", yscale="log", xlabel="radius ε of the attack", ylabel="oracle adversarial loss")
    radii = sorted(rows.radius.unique())
    ax.set_xticks(radii, [f"{radius:g}" for radius in radii])
    ax.minorticks_off()
    ax.set_title("a parabola, known beforehand")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax


def _line(rows: pd.DataFrame, column: str, ax: Axes, **style) -> None:
    """Geometric mean over seeds by radius."""
    mean = np.exp(np.log(rows[column]).groupby(rows.radius).mean())
    ax.plot(mean.index, mean, markersize=4, **style)


def across_methods(oracle: pd.DataFrame, fixed: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Loss under attack against the correlation on full-rank inputs, a dot per student, marks by method.

    Left with the oracle label, right with the fixed one. The axis counts what is missing to a correlation
    of 1.
    """
    for table, ax, title in (
        (oracle, axes[0], "the teacher answers again"),
        (fixed, axes[1], "the label stays"),
    ):
        for method, (colour, marker) in METHODS.items():
            rows = table[table.method == method]
            style = dict(color=colour, markersize=4, alpha=0.6, markeredgewidth=0, rasterized=True)
            ax.plot((1 - rows.rho_full).clip(lower=NEAREST), rows.loss, marker, **style)
        ax.set(xscale="log", yscale="log", xlim=(2, NEAREST / 2), ylabel="loss under attack")
        ax.set_xlabel("correlation on full-rank inputs")
        missing = [10.0**-k for k in range(1, 7)]
        ax.set_xticks(missing, [f"{1 - gap:.{k}f}".lstrip("0") for k, gap in enumerate(missing, start=1)])
        ax.tick_params(axis="x", rotation=40)
        ax.minorticks_off()
        ax.set_title(title)
    figure = axes[0].figure
    figure.legend(handles=[_key(name) for name in METHODS], loc="outside upper center", ncols=4)
    return axes


def by_method(runs: pd.DataFrame, ax: Axes) -> Axes:
    """Mean cosine outside S over the noise ratio, a line per method."""
    noises = sorted(runs.noise.unique())
    for method, (colour, marker) in METHODS.items():
        mean = runs[runs.method == method].groupby("noise").cos_out.mean().reindex(noises)
        line = "-" if marker == "o" else "--"
        ax.plot(range(len(noises)), mean, line, marker=marker, color=colour, markersize=4, label=method)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set(ylim=(None, 1.05), xlabel="noise r in all directions", ylabel="cosine outside S")
    ax.set_xticks(range(len(noises)), [f"{noise:g}" for noise in noises])
    ax.set_title("who learns what lies outside")
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return ax


def on_images(students: pd.DataFrame, layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Students of images at equal agreement: what the attack adds; rho by layer on images and on noise.

    students    of tables.on_images;  layers  of the cell Pictures.
    """
    ways = sorted(
        students.groupby(["method", "moved"]).groups, key=lambda way: (list(WAYS).index(way[0]), way[1])
    )
    most = students.moved.max()
    for at, (method, moved) in enumerate(ways):
        rows = students[(students.method == method) & (students.moved == moved)]
        colour, line = WAYS[method], "-" if moved in (0, most) else "--"
        spread = np.linspace(-0.2, 0.2, len(rows))
        axes[0].plot(at + spread, rows.added, "o", color=colour, alpha=0.6, markersize=4)
        axes[0].plot([at - 0.3, at + 0.3], [np.exp(np.log(rows.added).mean())] * 2, color=colour, linewidth=2)
        label = f"{method}, {moved:g}" if moved else method
        for ax, inputs in zip(axes[1:], INPUTS):
            mean = by_layer(layers, method, moved, inputs).mean()
            ax.plot(mean.index, mean, line, color=colour, marker="o", markersize=4, label=label)
    axes[0].set(ylim=(0, None), ylabel="loss that the attack adds", xlabel="moved in training")
    axes[0].set_xticks(range(len(ways)), [f"{moved:g}" for _, moved in ways])
    axes[0].set_title("attacks")
    for ax, inputs in zip(axes[1:], INPUTS):
        ax.set(xlabel="layer (1 is the lowest)", ylim=(None, 1.02))
        ax.set_xticks(sorted(layers.layer.unique()))
        ax.set_title(f"on {inputs}")
    axes[1].set_ylabel("best-student correlation")
    legend_on_top(np.asarray(axes))
    return axes


def _key(method: str) -> Line2D:
    colour, marker = METHODS[method]
    return Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5, label=method)
