"""Gradient flows of whole ensembles: a common-step Runge-Kutta solution, and the SGD that tends to it."""

from collections.abc import Callable, Sequence

import numpy as np
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


def sgd(
    w: Tensor,
    v: Tensor,
    w_t: Tensor,
    v_t: Tensor,
    generators: Sequence[np.random.Generator],
    learning_rate: float,
    batch_size: int,
    steps: int,
    every: int,
) -> tuple[Tensor, Tensor]:
    """SGD on fresh Gaussian samples with the residual centred in each batch.

    Its limit is :func:`ts_core.theory.population.flow`.

    generators  one stream of inputs per data set; consecutive members share one.
    returns     w and v at steps 0, every, 2 every, ..., stacked along a new first axis.
    """
    share, kept = len(w) // len(generators), [(w, v)]
    for i in range(1, steps + 1):
        x = np.stack([g.standard_normal((batch_size, w.shape[2])) for g in generators])
        x = torch.from_numpy(x).repeat_interleave(share, 0)
        f = (x @ w.mT).clamp(min=0)
        residual = (x @ w_t.T).clamp(min=0) @ v_t - f @ v
        residual = residual - residual.mean(1, keepdim=True)
        gate = (f > 0).to(f.dtype)
        rate = learning_rate / batch_size
        w, v = w + rate * ((residual @ v.mT) * gate).mT @ x, v + rate * f.mT @ residual
        if i % every == 0:
            kept.append((w, v))
    return tuple(torch.stack(part) for part in zip(*kept))
