"""Batches that are a function of the step's number: a run can go on from any one, as in the playground."""

from collections.abc import Iterator
from itertools import count

import numpy as np
from torch import Tensor

from ts_core.training.batches import Batches, given


def words(key: int, places: np.ndarray) -> np.ndarray:
    """32 bits for a key and each place: the mulberry32 generator, entered there.

    key         of a stream, in 0..2**32 - 1.
    places      integers, at least 0.
    returns     integers in 0..2**32 - 1, of the shape of ``places``.
    """
    mask = np.uint64(0xFFFFFFFF)
    a = (key + (places.astype(np.uint64) + 1) * 0x6D2B79F5) & mask
    a = (a ^ (a >> 15)) * (a | 1) & mask
    a ^= a + (a ^ (a >> 7)) * (a | 61) & mask
    return a ^ (a >> 14)


def rows(samples: int, key: int, size: int, first: int = 0) -> Iterator[np.ndarray]:
    """Numbers ``(size,)`` of the samples that each step sees, from step ``first`` on, without end."""
    for step in count(first):
        yield (words(key, step * size + np.arange(size)) * samples >> 32).astype(np.int64)


def numbered(x: Tensor, key: int, size: int, first: int = 0) -> Batches:
    """Batches drawn with replacement, without end; step t sees what it sees wherever a run begins.

    x           ``(g, N, d)`` inputs, as in :func:`~ts_core.training.batches.drawn`.
    key         of the stream, in 0..2**32 - 1;  first  number of the first step.
    raises      ValueError for a batch below one sample or a negative first step.
    """
    if size < 1 or first < 0:
        raise ValueError(f"need size at least 1 and first at least 0, got {size} and {first}")
    return given(x, rows(x.shape[1], key, size, first))
