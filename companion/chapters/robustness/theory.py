"""Jacobians in closed form, and what they say of an attack across the subspace: derived here."""

import torch
from torch import Tensor

from ts_core.networks import Network, affine


def jacobians(network: Network, x: Tensor) -> Tensor:
    """d network / d x of a two-layer network at every sample, ``(e, b, c, d)``."""
    lower, upper = _two_layer(network)
    gates = network.activation.derivative(affine(lower, x))
    return torch.einsum("eck,ebk,ekd->ebcd", upper[..., :-1], gates, lower[..., :-1])


def jacobian_energy(network: Network, x: Tensor) -> Tensor:
    """Mean over samples of ||d network / d x||_F^2 of a two-layer network, ``(e,)``.

    With gates a it is a^T (W W^T * V^T V) a: no Jacobian is formed, no second derivative needed.
    """
    lower, upper = _two_layer(network)
    w, v = lower[..., :-1], upper[..., :-1]
    gates = network.activation.derivative(affine(lower, x))
    return ((gates @ ((w @ w.mT) * (v.mT @ v))) * gates).sum(2).mean(1)


def curvature(difference: Network, x: Tensor, basis: Tensor) -> Tensor:
    """E sigma_max(D(x))^2 / C, ``(e,)``: times radius^2 it is the predicted oracle adversarial loss.

    The prediction is for a student that is right on S: an attack across S then grows it from 0.

    difference  student minus teacher;  x  ``(e, b, d)`` in S;  basis  of S, ``(e, d, d0)``.
    D(x)        the Jacobian of the difference across S. The formula takes all gates as they are at x.
    source      derived here; an approximation for small radii, no bound.
    """
    d = jacobians(difference, x)
    across = d - (d @ basis[:, None]) @ basis.mT[:, None]
    squares = torch.linalg.eigvalsh(across @ across.mT)  # of the singular values, the largest last
    return squares[..., -1].mean(1) / d.shape[2]


def _two_layer(network: Network) -> tuple[Tensor, Tensor]:
    if network.depth != 2:
        raise ValueError(f"this is the Jacobian of two layers, got depth {network.depth}")
    return network.spread().weights
