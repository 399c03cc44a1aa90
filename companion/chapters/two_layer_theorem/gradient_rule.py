"""The recursive gradient rule held against autograd."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.gradients import by_autograd, by_rule
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.overlap_relation import cropped


def gradient_rule(depths: Sequence[int], slopes: Sequence[float], seeds: Sequence[int]) -> pd.DataFrame:
    """Largest difference of the recursive rule from autograd: one row per depth, slope and seed.

    depths      numbers of weight layers, at least 2.
    returns     max_error of the rule, and max_cropped of the same without its constant unit.

    Teachers have 3-5 nodes per layer, students twice as many.
    """
    tables = []
    for depth in depths:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, got {depth}")
        widths = [3 + layer % 3 for layer in range(depth - 1)]
        for slope in slopes:
            draw = lambda purpose: [stream(seed, purpose, depth) for seed in seeds]
            teacher = random_networks(draw("teacher"), [5, *widths, 3], LeakyReLU(slope))
            student = random_networks(draw("start"), [5, *(2 * w for w in widths), 3], LeakyReLU(slope))
            x = gaussian(draw("data"), 16, 5, 1.0)
            oracle = by_autograd(teacher, student, x)
            tables.append(
                pd.DataFrame(
                    {
                        "depth": depth,
                        "slope": slope,
                        "seed": list(seeds),
                        "max_error": largest(by_rule(teacher, student, x), oracle),
                        "max_cropped": largest(cropped(teacher, student, x), oracle),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def largest(found: list[Tensor], oracle: list[Tensor]) -> np.ndarray:
    """Largest difference over all layers, samples and nodes, per member."""
    return (
        torch.stack([(one - other).abs().amax((1, 2)) for one, other in zip(found, oracle)]).amax(0).numpy()
    )
