"""The perfectly matched case of "Luck Matters": as many students as teachers, unit weights, overlaps apart.

Students ``w (e, m, d)`` and orthonormal teachers ``w_t (m, d)``, rows of norm 1. Overlaps of fan-outs
``beta (e, m, m)`` are fixed and the same for both; a node is active where its pre-activation, N(0, 1) under
Gaussian input, exceeds a threshold. Then dw_j/dt = P_j (sum_i h*_ij w*_i - sum_i h_ij w_i), where P_j
projects off w_j, h_ij = beta_ij d(angle(w_i, w_j)), and h*_ij has w*_i in the place of w_i.
"""

import math

import torch
from scipy.special import ndtr, owens_t
from torch import Tensor

# |difference of two angles| against 2 sin of half the angle by which one of their sides has turned
CHORD = math.pi / 2


def joint_activity(theta: Tensor, threshold: float) -> Tensor:
    """d(theta) = P(z_1 > b, z_2 > b) of standard normal z_1, z_2 with correlation cos(theta).

    theta       radians, [0, pi];  threshold  b.
    source      Owen's T function: Phi(-b) - 2 T(b, tan(theta / 2)).
    """
    tangent = (theta.double() / 2).clamp(max=math.pi / 2 - 1e-12).tan()
    found = ndtr(-threshold) - 2 * torch.as_tensor(owens_t(threshold, tangent.numpy()))
    return found.to(theta.dtype)


def steepest(threshold: float) -> float:
    """Largest |d'(theta)|; d'(theta) = -exp(-b^2 / (2 cos^2(theta / 2))) / (2 pi)."""
    return math.exp(-(threshold**2) / 2) / (2 * math.pi)


def angles(rows_a: Tensor, rows_b: Tensor) -> Tensor:
    """Angle of each unit row of a with each of b, ``(e, a, b)``, exact down to rounding near 0."""
    # arccos would lose half the digits
    apart = (rows_a[..., :, None, :] - rows_b[..., None, :, :]).norm(dim=-1)
    return 2 * (apart / 2).clamp(max=1).arcsin()


def coupling(w: Tensor, w_t: Tensor, beta: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """h* and h, ``(e, m, m)``: entry (i, j) is what node i does to student j."""
    to_teachers, to_students = angles(w_t.expand_as(w), w), angles(w, w)
    return beta * joint_activity(to_teachers, threshold), beta * joint_activity(to_students, threshold)


def velocity(w: Tensor, w_t: Tensor, beta: Tensor, threshold: float) -> Tensor:
    """dw/dt ``(e, m, d)``."""
    to_teachers, to_students = coupling(w, w_t, beta, threshold)
    pull = to_teachers.mT @ w_t.expand_as(w) - to_students.mT @ w
    return pull - (pull * w).sum(-1, keepdim=True) * w


def largest_angle(w: Tensor, w_t: Tensor) -> tuple[Tensor, Tensor]:
    """The largest angle of a student with its own teacher, ``(e,)``, and whose it is."""
    own = 2 * ((w - w_t).norm(dim=-1) / 2).clamp(max=1).arcsin()
    return own.max(-1)


def turning(w: Tensor, w_t: Tensor, beta: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """How fast the largest angle falls, and two lower bounds on it: ``(e,)`` each.

    returns     -dTheta/dt of the node j with the largest angle; the bound
                h*_jj sin Theta - sum_{i != j} (|h*_ij - h_ij| + 2 |h_ij| sin(theta_i / 2));
                and the same without its sum, which is no bound.
    """
    theta, j = largest_angle(w, w_t)
    pick = lambda values: values.gather(1, j[:, None])[:, 0]
    moved = (velocity(w, w_t, beta, threshold) * w_t).sum(-1)
    to_teachers, to_students = coupling(w, w_t, beta, threshold)
    half = ((w - w_t).norm(dim=-1) / 2).clamp(max=1)  # sin(theta_i / 2)
    others = (to_teachers - to_students).abs() + 2 * to_students.abs() * half[:, :, None]
    others = others - torch.diag_embed(others.diagonal(dim1=1, dim2=2))
    alone = pick(to_teachers.diagonal(dim1=1, dim2=2)) * theta.sin()
    return pick(moved) / theta.sin(), alone - pick(others.sum(1)), alone


def margin(beta: Tensor, theta_0: float, threshold: float) -> Tensor:
    """gamma ``(e,)``: where positive, and all angles start below theta_0, they vanish exponentially.

    gamma = h_min cos(theta_0 / 2) - (m - 1)(eps_h + eps_K), for orthonormal teachers: sin(Theta(t) / 2) is at
    most sin(Theta(0) / 2) exp(-gamma cos(theta_0 / 2) t). Sufficient, not necessary.
    """
    nodes = beta.shape[1]
    off = (beta - torch.diag_embed(beta.diagonal(dim1=1, dim2=2))).abs().amax((1, 2))
    at = lambda theta: joint_activity(torch.tensor(theta, dtype=beta.dtype), threshold)
    weakest = beta.diagonal(dim1=1, dim2=2).amin(1) * at(theta_0)
    cross = off * at(max(0.0, math.pi / 2 - 2 * theta_0)) + off * steepest(threshold) * CHORD
    return weakest * math.cos(theta_0 / 2) - (nodes - 1) * cross
