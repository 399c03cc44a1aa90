"""Training of single networks through autograd, for what is no ensemble of perceptrons."""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from ts_core.convnets import ConvNet


def train(
    network: ConvNet,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    rates: Iterable[float],
    fixed_zero: dict[str, Tensor] | None = None,
) -> float:
    """One pass over batches of (inputs, targets), each with its learning rate.

    returns     the mean loss, NaN if diverged.
    fixed_zero  masks by parameter name: what is pruned stays exactly zero.
    """
    network.train()
    zeroed = [(network.get_parameter(name), mask) for name, mask in (fixed_zero or {}).items()]
    total, count = 0.0, 0
    for (x, target), rate in zip(batches, rates):
        value = loss(network(x)[1], target)
        optimizer.zero_grad()
        value.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        with torch.no_grad():
            for parameter, mask in zeroed:
                parameter.mul_(mask)
        total = total + value.detach().double() * len(x)
        count += len(x)
    return float(total / count)


def logit_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """J = 1/2 ||f* - f||^2, summed over outputs, mean over samples."""
    return 0.5 * (outputs - targets).square().sum(1).mean()


def cosine_rates(peak: float, steps: int, warm: float = 0.1) -> np.ndarray:
    """Learning rate of every step: a linear rise to ``peak``, then half a cosine to 0.

    warm        the first share of the steps, in which the rate rises.
    """
    at = (np.arange(steps) + 1) / steps
    return peak * np.minimum(at / warm, 0.5 + 0.5 * np.cos(np.pi * np.clip((at - warm) / (1 - warm), 0, 1)))
