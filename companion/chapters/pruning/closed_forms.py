"""Errors of pruned students in closed form, where every teacher node has z equal copies.

The *denoiser*: m teacher nodes with orthogonal rows of norm 1 and fan-out weights v*, n = z m student nodes,
z copies of each with fan-out weights v* / z; erf nodes, inputs N(0, I), many of them (large d). Errors are
relative: 1/2 E(f* - f)^2 over its value m v*^2 / 6 for the network that is 0, so that v* drops out. ``kept``
is the share c = k / n of nodes, or of first-layer weights, that stays; arguments broadcast. Numbers of nodes
need not be whole: the formulas for nodes then interpolate.

Random edges agree with the formula of the released code; the others are derived in this book.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import erfcx, gammainc, ndtri


def edges(overlap, product, z):
    """Relative error after masks on the first layer, drawn alike and independently for every node.

    overlap     E[w^2 s] for a weight w ~ N(0, 1) that stays with probability s: R and Q of a masked copy, in
                [0, 1].
    product     E[w^2 s^2]: Q of two masked copies of one teacher node, in [0, overlap].
    z           copies of each teacher node, at least 1.
    """
    overlap, product, z = np.broadcast_arrays(*map(_floats, (overlap, product, z)))
    _check(z=z)
    own, other = np.arcsin(overlap / (1 + overlap)), np.arcsin(product / (1 + overlap))
    with_teacher = np.arcsin(overlap / np.sqrt(2 * (1 + overlap)))
    return 1 + 6 / np.pi * (own / z + (1 - 1 / z) * other - 2 * with_teacher)


def random_edges(kept, z):
    """Each weight stays with probability ``kept``."""
    kept = _floats(kept)
    _check(kept=kept)
    return edges(kept, kept**2, z)


def dpp_edges(kept, z):
    """A k-DPP of the weights of each node, kernel (w_i w_j E[x_i x_j]) = diag(w_i^2)."""
    overlap, product = np.vectorize(_dpp_overlaps)(kept)
    return edges(overlap, product, z)


def magnitude_edges(kept, z):
    """The largest weights of each node stay: all copies keep the same ones."""
    kept = _floats(kept)
    _check(kept=kept)
    threshold = ndtri(1 - kept / 2)
    overlap = 1 - gammainc(1.5, threshold**2 / 2)  # E[w^2; |w| > threshold]
    return edges(overlap, overlap, z)


def uniform_nodes(kept, z, m):
    """k = kept z m nodes, all subsets equally likely; survivors of a teacher node are hypergeometric."""
    kept, z, m = np.broadcast_arrays(*map(_floats, (kept, z, m)))
    _check(kept=kept, z=z, m=m)
    return (1 - kept) ** 2 + _spread(kept * z, z, m) / z**2


def dpp_nodes(kept, z, m):
    """The k-DPP of the nodes, kernel w_i^T w_j plus a vanishing multiple of the identity.

    Up to k = m one copy each of k teacher nodes stays. From there on one of each stays, and k - m more, all
    subsets of the other n - m nodes equally likely.
    """
    kept, z, m = np.broadcast_arrays(*map(_floats, (kept, z, m)))
    _check(kept=kept, z=z, m=m)
    survivors = kept * z  # k / m
    few = 1 - survivors * (2 / z - 1 / z**2)
    many = (1 - kept) ** 2 + _spread(survivors - 1, z - 1, m) / z**2
    return np.where(survivors <= 1, few, many)


def noisy_copies(noise, z):
    """Nothing pruned, but every copy has its own deviation from w*: a vector of squared norm ``noise``."""
    noise = _floats(noise)
    own, other = np.arcsin((1 + noise) / (2 + noise)), np.arcsin(1 / (2 + noise))
    with_teacher = np.arcsin(1 / np.sqrt(2 * (2 + noise)))
    return 1 + 6 / np.pi * (own / z + (1 - 1 / z) * other - 2 * with_teacher)


def merged_copies(noise, z):
    """The same copies, each group fused into the mean of its rows with fan-out weight v*."""
    return noisy_copies(_floats(noise) / z, 1.0)


def _spread(mean, each, m):
    """Variance of how many of the ``each`` nodes of one of m groups stay, ``mean`` of them on average."""
    left = each - 1 / m  # (n - 1) / m
    found = mean * (1 - 1 / m) * np.divide(each - mean, left, out=np.zeros_like(left), where=left > 0)
    return np.minimum(found, mean * (each - mean))  # no number in [0, each] varies more; not whole ones may


def _dpp_overlaps(kept: float) -> tuple[float, float]:
    """E[w^2 s] and E[w^2 s^2] with s = t w^2 / (1 + t w^2), t such that E[s] = kept.

    With a = 1 / t, E[s] = 1 - J and the moments follow from J = E[a / (a + w^2)].
    """
    _check(kept=np.asarray(kept))
    if kept == 1:
        return 1.0, 1.0
    a = np.exp(brentq(lambda log_a: _resolvent(np.exp(log_a)) - (1 - kept), -60, 20, xtol=1e-14))
    j = _resolvent(a)
    # with r = 1 / (a + w^2): w^2 s = w^2 - a + a^2 r, w^2 s^2 = w^2 - 2 a + 3 a^2 r - a^3 r^2
    squared = ((1 - a) * j + a) / 2  # E[a^2 r^2] = J - a dJ/da
    return 1 - a + a * j, 1 - 2 * a + 3 * a * j - a * squared


def _resolvent(a: float) -> float:
    """E[a / (a + w^2)], w ~ N(0, 1): sqrt(pi a / 2) e^(a / 2) erfc(sqrt(a / 2))."""
    return float(np.sqrt(np.pi * a / 2) * erfcx(np.sqrt(a / 2)))


def _floats(values) -> np.ndarray:
    return np.asarray(values, dtype=float)


def _check(kept=None, z=None, m=None) -> None:
    if kept is not None and ((kept < 0) | (kept > 1)).any():
        raise ValueError(f"kept must lie in [0, 1], got {kept}")
    for name, values in (("z", z), ("m", m)):
        if values is not None and (values < 1).any():
            raise ValueError(f"{name} must be at least 1, got {values}")
