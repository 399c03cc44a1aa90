"""Two families of symmetric students at every width: are they minima, and which of them is lower?

Permutations of like nodes leave both students as they are, so the Hessian commutes with them, and each of its
eigenspaces holds a vector that is left alone by the permutations that keep two students and one teacher node
in place (every representation that occurs in the weights has one). So *all* eigenvalues of a Hessian of
2,600 rows are those of its restriction to some twenty such vectors.
"""

import math

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize, root
from torch import Tensor

from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.levels import best_level, one_neuron_norm


def copies_loss(v: np.ndarray, n: int, k: int) -> complex:
    """L (erf) of :func:`copies`, for complex ``v`` too."""
    own, missing, other, outgoing = v
    q = own**2 + (k - n) * missing**2 + (n - 1) * other**2
    pair = 2 * own * other + (n - 2) * other**2 + (k - n) * missing**2
    among = np.arcsin(q / (1 + q)) + (n - 1) * np.arcsin(pair / (1 + q))
    seen = lambda overlap: np.arcsin(overlap / np.sqrt(2 * (1 + q)))
    shown = seen(own) + (k - n) * seen(missing) + (n - 1) * seen(other)
    return 2 / math.pi * n * outgoing * (outgoing * among - 2 * shown) + k / 3


def perturbed_copies(k: int) -> np.ndarray:
    """Minima of :func:`copies_loss` for n = k - 1 down to 2, each found from the one before.

    returns     ``(k - 2, 4)``, n = 2 first; to rounding.
    """
    found, v = np.empty((k - 2, 4)), np.array([0.9, 0.1, 0.0, 1.1])
    for n in range(k - 1, 1, -1):
        # a complex step has no cancellation: the derivative is exact
        slope = lambda v, n=n: [copies_loss(v + 1e-30j * e, n, k).imag * 1e30 for e in np.eye(4)]
        lowest = minimize(lambda v, n=n: copies_loss(v, n, k), v, jac=lambda v: np.array(slope(v)))
        v = root(slope, lowest.x, tol=1e-14).x
        found[n - 2] = v
    return found


def copies(v: np.ndarray, n: int, k: int) -> tuple[Tensor, Tensor]:
    """The student of :func:`copies_loss`: rows ``(n, k)`` and outgoing weights ``(n,)``."""
    own, missing, other, outgoing = v
    w = torch.full((n, k), float(other), dtype=torch.float64)
    w[:, n:] = float(missing)
    w.fill_diagonal_(float(own))
    return w, torch.full((n,), float(outgoing), dtype=torch.float64)


def copy_average(groups: list[int]) -> tuple[Tensor, Tensor]:
    """The student whose node i averages ``groups[i]`` teacher nodes: ``(n, k)``, ``(n,)``."""
    w, first = torch.zeros(len(groups), sum(groups), dtype=torch.float64), 0
    for i, size in enumerate(groups):
        w[i, first : first + size] = one_neuron_norm(size) / math.sqrt(size)
        first += size
    return w, torch.tensor(groups, dtype=torch.float64)


def least_curvature(w: Tensor, a: Tensor, students: Tensor, teachers: Tensor) -> float:
    """Smallest eigenvalue of the Hessian of L (erf) at a student that permutations of like nodes leave alone.

    w, a        ``(n, k)``, ``(n,)``; one more input dimension is added, of which the teacher sees nothing.
    students    kinds ``(n,)``; teachers ``(k,)``. Nodes of one kind may be permuted. Teacher nodes of a kind
                below 0 are owned, node i by student i, and move with their owners.
    """
    basis = symmetric_basis(students, teachers)
    n, k = w.shape
    land = Landscape("erf", n, k, k + 1)
    theta = torch.cat([torch.cat([w, w.new_zeros(n, 1)], 1).flatten(), a])
    return torch.linalg.eigvalsh(basis.T @ (land.hessian(theta[None])[0] @ basis))[0].item()


def symmetric_basis(students: Tensor, teachers: Tensor) -> Tensor:
    """Orthonormal vectors of weights that the permutations leave alone, ``(n (k + 1) + n, vectors)``.

    Two students of each kind are held in place, and one teacher node of each kind that nobody owns.
    """
    held_s, held_t = _held(students, 2), _held(teachers, 1)
    owned = teachers < 0
    held_t[owned] = held_s[: int(owned.sum())]  # an owned teacher node moves with its owner
    n, k = len(students), len(teachers)
    label = {}
    of = lambda *key: label.setdefault(key, len(label))
    rows = [
        of(held_s[i].item(), held_t[j].item() if j < k else "outside", bool(j < k and owned[j] and j == i))
        for i in range(n)
        for j in range(k + 1)
    ]
    outgoing = [of("outgoing", held_s[i].item()) for i in range(n)]
    vectors = torch.nn.functional.one_hot(torch.tensor(rows + outgoing), len(label)).double()
    return vectors / vectors.norm(dim=0)


def _held(kinds: Tensor, number: int) -> Tensor:
    """Kinds in which the first ``number`` of each have one of their own."""
    held = kinds.clone().double()
    for kind in kinds.unique():
        for place, at in enumerate((kinds == kind).nonzero()[:number, 0]):
            held[at] += (place + 1) / 4
    return held


def phase_line(k: int) -> pd.DataFrame:
    """A row per width n = 2 ... k - 1 and family (copy-average, copies).

    columns     level (L), curvature (least eigenvalue of the Hessian); of a copy: own (weight on its teacher
                node), outgoing, norm.
    """
    found, rows = perturbed_copies(k), []
    for n in range(2, k):
        best = copy_average([1] * (n - 1) + [k - n + 1])
        teachers = torch.cat([torch.full((n - 1,), -1), torch.full((k - n + 1,), 1)])
        students = torch.cat([torch.full((n - 1,), -1), torch.ones(1, dtype=torch.long)])
        rows.append(
            dict(n=n, family="copy-average", level=best_level(n, k))
            | dict(curvature=least_curvature(*best, students, teachers), own=1.0, outgoing=1.0, norm=1.0)
        )
        v = found[n - 2]
        copy = copies(v, n, k)
        kinds = torch.full((n,), -1), torch.cat([torch.full((n,), -1), torch.full((k - n,), 1)])
        rows.append(
            dict(n=n, family="copies", level=copies_loss(v, n, k))
            | dict(curvature=least_curvature(*copy, *kinds))
            | dict(own=v[0], outgoing=v[3], norm=copy[0][0].norm().item())
        )
    return pd.DataFrame(rows).assign(k=k)
