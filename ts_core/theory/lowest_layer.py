"""Why the lowest layer: the kink formula inside a cell of the gates above it, at any depth."""

import torch
from torch import Tensor

from ts_core.gradients import overlaps
from ts_core.networks import Network, pair
from ts_core.theory.geometry import colinear


def local_kink(teacher: Network, student: Network, points: Tensor, tolerance: float = 1e-9) -> Tensor:
    """The kink of h_k across each lowest-layer teacher hyperplane, at any depth: ``(e, m, b, n)``.

    Inside a cell of the gates above the lowest layer A_1 and B_1 are constant, and the jump of the normal
    derivative is (1 - a) (A_1,kj ||w*_j|| - sum over co-linear k' of B_1,kk' ||w_k'||):
    :func:`ts_core.theory.critical_points.kink` with the overlaps of that cell. It must be 0 wherever g_1,k
    vanishes nearby; then A_1,kj != 0 makes teacher j specialized.

    points      ``(g, m, b, d)`` on each teacher plane, away from all other boundaries.
    source      lowest-layer specialization, multi-layer theorem of the ICML 2020 paper, in local form.
    """
    teacher, student = pair(teacher, student)
    width, count = points.shape[1:3]
    a, b = (o[0].unflatten(1, (width, count)) for o in overlaps(teacher, student, points.flatten(1, 2)))
    rows_t, rows = teacher.weights[0], student.weights[0]
    own = torch.diagonal(a[..., :-1, :-1], dim1=1, dim2=4)  # (e, b, n, m): A_kj at the points of plane j
    copies = colinear(rows_t, rows, tolerance) * rows[:, None, :, :-1].norm(dim=-1)  # (e, m, n)
    shared = torch.einsum("ejbkq,ejq->ejbk", b[..., :-1, :-1], copies)
    sizes = rows_t[..., :-1].norm(dim=-1)[:, :, None, None]
    return (1 - student.slope) * (sizes * own.permute(0, 3, 1, 2) - shared)
