"""Gaussian kernels of zero-bias ReLU and erf nodes, in closed form."""

import math

import torch
from torch import Tensor


def _angle(w: Tensor, u: Tensor) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(w, u, dim=-1, eps=0.0)
    return cosine.clamp(-1, 1).arccos()


def kappa(w: Tensor, u: Tensor) -> Tensor:
    """Cov(sigma(w^T x), sigma(u^T x)) of zero-bias ReLU nodes, x ~ N(0, I): ``(..., d)`` to ``(...)``."""
    theta = _angle(w, u)
    return (
        w.norm(dim=-1) * u.norm(dim=-1) * (theta.sin() + (math.pi - theta) * theta.cos() - 1) / (2 * math.pi)
    )


def phi(w: Tensor, u: Tensor) -> Tensor:
    """E[1(w^T x > 0) (sigma(u^T x) - E sigma(u^T x)) x], ``(..., d)``.

    For zero-bias ReLU nodes under x ~ N(0, I).
    """
    theta = _angle(w, u)[..., None]
    along = u.norm(dim=-1, keepdim=True) * torch.nn.functional.normalize(w, dim=-1)
    return ((math.pi - theta) * u + (theta.sin() - 1) * along) / (2 * math.pi)


def relu_correlation(theta: Tensor) -> Tensor:
    """Correlation of two zero-bias ReLU nodes at angle ``theta`` (radians, [0, pi]) under Gaussian input."""
    return (theta.sin() + (math.pi - theta) * theta.cos() - 1) / (math.pi - 1)


def gaussian_observability(theta: Tensor) -> Tensor:
    """Closed form of :func:`ts_core.metrics.observability` for zero-bias nodes at angle ``theta``.

    The input is Gaussian.
    """
    return torch.minimum(math.pi - theta, theta) / (2 * math.pi)


def erf_kernel(q: Tensor, p: Tensor, r: Tensor) -> Tensor:
    """E[g(a) g(b)] of g(z) = erf(z / sqrt 2) for Gaussian a, b of variances q, p and covariance r, ``(...)``.

    Of nodes without biases under x ~ N(0, I) these are w^T w, u^T u and w^T u.

    source      Williams, Computing with infinite networks (1997); Saad and Solla (1995), where it is I_2.
    """
    return 2 / math.pi * (r / ((1 + q) * (1 + p)).sqrt()).arcsin()


def relu_kernel(q: Tensor, p: Tensor, r: Tensor) -> Tensor:
    """The same for ReLU nodes, means not subtracted (:func:`kappa` subtracts them).

    source      Cho and Saul, Kernel methods for deep learning (2009), where it is of first order.
    """
    size = (q * p).sqrt()
    cosine = (r / size).clamp(-1, 1)
    return size * ((1 - cosine.square()).sqrt() + (math.pi - cosine.arccos()) * cosine) / (2 * math.pi)
