"""Gaussian expectations of gated nodes, in closed form: the integrals behind online learning.

Pre-activations u ~ N(0, c) of several nodes, g(u) = erf(u / sqrt 2). A *gate* is g'(beta u): the derivative
that back-propagation multiplies with, at an inverse temperature beta (1 is gradient descent).

source      Saad and Solla (1995), where the integrals are called I_3 and I_4; West and Saad (1995) for
            other beta. Their form here, for any beta, follows from tilting the Gaussian by the gates.
"""

import math

import torch
from torch import Tensor

from companion.experiments.soft_committee.overlaps import kernel_matrix


def gated_fields(c: Tensor, gates: int, beta: float = 1.0) -> Tensor:
    """I_3 = E[g'(beta u_a) u_b g(u_c)], a below ``gates``: ``(..., k, k)`` to ``(..., gates, k, k)``."""
    square = beta**2
    of_gate = c[..., :gates, :]  # (..., a, k)
    s = (1 + square * c.diagonal(dim1=-2, dim2=-1)[..., :gates])[..., None, None]
    ab, ac = of_gate[..., :, :, None], of_gate[..., :, None, :]
    size = 1 + c.diagonal(dim1=-2, dim2=-1)[..., None, None, :]
    return (
        2 / math.pi * (c[..., None, :, :] * s - square * ab * ac) / (s * (s * size - square * ac**2).sqrt())
    )


def rectified_fields(c: Tensor, gates: int) -> Tensor:
    """The same I_3 = E[1(u_a > 0) u_b max(u_c, 0)] of ReLU nodes; shapes as above.

    By Stein's lemma, c_ab E[delta(u_a) max(u_c, 0)] + c_bc P(u_a > 0, u_c > 0). There is no such closed form
    for I_4 of ReLU nodes, a weighted probability of four signs.
    source      Straat and Biehl (2019) solve these equations; the form is derived here.
    """
    variance = c.diagonal(dim1=-2, dim2=-1)
    ac, aa = c[..., :gates, :], variance[..., :gates, None]
    both = aa * variance[..., None, :]
    boundary = (both - ac**2).clamp(min=0).sqrt() / aa
    active = math.pi - (ac / both.sqrt()).clamp(-1, 1).arccos()
    along = ac[..., :, None] * boundary[..., None, :] + c[..., None, :, :] * active[..., None, :]
    return along / (2 * math.pi)


def gate_products(c: Tensor, gates: int, beta: float = 1.0) -> Tensor:
    """J_2 = E[g'(beta u_a) g'(beta u_b)], both below ``gates``: ``(..., gates, gates)``."""
    return 2 / math.pi / _volume(c, gates, beta).sqrt()


def gated_products(c: Tensor, gates: int, beta: float = 1.0) -> Tensor:
    """I_4 = E[g'(beta u_a) g'(beta u_b) g(u_c) g(u_d)], a and b below ``gates``.

    c           ``(..., k, k)``;  returns ``(..., gates, gates, k, k)``.
    """
    square = beta**2
    volume = _volume(c, gates, beta)[..., None, None]
    s = 1 + square * c.diagonal(dim1=-2, dim2=-1)[..., :gates]
    s_a, s_b = s[..., :, None, None, None], s[..., None, :, None, None]
    ab = c[..., :gates, :gates, None, None]
    of_a, of_b = c[..., :gates, None, :], c[..., None, :gates, :]  # (..., a, b, k) once broadcast
    outer = lambda one, other: one[..., :, None] * other[..., None, :]
    # the covariance of c and d once the gates have pulled u_a and u_b towards 0
    pulled = s_b * outer(of_a, of_a) + s_a * outer(of_b, of_b)
    pulled = pulled - square * ab * (outer(of_a, of_b) + outer(of_b, of_a))
    tilted = c[..., None, None, :, :] - square / volume * pulled
    return 2 / math.pi * kernel_matrix(tilted) / volume.sqrt()


def _volume(c: Tensor, gates: int, beta: float) -> Tensor:
    """Determinant of I + beta^2 c of the two gates of each pair, or of the one gate squared."""
    among = beta**2 * c[..., :gates, :gates]
    s = 1 + among.diagonal(dim1=-2, dim2=-1)
    return s[..., :, None] * s[..., None, :] - torch.square(among)
