"""Pictures of the chapters on two-layer networks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ts_core.plots.common import NEUTRAL, PUBLISHED, STUDENT, TEACHER, label_rim, palette, say_missing


def plane(lines: pd.DataFrame, error: pd.DataFrame, steps: Sequence[int], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Boundary lines of teacher (red, dashed) and student (white) over the error ||f* - f||, one panel per step.

    lines, error    tables of :func:`ts_core.experiments.two_layer_theorem.plane`; width of a line grows with its strength.
    """
    reach = error.x_1.abs().max()
    norm = LogNorm(error.error.quantile(0.02), error.error.max())
    widest = lines.strength[lines.network == "teacher"].max()
    for ax, step in zip(axes, steps):
        field = error[error.step == step].pivot(index="x_2", columns="x_1", values="error")
        ax.imshow(field, extent=(-reach, reach, -reach, reach), origin="lower", cmap="mako", norm=norm, interpolation="bilinear")
        now = lines[(lines.network == "student") & (lines.step == step)]
        for table, style in ((now, dict(colors="white", alpha=0.95)), (
            lines[lines.network == "teacher"], dict(colors=TEACHER, linestyles=(0, (3, 2)))
        )):
            width = 0.4 + 3.6 * table.strength / widest
            ax.add_collection(LineCollection(segments(table, 2 * reach), linewidths=width, **style))
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], title=f"step {step:,}")
    return axes


def segments(table: pd.DataFrame, reach: float) -> np.ndarray:
    """Ends ``(lines, 2, 2)`` of the line w^T x + b = 0, ``reach`` to both sides of its foot point."""
    w = table[["w_1", "w_2"]].to_numpy()
    size = np.linalg.norm(w, axis=1, keepdims=True)
    foot = -table[["b"]].to_numpy() * w / size**2
    along = reach * np.column_stack([-w[:, 1], w[:, 0]]) / size
    return np.stack([foot - along, foot + along], axis=1)


def gradient_rule(table: pd.DataFrame, bar: float, ax: Axes) -> Axes:
    """Difference of the rule from autograd, one dot per seed, by depth and activation slope; the bar is the claim."""
    sns.swarmplot(table, x="depth", y="max_error", hue="slope", palette="crest", dodge=True, size=4, ax=ax)
    ax.axhline(bar, color=TEACHER, linestyle="--", linewidth=1)
    ax.text(0.99, bar, "claimed at most ", color=TEACHER, ha="right", va="top", transform=ax.get_yaxis_transform())
    ax.set(yscale="log", ylim=(1e-17, 10 * bar), xlabel="weight layers L", ylabel="largest error against autograd")
    ax.legend(title="slope", loc="center left", bbox_to_anchor=(0, 0.72), ncols=3)
    return ax


def matched(table: pd.DataFrame, value: str, ax: Axes, label: str = "") -> Axes:
    """Teacher x student matrix of one column of a tidy table (teacher, student, value), on a -1 ... 1 scale."""
    matrix = table.pivot(index="teacher", columns="student", values=value)
    sns.heatmap(
        matrix, vmin=-1, vmax=1, cmap="vlag", square=True, linewidths=0.3, ax=ax, cbar_kws=dict(label=label, shrink=0.7)
    )
    ax.set(xlabel="student node", ylabel="teacher node")
    ax.tick_params(rotation=0, length=0)
    return ax


def hyperplane_sums(table: pd.DataFrame, ax: Axes) -> Axes:
    """Strength of every node on each hyperplane, and (as text) the residual of the sum rule there.

    table       of :func:`ts_core.experiments.critical_points.hyperplanes` for one case.
    """
    shown = table.assign(plane=table.plane.astype(str))
    sns.swarmplot(shown, x="plane", y="fan_out", hue="network", palette=[TEACHER, STUDENT], size=7, ax=ax)
    top = 1.3 * shown.fan_out.max()
    for tick, (_, group) in enumerate(shown.groupby("plane", sort=False)):
        ax.text(tick, 0.96 * top, f"|sum| = {group.sum_norm.max():.0e}".replace("0e+00", "0"), ha="center", va="top", fontsize="x-small")
    ax.set(xlabel="hyperplane", ylabel="strength ||w|| ||v|| of a node", ylim=(-0.05 * top, top))
    ax.legend(loc="lower left")
    return ax


def one_dimension(table: pd.DataFrame, ax: Axes) -> Axes:
    """Teacher and student outputs along a line, and where the gradient is."""
    ax.plot(table.x, table.teacher, color=TEACHER, linestyle="--", label="teacher f*")
    ax.plot(table.x, table.student, color=STUDENT, label="student f")
    ax.plot(table.x, table.max_gradient, color=NEUTRAL, linewidth=3, alpha=0.6, label="largest |g$_1$|")
    ax.set(xlabel="x")
    ax.legend()
    return ax


def bars(table: pd.DataFrame, x: str, y: str, ax: Axes, label: str) -> Axes:
    """One bar per row, its number on top; ``label`` names the height."""
    sns.barplot(table, x=x, y=y, color=STUDENT, width=0.5, ax=ax)
    ax.bar_label(ax.containers[0], fmt="%.2g", padding=2)
    ax.set(xlabel="", ylabel=label)
    ax.margins(y=0.15)
    return ax


def l_shape(students: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Best-teacher correlation against fan-out norm of every student; rows are polarities, columns over-realizations.

    students    table of :func:`ts_core.experiments.two_layer.run`; axes  2-D array of the matching shape.
    """
    ratios = sorted(students.over_realization.unique())
    colours = palette(ratios)
    for row, (p, by_polarity) in zip(axes, students.groupby("polarity")):
        top = 1.05 * by_polarity.fan_out_norm.fillna(0).replace(np.inf, 0).max() or 1.0
        for ax, ratio in zip(row, ratios):
            group = by_polarity[by_polarity.over_realization == ratio]
            ax.scatter(group.best_correlation, group.fan_out_norm, s=9, alpha=0.45, color=colours[ratio], linewidths=0, rasterized=True)
            ax.set(xlim=(0, 1.04), ylim=(-0.05 * top, top))
            ax.set_title(f"{ratio:g}x, p = {p:g}")
            say_missing(ax, group.best_correlation)
    label_rim(axes, "best-teacher correlation of a student node", "fan-out norm ||v$_k$||")
    return axes


def small_gradient(dots: pd.DataFrame, ax: Axes) -> Axes:
    """Sine of the angle against the per-sample gradient, one dot per checkpoint and teacher, and the bound as a line.

    dots        table of :func:`ts_core.experiments.small_gradient.scatter`.
    """
    shown = dots[dots.sine > 0].sort_values("ratio")
    for (kind, group), colour in zip(shown.groupby("kind"), ("#edae49", STUDENT)):
        ax.scatter(group.ratio, group.sine, s=12, alpha=0.6, color=colour, linewidths=0, label=f"teacher-{kind}")
        ax.plot(group.ratio, group.bound, color=colour, linestyle="--", label="its bound")
    ax.axhspan(1, 10, color=NEUTRAL, alpha=0.2, linewidth=0)
    ax.set(xscale="log", yscale="log", ylim=(shown.sine.min() / 3, 10))
    ax.set(xlabel="largest per-sample gradient, max |g$_k$| / |α$_{kj}$|", ylabel="sine of teacher to nearest student")
    ax.legend(loc="lower right")
    return ax


def undersampled(table: pd.DataFrame, ax: Axes) -> Axes:
    """The negative control: gradient and true error of a tilted student against the points on the teacher plane."""
    floor = 1e-17
    for value, colour, label in (
        ("gradient", STUDENT, "largest |g$_1$| on the augmented samples"), ("fresh_residual", TEACHER, "largest |f* - f| on new samples")
    ):
        ax.plot(table.plane_points, table[value].clip(lower=floor), "o", color=colour, alpha=0.5, label=label)
    ax.set(yscale="log", xlabel="points on the teacher plane", ylabel="at an angle of 60 degrees", xticks=sorted(table.plane_points.unique()))
    ax.legend(loc="center left")
    return ax


def sample_complexity(curves: pd.DataFrame, published: pd.DataFrame | None, value: str, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Curves against training samples, one panel per over-realization; bands are one standard deviation over seeds.

    curves      one row per seed, data, samples, over_realization, with the column ``value``.
    published   the digitized curves with the same columns (no seeds), drawn as open dots (aware) and squares (random).
    """
    colours = {"aware": STUDENT, "random": "#edae49"}
    for ax, (ratio, group) in zip(axes, curves.groupby("over_realization")):
        for kind, colour in colours.items():
            per_size = group[group.data == kind].groupby("samples")[value].agg(["mean", "std"])
            ax.plot(per_size.index, per_size["mean"], color=colour, linewidth=2)
            say_missing(ax, group[value])
            ax.fill_between(per_size.index, per_size["mean"] - per_size["std"], per_size["mean"] + per_size["std"], color=colour, alpha=0.2, linewidth=0)
            if published is not None:
                dots = published[(published.over_realization == ratio) & (published.data == kind)]
                ax.plot(dots.samples, dots[value], **PUBLISHED | dict(marker="o" if kind == "aware" else "s", markeredgecolor=colour))
        ax.set(title=f"{ratio:g}x", xscale="log")
        ax.set_xticks([30, 100, 300, 900], ["30", "100", "300", "900"])
        ax.minorticks_off()
    handles = [Line2D([], [], color=c, linewidth=2, label=f"{k} data") for k, c in colours.items()]
    if published is not None:
        handles.append(Line2D([], [], **PUBLISHED, label="published"))
    axes[0].legend(handles=handles)
    return axes


def ordering(first: pd.DataFrame, ax: Axes) -> Axes:
    """First specialized epoch against fan-out norm, one dot per teacher node; those that never were sit on top."""
    last = 1.6 * (first.first_epoch.max() if first.first_epoch.notna().any() else 1.0)
    shown = first.assign(when=first.first_epoch.fillna(last))
    colours = palette(shown.over_realization.unique())
    for (ratio, p), group in shown.groupby(["over_realization", "polarity"]):
        marker = "o^sDv"[sorted(shown.polarity.unique()).index(p) % 5]
        ax.scatter(group.fan_out_norm, group.when, s=16, alpha=0.7, color=colours[ratio], marker=marker, linewidths=0, label=f"{ratio:g}x, p = {p:g}")
    ax.axhspan(0.9 * last, 1.15 * last, color=NEUTRAL, alpha=0.15)
    ax.text(0.99, last, "not specialized ", transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize="small")
    ax.set(xscale="log", yscale="log", xlabel="fan-out norm ||v*$_j$|| of the teacher node", ylabel="first epoch it is specialized")
    ax.legend()
    return ax


def curves(table: pd.DataFrame, published: pd.DataFrame | None, x: str, y: str, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean of ``y`` against ``x``, a panel per polarity and a colour per over-realization; published values as dots.

    Bands are one standard deviation over seeds, where the table has seeds. If the table has two epochs for each x
    (success rates), the earlier is dotted and its published dots are small.
    """
    colours = palette(table.over_realization.unique())
    split = "epoch" if x != "epoch" else "polarity"
    for ax, (p, panel) in zip(axes, table.groupby("polarity")):
        for (ratio, level), group in panel.groupby(["over_realization", split]):
            early = split == "epoch" and level < panel.epoch.max()
            line = group.groupby(x)[y].agg(["mean", "std"])
            ax.plot(line.index, line["mean"], color=colours[ratio], linestyle=":" if early else "-")
            ax.fill_between(line.index, line["mean"] - line["std"], line["mean"] + line["std"], color=colours[ratio], alpha=0.15, linewidth=0)
            if published is not None:
                dots = published[(published.polarity == p) & (published.over_realization == ratio) & (published[split] == level)]
                ax.plot(dots[x], dots[y], **PUBLISHED | dict(markersize=2 if early else 3.5, markeredgecolor=colours[ratio]))
        ax.set(title=f"p = {p:g}")
    handles = [Line2D([], [], color=c, label=f"{r:g}x") for r, c in colours.items()]
    if published is not None:
        handles.append(Line2D([], [], **PUBLISHED, label="published"))
    axes[-1].legend(handles=handles, fontsize="small")
    return axes


def learned(table: pd.DataFrame, routes: dict[str, str], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Learned strength of every teacher over time, a panel per start of the students; ``routes`` gives line styles."""
    for ax, (start, panel) in zip(axes, table.groupby("start")):
        colours = dict(zip(sorted(panel.teacher.unique()), sns.color_palette("flare_r", panel.teacher.nunique())))
        for (route, teacher, _), group in panel[panel.route.isin(routes)].groupby(["route", "teacher", "seed"]):
            thin = dict(linewidth=0.8, alpha=0.6) if routes[route] == "-" else dict(linewidth=1.6)
            ax.plot(group.time, group.learned, color=colours[teacher], linestyle=routes[route], **thin)
        ax.set(title=f"{start} start", xlabel="time", ylabel="learned strength of a teacher node")
        ax.legend(handles=[Line2D([], [], color="gray", linestyle=s, label=r) for r, s in routes.items() if r in set(panel.route)], loc="upper right", bbox_to_anchor=(1, 0.92))
    return axes


def half_times(table: pd.DataFrame, ax: Axes) -> Axes:
    """Half-time of every teacher against 1 / strength, by route; the logistic estimate is a straight line."""
    sns.swarmplot(
        table.assign(inverse=(1 / table.strength).round(3)), x="inverse", y="half_time", hue="route", dodge=True, size=4,
        palette=[STUDENT, NEUTRAL, TEACHER], hue_order=["flow", "SGD", "logistic"], native_scale=True, ax=ax,
    )
    ax.set(xlabel="1 / strength of the teacher node", ylabel="half-time")
    return ax


def covering(times: pd.DataFrame, horizon: float, ax: Axes) -> Axes:
    """Time until all teachers are covered, one dot per start; starts that never get there sit at the horizon."""
    shown = times.assign(time=times.time.fillna(horizon), ratio=times.over_realization.map("{:g}x".format))
    sns.swarmplot(shown, x="ratio", y="time", hue="over_realization", palette=palette(shown.over_realization.unique()), legend=False, size=4, ax=ax)
    ax.axhline(horizon, color=NEUTRAL, linestyle="--")
    ax.text(0.99, horizon, "never within the run ", transform=ax.get_yaxis_transform(), ha="right", va="bottom", fontsize="small")
    ax.set(xlabel="over-realization", ylabel="time until all teachers are covered")
    return ax


def convergence(pairs: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Correlation of every student with one teacher per panel, over training; a student keeps its colour in all panels.

    pairs       table of :func:`ts_core.experiments.two_layer.run` for one network.
    """
    colours = dict(zip(sorted(pairs.student.unique()), sns.color_palette("husl", pairs.student.nunique())))
    for ax, (teacher, panel) in zip(axes, pairs.groupby("teacher")):
        for student, line in panel.groupby("student"):
            ax.plot(line.epoch, line.correlation, color=colours[student], linewidth=1.4)
        ax.set(title=f"teacher node {teacher + 1}", ylim=(-0.35, 1.04), xlabel="epoch")
    axes[0].set_ylabel("correlation of each student")
    return axes


def cost(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Processor time of a step, its share of the machine's peak and time of an evaluation by width; of a step by seeds.

    table       summary of ``benchmarks/two_layer.py``: part, engine, nodes, seeds, cpu and peak_share.
    """
    shown = (("step", "nodes", "cpu", "µs per SGD step"), ("step", "nodes", "peak_share", "share of peak"),
             ("evaluation", "nodes", "cpu", "ms per evaluation"), ("seeds", "seeds", "cpu", "µs per SGD step"))
    for ax, (part, x, y, title) in zip(axes, shown):
        rows = table[table.part == part]
        for engine, line in rows.groupby("engine", sort=False):
            ours, single = engine.startswith("ensemble"), engine.endswith("float32")
            colour = (STUDENT if single else "#66b2bd") if ours else (NEUTRAL if "torch" in engine else "black")
            ax.plot(line[x], line[y], color=colour, linestyle="-" if ours else "--", marker="o", markersize=4, label=engine)
        ax.set(xscale="log", title=title, xlabel="student nodes n" if x == "nodes" else "seeds in the ensemble")
        ax.set_xticks(ticks := sorted(rows[x].unique()), [f"{n:g}" for n in ticks])
        if part != "seeds":
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    axes[-1].set_ylim(bottom=0)
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return axes
