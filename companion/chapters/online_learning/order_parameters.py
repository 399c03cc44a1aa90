"""The order-parameter equations of online learning: the limit of SGD on fresh samples as N grows."""

import numpy as np
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

from companion.chapters.online_learning.gates import (
    gate_products,
    gated_fields,
    gated_products,
    rectified_fields,
)
from companion.experiments.soft_committee.overlaps import Overlaps, kernel_matrix


def velocity(
    of: Overlaps,
    learning_rate: float,
    fan_out_rate: float = 0.0,
    noise: float = 0.0,
    beta: float = 1.0,
    fluctuations: bool = True,
    activation: str = "erf",
) -> tuple[Tensor, Tensor, Tensor]:
    """Derivatives of Q, R and v by alpha; shapes as in ``of``.

    fluctuations    whether with the terms in learning_rate^2, which a gradient flow does not have.
    activation      erf or ReLU, for which those terms have no closed form.
    raises          ValueError for ReLU with fluctuations.
    source          Saad and Solla (1995), equations of motion; Goldt et al. (2019) for v and the noise;
                    Straat and Biehl (2019) for ReLU.
    """
    rectified = activation == "ReLU"
    if rectified and fluctuations:
        raise ValueError("the terms in learning_rate^2 have no closed form for ReLU; set fluctuations=False")
    c, signs, k = of.covariance, of.signs, of.v.shape[-1]
    fields = rectified_fields(c, k) if rectified else gated_fields(c, k, beta)
    force = torch.einsum("...abc,...c->...ab", fields, signs)  # E[g'(beta x_a) u_b error]
    force = learning_rate * of.v[..., :, None] * force
    q = force[..., :k] + force[..., :k].mT
    if fluctuations:
        square = torch.einsum("...abcd,...c,...d->...ab", gated_products(c, k, beta), signs, signs)
        square = square + noise**2 * gate_products(c, k, beta)
        q = q + learning_rate**2 * of.v[..., :, None] * of.v[..., None, :] * square
    v = fan_out_rate * torch.einsum("...ab,...b->...a", kernel_matrix(c, activation)[..., :k, :], signs)
    return q, force[..., k:], v


def solve(start: Overlaps, times: np.ndarray, tolerance: float = 1e-6, **rates) -> Overlaps:
    """Solution of the equations from some starts ``(e, ...)``, all in one system.

    times       increasing, the first is that of the start.
    rates       learning_rate and so on, as in :func:`velocity`.
    returns     axes ``(t, e, ...)``.
    raises      RuntimeError when the solver gives up.
    """
    moving = start.q, start.r, start.v
    sizes = [part.numel() for part in moving]

    def unpack(y: np.ndarray) -> Overlaps:
        parts = torch.as_tensor(y).split(sizes)
        q, r, v = (part.view(now.shape) for part, now in zip(parts, moving))
        return start._replace(q=q, r=r, v=v)

    def derivative(_: float, y: np.ndarray) -> np.ndarray:
        return torch.cat([part.flatten() for part in velocity(unpack(y), **rates)]).numpy()

    y = torch.cat([part.flatten() for part in moving]).numpy()
    found = solve_ivp(
        derivative,
        (times[0], times[-1]),
        y,
        method="DOP853",
        t_eval=times,
        rtol=tolerance,
        atol=1e-3 * tolerance,
    )
    if not found.success:
        raise RuntimeError(f"the order-parameter equations could not be solved: {found.message}")
    states = [unpack(y) for y in found.y.T]
    return Overlaps(*map(torch.stack, zip(*states)))
