"""Gradient flows: whole ensembles by Runge-Kutta with a common step, single ones by an adaptive solver."""

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


def adaptive(
    velocity: Callable,
    state: tuple[Tensor, ...],
    times: Sequence[float],
    tolerance: float,
    method: str = "LSODA",
) -> tuple[Tensor, ...]:
    """One trajectory of ``d state/dt = velocity(*state)`` by :func:`scipy.integrate.solve_ivp`.

    times       growing, the first is that of ``state``.
    tolerance   relative, and absolute for numbers of order 1.
    returns     each part of the state at these times, stacked along a new first axis.
    raises      ValueError when the solver gives up, with its words.
    """
    from scipy.integrate import solve_ivp

    sizes, shapes = [part.numel() for part in state], [part.shape for part in state]

    def parts(flat: np.ndarray) -> tuple[Tensor, ...]:
        split = torch.from_numpy(flat).split(sizes, -1)
        return tuple(part.unflatten(-1, shape) for part, shape in zip(split, shapes))

    join = lambda found: torch.cat([part.flatten() for part in found]).numpy()
    found = solve_ivp(
        lambda _, flat: join(velocity(*parts(flat))),
        (times[0], times[-1]),
        join(state),
        method=method,
        t_eval=times,
        rtol=tolerance,
        atol=tolerance,
    )
    if not found.success:
        raise ValueError(f"the flow was not followed to time {times[-1]:g}: {found.message}")
    return parts(np.ascontiguousarray(found.y.T))
