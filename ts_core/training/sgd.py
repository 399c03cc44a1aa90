"""Training of whole ensembles of perceptrons at once, by the book's own gradient rule.

The released experiments train one network at a time; here every step trains all members of several student
ensembles, without a Python loop over them. What makes it fast:

* Networks that see the same samples (polarities of a teacher, widths of a student) share the gathered batch,
  its transpose and the teacher's first layer; their own first layers are one matrix product per data set.
* Inside the step the *sample* axis is last, activations are (unit, sample): folding members is a free view.
* Biases are a constant unit per layer, so a step is a few batched products on buffers allocated once.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ts_core.losses import SQUARED_ERROR, Loss
from ts_core.networks import Network, spread
from ts_core.training.batches import Batches
from ts_core.training.optimizers import SGD, Optimizer

PLAIN = SGD()


def diverged(network: Network) -> Tensor:
    """Whether any weight of a member is not finite: bool ``(e,)``."""
    broken = [~w.isfinite().all(2).all(1) for w in network.weights]
    return torch.stack([spread(b, network.members) for b in broken]).any(0)


def train(
    teacher: Network | None,
    students: Sequence[Network],
    batches: Batches,
    *,
    learning_rate: float | Sequence[tuple[int, float]],
    snapshots: Sequence[int],
    on_snapshot: Callable[[int, list[Network]], None],
    loss: Loss = SQUARED_ERROR,
    optimizer: Optimizer = PLAIN,
    layer_rates: Sequence[float] | None = None,
    biases: bool = True,
) -> None:
    """Train student ensembles on a teacher's outputs.

    teacher         e members, e a multiple of the g data sets; None where the batches have targets.
    students        ensembles of e members each, of any width and activation; they see the same batches.
    batches         samples and their order, from :mod:`ts_core.training.batches`.
    learning_rate   for J of ts_core.networks; or pairs (first step, rate) of a piecewise constant rate, from
                    step 0 on.
    snapshots       steps, at least 0, after which ``on_snapshot(step, students)`` gets copies of them;
                    training ends with the last one.
    layer_rates     factor of the learning rate per layer, the lowest first; a layer of factor 0 stays.
    biases          False: networks without biases; theirs must be 0.
    raises          ValueError, before the first step, for sizes that do not fit, a loss that these outputs
                    cannot have, biases that are not 0 where there are to be none, and rates that are not
                    positive or do not start at step 0; and when the batches end before the last snapshot.

    A member that diverges becomes NaN (see ``diverged``) and leaves all others as they are.
    """
    rates = dict([(0, learning_rate)] if isinstance(learning_rate, (int, float)) else learning_rate)
    _check(teacher, students, batches, snapshots, loss, layer_rates, biases)
    _check_rates(rates)
    constant = 1.0 if biases else 0.0
    source = None if teacher is None else _Stack(teacher, batches, constant)
    stacks = [_Student(s, batches, constant, loss, optimizer, layer_rates) for s in students]
    steps, step = _steps(batches, constant), 0
    for stop in sorted({*snapshots, *(first for first in rates if first < max(snapshots))}):
        rate = rates[max(first for first in rates if first <= step)]
        while step < stop:
            by_row, by_feature, targets = next(steps, (None, None, None))
            if by_row is None or by_feature is None:
                raise ValueError(
                    f"the batches end after step {step}, before the last snapshot, {max(snapshots)}"
                )
            if source is not None:
                learned = source.forward(by_feature)
            elif targets is not None:
                learned = spread(targets.transpose(1, 2), students[0].members)
            target = loss.target(learned)
            for stack in stacks:
                stack.step(by_row, by_feature, target, rate)
            step += 1
        if step in snapshots:
            on_snapshot(step, [stack.network() for stack in stacks])


def _steps(batches: Batches, constant: float) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Batches one by one: by sample ``(g, b, d + 1)``, transposed, and the targets."""
    buffers: dict[torch.Size, Tensor] = {}
    for by_row, targets in batches.blocks(constant):
        if by_row.shape not in buffers:
            buffers[by_row.shape] = by_row.transpose(2, 3).contiguous()
        by_feature = buffers[by_row.shape]
        by_feature.copy_(by_row.transpose(2, 3))
        yield from zip(by_row, by_feature, [None] * len(by_row) if targets is None else targets)


class _Stack:
    """Feature-first forward pass of an ensemble on static buffers.

    Every layer but the last carries a constant unit.
    """

    def __init__(self, network: Network, batches: Batches, constant: float):
        self.activation, self.groups, self.constant = network.activation, batches.groups, constant
        self.one = 1.0 if self.activation.at_one is None else self.activation.at_one
        self.weights, self.folded = [], []
        parents = batches.groups
        for l, weight in enumerate(network.weights, start=1):
            w = weight.to(batches.like.device, batches.like.dtype, copy=True)
            if l < network.depth:  # its bias makes a constant unit what the one below is
                w = pad(w, (0, 0, 0, 1))
                w[:, -1, -1] = self.one
            self.weights.append(w)
            self.folded.append(w.view(parents, -1, w.shape[2]))
            parents = w.shape[0]
        self.buffers: dict[int, _Buffers] = {}

    def at(self, size: int) -> "_Buffers":
        """Buffers for a batch size."""
        if size not in self.buffers:
            self.buffers[size] = _Buffers(self, size)
        return self.buffers[size]

    def hidden(self, buffers: "_Buffers", f: Tensor) -> Tensor:
        for weight, z, units, values in zip(self.folded[:-1], buffers.z, buffers.units, buffers.f):
            torch.bmm(weight, f, out=z)
            self.activation.value_(units, values)
            if self.activation.at_one is None:
                values[:, -1] = self.constant
            f = values
        return f

    def forward(self, x_by_feature: Tensor) -> Tensor:
        """Outputs ``(e, c, b)``, in a buffer that the next call overwrites."""
        buffers = self.at(x_by_feature.shape[2])
        torch.bmm(self.folded[-1], self.hidden(buffers, x_by_feature), out=buffers.z[-1])
        return buffers.units[-1]


class _Buffers:
    """What a batch of one size needs, per layer.

    z           pre-activations, members that share what is below folded into one product.
    units, f    the same by member ``(e, n_l, b)``, and activations; one memory if the activation overwrites.
    """

    def __init__(self, stack: _Stack, size: int):
        parents = stack.groups
        self.z, self.units, self.f = [], [], []
        for w in stack.weights:
            members, units, _ = w.shape
            self.z.append(w.new_empty(parents, members // parents * units, size))
            self.units.append(self.z[-1].view(members, units, size))
            self.f.append(self.units[-1] if stack.activation.overwrites else torch.empty_like(self.units[-1]))
            parents = members
        self.g = [torch.empty_like(units) for units in self.units]
        self.first = self.g[0].view(self.z[0].shape)


class _Student(_Stack):
    """Gradients g_{l-1} = D_{l-1} W_l^T g_l, and the step W_l += rate g_l f_{l-1}^T, on static buffers."""

    def __init__(
        self, network: Network, batches: Batches, constant: float, loss: Loss, optimizer: Optimizer, factors
    ):
        super().__init__(network, batches, constant)
        self.loss, self.decays = loss, optimizer.weight_decay > 0
        self.factors = list(factors or [1.0] * network.depth)
        self.lowest = next(l for l, factor in enumerate(self.factors) if factor)  # nothing below it moves
        self.optimizer = optimizer.state([self.folded[0], *self.weights[1:]])

    def step(self, x: Tensor, x_by_feature: Tensor, target: Tensor, rate: float) -> None:
        buffers = self.at(x.shape[1])
        if self.loss.is_difference:
            hidden = self.hidden(buffers, x_by_feature)
            torch.baddbmm(target, self.weights[-1], hidden, alpha=-1, out=buffers.g[-1])
        else:
            buffers.g[-1].copy_(self.loss.residual(target, self.forward(x_by_feature)))
        rates = [rate * factor for factor in self.factors]
        for l in range(len(self.weights) - 1, self.lowest - 1, -1):
            above, f = buffers.g[l], buffers.f[l - 1]
            if l > self.lowest:
                g = buffers.g[l - 1]
                torch.bmm(self.weights[l].transpose(1, 2), above, out=g)
                g[:, -1].zero_()  # the constant unit is no parameter
                self.activation.gate_(g, buffers.units[l - 1], f)
            if rates[l]:
                seen = (above, f.transpose(1, 2)) if l else (buffers.first, x)
                self.optimizer.layer(l, *seen, rates[l])
        self.optimizer.step(rates)
        if self.decays:
            for w in self.weights[:-1]:
                w[:, -1, -1] = self.one

    def network(self) -> Network:
        hidden = [w[:, :-1].clone() for w in self.weights[:-1]]
        return Network((*hidden, self.weights[-1].clone()), self.activation)


def _check(teacher, students, batches, snapshots, loss, layer_rates, biases) -> None:
    if not snapshots or min(snapshots) < 0:
        raise ValueError(f"snapshots must be steps from 0 on, at least one, got {list(snapshots)}")
    if not students:
        raise ValueError("need at least one student ensemble, got none")
    if (teacher is None) == (batches.targets is None):
        raise ValueError("either a teacher or targets of the batches say what to learn, and only one of them")
    if teacher is None:
        sets, outputs = batches.targets
        members = students[0].members
    else:
        sets, outputs = batches.groups, teacher.weights[-1].shape[1]
        members = teacher.members
        _check_network("teacher", teacher, batches, sets, members, outputs, biases)
    if outputs < loss.fewest_outputs:
        raise ValueError(f"{loss} needs at least {loss.fewest_outputs} outputs, got {outputs}")
    for i, student in enumerate(students):
        _check_network(f"student {i}", student, batches, sets, members, outputs, biases)
        if len({w.shape[0] for w in student.weights}) > 1 or student.depth < 2:
            raise ValueError(f"student {i} needs a hidden layer, and weights of its own in every layer")
        if layer_rates is not None:
            _check_layer_rates(layer_rates, student.depth)


def _check_network(name, network, batches, sets, members, outputs, biases) -> None:
    found = network.weights[0].shape[2] - 1, network.weights[-1].shape[1]
    if found != (batches.dim, outputs):
        raise ValueError(
            f"{name} maps {found[0]} inputs to {found[1]} outputs, the data and what is learned are of "
            f"{batches.dim} and {outputs}"
        )
    if network.members != members or members % sets:
        raise ValueError(
            f"{name} has {network.members} members; need {members}, a multiple of {sets} data sets"
        )
    if len(network.weights[0]) % batches.groups:
        raise ValueError(
            f"{name} has {len(network.weights[0])} first layers; the {batches.groups} data sets need a "
            "multiple of their number"
        )
    if not biases and any(w[..., -1].any() for w in network.weights):
        raise ValueError(f"{name} has biases that are not 0, and is to be trained without biases")


def _check_layer_rates(factors: Sequence[float], depth: int) -> None:
    if len(factors) != depth or min(factors) < 0 or max(factors) == 0:
        raise ValueError(
            f"layer_rates must be {depth} factors, none negative and not all 0, got {list(factors)}"
        )


def _check_rates(rates: dict[int, float]) -> None:
    if 0 not in rates or min(rates) < 0 or not all(rate > 0 for rate in rates.values()):
        raise ValueError(f"learning rates must be positive and start at step 0, got {rates}")
