"""Pictures of the chapter on lucky nodes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from companion.chapters.lucky_nodes.tables import CHANCE
from companion.pages.figures import (
    ACCENT,
    FIELD,
    INK,
    NEUTRAL,
    PUBLISHED,
    STUDENT,
    TEACHER,
    label_rim,
    layer_colours,
    legend_above,
    legend_on_top,
    mean_and_band,
    ordered_colours,
)

ROLES = {"winner": STUDENT, "duplicate": ACCENT, "loser": NEUTRAL}
NETWORKS = {"convolutional": STUDENT, "fully connected": ACCENT}
BLOCKS = {"own": "winner\nitself", "winners": "two\nwinners", "others": "other\nitself"}
NORMS = {"none": ("without", STUDENT), "after": ("with batch norm behind the ReLU", TEACHER)}
LEAST, SLOW = 1e-8, 1e-5  # of eigenvalues and of rates on logarithmic axes
NODES = {"matched": STUDENT, "unmatched": NEUTRAL}
STARTS = {"perturbed": STUDENT, "small": ACCENT, "large": TEACHER}
TICKETS = {  # from what a reader expects least to what it is held against
    "new draw, own scale": "new draw,\nown scale",
    "new draw, same scale": "new draw,\nsame scale",
    "random nodes": "random\nnodes",
    "winners": "winners,\ninitial weights",
    "winners after 1 epoch": "winners,\nafter 1 epoch",
    "the whole student": "the whole\nstudent",
}


def relation(
    exact: pd.DataFrame, separation: pd.DataFrame, bar: float, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Left: errors of the relation and of its released form. Right: cosine of exact and separated updates."""
    worst = exact.groupby(["depth", "bias", "seed"])[["max_error", "max_cropped"]].max().reset_index()
    ax = axes[0]
    for column, label, colour in (
        ("max_error", "with all biases", STUDENT),
        ("max_cropped", "constant unit dropped", TEACHER),
    ):
        for bias, shift, marker in ((0.0, -0.15, "o"), (worst.bias.max(), 0.15, "D")):
            rows = worst[worst.bias == bias]
            noise = np.linspace(-0.08, 0.08, rows.seed.nunique())[rows.seed]
            size = rows[column].clip(lower=1e-17)
            words = f"{label}, biases std {bias:g}" if bias else f"{label}, no biases"
            ax.plot(
                rows.depth + shift + noise, size, marker, color=colour, alpha=0.6, markersize=3, label=words
            )
    ax.axhline(bar, color=INK, linestyle="--", linewidth=0.8)
    ax.set(
        yscale="log", ylim=(1e-17, 1e3), xlabel="depth (weight layers)", ylabel="largest error of an update"
    )
    ax.set_xticks(sorted(worst.depth.unique()))
    ax.set_title("exact, if biases are kept")
    ax.legend(loc="center", labelspacing=0.2, bbox_to_anchor=(0.5, 0.62))
    below = separation[separation.layer < separation.depth]
    names = [f"layer {layer}\nof {depth}" for depth, layer in _places(below)]
    place = below.depth.astype(str) + below.layer.astype(str)
    sns.boxplot(
        below.assign(
            place=place.map(dict(zip(sorted(place.unique()), names))), width=below.width.astype(str)
        ),
        x="place",
        y="cosine",
        hue="width",
        palette=list(ordered_colours(below.width).values()),
        fliersize=1.5,
        linewidth=0.7,
        ax=axes[1],
    )
    axes[1].axhline(1, color=INK, linewidth=0.6)
    axes[1].set(xlabel="", ylabel="cosine with the exact update", ylim=(0, 1.05))
    axes[1].set_title("separated means point elsewhere")
    axes[1].legend(title="teacher nodes", loc="lower left")
    return axes


def _places(table: pd.DataFrame) -> list[tuple[int, int]]:
    return sorted(set(zip(table.depth, table.layer)))


def matched(
    paths: pd.DataFrame, rates: pd.DataFrame, overlapping: pd.DataFrame, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Left: largest angle of every trial over time, bound dashed. Middle: rate per angle against the angle.

    Right: rate of the largest angle against the overlap of two nodes.
    """
    colours = ordered_colours([*paths.coupling, *overlapping.coupling])
    thin = dict(linewidth=0.6, alpha=0.5, rasterized=True)  # hundreds of lines
    for (coupling, _), trial in paths.groupby(["coupling", "trial"]):
        axes[0].plot(trial.time, trial.angle, color=colours[coupling], **thin)
    promised = paths.dropna(subset="bound").groupby("time").bound.median()
    axes[0].plot(promised.index, promised, color=INK, linestyle="--")
    axes[0].set(yscale="log", ylim=(1e-5, 1), xlabel="time", ylabel="largest angle (rad)")
    axes[0].set_title("angles vanish, bound or not")
    per = rates.assign(relative=rates.rate / np.sin(rates.angle), theory=rates.expected / np.sin(rates.angle))
    mean_and_band(per, "angle", "relative", axes[1], STUDENT, linestyle="none", marker="o", markersize=3)
    line = per.groupby("angle").theory.mean()
    axes[1].plot(line.index, line, color=INK)
    axes[1].set(xlabel="angle θ to the teacher node (rad)", ylabel="turning rate / sin θ")
    axes[1].set_title("the closer, the faster")
    for coupling, rows in overlapping.groupby("coupling"):
        mean_and_band(rows, "overlap", "rate", axes[2], colours[coupling], marker="o", markersize=3)
    axes[2].set(xlabel="how often two nodes are both active", ylabel="rate over that of a lone node")
    axes[2].set_title("overlaps hinder")
    handles = [
        *(Line2D([], [], color=colour, label=f"fan-outs {level:g}") for level, colour in colours.items()),
        Line2D([], [], color=INK, linestyle="--", label="median bound"),
        Line2D([], [], color=STUDENT, marker="o", linestyle="none", markersize=3, label="measured"),
        Line2D([], [], color=INK, label="(π − θ) / 2π"),
    ]
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def frozen(fan_outs: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Norm of the fan-outs that are not lucky over time, without and with duplicates."""
    titles = {"distinct": "distinct nodes: fan-outs vanish", "duplicates": "two duplicates keep a share"}
    for ax, (case, panel) in zip(axes, fan_outs.groupby("case")):
        for _, path in panel.groupby("seed"):
            ax.plot(path.time, path.closed, color=INK, linewidth=0.7)
            ax.plot(path.time, path.norm, "o", color=STUDENT, markersize=2.5, alpha=0.7)
            if case == "distinct":
                ax.plot(path.time, path.bound, color=TEACHER, linestyle="--", linewidth=0.6)
        ax.set(yscale="log", title=titles[case])
    handles = [
        Line2D([], [], color=STUDENT, marker="o", linestyle="none", markersize=3, label="SGD"),
        Line2D([], [], color=INK, label="closed form"),
        Line2D([], [], color=TEACHER, linestyle="--", label="bound by λ$_{min}$"),
    ]
    label_rim(np.atleast_2d(axes), "time", "norm of the others' fan-outs")
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def decay(roles: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean fan-out norm of winners, duplicates and losers over steps, a panel per start."""
    titles = {"[1, 1]": "start near the teacher", "random": "random start"}
    for ax, (start, panel) in zip(axes, roles.groupby("start")):
        for name, colour in ROLES.items():
            rows = panel[(panel.role == name) & (panel.nodes > 0)]
            if not rows.empty:
                mean_and_band(rows, "step", "norm", ax, colour, label=f"{name}s")
        ax.set(title=titles.get(start, start), ylim=(0, None))
    label_rim(np.atleast_2d(axes), "SGD steps", "mean fan-out norm")
    legend_on_top(np.atleast_2d(axes))
    return axes


def panels(ours: pd.DataFrame, published: pd.DataFrame | None, axes: np.ndarray) -> np.ndarray:
    """Fan-out norms of matched and other nodes, a row per over-realization, a column per start."""
    for row, (ratio, of_ratio) in zip(axes, ours.groupby("over_realization")):
        for ax, (start, panel) in zip(row, of_ratio.groupby("start")):
            for node, colour in NODES.items():
                mean_and_band(
                    panel[panel.node == node], "iteration", "norm", ax, colour, label=f"{node} nodes"
                )
                if published is not None:
                    dots = published[(published.over_realization == ratio) & (published.start == start)]
                    dots = dots[dots.node == node]
                    ax.plot(dots.iteration, dots.norm, **PUBLISHED | dict(markeredgecolor=colour))
            ax.set_title(f"{ratio:g}x, {start}")
    label_rim(axes, "logged iteration (hundreds of SGD steps)", "mean fan-out norm")
    handles = [Line2D([], [], color=colour, label=f"{node} nodes") for node, colour in NODES.items()]
    handles += [] if published is None else [Line2D([], [], **PUBLISHED, label="published")]
    legend_on_top(axes, handles)
    return axes


def modes(table: pd.DataFrame, ax: Axes) -> Axes:
    """Rate at which the losers' fan-outs fall against that of the slowest mode, a dot per student.

    table       of that name of decay.decay, exact gradient; rates below what is shown lie on the rim.
    """
    looks = {"[1, 1]": ("start near the teacher", STUDENT), "random": ("random start", NEUTRAL)}
    for start, (label, colour) in looks.items():
        rows = table[(table.start == start) & (table.gradient == "exact")]
        at = rows.slowest.clip(lower=LEAST), rows.fall.clip(lower=SLOW)
        ax.plot(*at, "o", color=colour, markersize=4, alpha=0.7, label=label)
    ax.plot([LEAST, 1e-2], [LEAST, 1e-2], color=INK, linestyle="--", label="λ$_{min}$")
    ax.set(xscale="log", yscale="log", xlabel="λ$_{min}$ of the features", ylabel="rate of the losers' fall")
    ax.set(ylim=(SLOW / 1.5, 1e-2))
    legend_on_top(np.atleast_2d(ax))
    return ax


def ranks(
    found: pd.DataFrame, published: pd.DataFrame | None, axes: Sequence[Axes], kind: str = "mean"
) -> Sequence[Axes]:
    """Rank of the later winners against the epoch that ranks are taken from, a panel per layer.

    found       table of :func:`tables.rank_by_seed`; epochs up to 4 are shown.
    published   epoch, layer, rank: open dots;  kind  of both over the nodes of a layer, in the titles.
    """
    shown = found[found.epoch <= 4]
    colours = layer_colours(shown.layer)
    for ax, (layer, panel) in zip(axes, shown.groupby("layer")):
        mean_and_band(panel, "epoch", "rank", ax, colours[layer], marker="o", markersize=3)
        ax.axhline(CHANCE, color=NEUTRAL, linestyle="--")
        if published is not None:
            dots = published[published.layer == layer]
            ax.plot(dots.epoch, dots["rank"], **PUBLISHED)
        ax.set(title=f"layer {layer}, {kind}", ylim=(-2, 55))
        ax.set_xticks(sorted(panel.epoch.unique()))
    handles = [
        Line2D([], [], color=INK, marker="o", markersize=3, label="our winners"),
        Line2D([], [], color=NEUTRAL, linestyle="--", label="chance"),
    ]
    handles += [] if published is None else [Line2D([], [], **PUBLISHED, label="published, one trial")]
    label_rim(np.atleast_2d(axes), "epoch at which nodes are ranked", "rank of winners (%)")
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def tickets(table: pd.DataFrame, ax: Axes) -> Axes:
    """Final correlation of every ticket, a thin line per seed; the mean is the thick mark.

    table       of :func:`tables.worth`, one over-realization.
    """
    shown = table[[name for name in TICKETS if name in table]]
    colours = [TEACHER if name.startswith("winners") else INK for name in shown]
    colours[-1] = STUDENT
    places = range(shown.shape[1])
    for values in shown.to_numpy():
        ax.plot(places, values, color=NEUTRAL, marker="o", markersize=2.5, linewidth=0.5, alpha=0.7)
    middle = np.arange(len(colours))
    ax.hlines(shown.mean(), middle - 0.3, middle + 0.3, colors=colours, linewidth=4)
    ax.set_xticks(places, [TICKETS[name] for name in shown])
    ax.set_ylabel("mean best-student correlation")
    return ax


def used(table: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """What is used in the end against over-realization, a colour per start: path norm, nodes, their kinds.

    Students that diverged are left out.
    """
    last = table[(table.step == table.step.max()) & (table.status == "ok")]
    titles = {
        "path_norm": "path norm / teacher's",
        "effective_width": "effective nodes / m",
        "kinds": "the same, copies as one",
    }
    for ax, (column, title) in zip(axes, titles.items()):
        for start, colour in STARTS.items():
            for decay, style in zip(sorted(last.weight_decay.unique()), ("-", ":")):
                rows = last[(last.start == start) & (last.weight_decay == decay)]
                if not rows.empty:
                    label = f"{start} start" + (f", weight decay {decay:g}" if decay else "")
                    look = dict(marker="o", markersize=3, linestyle=style, label=label)
                    mean_and_band(rows, "over_realization", column, ax, colour, **look)
        ax.axhline(1, color=INK, linewidth=0.6)
        ax.set(title=title, xscale="log", yscale="log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ticks = sorted(last.over_realization.unique())
        ax.set_xticks(ticks, [f"{ratio:g}x" for ratio in ticks])
        ax.minorticks_off()
        ax.yaxis.set_major_formatter("{x:g}")
    axes[0].figure.supxlabel("over-realization")
    legend_on_top(np.atleast_2d(axes))
    return axes


def by_width(
    layers: pd.DataFrame, published: pd.DataFrame, epoch: int, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Correlation against over-realization at one epoch, a panel per layer; open dots: published."""
    ours = layers[(layers.epoch == epoch) & (layers.start == "random") & (layers.data == "finite")]
    colours = layer_colours(ours.layer)
    for ax, (layer, panel) in zip(axes, ours.groupby("layer")):
        mean_and_band(panel, "over_realization", "correlation", ax, colours[layer], marker="o", markersize=3)
        dots = published[(published.layer == layer) & (published.epoch == epoch)]
        ax.plot(dots.over_realization, dots.correlation, **PUBLISHED)
        ax.set(title=f"layer {layer}", xscale="log")
        ticks = sorted({*panel.over_realization, *dots.over_realization})
        ax.set_xticks(ticks, [f"{ratio:g}" for ratio in ticks])
        ax.minorticks_off()
    handles = [Line2D([], [], color=INK, marker="o", markersize=3, label="ours")]
    handles += [Line2D([], [], **PUBLISHED, label="published")]
    label_rim(np.atleast_2d(axes), "over-realization (x)", "mean best-student correlation")
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def starts(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Left: how far weights move, by width. Right: layer 2 against epochs, from both kinds of start.

    The two widths at the right are the narrowest of which students started halved, and the widest that has
    as many of them.
    """
    plain = layers[(layers.start == "random") & (layers.data == "finite")]
    ax, colours = axes[0], layer_colours(layers.layer)
    for layer, panel in plain[plain.epoch == plain.epoch.max()].groupby("layer"):
        look = dict(marker="o", markersize=3, label=f"layer {layer}")
        mean_and_band(panel, "over_realization", "moved", ax, colours[layer], **look)
    ticks = sorted(plain.over_realization.unique())
    ax.set(
        xscale="log", yscale="log", xlabel="over-realization (x)", ylabel="distance moved / length at start"
    )
    ax.set_xticks(ticks, [f"{ratio:g}" for ratio in ticks])
    ax.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
    ax.minorticks_off()
    legend_above(ax)
    ax, halved = axes[1], layers[layers.start == "halved"]
    seeds = halved.groupby("over_realization").seed.nunique()
    widths = seeds.index[seeds == seeds.max()]
    for ratio, line in ((widths.min(), "--"), (widths.max(), "-")):
        for of, colour, words in ((plain, STUDENT, "as drawn"), (halved, ACCENT, "halved")):
            panel = of[(of.over_realization == ratio) & (of.layer == 2)]
            look = dict(marker="o", markersize=3, linestyle=line, label=f"{ratio:g}x, {words}")
            mean_and_band(panel, "epoch", "correlation", ax, colour, **look)
    ax.set(xlabel="epoch", ylabel="mean best-student correlation,\nlayer 2")
    legend_above(ax)
    return axes


def normalized(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Correlation against epochs with and without batch normalization, a panel per layer."""
    for ax, (layer, panel) in zip(axes, layers.groupby("layer")):
        for norm, (label, colour) in NORMS.items():
            look = dict(marker="o", markersize=3, label=label)
            mean_and_band(panel[panel.norm == norm], "epoch", "correlation", ax, colour, **look)
        ax.set(title=f"layer {layer}", ylim=(0, 1.02))
    label_rim(np.atleast_2d(axes), "epoch", "mean best-student correlation")
    legend_on_top(np.atleast_2d(axes))
    return axes


def projection(leaks: pd.DataFrame, biases: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Left: what the gradient keeps along input and weights. Right: published shares of negative biases."""
    parts = {
        ("before ReLU", "along_f"): ("input, before ReLU", STUDENT, "o"),
        ("before ReLU", "along_w"): ("weights, before ReLU", STUDENT, "D"),
        ("after ReLU", "along_f"): ("input, after ReLU", TEACHER, "o"),
        ("after ReLU", "along_w"): ("weights, after ReLU", TEACHER, "D"),
    }
    places = {eps: i for i, eps in enumerate(sorted(leaks.eps.unique()))}
    for i, ((order, column), (label, colour, marker)) in enumerate(parts.items()):
        rows = leaks[leaks.order == order]
        spots = rows.eps.map(places) + 0.16 * (i - 1.5)
        look = dict(color=colour, markersize=3, alpha=0.6, linestyle="none", label=label)
        axes[0].plot(spots, rows[column].clip(lower=1e-18), marker, **look)
    axes[0].set(yscale="log", ylim=(1e-18, 1e14), xlabel="ε", ylabel="cosine of gradient with it")
    axes[0].set_xticks(list(places.values()), [f"{eps:g}" for eps in places])
    axes[0].set_title("what the gradient keeps")
    axes[0].legend(loc="upper left", labelspacing=0.2)
    names = sorted(biases.network.unique(), key=lambda name: (name[0] != "v", len(name), name))
    for i, name in enumerate(names):
        rows = biases[biases.network == name]
        spots = i + 0.7 * (rows.layer / rows.layer.max() - 0.5)
        axes[1].plot(spots, rows.percent_negative, "o", color=TEACHER, markersize=3, alpha=0.6)
    axes[1].axhline(50, color=INK, linestyle="--", linewidth=0.8)
    axes[1].set_xticks(range(len(names)), [name.replace("_bn", "").replace("net", "net\n") for name in names])
    axes[1].set(ylabel="biases not above 0 (%)", ylim=(-3, 103))
    axes[1].set_title("published: most are negative")
    return axes


def overlaps(matrices: pd.DataFrame, sizes: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Above: |H| of every layer, winners first. Below: sizes of its blocks at the start and in the end.

    matrices    table of that name of luck.luck;  sizes  table of :func:`tables.overlap_sizes`.
    """
    for ax, (layer, table) in zip(axes[0], matrices.groupby("layer")):
        wide = table.pivot(index="row", columns="column", values="value").abs().to_numpy()
        winners = table.teachers.iloc[0]
        share = wide / np.diag(wide)[:winners].mean()
        image = ax.imshow(share, cmap=FIELD, vmin=0, vmax=1, interpolation="nearest")
        for draw in (ax.axhline, ax.axvline):
            draw(winners - 0.5, color=TEACHER, linewidth=0.8)
        ax.set(title=f"layer {layer}", xticks=[], yticks=[])
    axes[0, 0].set_ylabel("students, winners first")
    axes[0, 0].figure.colorbar(image, ax=list(axes[0]), label="|H|, relative", fraction=0.02)
    last, marks = sizes.epoch.max(), {}
    for ax, (_, table) in zip(axes[1], sizes.groupby("layer")):
        for epoch, colour, label in ((0, NEUTRAL, "before training"), (last, STUDENT, "after training")):
            rows = table[table.epoch == epoch].set_index("block").relative
            for place, block in enumerate(BLOCKS):
                values = rows.loc[[block]]
                shift = -0.12 if epoch == 0 else 0.12
                spots = np.full(len(values), place + shift)
                (marks[label],) = ax.plot(spots, values, "o", color=colour, markersize=4, alpha=0.7)
        ax.set(yscale="log", xlim=(-0.5, len(BLOCKS) - 0.5))
        ax.set_xticks(range(len(BLOCKS)), list(BLOCKS.values()))
    axes[1, 0].set_ylabel("size of entries, relative")
    for ax in axes[1, 1:]:
        ax.sharey(axes[1, 0])
        ax.tick_params(labelleft=False)
    handles = [
        Line2D([], [], color=mark.get_color(), marker="o", linestyle="none", label=label)
        for label, mark in marks.items()
    ]
    legend_on_top(axes, handles)
    return axes


def image_ranks(found: pd.DataFrame, published: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Mean rank of the later winners on images against the epoch of ranking, a colour per network.

    found       table of :func:`tables.image_ranks`, one over-realization.
    published   epoch, layer, rank: open dots.
    """
    shown = found[found.epoch <= 4]
    for ax, (layer, panel) in zip(axes, shown.groupby("layer")):
        for network, colour in NETWORKS.items():
            rows = panel[panel.network == network]
            mean_and_band(rows, "epoch", "rank", ax, colour, marker="o", markersize=3, label=network)
        ax.axhline(CHANCE, color=NEUTRAL, linestyle="--", label="chance")
        dots = published[published.layer == layer]
        ax.plot(dots.epoch, dots["rank"], **PUBLISHED, label="published, convolutional")
        ax.set(title=f"layer {layer}", ylim=(-2, 55))
        ax.set_xticks(sorted(panel.epoch.unique()))
    label_rim(np.atleast_2d(axes), "epoch at which channels are ranked", "mean rank (%)")
    legend_on_top(np.atleast_2d(axes))
    return axes


def image_widths(layers: pd.DataFrame, axes: Sequence[Axes]) -> Sequence[Axes]:
    """Best-student correlation of each layer against over-realization: after training, and dashed before."""
    colours = layer_colours(layers.layer)
    for ax, network in zip(axes, NETWORKS):
        of_network = layers[layers.network == network]
        for layer, panel in of_network.groupby("layer"):
            for epoch, style in ((panel.epoch.max(), "-"), (0, ":")):
                rows = panel[panel.epoch == epoch]
                look = dict(linestyle=style, marker="o", markersize=3)
                mean_and_band(rows, "over_realization", "correlation", ax, colours[layer], **look)
        ax.set(title=network, xscale="log", ylim=(0, 1.02))
        ticks = sorted(layers.over_realization.unique())
        ax.set_xticks(ticks, [f"{ratio:g}" for ratio in ticks])
        ax.minorticks_off()
    handles = [Line2D([], [], color=colour, label=f"layer {layer}") for layer, colour in colours.items()]
    handles += [Line2D([], [], color=INK, linestyle=":", label="before training")]
    label_rim(np.atleast_2d(axes), "over-realization (x)", "mean best-student correlation")
    legend_on_top(np.atleast_2d(axes), handles)
    return axes


def biases(
    signs: pd.DataFrame, published: pd.DataFrame, gates: pd.DataFrame, axes: Sequence[Axes]
) -> Sequence[Axes]:
    """Left: shares of negative and of clearly negative biases per layer. Right: overlap of gates per layer.

    signs       table of :func:`tables.bias_signs`;  published  the same of others;  gates  with places.
    """
    names = sorted(signs["shape"].unique(), key=lambda name: (name != "convolutional", name))
    for i, name in enumerate(names):
        rows = signs[signs["shape"] == name].groupby("place")[["negative", "clear"]].mean().reset_index()
        spots = i + 0.7 * (rows.place - 0.5)
        axes[0].plot(spots, rows.negative, "o", color=TEACHER, markersize=3, label="below 0")
        axes[0].plot(spots, rows.clear, "v", color=STUDENT, markersize=3, label="clearly below")
        theirs = published[published["shape"] == name]
        axes[0].plot(i + 0.7 * (theirs.place - 0.5), theirs.negative, **PUBLISHED, label="published")
    axes[0].axhline(50, color=INK, linestyle="--", linewidth=0.8)
    axes[0].set_xticks(range(len(names)), [name.replace("convolutional", "four\nlayers") for name in names])
    axes[0].set(ylabel="biases (%)", ylim=(-3, 103))
    axes[0].set_title("few are clearly negative")
    normalized = gates[gates.norm == "before"]
    parts = {
        "normalized": (normalized[normalized.trained], STUDENT, "-"),
        "before training": (normalized[~normalized.trained], NEUTRAL, ":"),
        "not normalized": (gates[(gates.norm == "none") & gates.trained], TEACHER, "-"),
    }
    for label, (rows, colour, style) in parts.items():
        for _, line in rows.groupby("shape"):
            mean = line.groupby("place").overlap.mean()
            axes[1].plot(mean.index, mean, style, color=colour, marker="o", markersize=2.5, label=label)
    axes[1].axhline(0.25, color=INK, linestyle="--", linewidth=0.8)
    axes[1].set(xlabel="layer, from the lowest (0) to the top (1)", ylabel="share both active")
    axes[1].set_title("two channels at once")
    legend_on_top(np.atleast_2d(axes))
    return axes
