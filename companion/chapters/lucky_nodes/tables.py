"""What the tables of the chapter say: shortcuts, decay by role, ranks, tickets, used width."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from companion.pages.statistics import distances

PUBLISHED_STEPS = 100  # steps of one logged iteration of the published panels
PUBLISHED_SEEDS = 32  # of the published correlations
CHANCE = 50.0  # percent: mean rank of a node that has nothing to do with the teacher node
CLEAR = -0.03  # a bias below it is clearly negative; many published ones lie just under 0
RUN = ["over_realization", "start", "data"]


def by_role(norms: pd.DataFrame, kind: str = "role") -> pd.DataFrame:
    """Mean fan-out norm of the student nodes of one kind per run and step.

    norms       table of that name of decay.decay;  kind  "role" (what they are in the end) or "matched".
    columns     over_realization, start, gradient, seed, step, kind: norm, nodes.
    """
    keys = ["over_realization", "start", "gradient", "seed", "step", kind]
    return norms.groupby(keys).norm.agg(norm="mean", nodes="size").reset_index()


def census(norms: pd.DataFrame) -> pd.DataFrame:
    """What became of the student nodes: a row per over-realization, start, gradient and role.

    columns     share (of the student nodes, mean over seeds), start_norm, end_norm (geometric means over
                nodes).
    """
    keys = ["over_realization", "start", "gradient", "role"]
    geometric = lambda values: np.exp(np.log(values.clip(lower=1e-12)).mean())
    ends = {
        "start_norm": norms[norms.step == norms.step.min()],
        "end_norm": norms[norms.step == norms.step.max()],
    }
    found = pd.DataFrame({name: table.groupby(keys).norm.agg(geometric) for name, table in ends.items()})
    size = ends["end_norm"].groupby(keys).size()
    return found.assign(share=size / size.groupby(keys[:3]).transform("sum")).reset_index()


def panels(norms: pd.DataFrame) -> pd.DataFrame:
    """Our panels as the published ones: mean norm of matched and of other students per seed.

    columns     over_realization, start, iteration, node, seed: norm.
    """
    released = norms[(norms.gradient == "separated") & (norms.start != "random")]
    found = by_role(released, "matched")
    node = np.where(found.matched, "matched", "unmatched")
    return found.assign(node=node, iteration=found.step // PUBLISHED_STEPS)


def panel_distance(norms: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """How far each published norm lies from ours: a row per published number, with its ``distance``."""
    keys = ["over_realization", "start", "iteration", "node"]
    ours = panels(norms).groupby(keys).norm.mean().rename("ours").reset_index()
    both = published.merge(ours, on=keys)
    return both.assign(distance=(both.ours - both.norm).abs())


def rank_by_seed(ranks: pd.DataFrame, samples: int | None = None, statistic: str = "mean") -> pd.DataFrame:
    """Mean or median rank of the winners of living teacher nodes per run, baseline epoch and layer.

    ranks       table of that name of luck.luck;  samples  that ranks are taken from, by default the most.
    columns     over_realization, start, data, seed, samples, epoch, layer: rank (percent).
    """
    chosen = ranks[ranks.alive & (ranks.samples == (samples or ranks.samples.max()))]
    keys = [*RUN, "seed", "samples", "epoch", "layer"]
    return chosen.groupby(keys)["rank"].agg(statistic).reset_index()


def dead(ranks: pd.DataFrame) -> tuple[int, int]:
    """Teacher nodes that are constant on all evaluation samples, and how many there are."""
    nodes = ranks[(ranks.samples == ranks.samples.max()) & (ranks.epoch == 0)]
    nodes = nodes.drop_duplicates(["seed", "layer", "teacher"])
    return int((~nodes.alive).sum()), len(nodes)


def worth(tickets: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """Final mean correlation of every ticket and of the whole student: a row per over-realization and seed.

    columns     tickets, and "the whole student"; mean over layers.
    """
    last = tickets[tickets.epoch == tickets.epoch.max()]
    whole = layers[
        (layers.epoch == layers.epoch.max()) & (layers.start == "random") & (layers.data == "finite")
    ]
    both = pd.concat([last, whole.assign(ticket="the whole student")])
    table = both.pivot_table(index=["over_realization", "seed"], columns="ticket", values="correlation")
    return table.dropna()


def by_width(layers: pd.DataFrame, published: pd.DataFrame, measure: Callable = distances) -> Any:
    """How far our correlations lie from the published ones: a row per over-realization, on its own seeds.

    measure     may be another one of :mod:`statistics` with the arguments of ``distances``; of draws of the
                largest ratio it returns those over all widths, as if the widths were independent.
    """
    ours = layers[(layers.start == "random") & (layers.data == "finite")]
    keys, found = ["over_realization", "layer", "epoch"], []
    for ratio, rows in ours.groupby("over_realization"):
        shown = published[(published.over_realization == ratio) & published.epoch.isin(rows.epoch.unique())]
        if not shown.empty:
            found.append(measure(rows, shown, keys, "correlation", keys[:1], seeds=PUBLISHED_SEEDS))
    if isinstance(found[0], pd.DataFrame):
        return pd.concat(found, ignore_index=True)
    rng = np.random.default_rng(0)
    return np.sort(np.max([rng.permutation(draws) for draws in found], axis=0))


def variants(layers: pd.DataFrame) -> pd.DataFrame:
    """Final mean correlation per layer of students with another start or other data, beside the plain ones.

    index       over_realization, start, data, seeds (number): only the widths that have such variants;
    columns     layer.
    """
    last = layers[layers.epoch == layers.epoch.max()]
    other = last[(last.start != "random") | (last.data != "finite")]
    chosen = last[last.over_realization.isin(other.over_realization.unique())]
    keys = ["over_realization", "start", "data"]
    seeds = chosen.groupby(keys).seed.transform("nunique")
    return chosen.assign(seeds=seeds).pivot_table(
        index=[*keys, "seeds"], columns="layer", values="correlation"
    )


def best_students(best: pd.DataFrame) -> pd.DataFrame:
    """The best students of every living teacher node, in words: number, final correlation, initial rank."""
    shown = best[best.alive].assign(
        text=lambda t: (
            t.student.map("#{}".format)
            + t.correlation.map(" {:.2f}".format)
            + t["rank"].map(" (from {:.0f} %)".format)
        )
    )
    return shown.pivot(index=["layer", "teacher"], columns="place", values="text")


def overlap_sizes(blocks: pd.DataFrame, matrix: str = "H") -> pd.DataFrame:
    """Size of every block of one kind of matrix over that of the winners with themselves in the end.

    blocks      table of that name of luck.luck.
    columns     seed, epoch, layer, block: relative.
    """
    chosen = blocks[blocks.matrix == matrix]
    own = chosen[(chosen.block == "own") & (chosen.epoch == chosen.epoch.max())]
    both = chosen.merge(
        own[[*RUN, "seed", "layer", "size"]], on=[*RUN, "seed", "layer"], suffixes=("", "_own")
    )
    return both.assign(relative=both["size"] / both.size_own)


def selectivity(blocks: pd.DataFrame) -> pd.DataFrame:
    """How much more a winner overlaps with its own teacher node than with another one, H*.

    columns     seed, epoch: ratio of the sizes of both blocks, geometric mean over layers.
    """
    chosen = blocks[blocks.matrix == "H*"]
    wide = chosen.pivot(index=["seed", "epoch", "layer"], columns="block", values="size")
    return (
        np.exp(np.log(wide.own / wide.winners).groupby(["seed", "epoch"]).mean())
        .rename("ratio")
        .reset_index()
    )


def image_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of the winners of living teacher channels per network, width, seed, epoch and layer."""
    keys = ["network", "over_realization", "seed", "epoch", "layer"]
    return ranks[ranks.alive].groupby(keys)["rank"].mean().reset_index()


def bias_signs(biases: pd.DataFrame) -> pd.DataFrame:
    """Percent of biases that are below 0, and that are clearly below it, per network and layer.

    Zero, where they all start, is not counted, as it is in the published percentages.

    biases      shape, seed, layer, channel: shift.
    columns     shape, seed, layer, place (0 is the lowest layer, 1 the top): negative, clear.
    """
    marked = biases.assign(negative=biases["shift"] < 0, clear=biases["shift"] < CLEAR)
    found = 100 * marked.groupby(["shape", "seed", "layer"])[["negative", "clear"]].mean()
    return with_place(found.reset_index())


def with_own(signs: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """The table of :func:`bias_signs`, and the same of a reader's own weights as another shape."""
    return pd.concat([signs, bias_signs(own.assign(shape="yours", seed=0))], ignore_index=True)


def with_place(table: pd.DataFrame) -> pd.DataFrame:
    """The layers of every shape at places between 0, the lowest, and 1, the top."""
    low, high = (table.groupby("shape").layer.transform(end) for end in ("min", "max"))
    return table.assign(place=(table.layer - low) / (high - low).clip(lower=1))


def published_bias_signs(published: pd.DataFrame) -> pd.DataFrame:
    """The published percentages, as :func:`bias_signs` has ours; what is clear is not published."""
    names = published.network.str.replace("_bn", "")
    return with_place(published.assign(shape=names, negative=published.percent_negative))
