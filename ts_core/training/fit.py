"""Training through autograd, for what is no ensemble of perceptrons.

Convolutions, normalizations, spectral parametrizations, attacked inputs: whatever has a loss that is a
function of tensors. What :mod:`ts_core.training.sgd` can train, it trains faster; its rules of snapshots, of
random numbers (the caller's own, per member and purpose) and of members that diverge hold here too.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from ts_core.convnets import ConvNet, evaluating

Parameters = dict[str, Tensor]
Rule = Callable[[list[Tensor]], torch.optim.Optimizer]  # torch.optim.SGD, Adam, AdamW, or a partial of one


def fit(
    objective: Callable[..., Tensor],
    parameters: Parameters,
    batches: Iterable[Sequence[Tensor]],
    *,
    optimizer: Rule,
    learning_rate: float | Sequence[float],
    snapshots: Sequence[int],
    on_snapshot: Callable[[int, Parameters], None],
    after_step: Callable[[Parameters], None] | None = None,
) -> None:
    """Minimize a function of tensors, for all members of an ensemble at once.

    objective       ``objective(parameters, *batch)`` is one loss per member ``(e,)``, a function of that
                    member's part of the parameters, or one number for a single model. Their sum is
                    differentiated.
    parameters      tensors by name, the ensemble axis first; they stay unchanged.
    batches         what the objective sees, one tuple per step.
    optimizer       makes the rule from the tensors; it must be elementwise, or members would not stay apart.
    learning_rate   one for all steps, or one per step.
    snapshots       step numbers at which ``on_snapshot(step, parameters)`` gets copies; the last is the end.
    after_step      changes the parameters in place after every step: a projection, zeros that stay zero.
    raises          ValueError, before the first step, for snapshots that are none or negative, and for rates
                    that are negative, not finite or too few; later, when the batches end before the last
                    snapshot.

    A member that diverges becomes NaN and leaves all others as they are.
    """
    own = {name: values.detach().clone().requires_grad_() for name, values in parameters.items()}
    _minimize(
        lambda *batch: objective(own, *batch).sum(),
        own,
        batches,
        optimizer,
        learning_rate,
        snapshots,
        lambda step: on_snapshot(step, {name: values.detach().clone() for name, values in own.items()}),
        after_step,
    )


def train(
    network: ConvNet,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    optimizer: Rule,
    learning_rate: float | Sequence[float],
    snapshots: Sequence[int],
    on_snapshot: Callable[[int, ConvNet, float], None],
    after_step: Callable[[Parameters], None] | None = None,
) -> None:
    """:func:`fit` of one network, which stays unchanged, on batches of (inputs, targets).

    loss            of (outputs, targets): a mean over samples.
    on_snapshot     gets the step, a copy of the network that normalizes with running moments, and the mean
                    loss per sample since the snapshot before: NaN at step 0, or if diverged.
    """
    trained, seen = deepcopy(network).train().requires_grad_(True), []

    def objective(x: Tensor, target: Tensor) -> Tensor:
        value = loss(trained(x)[1], target)
        seen.append((value.detach().double() * len(x), len(x)))
        return value

    def show(step: int) -> None:
        total, count = (sum(parts) for parts in zip(*seen)) if seen else (math.nan, 1)
        seen.clear()
        on_snapshot(step, evaluating(trained), float(total / count))

    own = dict(trained.named_parameters())
    _minimize(objective, own, batches, optimizer, learning_rate, snapshots, show, after_step)


def _minimize(
    objective: Callable[..., Tensor],
    parameters: Parameters,
    batches: Iterable[Sequence[Tensor]],
    optimizer: Rule,
    learning_rate: float | Sequence[float],
    snapshots: Sequence[int],
    show: Callable[[int], None],
    after_step: Callable[[Parameters], None] | None,
) -> None:
    """Change the parameters, on which the one number ``objective(*batch)`` depends, in place."""
    steps, rates = _check(snapshots, learning_rate)
    marks, tensors = frozenset(snapshots), list(parameters.values())
    rule, step = optimizer(tensors), 0
    if 0 in marks:
        show(0)
    for step, (rate, batch) in enumerate(zip(rates, batches), start=1):
        rule.zero_grad()
        objective(*batch).backward(inputs=tensors)  # what else the objective sees gets no gradient
        for group in rule.param_groups:
            group["lr"] = rate
        rule.step()
        if after_step:
            with torch.no_grad():
                after_step(parameters)
        if step in marks:
            show(step)
    if step < steps:
        raise ValueError(f"the batches ended at step {step}, the last snapshot is at {steps}")


def _check(snapshots: Sequence[int], learning_rate: float | Sequence[float]) -> tuple[int, list[float]]:
    """Number of steps and the learning rate of each."""
    if len(snapshots) == 0 or min(snapshots) < 0:
        raise ValueError(f"snapshots must be step numbers from 0 on, got {list(snapshots)}")
    steps = max(snapshots)
    given = [learning_rate] * steps if isinstance(learning_rate, int | float) else learning_rate
    rates = [float(rate) for rate in given][:steps]
    if len(rates) < steps:
        raise ValueError(f"need a learning rate for each of {steps} steps, got {len(rates)}")
    wrong = [rate for rate in rates if not (rate >= 0 and math.isfinite(rate))]
    if wrong:
        raise ValueError(f"learning rates must be finite and not negative, got {wrong[0]}")
    return steps, rates


def keep_zero(masks: Parameters) -> Callable[[Parameters], None]:
    """An ``after_step`` that multiplies by masks, by parameter name: what is pruned stays exactly zero."""

    def multiply(parameters: Parameters) -> None:
        for name, mask in masks.items():
            parameters[name].mul_(mask)

    return multiply


def logit_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """J = 1/2 ||f* - f||^2, summed over outputs, mean over samples."""
    return 0.5 * (outputs - targets).square().sum(1).mean()


def cosine_rates(peak: float, steps: int, warm: float = 0.1) -> np.ndarray:
    """Learning rate of every step: a linear rise to ``peak``, then half a cosine to 0.

    warm        the first share of the steps, in which the rate rises.
    """
    at = (np.arange(steps) + 1) / steps
    return peak * np.minimum(at / warm, 0.5 + 0.5 * np.cos(np.pi * np.clip((at - warm) / (1 - warm), 0, 1)))
