"""Gradient flows followed until they rest, whole ensembles at once: an implicit method, a step per member.

Near a minimum of unequal curvatures an explicit method keeps to steps of the steepest one. The method here, a
Rosenbrock method of second order that damps fast directions (Shampine and Reichelt, *The MATLAB ODE suite*,
1997: ode23s), takes longer and longer steps, which end as Newton's.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

GAMMA = 1 / (2 + math.sqrt(2))
LAST = 6 + math.sqrt(2)


class Settled(NamedTuple):
    """Where each member of an ensemble ended.

    state       ``(e, p)``; time ``(e,)`` at which it was there.
    at_rest     bool ``(e,)``: no derivative above ``rest``, no curvature below ``-descent``; the others ran
                out of steps or time, or left the range of numbers.
    """

    state: Tensor
    time: Tensor
    at_rest: Tensor


def settle(
    gradient: Callable[[Tensor], Tensor],
    hessian: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    tolerance: float = 1e-4,
    rest: float = 1e-10,
    descent: float = 1e-6,
    limit: float = 1e7,
    steps: int = 5000,
    lost: Callable[[Tensor], Tensor] | None = None,
) -> Settled:
    """Solution of ``d theta / dt = -gradient(theta)`` from every start until it rests at a minimum.

    gradient, hessian   of a loss: ``(e, p)`` to ``(e, p)`` and to ``(e, p, p)``.
    start       ``(e, p)``; members do not depend on each other.
    tolerance   of the error of a step, relative to the state or to 1, whichever is larger.
    limit       time after which a member is given up; steps: the same in steps.
    lost        ``(e, p)`` to bool ``(e,)``: members that are given up, such as at a point without a gradient.

    A step so long that ``1 + GAMMA step hessian`` has a negative eigenvalue would run towards a saddle: it is
    refused, as is one of too large an error.
    raises      ValueError for a tolerance outside (0, 1).
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie in (0, 1), got {tolerance}")
    state, time = start.clone(), torch.zeros_like(start[:, 0])
    at_rest = torch.zeros_like(time, dtype=torch.bool)
    step, slope = torch.full_like(time, 0.1), -gradient(state)
    left = torch.arange(len(state), device=state.device)
    unit = torch.eye(state.shape[1], dtype=state.dtype, device=state.device)
    curved = hessian(state)
    for _ in range(steps):
        still = slope.abs().amax(1) <= rest
        if still.any():
            bowl = torch.linalg.cholesky_ex(curved[still] + descent * unit)[1] == 0
            at_rest[left[still]] = bowl
        keep = ~at_rest[left] & (time[left] < limit) & slope.isfinite().all(1)
        if lost is not None:
            keep &= ~lost(state[left])
        if not keep.all():
            left, step, slope, curved = left[keep], step[keep], slope[keep], curved[keep]
        if not len(left):
            break
        now, h = state[left], step[:, None]
        factor, broken = torch.linalg.cholesky_ex(unit + GAMMA * h[..., None] * curved)
        solve = lambda right: torch.cholesky_solve(right[..., None], factor)[..., 0]
        first = solve(slope)
        middle = -gradient(now + h / 2 * first)
        second = solve(middle - first) + first
        then = now + h * second
        slope_then = -gradient(then)
        third = solve(slope_then - LAST * (second - middle) - 2 * (first - slope))
        error = (h / 6 * (first - 2 * second + third)).abs().amax(1)
        error = error / (tolerance * now.abs().amax(1).clamp(min=1))
        good = (broken == 0) & (error <= 1)  # False for NaN: such a step is refused
        factor_of_step = torch.where(broken == 0, 0.8 * error.clamp(min=1e-9) ** (-1 / 3), 0.2)
        step = step * factor_of_step.nan_to_num(0.2).clamp(0.2, 5)
        state[left[good]] = then[good]
        time[left[good]] += h[good, 0]
        slope = torch.where(good[:, None], slope_then, slope)
        if good.any():
            curved[good] = hessian(then[good])
    return Settled(state, time, at_rest)
