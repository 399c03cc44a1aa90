"""One-pass SGD of quadratic networks for large N: equations of the overlaps, plateau, escape, symmetries.

Setting of Bocchi, Regimbeau, Lucibello, Saglietti and Cammarota (arXiv:2604.03068, of which the abstract was
read): x ~ N(0, I_N), student f(x) = 1/p sum_i (w_i x)^2 / N and teacher f*(x) = 1/p* sum_r (w*_r x)^2 / N
with orthogonal rows, W* W*^T = N I; loss 1/2 (f - f*)^2; learning rate eta = rate * p; alpha = steps / N.
All formulas are derived here. Those of the overlaps agree, up to the unit of time, with the solver that
Arnaboldi, Stephan, Krzakala and Loureiro published (``committee_learning``).

Q = W W^T / N ``(..., p, p)``, M = W W*^T / N ``(..., p, p*)``: leading axes are ensemble members.
"""

from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

ROOM = 1e-3  # smallest eigenvalue of D = Q - M M^T above which what the flow conserves can be computed


def traces(Q: np.ndarray, M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """tr A and tr A^2 of the form f - f* = x^T A x, ``(...)``."""
    p, p_star = M.shape[-2:]
    first = np.trace(Q, axis1=-2, axis2=-1) / p - 1
    inner = (Q * Q).sum((-2, -1)) / p**2 - 2 * (M * M).sum((-2, -1)) / (p * p_star)
    return first, inner + 1 / p_star


def loss(Q: np.ndarray, M: np.ndarray) -> np.ndarray:
    """Population loss E 1/2 (f - f*)^2 = 1/2 (tr A)^2 + tr A^2, ``(...)``."""
    first, second = traces(Q, M)
    return first**2 / 2 + second


def velocity(
    Q: np.ndarray, M: np.ndarray, rate: float, noise: bool = True, spherical: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """dQ/d alpha and dM/d alpha.

    rate        eta / p.
    noise       False: without the term in rate^2, which is the gradient flow.
    spherical   every row of W is scaled back to its norm after each step.
    """
    p, p_star = M.shape[-2:]
    first, second = (trace[..., None, None] for trace in traces(Q, M))
    MM = M @ M.mT
    linear = Q @ Q / p - MM / p_star  # W A W^T
    dM = -2 * rate * (first * M + 2 * (Q @ M / p - M / p_star))
    dQ = -4 * rate * (first * Q + 2 * linear)
    if noise:
        QMM = Q @ MM
        square = Q @ Q @ Q / p**2 - (QMM + QMM.mT) / (p * p_star) + MM / p_star**2  # W A^2 W^T
        dQ = dQ + 4 * rate**2 * ((first**2 + 2 * second) * Q + 4 * first * linear + 8 * square)
    if spherical:
        shrink = -np.diagonal(dQ, axis1=-2, axis2=-1) / (2 * np.diagonal(Q, axis1=-2, axis2=-1))
        dM = dM + shrink[..., :, None] * M
        dQ = dQ + (shrink[..., :, None] + shrink[..., None, :]) * Q
    return dQ, dM


def trajectory(
    Q: np.ndarray, M: np.ndarray, times: Sequence[float], rate: float, tolerance: float = 1e-8, **kind
) -> tuple[np.ndarray, np.ndarray]:
    """Overlaps at some times, the first of which is that of the start; all members in one solution.

    kind        noise and spherical of :func:`velocity`.
    tolerance   relative; absolute it is a hundredth of that.
    returns     ``(t, ..., p, p)`` and ``(t, ..., p, p*)``.
    raises      ArithmeticError where the solver gives up: the rate is too large and the norms blow up.
    """
    size = Q.size
    split = lambda state: (state[:size].reshape(Q.shape), state[size:].reshape(M.shape))
    join = lambda parts: np.concatenate([part.ravel() for part in parts])
    with np.errstate(over="ignore", invalid="ignore"):  # where norms blow up, which is said below
        found = solve_ivp(
            lambda _, state: join(velocity(*split(state), rate, **kind)),
            (times[0], times[-1]),
            join((Q, M)),
            "DOP853",
            times,
            rtol=tolerance,
            atol=tolerance / 100,
        )
    if not found.success:
        raise ArithmeticError(f"no overlaps at rate {rate} after time {found.t[-1]:.3g}: {found.message}")
    states = [split(state) for state in found.y.T]
    return np.stack([state[0] for state in states]), np.stack([state[1] for state in states])


def random_overlaps(
    generator: np.random.Generator, p: int, p_star: int, dim: int
) -> tuple[np.ndarray, np.ndarray]:
    """Q and M of p rows N(0, I_dim), drawn from their law without the rows (Bartlett); dim >= p + p*."""
    M = generator.standard_normal((p, p_star)) / np.sqrt(dim)
    free = dim - p_star  # what is orthogonal to the teacher: a Wishart matrix
    L = np.tril(generator.standard_normal((p, p)), -1)
    L[np.diag_indices(p)] = np.sqrt(generator.chisquare(free - np.arange(p)))
    return M @ M.T + L @ L.T / dim, M


def on_sphere(Q: np.ndarray, M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The overlaps of the same rows, each scaled to norm sqrt(N): the norms of a student that keeps them."""
    size = np.sqrt(np.diagonal(Q, axis1=-2, axis2=-1))
    return Q / (size[..., :, None] * size[..., None, :]), M / size[..., :, None]


def plateau(p: int, p_star: int, rate: float = 0.0) -> tuple[float, float]:
    """q and loss of the plateau M = 0, Q = q I; rate 0 is the gradient flow, where q = p / (p + 2).

    raises      ArithmeticError where the rate is so large that there is none.
    """
    # 0 = 1 - q (p + 2) / p + rate (q^2 (1 + 6/p + 8/p^2) - q (2 + 4/p) + 1 + 2/p*), the smaller root
    a = rate * (1 + 6 / p + 8 / p**2)
    b = -(p + 2) / p * (1 + 2 * rate)
    c = 1 + rate * (1 + 2 / p_star)
    inside = b * b - 4 * a * c
    if inside < 0:
        raise ArithmeticError(f"no plateau at rate {rate} for p = {p}, p* = {p_star}: the norms blow up")
    q = 2 * c / (-b + np.sqrt(inside))
    return q, float(loss(q * np.eye(p), np.zeros((p, p_star))))


def escape_rate(p: int, p_star: int, rate: float, noise: bool = False) -> float:
    """Growth rate of M on the plateau: 4 rate / p* in the gradient flow, whatever p."""
    q, _ = plateau(p, p_star, rate if noise else 0.0)
    return 2 * rate * (2 / p_star + 1 - q * (p + 2) / p)


def noise_share(p: int, p_star: int, rate: float) -> float:
    """nu: what the noise of SGD adds to M before it escapes, of the variance 1 / N of a random M_0.

    From Q = I, while M is small, an entry of M grows at the rate g(q) and gets noise of variance d(q) / N per
    time: nu = int d / G^2 with G = exp int g. SGD escapes as from a start of 1 + nu times the variance:
    earlier by ln(1 + nu) / 2 g.
    """

    def velocity_of(_: float, state: np.ndarray) -> tuple[float, float, float]:
        q, grown, _ = state
        dQ, dM = velocity(np.eye(p) * q, np.eye(p, p_star) * 1e-9, rate)
        # E (f - f*)^2 l^2 l*^2 / q for one node each of the student and of the teacher, M = 0
        bracket = (q / p) ** 2 * (p + 2) * (p + 4) - 2 * q * (p + 2) / p * (p_star + 2) / p_star
        bracket += (p_star + 2) * (p_star + 4) / p_star**2
        growth = dM[0, 0] / 1e-9
        return dQ[0, 0], growth, 4 * rate**2 * q * bracket * np.exp(-2 * grown)

    until = 20 / (4 * rate / p_star)
    found = solve_ivp(velocity_of, (0, until), (1.0, 0.0, 0.0), "DOP853", rtol=1e-10, atol=1e-12)
    return float(found.y[2, -1])


def tail(p: int, p_star: int, rate: float) -> float:
    """Limit of alpha^2 loss for p > p*: the nodes that are not needed fade like 1 / alpha.

    raises      ValueError for p <= p*, where the loss falls exponentially.
    """
    if p <= p_star:
        raise ValueError(f"p must be above p* = {p_star}, got {p}: else the loss falls exponentially")
    return (p - p_star) / (32 * rate**2 * ((p - p_star) / (1 + p_star / 2) + 2))


def conserved(Q: np.ndarray, M: np.ndarray, times: np.ndarray, rate: float) -> np.ndarray:
    """M^T D^-1 M exp(-8 rate alpha / p*), D = Q - M M^T, which the gradient flow keeps: ``(t, ..., p*, p*)``.

    times       of the first axis of Q and M.
    returns     NaN where the smallest eigenvalue of D is at most ROOM: it has run into rounding.
    """
    D = Q - M @ M.mT
    room = np.linalg.eigvalsh(D)[..., :1, None] > ROOM
    decay = np.exp(-8 * rate * np.asarray(times) / M.shape[-1])
    kept = M.mT @ np.linalg.solve(np.where(room, D, np.eye(D.shape[-1])), M)
    return np.where(room, kept, np.nan) * decay.reshape(-1, *[1] * (M.ndim - 1))


def polar(M: np.ndarray) -> np.ndarray:
    """The nearest O with O^T O = I, ``(..., p, p*)`` for p >= p*: that of the closest solution."""
    U, _, Vt = np.linalg.svd(M, full_matrices=False)
    return U @ Vt


def distance(Q: np.ndarray, M: np.ndarray, O: np.ndarray) -> np.ndarray:
    """||W - sqrt(p / p*) O W*||^2 / N from the overlaps of W: how far it is from the solution of O."""
    p, p_star = M.shape[-2:]
    mixed = 2 * np.sqrt(p / p_star) * (O * M).sum((-2, -1))
    return np.trace(Q, axis1=-2, axis2=-1) + p - mixed


def hessian(W: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """Hessian of N times the population loss by the entries of W, ``(p N, p N)``.

    W, teacher  ``(p, N)`` and ``(p*, N)``.
    """
    (p, N), p_star = W.shape, len(teacher)
    A = W.T @ W / (p * N) - teacher.T @ teacher / (p_star * N)
    V = np.eye(p * N).reshape(-1, p, N)
    dA = W.T @ V / (p * N)
    dA = dA + dA.mT
    curved = V @ (np.trace(A) * np.eye(N) + 2 * A)
    moved = np.trace(dA, axis1=1, axis2=2)[:, None, None] * W + 2 * W @ dA
    return 2 / p * (curved + moved).reshape(p * N, p * N)


def nullity(p: int, p_star: int, dim: int) -> int:
    """Zero eigenvalues of the Hessian at a solution: rotations, and the rows that it does not need."""
    return (p - p_star) * dim + p_star * (p_star - 1) // 2


def solution_dim(O: np.ndarray, spherical: bool = False) -> int:
    """Dimension of the set of solutions near that of O, by the rank of what defines it.

    O           ``(p, p*)`` with O^T O = I; spherical: its rows have equal norms, too, and keep them.
    """
    p, p_star = O.shape
    V = np.eye(p * p_star).reshape(-1, p, p_star)
    product = O.T @ V
    rows = [(product + product.mT).reshape(len(V), -1)]
    if spherical:
        rows.append((V * O).sum(2))
    return p * p_star - int(np.linalg.matrix_rank(np.concatenate(rows, 1), tol=1e-6))
