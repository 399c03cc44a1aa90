"""Pictures of the chapter on recovering networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from companion.chapters.expand_and_cluster.tables import FLOOR, RULES, success
from companion.pages.figures import ACCENT, FIELD, INK, NEUTRAL, STUDENT, TEACHER, legend_on_top

COLOURS = {"pi/6": ACCENT, "pi/18": INK, "most whole": STUDENT}
SIZES = {"exact": NEUTRAL, "expanded": STUDENT}


def dendrogram(
    linkage: np.ndarray, cut: float, distances: np.ndarray, kept: pd.Series, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """The tree of all neurons of one teacher's students with its cut, and their distances in its order.

    linkage, cut    of :func:`tables.tree`;  distances  of :func:`tables.dissimilarity`.
    kept            the cluster of each neuron that is kept, -1 for the others.
    axes            two panels.
    """
    import seaborn as sns  # as slow to import as all else that a page needs
    from scipy.cluster import hierarchy

    left, right = axes
    colours = _link_colours(linkage, kept.to_numpy())
    hierarchy.dendrogram(linkage, ax=left, no_labels=True, link_color_func=colours.__getitem__)
    left.axhline(cut, color=TEACHER, linestyle="--")
    ticks = np.arange(0, np.ceil(linkage[:, 2].max()) + 1, 4)
    left.set_yticks(ticks, [f"$10^{{{tick + np.log10(FLOOR):.0f}}}$" for tick in ticks])
    left.set(xlabel="neurons of all students", ylabel="distance at which they join")
    image = right.imshow(distances, cmap=sns.color_palette(FIELD, as_cmap=True), interpolation="nearest")
    right.set(xticks=[], yticks=[], xlabel="neurons, in the same order")
    right.grid(False)
    right.figure.colorbar(image, ax=right, label="log$_{10}$ distance", shrink=0.8)
    handles = [Line2D([], [], color=STUDENT, label="clusters that are kept")]
    handles += [Line2D([], [], color=NEUTRAL, label="other neurons")]
    handles += [Line2D([], [], color=TEACHER, linestyle="--", label="cut")]
    legend_on_top(axes, handles)
    return axes


def _link_colours(linkage: np.ndarray, kept: np.ndarray) -> dict[int, str]:
    """The colour of each merge by its number: does it join neurons of one kept cluster?"""
    cluster = [*kept]  # of each neuron and merge, -1 if of none
    for one, other in linkage[:, :2].astype(int):
        cluster.append(cluster[one] if cluster[one] == cluster[other] else -1)
    return {
        number: STUDENT if of >= 0 else NEUTRAL
        for number, of in enumerate(cluster[len(kept) :], start=len(kept))
    }


def alignment(aligned: pd.DataFrame, teacher_width: int, axes: np.ndarray) -> np.ndarray:
    """How well the neurons that are kept point along the teachers', and what is kept beyond them.

    aligned     table of that name of recovery.recovery; teachers stand side by side.
    axes        a row per activation, a column per rule, of which the published comes first.
    """
    teachers = sorted(aligned.teacher.unique())
    wide = teacher_width + 1
    start = len(teachers) * wide + 1  # of the excess
    most = max(2, aligned[aligned.twin < 0].groupby(["activation", "rule"]).size().max())
    for row, activation in zip(axes, dict.fromkeys(aligned.activation)):
        for ax, rule in zip(row, ("pi/6", "most whole")):
            of = aligned[(aligned.activation == activation) & (aligned.rule == rule)]
            found, rest = of[of.twin >= 0], of[of.twin < 0].sort_values("cosine", ascending=False)
            ax.bar(found.teacher.map(teachers.index) * wide + found.twin + 1, found.cosine, color=STUDENT)
            ax.bar(start + np.arange(len(rest)), rest.cosine, color=TEACHER)
            ax.axvline(start - 1, color=INK, linewidth=1)
            places = [number * wide + (teacher_width + 1) / 2 for number in range(len(teachers))]
            words = [f"teacher {teacher}" for teacher in teachers]
            ax.set_xticks([*places, start + (most - 1) / 2], [*words, "excess"])
            ax.set(title=f"{activation}: {RULES[rule]}", ylim=(0, 1.05), xlim=(0, start + most))
    axes[0, 0].figure.supylabel("|cosine| with the teacher neuron")
    kinds = {STUDENT: "stands for a teacher neuron", TEACHER: "in excess"}
    legend_on_top(axes, [Patch(color=colour, label=kind) for colour, kind in kinds.items()])
    return axes


def rates(found: pd.DataFrame, bar: float, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Share of teachers that come back exactly by each rule, with 95 % intervals: a panel per activation.

    found       of :func:`tables.rates`;  bar  of the claims.
    """
    for ax, (activation, of) in zip(axes, found.groupby("activation", sort=False)):
        at = np.arange(len(of))[::-1]
        off = np.stack([of.value - of.low, of.high - of.value])
        colours = [{**COLOURS, "pi/18": NEUTRAL}.get(rule, NEUTRAL) for rule in of.rule]
        ax.barh(at, of.value, color=colours, height=0.6)
        ax.errorbar(of.value, at, xerr=off, color=INK, linestyle="none", capsize=3)
        ax.axvline(bar, color=INK, linestyle=":", linewidth=1)
        ax.set_yticks(at, [RULES[rule] for rule in of.rule])
        ax.set(title=f"{activation}, {of.teachers.max()} teachers", xlim=(0, 1.02))
        ax.label_outer()
    axes[0].figure.supxlabel("share of teachers recovered exactly")
    return axes


def widths(told: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """How many neurons too many or too few each rule keeps: share of teachers, a panel per activation.

    told        of :func:`tables.outcomes`.
    """
    steps = np.arange(max(-5, told.excess.min()), min(8, told.excess.max()) + 1)
    for ax, (activation, of) in zip(axes, told.groupby("activation", sort=False)):
        for rule, colour in COLOURS.items():
            clipped = of[of.rule == rule].excess.clip(steps[0], steps[-1])
            share = [(clipped == step).mean() for step in steps]
            ax.plot(steps, share, color=colour, marker="o", markersize=4, label=RULES[rule])
        ax.axvline(0, color=TEACHER, linewidth=1)
        ax.set(title=activation, ylim=(-0.03, 1.03))
        ax.label_outer()
    axes[0].figure.supxlabel("neurons kept − neurons of the teacher")
    axes[0].set_ylabel("share of teachers")
    legend_on_top(axes)
    return axes


def perfect(students: pd.DataFrame, zero: float, ax: Axes) -> Axes:
    """Share of perfect students by activation, exact and expanded: a dot per teacher, the mean as a bar."""
    found = success(students, zero)
    names = list(dict.fromkeys(students.activation))
    for shift, (size, colour) in zip((-0.2, 0.2), SIZES.items()):
        of = found[found["size"] == size]
        at = of.activation.astype(str).map(names.index) + shift
        ax.bar(*zip(*of.share.groupby(at).mean().items()), width=0.36, color=colour, alpha=0.5, label=size)
        place = of.groupby(["activation", "share"]).cumcount()
        ways = of.groupby(["activation", "share"]).share.transform("size")
        ax.scatter(at + 0.3 * ((place + 0.5) / ways - 0.5), of.share, s=8, color=colour, linewidths=0)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel="share of perfect students", ylim=(-0.03, 1.03))
    legend_on_top(np.array([ax]))
    return ax


def errors(recovered: pd.DataFrame, precise: float, ax: Axes) -> Axes:
    """Largest parameter error of networks of the right width, by whole clusters, before and after tuning."""
    of = recovered[(recovered.rule == "most whole") & recovered.error.notna()].sort_values("collapsed")
    at = np.arange(1, len(of) + 1)
    for column, colour, label in (("collapsed", NEUTRAL, "collapsed"), ("error", STUDENT, "fine-tuned")):
        ax.plot(at, of[column].clip(lower=FLOOR), "o", color=colour, markersize=4, label=label)
    ax.axhline(precise, color=INK, linestyle=":", label="recovered, below")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(yscale="log", xlabel="teacher, in the order of the first error", ylabel="largest parameter error")
    legend_on_top(np.array([ax]))
    return ax
