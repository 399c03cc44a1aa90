"""Mini-batch SGD for whole ensembles at once.

The released experiments train one network at a time; here every step trains all members of several student
ensembles, without a Python loop over them. What makes it fast:

* Networks that see the same samples (polarities of a teacher, widths of a student) share the gathered batch,
  its transpose and the teacher's first layer; their own first layers are one matrix product per data set.
* Inside the step the *sample* axis is last, activations are (unit, sample): folding members is a free view.
* Biases are a constant unit per layer, so a step is a few batched products on buffers allocated once.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ts_core.networks import Network, check_loss, spread

BLOCK = 5  # steps gathered at once: long enough to amortize the call, short enough to stay in the cache
LOOK_AHEAD = 1000  # steps whose row numbers are drawn at once


def diverged(network: Network) -> Tensor:
    """Whether any weight of a member is not finite: bool ``(e,)``."""
    broken = [~w.isfinite().all(2).all(1) for w in network.weights]
    return torch.stack([spread(b, network.members) for b in broken]).any(0)


def train(
    teacher: Network,
    students: Sequence[Network],
    x: Tensor,
    batches: Sequence[np.random.Generator],
    *,
    learning_rate: float | Sequence[tuple[int, float]],
    batch_size: int,
    steps: int,
    snapshots: Sequence[int],
    on_snapshot: Callable[[int, list[Network]], None],
    loss: str = "mse",
    shuffle: bool = False,
) -> None:
    """Train student ensembles on a teacher's outputs with SGD.

    teacher         e members, e a multiple of the g data sets.
    students        ensembles of e members each and any width; they see the same batches.
    x               ``(g, b, d)`` inputs, in the dtype and on the device to train with; they stay unchanged.
    batches         one generator of sample indices per data set.
    learning_rate   for J of ts_core.networks; or pairs (first step, rate) of a piecewise constant rate, from
                    step 0 on.
    loss            ``mse``, or ``cross_entropy`` against the teacher's largest output (see ts_core.networks).
    shuffle         False draws batches with replacement; True passes through the data in a new order every
                    epoch of samples // batch_size steps, and drops what does not fill a batch.
    snapshots       step numbers in 0..steps at which ``on_snapshot(step, students)`` gets copies of them.
    raises          ValueError, before the first step, for a batch above the data, sizes that do not fit, an
                    unknown loss, cross-entropy with one output, and rates that are not positive or do not
                    start at step 0.

    A member that diverges becomes NaN (see ``diverged``) and leaves all others as they are.
    """
    groups, samples, _ = x.shape
    rates = dict([(0, learning_rate)] if isinstance(learning_rate, (int, float)) else learning_rate)
    _check(teacher, students, x, batches, batch_size, steps, snapshots)
    _check_loss(loss, teacher.weights[-1].shape[1], rates)
    source = _Stack(teacher, groups, batch_size, x)
    stacks = [_Trainable(s, groups, batch_size, x, loss) for s in students]
    draw = _drawing(batches, samples, batch_size, shuffle)
    step = 0
    for stop in sorted({*snapshots, *(first for first in rates if first < max(snapshots))}):
        rate = rates[max(first for first in rates if first <= step)] / batch_size
        for by_row, by_feature in _batches(x, draw, batch_size, stop - step):
            target = source.forward(by_feature)
            if loss == "cross_entropy":
                target = torch.zeros_like(target).scatter_(1, target.argmax(1, keepdim=True), 1.0)
            for stack in stacks:
                stack.step(by_row, by_feature, target, rate)
        step = stop
        if step in snapshots:
            on_snapshot(step, [stack.network() for stack in stacks])


def _batches(
    x: Tensor, draw: Callable[[int], Tensor], batch_size: int, count: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """``count`` batches with the constant unit, by sample ``(g, batch_size, d + 1)`` and transposed."""
    groups, samples, _ = x.shape
    rows = pad(x, (0, 1), value=1.0).reshape(groups * samples, -1)
    drawn = torch.empty(BLOCK * groups * batch_size, rows.shape[1], dtype=x.dtype, device=x.device)
    by_row = drawn.view(BLOCK, groups, batch_size, -1)
    by_feature = drawn.new_empty(BLOCK, groups, rows.shape[1], batch_size)
    for start in range(0, count, LOOK_AHEAD):
        picks = draw(min(count - start, LOOK_AHEAD)).to(x.device)
        for block in picks.split(BLOCK):
            torch.index_select(rows, 0, block.reshape(-1), out=drawn[: block.numel()])
            by_feature.copy_(by_row.transpose(2, 3))
            yield from zip(by_row[: len(block)], by_feature)


class _Stack:
    """Feature-first forward pass of an ensemble on static buffers.

    Every layer but the last carries a constant unit.
    """

    def __init__(self, network: Network, groups: int, batch_size: int, like: Tensor):
        self.slope, parents = network.slope, groups
        self.weights, self.folded, self.outputs, self.units = [], [], [], []
        for l, weight in enumerate(network.weights, start=1):
            w = weight.to(like.device, like.dtype, copy=True)
            # the constant unit: zero weights and bias 1, so it stays 1 behind any activation
            if l < network.depth:
                w = pad(w, (0, 0, 0, 1))
                w[:, -1, -1] = 1
            members, units, _ = w.shape
            self.weights.append(w)
            self.folded.append(w.view(parents, -1, w.shape[2]))
            self.outputs.append(w.new_empty(parents, members // parents * units, batch_size))
            self.units.append(self.outputs[-1].view(members, units, batch_size))
            parents = members

    def hidden(self, f: Tensor) -> Tensor:
        for weight, out, units in zip(self.folded[:-1], self.outputs, self.units):
            torch.bmm(weight, f, out=out)
            torch.nn.functional.leaky_relu_(out, self.slope) if self.slope else out.clamp_min_(0)
            f = units
        return f

    def forward(self, f: Tensor) -> Tensor:
        torch.bmm(self.folded[-1], self.hidden(f), out=self.outputs[-1])
        return self.units[-1]


class _Trainable(_Stack):
    """One SGD step g_{l-1} = D_{l-1} W_l^T g_l, W_l += rate g_l f_{l-1}^T on static buffers."""

    def __init__(self, network: Network, groups: int, batch_size: int, like: Tensor, loss: str):
        super().__init__(network, groups, batch_size, like)
        self.loss = loss
        self.gradients = [torch.empty_like(units) for units in self.units]
        self.first = self.gradients[0].view(self.outputs[0].shape)

    def step(self, x: Tensor, x_by_feature: Tensor, target: Tensor, rate: float) -> None:
        if self.loss == "mse":
            torch.baddbmm(
                target, self.weights[-1], self.hidden(x_by_feature), alpha=-1, out=self.gradients[-1]
            )
        else:
            torch.sub(target, self.forward(x_by_feature).softmax(1), out=self.gradients[-1])
        for l in range(len(self.weights) - 1, 0, -1):
            below, g = self.units[l - 1], self.gradients[l - 1]
            torch.bmm(self.weights[l].transpose(1, 2), self.gradients[l], out=g)
            g[:, -1].zero_()  # the constant unit is no parameter
            self._gate(g, below)
            self.weights[l].baddbmm_(self.gradients[l], below.transpose(1, 2), alpha=rate)
        self.folded[0].baddbmm_(self.first, x, alpha=rate)

    def _gate(self, g: Tensor, f: Tensor) -> None:
        if self.slope:  # for 0 <= slope < 1 an activation has the sign of its pre-activation
            torch.ops.aten.leaky_relu_backward.grad_input(g, f, self.slope, True, grad_input=g)
        else:
            torch.ops.aten.threshold_backward.grad_input(g, f, 0, grad_input=g)

    def network(self) -> Network:
        hidden = [w[:, :-1].clone() for w in self.weights[:-1]]
        return Network((*hidden, self.weights[-1].clone()), self.slope)


def _drawing(batches, samples: int, batch_size: int, shuffle: bool) -> Callable[[int], Tensor]:
    """A function that draws the next batches: ``count`` to rows ``(count, g, batch_size)`` of stacked data.

    Each data set draws from its own stream.
    """

    def epochs(generator):
        while True:
            yield from generator.permutation(samples)[: samples // batch_size * batch_size].reshape(
                -1, batch_size
            )

    if shuffle:
        streams = [epochs(g) for g in batches]
        pick = lambda count: [[next(s) for _ in range(count)] for s in streams]
    else:
        pick = lambda count: [g.integers(samples, size=(count, batch_size)) for g in batches]
    offset = samples * np.arange(len(batches))[None, :, None]
    return lambda count: torch.from_numpy(np.stack(pick(count), axis=1) + offset)


def _check_loss(loss: str, outputs: int, rates: dict[int, float]) -> None:
    check_loss(loss)
    if loss == "cross_entropy" and outputs < 2:
        raise ValueError(f"cross_entropy tells classes apart and needs at least 2 outputs, got {outputs}")
    if 0 not in rates or min(rates) < 0 or not all(rate > 0 for rate in rates.values()):
        raise ValueError(f"learning rates must be positive and start at step 0, got {rates}")


def _check(teacher, students, x, batches, batch_size, steps, snapshots) -> None:
    groups, samples, dim = x.shape
    if not 1 <= batch_size <= samples:
        raise ValueError(f"batch_size must lie in 1..{samples} (the training samples), got {batch_size}")
    if len(batches) != groups:
        raise ValueError(f"need one batch generator per data set ({groups}), got {len(batches)}")
    if not snapshots or min(snapshots) < 0 or max(snapshots) > steps:
        raise ValueError(f"snapshots must lie in 0..{steps}, got {list(snapshots)}")
    for name, network in [("teacher", teacher), *((f"student {i}", s) for i, s in enumerate(students))]:
        inputs, outputs = network.weights[0].shape[2] - 1, network.weights[-1].shape[1]
        if inputs != dim or outputs != teacher.weights[-1].shape[1]:
            raise ValueError(f"{name} maps {inputs} inputs to {outputs} outputs, the data and teacher do not")
        if network.members != teacher.members or network.members % groups:
            raise ValueError(
                f"{name} has {network.members} members; need {teacher.members}, "
                f"a multiple of {groups} data sets"
            )
    for i, student in enumerate(students):
        if len({w.shape[0] for w in student.weights}) > 1 or student.depth < 2:
            raise ValueError(f"student {i} needs a hidden layer, and weights of its own in every layer")
