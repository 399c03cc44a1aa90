"""A deeper teacher, recovered from below: expand, cluster, collapse, freeze, go on with what lies above."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.expand_and_cluster.clustering import (
    PLATEAU,
    collapsed,
    labels_after,
    linked,
    whole,
    whole_counts,
    whole_cut,
)
from companion.chapters.expand_and_cluster.recovery import Pool, assembled, pooled
from companion.chapters.expand_and_cluster.studies import Chain
from companion.chapters.expand_and_cluster.symmetries import matched
from companion.chapters.expand_and_cluster.training import ACTIVATIONS, learn, samples, teachers
from ts_core.networks import Network, affine
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import random_networks

ACTIVATION = "tanh"


def chained(cell: Chain) -> dict[str, pd.DataFrame]:
    """Recover one teacher layer by layer, then fine-tune all of it.

    layers      teacher, layer (1 is the lowest), teacher_width, width (neurons kept), perfect (students that
                were clustered); a layer above one of which nothing was kept is missing.
    recovered   teacher: loss, collapsed and error (largest distance of a parameter from the teacher's, up to
                signs and order of every layer, before and after fine-tuning; NaN for other widths).
    """
    seeds, widths = (cell.teacher,), cell.teacher_widths
    teacher = teachers(seeds, (cell.input_dim, *widths, 1), ACTIVATION)
    x, y = samples(teacher, seeds, cell.samples, cell.input_dim)
    below, layers, table = x, [], []
    for l, width in enumerate(widths, start=1):
        pool = expanded(cell, l, below, y)
        rows = collapsed(pool.rows, tightest(pool), pool.loss)
        table.append(
            dict(teacher=cell.teacher, layer=l, teacher_width=width)
            | dict(width=len(rows), perfect=pool.students)
        )
        if not len(rows):
            break
        layers.append(torch.from_numpy(rows)[None])
        below, under = affine(layers[-1], below).tanh(), below
    end = dict(teacher=cell.teacher, loss=np.nan, collapsed=np.nan, error=np.nan)
    if len(layers) == len(widths):
        _, fan_out, path = assembled(ACTIVATION, layers[-1][0].numpy(), under[0], y[0])
        top = torch.from_numpy(np.column_stack([fan_out.T, path[-1]]))[None]
        start = Network((*layers, top), teacher.activation)
        tuned, loss = learn(start, x, y, cell.tuning)
        off = lambda network: distance(network, teacher)
        end |= dict(loss=loss[0], collapsed=off(start), error=off(tuned))
    return {"layers": pd.DataFrame(table), "recovered": pd.DataFrame([end])}


def tightest(pool: Pool) -> list[np.ndarray]:
    """Clusters with a neuron of every student, at the start of the longest plateau of their number.

    What joins them later would be frozen with them, where a two-layer network is tuned at once.
    """
    if pool.students < 2:
        return []
    linkage = linked(pool.rows)
    counts = whole_counts(linkage, pool.students)
    end = whole_cut(linkage, pool.students, PLATEAU)
    others = np.flatnonzero(counts[: end + 1] != counts[end])
    label = labels_after(linkage, int(others[-1]) + 1 if len(others) else 0)
    return [np.flatnonzero(label == number) for number in np.flatnonzero(whole(label, pool.students))]


def expanded(cell: Chain, layer: int, below: Tensor, y: Tensor) -> Pool:
    """The neurons of this layer of perfect students of all that lies above a frozen part.

    below       ``(1, b, n)`` what the frozen part puts out.
    """
    sizes = [over_realized_width(width, cell.over_realization) for width in cell.teacher_widths[layer - 1 :]]
    generators = [stream(cell.teacher, "start", layer, number) for number in range(1, cell.students + 1)]
    start = random_networks(generators, (below.shape[2], *sizes, y.shape[2]), ACTIVATIONS[ACTIVATION])
    student, loss = learn(start, below, y, cell.steps)
    return pooled(ACTIVATION, student.weights[0], loss, cell.zero)


def distance(network: Network, teacher: Network) -> float:
    """Largest distance of a parameter from the teacher's, layer by layer, up to signs and order; tanh.

    returns     NaN for other widths.
    """
    if [w.shape for w in network.weights] != [w.shape for w in teacher.weights]:
        return np.nan
    own, theirs = ([w[0].numpy() for w in of.weights] for of in (network, teacher))
    for l in range(len(own) - 1):
        rows, fan_out, _ = matched(ACTIVATION, own[l], own[l + 1][:, :-1].T, theirs[l])
        own[l], own[l + 1] = rows, np.column_stack([fan_out.T, own[l + 1][:, -1]])
    return max(float(abs(one - other).max()) for one, other in zip(own, theirs))
