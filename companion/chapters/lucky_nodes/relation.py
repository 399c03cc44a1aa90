"""The gradient-overlap relation against autograd, and what its two shortcuts cost."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lucky_nodes.studies import Relation
from ts_core.data import gaussian
from ts_core.gradients import by_autograd, weight_gradients, with_constant
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.overlap_relation import cropped, separated, updates

FEW = 64  # samples on which overlaps of every sample are formed
CHUNK = 8  # networks at a time


def relation(cell: Relation) -> dict[str, pd.DataFrame]:
    """Both tables, a row per pair of networks and layer (1 is the lowest): depth, width, bias, seed, layer.

    exact           size (of the update, largest entry), max_error of the relation, max_cropped of the
                    released form: largest differences from autograd.
    separation      cosine of exact and separated update, relative_error; other: cosine with the separated
                    update of another pair.
    """
    exact, separation = [], []
    for depth in cell.depths:
        for width in cell.widths:
            for bias in cell.biases:
                for first in range(0, cell.seeds, CHUNK):
                    seeds = range(first, min(first + CHUNK, cell.seeds))
                    draw = lambda purpose, seeds=seeds: [
                        stream(1 + seed, purpose, depth, width) for seed in seeds
                    ]
                    hidden = [width] * (depth - 1)
                    teacher = _scaled(random_networks(draw("teacher"), [width, *hidden, width]), bias)
                    sizes = [width, *(2 * n for n in hidden), width]
                    student = _scaled(random_networks(draw("start"), sizes), bias)
                    x = gaussian(draw("data"), cell.samples, width, 1.0)
                    keys = dict(depth=depth, width=width, bias=bias)
                    if width == min(cell.widths):
                        exact.append(
                            _table(keys, seeds, **_differences(teacher, student, x[:, :FEW], bias > 0))
                        )
                    separation.append(_table(keys, seeds, **_shortcut(teacher, student, x)))
    return {
        name: pd.concat(parts, ignore_index=True)
        for name, parts in (("exact", exact), ("separation", separation))
    }


def _scaled(network: Network, bias: float) -> Network:
    """Biases of std 1/2 brought to another one."""
    weights = [torch.cat([w[..., :-1], 2 * bias * w[..., -1:]], 2) for w in network.weights]
    return Network(tuple(weights), network.activation)


def _differences(teacher: Network, student: Network, x: Tensor, biases: bool) -> dict[str, list[np.ndarray]]:
    """Without biases there is no update of them: where all nodes below are silent, a gate is anybody's."""
    below = [x, *forward(student, x)[1][:-1]]
    seen = slice(None) if biases else slice(-1)
    mean = lambda g: [(one.mT @ with_constant(f)) / x.shape[1] for one, f in zip(g, below)]
    oracle = mean(by_autograd(teacher, student, x))
    largest = lambda found: [(a - b)[..., seen].abs().amax((1, 2)).numpy() for a, b in zip(found, oracle)]
    return dict(
        size=[o.abs().amax((1, 2)).numpy() for o in oracle],
        max_error=largest(updates(teacher, student, x)),
        max_cropped=largest(mean(cropped(teacher, student, x))),
    )


def _shortcut(teacher: Network, student: Network, x: Tensor) -> dict[str, list[np.ndarray]]:
    pairs = [
        (-w.flatten(1), s.flatten(1))
        for w, s in zip(weight_gradients(teacher, student, x), separated(teacher, student, x))
    ]
    return dict(
        cosine=[torch.nn.functional.cosine_similarity(w, s).numpy() for w, s in pairs],
        other=[torch.nn.functional.cosine_similarity(w, s.roll(1, 0)).numpy() for w, s in pairs],
        relative_error=[((w - s).norm(dim=1) / w.norm(dim=1)).numpy() for w, s in pairs],
    )


def _table(keys: dict, seeds: range, **columns: list[np.ndarray]) -> pd.DataFrame:
    """A row per layer and seed."""
    layers = range(1, 1 + len(next(iter(columns.values()))))
    return pd.concat(
        [
            pd.DataFrame(
                {**keys, "seed": list(seeds), "layer": layer} | {n: v[layer - 1] for n, v in columns.items()}
            )
            for layer in layers
        ]
    )
