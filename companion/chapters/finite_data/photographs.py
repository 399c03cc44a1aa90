"""Patches of photographs as inputs of students: whitened principal components, and nothing else of them."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from companion.chapters.finite_data.studies import PATCH_COMPONENTS
from companion.datasets.patches import patches
from ts_core.streams import stream

POOL = 10_000  # patches that training sets are drawn from, and as many to evaluate on
CELL = 4  # pixels on a side of the squares that are averaged


def drawn(seeds: Sequence[int], purpose: str, samples: int, input_dim: int, std: float) -> Tensor:
    """Patches ``(g, samples, d)``, float64, one data set per seed; coordinates have standard deviation std.

    purpose     "data", or "evaluation", whose patches are others.
    raises      ValueError for more patches than there are, or more of their components.
    """
    pool = components()[:POOL] if purpose == "data" else components()[POOL:]
    if samples > POOL or input_dim > PATCH_COMPONENTS:
        raise ValueError(
            f"patches: at most {POOL} samples of {PATCH_COMPONENTS} components, got {samples} of {input_dim}"
        )
    chosen = [stream(seed, purpose).choice(POOL, samples, replace=False) for seed in seeds]
    return std * torch.from_numpy(pool[np.stack(chosen), :input_dim])


@functools.cache
def components() -> np.ndarray:
    """Principal components of grey patches, 8 x 8 squares, strongest first: ``(2 POOL, 64)``, variance 1."""
    images = patches(2 * POOL, 1).train.images.mean(1)
    side = images.shape[1] // CELL
    squares = images.reshape(-1, side, CELL, side, CELL).mean((2, 4)).reshape(len(images), -1)
    left, _, _ = np.linalg.svd(squares - squares.mean(0), full_matrices=False)
    return math.sqrt(len(left)) * left
