"""Gradient flows of whole ensembles: a Runge-Kutta solution with a common step."""

from collections.abc import Callable

import torch
from torch import Tensor


def trajectory(
    velocity: Callable, state: tuple[Tensor, ...], step: float, steps: int, every: int
) -> tuple[Tensor, ...]:
    """Fourth-order Runge-Kutta solution of ``d state/dt = velocity(*state)``, all members at once.

    returns     each part of the state at steps 0, every, 2 every, ..., stacked along a new first axis.
    """
    move = lambda size, rate: tuple(s + size * r for s, r in zip(state, rate))
    kept = [state]
    for i in range(1, steps + 1):
        k1 = velocity(*state)
        k2 = velocity(*move(step / 2, k1))
        k3 = velocity(*move(step / 2, k2))
        k4 = velocity(*move(step, k3))
        state = move(step / 6, [a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4)])
        if i % every == 0:
            kept.append(state)
    return tuple(torch.stack(part) for part in zip(*kept))
