"""Zero gradient on an open set: kink of h_k at a hyperplane, sum rule, what is specialized, what prunable."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ts_core.networks import Network, forward, pair
from ts_core.theory.geometry import all_rows, colinear, fan_out


def second_difference(z: Tensor, step: Tensor, slope: float) -> Tensor:
    """sigma(z + t) + sigma(z - t) - 2 sigma(z) in closed form, (1 - a) max(|t| - |z|, 0)."""
    return (1 - slope) * (step.abs() - z.abs()).clamp(min=0)


def hyperplane_sums(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Sum of ||w*_j|| v*_j minus sum of ||w_k|| v_k over each node's hyperplane, ``(e, m + n, c)``.

    Row i < m is the residual of the *sum rule* of teacher i, the other rows are those of prunability: where
    the gradient vanishes, v_k . row = 0 for every student k that observes the hyperplane.
    """
    rows = all_rows(teacher, student)
    teacher, student = pair(teacher, student)
    signed = torch.cat([fan_out(teacher), -fan_out(student)], dim=1)
    size = rows[..., :-1].norm(dim=-1, keepdim=True)
    return colinear(rows, rows, tolerance).to(rows.dtype) @ (size * signed)


def kink(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Jump of the normal derivative of h_k across each node's hyperplane, ``(e, m + n, n)``.

    It equals (1 - a) (alpha_kj ||w*_j|| - sum over co-linear k' of beta_kk' ||w_k'||); with
    g_k = sigma'(z_k) h_k, it must be 0 where g_k is.

    raises      ValueError when teacher and student differ in slope.
    """
    if teacher.slope != student.slope:
        raise ValueError(f"teacher and student need one slope, got {teacher.slope} and {student.slope}")
    return (
        (1 - student.slope) * hyperplane_sums(teacher, student, tolerance) @ fan_out(student).transpose(1, 2)
    )


def specialized(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Whether a teacher node has a co-linear student node, bool ``(e, m)``."""
    rows_t, rows = (net.weights[0] for net in pair(teacher, student))
    return colinear(rows_t, rows, tolerance).any(-1)


def prunable(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Whether a student node has no teacher on its hyperplane and all nodes there cancel, bool ``(e, n)``."""
    rows_t, rows = (net.weights[0] for net in pair(teacher, student))
    cancels = hyperplane_sums(teacher, student, tolerance)[:, rows_t.shape[1] :].norm(dim=-1) < tolerance
    return cancels & ~colinear(rows_t, rows, tolerance).any(1)


def merged(teacher: Network, student: Network, x: Tensor, tolerance: float = 1e-9) -> Network:
    """The student with one node per teacher node: its copies are merged, all other nodes are left out.

    Nodes on a teacher's hyperplane add their ||w_k|| v_k, as the sum rule does; those that point the other
    way are turned. The merged row is the mean of theirs, each with its share of the sum: near-copies that mix
    to one node on every sample become that node. At a critical point what is left out has no kink, and what
    turning and leaving out do to the output is a constant: the output bias keeps the mean output on x.

    x           ``(g, b, d)`` inputs.
    returns     networks of m nodes; node j is silent if teacher j has no copy.
    """
    teacher, student = pair(teacher, student)
    rows_t, rows, v = teacher.weights[0], student.weights[0], fan_out(student)
    copies = colinear(rows_t, rows, tolerance).to(v.dtype)  # (e, m, n)
    side = copies * (rows_t @ rows.mT).sign()
    size = rows[..., :-1].norm(dim=-1, keepdim=True)
    total = copies @ (size * v)
    share = (total @ (size * v).mT) / total.square().sum(2, keepdim=True).clamp(min=1e-300)
    lower, upper = (share * side) @ (rows / size), pad(total.mT, (0, 1))
    upper[..., -1] = (
        forward(student, x)[1][-1] - forward(Network((lower, upper), student.activation), x)[1][-1]
    ).mean(1)
    return Network((lower, upper), student.activation)
