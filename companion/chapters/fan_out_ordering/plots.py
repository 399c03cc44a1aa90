"""Pictures of the chapter on fan-out ordering."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from companion.experiments.two_layer.plots import published_handle
from companion.pages.figures import (
    ACCENT,
    INK,
    NEUTRAL,
    PUBLISHED,
    SIGNED,
    STUDENT,
    cloud,
    heatmap,
    label_rim,
    legend_in_grid,
    legend_on_top,
    mean_and_band,
    ordered_colours,
    over_realization_colours,
    say_missing,
)

POLARITIES = ("o", "^", "s", "D")  # marks
LEAD = 3  # of log10 loss, where the colours of a map of leads end


def ordering(first: pd.DataFrame, ax: Axes) -> Axes:
    """First specialized epoch against fan-out norm, a dot per teacher node; the others lie on top."""
    last = 1.6 * (first.first_epoch.max() if first.first_epoch.notna().any() else 1.0)
    shown = first.assign(when=first.first_epoch.fillna(last))
    colours = over_realization_colours(shown.over_realization)
    for (ratio, p), group in shown.groupby(["over_realization", "polarity"]):
        marker = "o^sDv"[sorted(shown.polarity.unique()).index(p) % 5]
        cloud(
            ax,
            group.fan_out_norm,
            group.when,
            colours[ratio],
            size=18,
            alpha=0.7,
            marker=marker,
            label=f"{ratio:g}x, p = {p:g}",
        )
    ax.axhspan(0.9 * last, 1.15 * last, color=NEUTRAL, alpha=0.15)
    ax.text(0.99, last, "not specialized ", transform=ax.get_yaxis_transform(), ha="right", va="center")
    ax.set(xscale="log", yscale="log", xlabel="fan-out norm ‖v*$_j$‖ of the teacher node")
    ax.set_ylabel("first epoch it is specialized")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 0.9))
    return ax


def gradient_levels(found: pd.DataFrame, ax: Axes) -> Axes:
    """Gradient level at which each teacher node is found against its overlap, a dot each, dark: strong.

    found       of :func:`tables.levels_when_found`.
    """
    colours = ordered_colours(-found.teacher)
    for teacher, nodes in found.groupby("teacher"):
        label = {0: "strongest node", found.teacher.max(): "weakest node"}.get(teacher)
        cloud(ax, nodes.overlap, nodes.level, colours[-teacher], size=22, alpha=0.8, label=label)
    ends = np.array([found.overlap.min(), found.overlap.max()])
    middle = (found.level / found.overlap).median()
    ax.plot(ends, middle * ends, color=INK, linestyle="--", label="in proportion")
    ax.axhline(found.level.median(), color=NEUTRAL, linestyle=":", label="one level for all")
    ax.set(xscale="log", yscale="log", xlabel="overlap |α$_{kj}$| / ‖v$_k$‖")
    ax.set_ylabel("gradient max |g$_k$| / ‖v$_k$‖ when it is found")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 0.9))
    return ax


def success_rates(rates: pd.DataFrame, published: pd.DataFrame | None, axes: np.ndarray) -> np.ndarray:
    """Share of seeds that specialized each teacher node, a panel per polarity: early dotted, last solid.

    rates       teacher, success_rate, polarity, over_realization and two epochs.
    published   the same columns, drawn as open dots, small ones for the early epoch.
    axes        2-D array with at least one panel for each polarity.
    """
    early, last = sorted(rates.epoch.unique())
    colours = over_realization_colours(rates.over_realization)
    for ax, (p, panel) in zip(axes.flat, rates.groupby("polarity")):
        for (ratio, epoch), group in panel.groupby(["over_realization", "epoch"]):
            line = group.sort_values("teacher")
            ax.plot(
                line.teacher,
                line.success_rate,
                color=colours[ratio],
                linestyle=":" if epoch == early else "-",
            )
            if published is not None:
                dots = published[(published.polarity == p) & (published.over_realization == ratio)]
                dots = dots[dots.epoch == epoch]
                size = dict(markersize=2.5 if epoch == early else 4, markeredgecolor=colours[ratio])
                ax.plot(dots.teacher, dots.success_rate, **PUBLISHED | size)
        ax.set(title=f"p = {p:g}", ylim=(-0.04, 1.04))
    handles = [
        *_ratio_handles(colours),
        Line2D([], [], color=INK, linestyle=":", label=f"after {early} epochs"),
        Line2D([], [], color=INK, label=f"after {last} epochs"),
    ]
    label_rim(axes, "teacher node, strongest first", "success rate")
    legend_in_grid(axes, rates.polarity.nunique(), handles + published_handle(published))
    return axes


def loss_curves(losses: pd.DataFrame, published: pd.DataFrame | None, axes: np.ndarray) -> np.ndarray:
    """Evaluation loss against epochs, a panel per polarity; bands are one standard deviation over seeds.

    losses      epoch, log10_eval_loss, polarity, over_realization, one row per seed.
    published   the same columns without seeds: open dots.
    axes        2-D array with at least one panel for each polarity.
    """
    colours = over_realization_colours(losses.over_realization)
    for ax, (p, panel) in zip(axes.flat, losses.groupby("polarity")):
        for ratio, group in panel.groupby("over_realization"):
            mean_and_band(group, "epoch", "log10_eval_loss", ax, colours[ratio])
            if published is not None:
                dots = published[(published.polarity == p) & (published.over_realization == ratio)]
                ax.plot(dots.epoch, dots.log10_eval_loss, **PUBLISHED | dict(markeredgecolor=colours[ratio]))
        say_missing(ax, panel.log10_eval_loss)
        ax.set(title=f"p = {p:g}", ylim=(-13, 1))
    label_rim(axes, "epoch", "log$_{10}$ evaluation loss")
    legend_in_grid(axes, losses.polarity.nunique(), _ratio_handles(colours) + published_handle(published))
    return axes


def _ratio_handles(colours: dict[float, str]) -> list[Line2D]:
    return [Line2D([], [], color=colour, label=f"{ratio:g}x student") for ratio, colour in colours.items()]


def where_wider_is_better(found: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean lead of the wider student by polarity (largest on top) and epoch, a panel per teacher width.

    found       of :func:`tables.where_wider_is_better`; a dot where the interval over seeds holds 0.
    """
    for ax, (width, panel) in zip(axes, found.groupby("teacher_width")):
        field = panel.pivot(index="polarity", columns="epoch", values="value").sort_index(ascending=False)
        decided = panel.pivot(index="polarity", columns="epoch", values="decided").loc[field.index]
        heatmap(
            field,
            vmin=-LEAD,
            vmax=LEAD,
            xticklabels=3,
            cmap=f"{SIGNED}_r",
            annot=np.where(decided, "", "·"),
            fmt="",
            annot_kws=dict(size=14, color=INK),
            cbar=ax is axes[-1],
            cbar_kws=dict(label="log$_{10}$ loss, 1x minus 5x", extend="both"),
            ax=ax,
        )
        ax.set(title=f"m = {width}", xlabel="", ylabel="")
        ax.tick_params(rotation=0, length=0)
    axes[0].set_ylabel("polarity p")
    axes[0].figure.supxlabel("epoch")
    return axes


def convergence(pairs: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Correlation of every student with one teacher per panel, over training.

    A student has the colour of the teacher that it matches best in the end, and a wide line in its panel.

    pairs       table of :meth:`TwoLayer.run` for one network.
    axes        2-D array with at least one panel for each teacher node.
    """
    last = pairs[pairs.epoch == pairs.epoch.max()]
    ends = last.loc[last.groupby("student").correlation.idxmax()].set_index("student").teacher
    colours = ordered_colours(-pairs.teacher)
    for ax, (teacher, panel) in zip(axes.flat, pairs.groupby("teacher")):
        for student, line in panel.groupby("student"):
            own = ends[student] == teacher
            look = dict(linewidth=2.2 if own else 1, zorder=3 if own else 2)
            ax.plot(line.epoch, line.correlation, color=colours[-ends[student]], **look)
        ax.set(title=f"teacher node {teacher + 1}", ylim=(-0.35, 1.04))
    handles = [
        Line2D([], [], color=colours[-node], linewidth=2.2, label=f"ends at node {node + 1}")
        for node in sorted(ends.unique())
    ]
    label_rim(axes, "epoch", "correlation of each student node")
    legend_in_grid(axes, pairs.teacher.nunique(), handles)
    return axes


def cost(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Processor time of a step, its share of the peak, and time of an evaluation by width; a step by seeds.

    table       summary of ``benchmarks/two_layer.py``: part, engine, nodes, seeds, cpu and peak_share.
    """
    panels = (
        ("step", "nodes", "cpu", "µs per SGD step"),
        ("step", "nodes", "peak_share", "share of peak"),
        ("evaluation", "nodes", "cpu", "ms per evaluation"),
        ("seeds", "seeds", "cpu", "µs per SGD step"),
    )
    for ax, (part, x, y, title) in zip(axes, panels):
        rows = table[table.part == part]
        for engine, line in rows.groupby("engine", sort=False):
            ours, single = engine.startswith("ensemble"), engine.endswith("float32")
            look = dict(linestyle="-" if ours else "--", alpha=1 if single or not ours else 0.5)
            colour = STUDENT if ours else ACCENT if "torch" in engine else INK
            ax.plot(line[x], line[y], color=colour, marker="o", label=engine, **look)
        ax.set(
            xscale="log", title=title, xlabel="student nodes n" if x == "nodes" else "seeds in the ensemble"
        )
        ax.set_xticks(ticks := sorted(rows[x].unique()), [f"{n:g}" for n in ticks])
        if part != "seeds":
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    axes[-1].set_ylim(bottom=0)
    legend_on_top(axes)
    return axes


def stages(looks: pd.DataFrame, nodes: pd.DataFrame, threshold: float, ax: Axes) -> Axes:
    """Evaluation loss over training of the first seed, a line per polarity; a dot where a node is found."""
    looks, nodes = (table[(table.seed == table.seed.min()) & (table.step > 0)] for table in (looks, nodes))
    colours = ordered_colours(looks.polarity)
    first = nodes[nodes.rho > threshold].groupby(["polarity", "teacher"]).step.min().reset_index()
    for p, curve in looks.groupby("polarity"):
        ax.plot(curve.step, curve.eval_loss, color=colours[p], label=f"p = {p:g}")
        found = curve[curve.step.isin(first[first.polarity == p].step)]
        ax.plot(found.step, found.eval_loss, "o", color=colours[p])
    ax.set(xscale="log", yscale="log", xlabel="SGD steps", ylabel="evaluation loss", title="stages")
    ax.legend(loc="lower left")
    return ax


def shares_near_events(found: pd.DataFrame, ax: Axes) -> Axes:
    """Share of the fall near events against that near permuted ones, a dot per seed and polarity.

    found       of :func:`tables.falls_near_events`.
    """
    colours = ordered_colours(found.polarity)
    for mark, (p, group) in zip(POLARITIES, found.groupby("polarity")):
        cloud(ax, group.permuted, group.share, colours[p], size=16, marker=mark, label=f"p = {p:g}")
    ax.axline((0.2, 0.2), slope=1, color=INK, linestyle="--", linewidth=1)
    ax.set(xlabel="share near times drawn at random", ylabel="share near the finds")
    ax.set_title("the loss falls when nodes are found")
    return ax


def nearest_parts(part: pd.DataFrame, ax: Axes) -> Axes:
    """How often the strongest part is the nearest, against the number of nodes found, a line per polarity.

    part        of :func:`tables.nearest_part`.
    """
    colours = ordered_colours(part.polarity)
    for mark, (p, group) in zip(POLARITIES, part.groupby("polarity")):
        mean_and_band(group, "found", "both", ax, colours[p], marker=mark, label=f"p = {p:g}")
    ax.set(ylim=(-0.05, 1.05), xlabel="teacher nodes found, r", ylabel="share of looks")
    ax.set_xticks(sorted(part.found.unique()))
    ax.set_title("nearest to the r strongest")
    return ax
