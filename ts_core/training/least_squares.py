"""Levenberg-Marquardt for ensembles of students of any depth, one damping per member.

A theorem about gradients that are small at *every* sample needs losses far below what SGD reaches;
checkpoints are spaced evenly in the logarithm of the loss.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ts_core.gradients import with_constant
from ts_core.networks import Network, forward, pair, spread


def descend(
    teacher: Network, student: Network, x: Tensor, steps: int, levels: Tensor, noise: Tensor | float = 0.0
) -> tuple[Network, Tensor]:
    """Levenberg-Marquardt on every member at once; keeps the weights of the first step below each loss level.

    x           ``(g, b, d)``; e, the number of students, is a multiple of g and of the number of teachers.
    levels      ``(k,)`` falling fractions of the starting loss; the start itself is below level 1, and level
                0 stands for the last step.
    noise       ``(e, b, c)`` added to the teacher's outputs.
    returns     ``e * k`` networks (level fastest) and their reported loss 2 J / c ``(e, k)``: NaN for a level
                that was not reached, or was passed in one step together with the next.
    """
    teacher, student = pair(teacher, student)
    x = spread(x, student.members)
    theta = torch.cat([w.flatten(1) for w in student.weights], dim=1)
    damping = x.new_full((student.members,), 1e-2)
    jacobian, residual = _linearized(teacher, student, x, noise)
    loss = residual.square().mean(1)
    bars = levels * loss[:, None]
    kept = theta[:, None].repeat(1, len(levels), 1)
    kept_loss = torch.where(levels >= 1, loss[:, None], math.nan)
    for _ in range(steps):
        move = _damped_step(jacobian, residual, damping)
        trial = theta + move
        trial_jacobian, trial_residual = _linearized(teacher, _unflatten(trial, student), x, noise)
        trial_loss = trial_residual.square().mean(1)
        better = trial_loss < loss  # False for NaN: a bad step is undone and damped
        damping = torch.where(better, damping / 3, damping * 4).clamp(1e-12, 1e8)
        crossed = better[:, None] & (trial_loss[:, None] <= bars) & (loss[:, None] > bars)
        deepest = crossed & (crossed.cumsum(1) == crossed.sum(1, keepdim=True))
        kept = torch.where(deepest[..., None], trial[:, None], kept)
        kept_loss = torch.where(deepest, trial_loss[:, None], kept_loss)
        theta = torch.where(better[:, None], trial, theta)
        loss = torch.where(better, trial_loss, loss)
        jacobian = torch.where(better[:, None, None], trial_jacobian, jacobian)
        residual = torch.where(better[:, None], trial_residual, residual)
    last = levels == 0
    kept[:, last], kept_loss[:, last] = theta[:, None], loss[:, None]
    return _unflatten(kept.flatten(0, 1), student), kept_loss


def _unflatten(theta: Tensor, like: Network) -> Network:
    """Networks of the same kind from their parameters ``(e, parameters)``."""
    shapes = [w.shape[1:] for w in like.weights]
    parts = theta.split([shape.numel() for shape in shapes], dim=1)
    return replace(like, weights=tuple(part.reshape(-1, *shape) for part, shape in zip(parts, shapes)))


def _linearized(
    teacher: Network, student: Network, x: Tensor, noise: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """Jacobian of the output in all parameters ``(e, b c, parameters)``; residual with noise ``(e, b c)``."""
    z, f = forward(student, x)
    residual = forward(teacher, x)[1][-1] + noise - f[-1]
    # the output by the pre-activations of a layer, (e or 1, b or 1, c, n_l), from the top down
    back = torch.eye(residual.shape[2], dtype=x.dtype, device=x.device)[None, None]
    by_layer = []
    for l in range(student.depth - 1, -1, -1):
        below = with_constant(f[l - 1] if l else x)
        by_layer.insert(0, (back[..., None] * below[:, :, None, None]).flatten(3))
        if l:
            gate = student.activation.derivative(z[l - 1])
            back = (back @ student.weights[l][:, None, :, :-1]) * gate[:, :, None]
    return torch.cat(by_layer, dim=3).flatten(1, 2), residual.flatten(1)


def _damped_step(jacobian: Tensor, residual: Tensor, damping: Tensor) -> Tensor:
    """Solve (J^T J + damping * diag) step = J^T r per member, ``(e, parameters)``."""
    normal = jacobian.transpose(1, 2) @ jacobian
    diagonal = normal.diagonal(dim1=1, dim2=2)
    floor = 1e-9 * diagonal.amax(1, keepdim=True)  # a dead node has no curvature of its own
    normal = normal + torch.diag_embed(damping[:, None] * diagonal + floor * damping[:, None].clamp(min=1e-6))
    # solve_ex: a singular member gets a useless step, which is refused, instead of stopping all the others
    return torch.linalg.solve_ex(normal, jacobian.transpose(1, 2) @ residual[..., None])[0][..., 0]
