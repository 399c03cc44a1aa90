"""What a training step sees: samples, and the order in which they come.

Each data set has samples and random streams of its own; all student ensembles see the same batches.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 5  # steps gathered at once: long enough to amortize the call, short enough to stay in the cache
LOOK_AHEAD = 1000  # steps whose row numbers are drawn at once

Block = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class Batches:
    """Batches as the training engine takes them; made by the functions of this module.

    groups      data sets, g;  dim  inputs, d;  like  any tensor of the dtype and device to train with.
    targets     leading size of the targets that come with the samples, None when the teacher makes them.
    blocks      consecutive batches of one size: inputs ``(k, g, b, d + 1)``, the last one ``constant``, and
                targets ``(k, targets, b, c)``. A block is overwritten by the next one.
    """

    groups: int
    dim: int
    like: Tensor
    targets: tuple[int, int] | None
    blocks: Callable[[float], Iterator[Block]]


def drawn(
    x: Tensor, generators: Sequence[np.random.Generator], size: int, targets: Tensor | None = None
) -> Batches:
    """Batches drawn with replacement, without end.

    x           ``(g, N, d)`` inputs, in the dtype and on the device to train with; they stay unchanged.
    generators  one per data set.
    targets     ``(t, N, c)`` what to learn instead of a teacher's outputs; g divides t.
    raises      ValueError for a batch above the data, a number of generators that is not g, and targets that
                do not fit.
    """
    _check_size(x, size)
    _check_generators(x, generators)

    def picks() -> Iterator[Tensor]:
        samples = x.shape[1]
        while True:
            yield _stacked([g.integers(samples, size=(LOOK_AHEAD, size)) for g in generators])

    return _of_rows(x, picks, targets)


def shuffled(
    x: Tensor,
    generators: Sequence[np.random.Generator],
    size: int,
    targets: Tensor | None = None,
    drop_last: bool = True,
) -> Batches:
    """Passes through the data in a new order every epoch, without end; arguments as in :func:`drawn`.

    drop_last   whether an epoch leaves out what does not fill a batch (N // size steps); else that is a
                smaller batch of its own, as in torch's and the released loader.
    """
    _check_size(x, size)
    _check_generators(x, generators)
    samples = x.shape[1]
    full = samples // size * size

    def picks() -> Iterator[Tensor]:
        while True:
            orders = np.stack([g.permutation(samples) for g in generators])
            yield torch.from_numpy(orders[:, :full].reshape(len(orders), -1, size)).transpose(0, 1)
            if full < samples and not drop_last:
                yield torch.from_numpy(orders[None, :, full:])

    return _of_rows(x, picks, targets)


def given(x: Tensor, rows: Iterable[np.ndarray], targets: Tensor | None = None) -> Batches:
    """Batches of one's own: the rows of x that each step sees.

    rows        per step, integers ``(size,)`` for all data sets or ``(g, size)``; sizes may differ.
    raises      ValueError, when a step comes, for a row that x does not have; else as in :func:`drawn`.
    """
    groups, samples, _ = x.shape

    def picks() -> Iterator[Tensor]:
        for step in rows:
            found = np.broadcast_to(np.asarray(step), (groups, np.shape(step)[-1]))
            if not found.size or found.min() < 0 or found.max() >= samples:
                raise ValueError(f"rows of a batch must lie in 0..{samples - 1}, got {np.asarray(step)}")
            yield torch.tensor(found)[None]

    return _of_rows(x, picks, targets)


def fresh(draw: Callable[[int], Tensor | tuple[Tensor, Tensor]], size: int, steps: int = BLOCK) -> Batches:
    """Samples that are never seen again: one pass, without end.

    draw        called with a number of samples, ``steps * size``: inputs ``(g, samples, d)``, or these with
                targets ``(t, samples, c)`` to learn instead of a teacher's outputs.
    steps       batches that are drawn at once.
    """
    if size < 1 or steps < 1:
        raise ValueError(f"need at least one sample and one step at a time, got {size} and {steps}")
    split = lambda values: values.unflatten(1, (steps, size)).transpose(0, 1)
    first = draw(steps * size)

    def blocks(constant: float) -> Iterator[Block]:
        found = first
        while True:
            x, targets = found if isinstance(found, tuple) else (found, None)
            yield pad(split(x), (0, 1), value=constant), None if targets is None else split(targets)
            found = draw(steps * size)

    x, targets = first if isinstance(first, tuple) else (first, None)
    shape = None if targets is None else (targets.shape[0], targets.shape[2])
    return Batches(x.shape[0], x.shape[2], x, shape, blocks)


def _of_rows(x: Tensor, picks: Callable[[], Iterator[Tensor]], targets: Tensor | None) -> Batches:
    """Batches whose rows ``(k, g, b)`` are numbers of samples of each data set."""
    groups, samples, dim = x.shape
    if targets is not None and (targets.shape[1] != samples or targets.shape[0] % groups):
        raise ValueError(
            f"targets must be (t, {samples}, c) with t a multiple of {groups} data sets, "
            f"got {tuple(targets.shape)}"
        )

    def blocks(constant: float) -> Iterator[Block]:
        inputs = _Rows(pad(x, (0, 1), value=constant), groups)
        learned = None if targets is None else _Rows(targets, groups)
        for chosen in picks():
            if learned is None:
                yield from ((x_now, None) for x_now in inputs.take(chosen))
            else:
                yield from zip(inputs.take(chosen), learned.take(chosen))

    shape = None if targets is None else (targets.shape[0], targets.shape[2])
    return Batches(groups, dim, x, shape, blocks)


class _Rows:
    """Rows of several data sets, gathered into one buffer per batch size."""

    def __init__(self, values: Tensor, groups: int):
        sets, samples, columns = values.shape
        self.rows = values.reshape(sets * samples, columns)
        self.share = sets // groups
        self.offset = samples * torch.arange(sets)[None, :, None]
        self.buffers: dict[int, Tensor] = {}

    def take(self, picks: Tensor) -> Iterator[Tensor]:
        """Blocks of rows ``(k, sets, b, columns)`` for numbers ``(steps, groups, b)``."""
        size = picks.shape[2]
        sets, columns = self.offset.shape[1], self.rows.shape[1]
        if size not in self.buffers:
            self.buffers[size] = self.rows.new_empty(BLOCK * sets * size, columns)
        drawn = self.buffers[size]
        blocks = drawn.view(BLOCK, sets, size, columns)
        own = picks.repeat_interleave(self.share, 1) if self.share > 1 else picks
        for index in (own + self.offset).to(self.rows.device).split(BLOCK):
            torch.index_select(self.rows, 0, index.reshape(-1), out=drawn[: index.numel()])
            yield blocks[: len(index)]


def _stacked(picks: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(picks, axis=1))


def _check_size(x: Tensor, size: int) -> None:
    if not 1 <= size <= x.shape[1]:
        raise ValueError(f"batch_size must lie in 1..{x.shape[1]} (the training samples), got {size}")


def _check_generators(x: Tensor, generators: Sequence[np.random.Generator]) -> None:
    if len(generators) != x.shape[0]:
        raise ValueError(f"need one batch generator per data set ({x.shape[0]}), got {len(generators)}")
