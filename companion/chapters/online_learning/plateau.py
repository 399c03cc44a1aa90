"""The symmetric plateau: where it lies, how fast a student leaves it, and up to which rate learning works."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, root

from companion.chapters.online_learning.order_parameters import velocity
from companion.experiments.soft_committee.overlaps import Overlaps, error


def symmetric(width: int, q: float, c: float, r: float, s: float) -> Overlaps:
    """K = M = ``width``: Q = q on and c off the diagonal, R = r and s, T = 1, all output weights 1."""
    unit, one = torch.eye(width, dtype=torch.float64), torch.ones(width, dtype=torch.float64)
    matrix = lambda on, off: on * unit + off * (1 - unit)
    return Overlaps(matrix(q, c), matrix(r, s), unit, one, one)


def at_small_rate(width: int) -> Overlaps:
    """The symmetric plateau of K = M as the learning rate goes to 0: all students are alike.

    source      Saad and Solla (1995).
    """
    q, r = 1 / (2 * width - 1), 1 / math.sqrt(width * (2 * width - 1))
    return symmetric(width, q, q, r, r)


def error_at_small_rate(width: int) -> float:
    """Generalization error there, in closed form; source as above."""
    return width / math.pi * (math.pi / 6 - width * math.asin(1 / (2 * width)))


def escape_rate_at_small_rate(width: int, beta: float = 1.0) -> float:
    """Growth rate of R_11 - R_12 there, per unit of eta alpha; derived here, largest at beta = 2 sqrt K."""
    return 2 / math.pi * beta**2 * width / math.sqrt(2 * width - 1) / (2 * width + beta**2) ** 1.5


class Plateau(NamedTuple):
    """At a finite learning rate. q, c, r: overlaps; error; escape: growth rate of r - s per unit of alpha."""

    q: float
    c: float
    r: float
    error: float
    escape: float


def at_rate(width: int, learning_rate: float, beta: float = 1.0) -> Plateau:
    """The symmetric fixed point of K = M with students that differ, q > c; derived here.

    The fluctuations keep the students apart, which the invariant branch q = c of identical students hides:
    the difference enters as a logarithm, and its equation divided by it.
    raises      RuntimeError where no such fixed point is found.
    """
    rates: dict[str, Any] = dict(learning_rate=learning_rate, beta=beta)

    def moves(x: torch.Tensor) -> torch.Tensor:
        """Derivatives of q, c, r and s."""
        dq, dr, _ = velocity(symmetric(width, *x), **rates)
        return torch.stack([dq[0, 0], dq[0, 1], dr[0, 0], dr[0, 1]])

    def alike(_: float, x: np.ndarray) -> list[float]:
        """Derivatives of q, c and r of students that all have the same overlaps with all teacher nodes."""
        return moves(torch.tensor([*x, x[2]], dtype=torch.float64)).tolist()[:3]

    def residual(z: np.ndarray) -> list[float]:
        apart = math.exp(z[0])
        dq, dc, dr, _ = moves(torch.tensor([z[1] + apart, z[1], z[2], z[2]], dtype=torch.float64)).tolist()
        return [(dq - dc) / apart, dc, dr]

    start = at_small_rate(width)
    q, r = float(start.q[0, 0]), float(start.r[0, 0])
    rest = solve_ivp(alike, (0, 1e4 / learning_rate), [q + 0.1, q, r], method="BDF", rtol=1e-6, atol=1e-9)
    q, c, r = rest.y[:, -1]  # some of its directions are slow, so that an implicit method is needed
    found = root(residual, [math.log(max(q - c, 1e-12)), c, r], tol=1e-12)
    apart, c, r = math.exp(found.x[0]), found.x[1], found.x[2]
    if not np.abs(residual(found.x)).max() < 1e-9 or apart < 1e-9:
        raise RuntimeError(
            f"no symmetric plateau with q > c was found at eta = {learning_rate}, beta = {beta}"
        )
    x = torch.tensor([c + apart, c, r, r], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(moves, x)
    escape = float(jacobian[2, 2] - jacobian[2, 3] - jacobian[3, 2] + jacobian[3, 3]) / 2
    q, c, r = x[:3].tolist()
    return Plateau(q, c, r, float(error(symmetric(width, *x))), escape)


def rectified(width: int) -> Plateau:
    """The symmetric plateau of K = M committees of ReLU nodes at learning rates near 0; derived here.

    Identical students are a fixed point here too (:func:`rectified_alike`), but what they have outside of the
    teacher's span is unstable: they drift apart until their angle stops them.
    escape      per unit of eta alpha.
    raises      RuntimeError where the fixed point is not found.
    """
    alike = rectified_alike(width)

    def moves(x: torch.Tensor) -> torch.Tensor:
        """Derivatives of q, c, r and s."""
        dq, dr, _ = velocity(symmetric(width, *x), 1.0, fluctuations=False, activation="ReLU")
        return torch.stack([dq[0, 0], dq[0, 1], dr[0, 0], dr[0, 1]])

    def together(x: np.ndarray) -> list[float]:
        """Derivatives of q, c and r of students that all have the same overlaps with all teacher nodes."""
        return moves(torch.tensor([*x, x[2]], dtype=torch.float64)).tolist()[:3]

    start = [alike.q + 0.05, alike.q, alike.r]
    rest = solve_ivp(lambda _, x: together(x), (0, 400), start, method="BDF", rtol=1e-8, atol=1e-11)
    found = root(together, rest.y[:, -1], tol=1e-13)
    if not np.abs(found.fun).max() < 1e-10:
        raise RuntimeError(f"no symmetric plateau of {width} ReLU nodes was found")
    q, c, r = found.x
    x = torch.tensor([q, c, r, r], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(moves, x)
    escape = float(jacobian[2, 2] - jacobian[2, 3] - jacobian[3, 2] + jacobian[3, 3]) / 2
    return Plateau(q, c, r, float(error(symmetric(width, *x), "ReLU")), escape)


def rectified_alike(width: int) -> Plateau:
    """The fixed point of identical ReLU students, from which nobody who is not identical stays; derived here.

    All are the best single ReLU node divided by K, ||w|| = 2 h, h = E[max(u, 0) max(v, 0)] at correlation
    1 / sqrt K; the escape rate is what R_11 - R_12 would grow with.
    """
    cosine = 1 / math.sqrt(width)
    h = (math.sqrt(1 - cosine**2) + (math.pi - math.acos(cosine)) * cosine) / (2 * math.pi)
    q, r = 4 * h**2, 2 * h * cosine
    away = width / (4 * math.pi * h) * math.sqrt(width / (width - 1))
    return Plateau(q, q, r, float(error(symmetric(width, q, q, r, r), "ReLU")), away)


def largest_rate(width: int, beta: float = 1.0) -> float:
    """The learning rate from which on the perfect student of K = M is unstable."""

    perfect = symmetric(width, 1.0, 0.0, 1.0, 0.0)
    i, j = torch.triu_indices(width, width)
    place = torch.zeros(width, width, dtype=torch.long)
    place[i, j] = place[j, i] = torch.arange(
        len(i)
    )  # Q is symmetric: an entry above the diagonal is one below

    def slowest(learning_rate: float) -> float:
        def moves(x: torch.Tensor) -> torch.Tensor:
            now = perfect._replace(q=x[: len(i)][place], r=x[len(i) :].view(width, width))
            dq, dr, _ = velocity(now, learning_rate, beta=beta)
            return torch.cat([dq[i, j], dr.flatten()])

        x = torch.cat([perfect.q[i, j], perfect.r.flatten()])
        return float(torch.linalg.eigvals(torch.autograd.functional.jacobian(moves, x)).real.max())

    return brentq(slowest, 0.1, 30.0, xtol=1e-6)
