"""Pictures of the chapter on finite data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.experiments.two_layer.plots import published_handle
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    PUBLISHED,
    STUDENT,
    cloud,
    legend_above,
    legend_on_top,
    mean_and_band,
    ordered_colours,
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


def shares(table: pd.DataFrame, ax: Axes) -> Axes:
    """Observed shares against their closed form, a dot per pair of nodes; ``shares`` of an Observation."""
    cloud(ax, table.expected, table.share, STUDENT, size=6)
    ax.axline((0, 0), slope=1, color=INK, linestyle="--", linewidth=1)
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="closed form Φ", ylabel="share observed")
    ax.set_title("observed as the closed form says", pad=24)
    return ax


def hidden(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Largest share observed of the hidden teacher node, and angle to it, over training; a colour per start.

    table       ``hidden`` of an Observation.
    """
    colours = ordered_colours(table.offset)
    labels = {"share": "largest share observed", "sine": "sine to the nearest student"}
    for ax, (value, label) in zip(axes, labels.items()):
        for offset, group in table[table.step > 0].groupby("offset"):
            mean_and_band(group, "step", value, ax, colours[offset])
            ax.plot([], [], color=colours[offset], label=f"{offset:g} sd")
        ax.set(xscale="log", ylim=(0, None), xlabel="SGD steps", ylabel=label)
        legend_above(ax, columns=3)
    for ax, title in zip(axes, ("a hidden node is observed soon", "and found later")):
        ax.set_title(title, pad=24)
    return axes


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


FLOAT32 = 1e-7  # two numbers near 1 are told apart so far
KINDS = {  # of training data: name, colour, marker
    "random": ("random data", ACCENT, "s"),
    "aware": ("teacher-aware, released recipe", STUDENT, "o"),
    "plane": ("teacher-aware, small steps", NEUTRAL, "^"),
}
QUANTITIES = {
    "input_dim": "input dimension d",
    "teacher_width": "teacher nodes m",
    "over_realization": "over-realization n / m",
}


def learning_curves(runs: pd.DataFrame, level: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean best-student correlation against samples, a panel per kind of data and a line per input dimension.

    runs        at the last epoch, along the input dimension; dashed is the level that N* asks for.
    """
    colours = ordered_colours(runs.input_dim)
    for ax, (kind, (name, _, _)) in zip(axes, KINDS.items()):
        for d, group in runs[runs.data == kind].groupby("input_dim"):
            mean_and_band(group, "samples", "mean_best_correlation", ax, colours[d], label=f"d = {d}")
        ax.axhline(level, color=INK, linestyle="--", linewidth=1)
        ax.set(xscale="log", title=name, ylim=(0.25, 1.04))
        samples_axis(ax, runs[runs.data == kind].samples)
        say_missing(ax, runs[runs.data == kind].mean_best_correlation)
    axes[0].legend(loc="lower right")
    return axes


def samples_axis(ax: Axes, samples: pd.Series) -> None:
    """Plain numbers at few places of a logarithmic axis."""
    inside = lambda places: [place for place in places if samples.min() <= place <= samples.max()]
    tens = 10, 100, 1000, 10_000
    ticks = inside(sorted((*tens, *(3 * ten for ten in tens))))
    ticks = ticks if len(ticks) <= 4 else inside(tens)
    ticks = ticks if len(ticks) >= 2 else sorted({samples.min(), samples.max()})
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()


def needed(stars: Mapping[str, pd.DataFrame], axes: Sequence[Axes]) -> Sequence[Axes]:
    """N* against d, m and n / m, a panel each and a line per kind of data; dashed is how the bound grows.

    stars       of :func:`tables.needed_along`; hollow marks are the fewest samples tried.
    """
    for ax, (quantity, table) in zip(axes, stars.items()):
        for kind, (name, colour, marker) in KINDS.items():
            line = table[table.data == kind].sort_values(quantity)
            ax.plot(line[quantity], line.value, color=colour, label=name)
            ax.vlines(line[quantity], line.low, line.high, color=colour, linewidth=1)
            for hollow, dots in line.groupby("smallest"):
                face = "white" if hollow else colour
                ax.plot(dots[quantity], dots.value, marker, color=colour, markerfacecolor=face, markersize=5)
        random = table[table.data == "random"].sort_values(quantity)
        grown = random.value.iloc[0] * random.bound / random.bound.iloc[0]
        ax.plot(random[quantity], grown, color=INK, linestyle="--", label="growth of the bound")
        ticks = sorted(random[quantity])
        inside = (table.value.min() / 2, 3 * table[["value", "high"]].max(axis=None))  # the bound leaves it
        ax.set(xscale="log", yscale="log", xlabel=QUANTITIES[quantity], ylim=inside)
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    return axes


def augmented(runs: pd.DataFrame, level: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Random data and the agnostic augmentation against samples in all, a panel per input dimension.

    runs        at the last epoch: data random, or agnostic at a small and a wide radius.
    """
    small, wide = sorted(runs[runs.data == "agnostic"].radius.unique())
    agnostic = runs[runs.data == "agnostic"]
    lines = (
        ("random data", ACCENT, runs[runs.data == "random"]),
        (f"agnostic, steps of {wide:g}", STUDENT, agnostic[agnostic.radius == wide]),
        (f"agnostic, steps of {small:.2g}", NEUTRAL, agnostic[agnostic.radius == small]),
    )
    for ax, (d, panel) in zip(axes, runs.groupby("input_dim")):
        for name, colour, rows in lines:
            here = rows[rows.input_dim == d]
            mean_and_band(here, "samples", "mean_best_correlation", ax, colour, label=name)
        ax.axhline(level, color=INK, linestyle="--", linewidth=1)
        ax.set(xscale="log", title=f"d = {d}", ylim=(0.15, 1.04), xlabel="samples in all")
        samples_axis(ax, panel.samples)
        say_missing(ax, panel.mean_best_correlation)
    return axes


def laws(stars: pd.DataFrame, ax: Axes) -> Axes:
    """N* per input dimension under every law of the inputs, with its interval.

    stars       of :func:`tables.needed` by input_dim and law.
    """
    shown = stars.sort_values("value")
    per_dim = lambda column: shown[column] / shown.input_dim
    ax.hlines(shown.law, per_dim("low"), per_dim("high"), color=ACCENT)
    ax.plot(per_dim("value"), shown.law, "s", color=ACCENT)
    ax.set(xlabel="samples needed, N* / d", xlim=(0, None))
    return ax


def sines(table: pd.DataFrame, levels: Sequence[float], ax: Axes) -> Axes:
    """Sine of the median teacher node against samples, on a log scale; a line per level that is asked for.

    table       of :func:`tables.sine_line`: drawn after a tenth of the training, and, darker, at its end.
    """
    end = table.epoch.max()
    tenth = min(table.epoch, key=lambda epoch: abs(epoch - end / 10))
    colours = ordered_colours((tenth, end))
    for epoch, group in table[table.epoch.isin(colours)].groupby("epoch"):
        logs = group.assign(sine=np.log10(group.sine))
        label = f"{epoch * 100:,} steps"
        mean_and_band(logs, "samples", "sine", ax, colours[epoch], label=label)
    for level in levels:
        ax.axhline(np.log10(level), color=INK, linestyle=":", linewidth=0.8)
    ax.set(xscale="log", xlabel="random samples", ylabel="log$_{10}$ sine of the median node")
    samples_axis(ax, table.samples)
    ax.set_title("a threshold, nearly")
    return ax


def gradient_levels(
    lines: Mapping[str, pd.DataFrame], bounds: Mapping[str, float], axes: Sequence[Axes]
) -> Sequence[Axes]:
    """The largest gradient at which the sine stays small, against one quantity a panel.

    lines       of :func:`tables.level_lines`; thin lines are seeds, the thick one their median.
    bounds      the exponent of the bound in each quantity: dashed, from the first value asked for on.
    """
    names = {"level": "sine asked for, ε", "nodes": "nodes K", "input_dim": "input dimension d"}
    titles = {
        "level": "gradient follows the angle",
        "nodes": "not the nodes",
        "input_dim": "nor the dimension",
    }
    for ax, (quantity, table) in zip(axes, lines.items()):
        medians = table.groupby(["seed", quantity]).gradient.median().unstack()
        medians = medians.where(medians > 0)  # else never found
        for _, line in medians.iterrows():
            ax.plot(line.index, line, color=STUDENT, alpha=0.25, linewidth=1)
        middle = medians.median()
        ax.plot(middle.index, middle, "o-", color=STUDENT, label="median over seeds")
        first = middle.index.max() if quantity == "level" else middle.index.min()
        grown = middle[first] * (np.asarray(middle.index) / first) ** bounds[quantity]
        ax.plot(middle.index, grown, color=INK, linestyle="--", label="growth of the bound")
        ticks = sorted(middle.index)[:: 2 if len(middle) > 4 else 1]
        ax.set(xscale="log", yscale="log", xlabel=names[quantity], title=titles[quantity])
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.minorticks_off()
    return axes


def generalization(students: pd.DataFrame, ax: Axes) -> Axes:
    """Evaluation loss against mean best-student correlation, a dot per student, by kind of training data."""
    for kind in ("random", "aware"):
        name, colour, _ = KINDS[kind]
        group = students[students.data == kind]
        missing = (1 - group.mean_best_correlation).clip(lower=FLOAT32)
        cloud(ax, missing, group.eval_loss, colour, label=name)
    ax.set(xscale="log", yscale="log", ylabel="evaluation loss")
    ax.set_xlabel("what the mean best-student correlation lacks to 1")
    ax.invert_xaxis()
    legend_above(ax)
    return ax
