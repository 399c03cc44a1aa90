"""Gradient flows, one trajectory at a time: an adaptive solver."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor


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
