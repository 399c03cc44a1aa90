"""Boundary hyperplanes and fan-out weights of two-layer networks: the vocabulary of the lemmas and theorems.

Axes of a statement about pairs are ``(e, m, n)``: member, teacher node j, student node k. Where *nodes* of
both networks take part they are listed teachers first, then students, ``m + n`` = K in all.
"""

import torch
from torch import Tensor

from ts_core.networks import Network, affine, pair, spread


def fan_out(network: Network) -> Tensor:
    """Fan-out weights v of a two-layer network, one row per hidden node: ``(e, n, c)``."""
    if network.depth != 2:
        raise ValueError(f"the two-layer theory needs depth 2, got {network.depth}")
    return network.weights[1][..., :-1].transpose(1, 2)


def unit_rows(network: Network) -> Network:
    """The same two-layer function with ||w|| = 1 in the first layer (norms moved to the fan-out weights).

    A node with w = 0 has no boundary and is left as it is.
    """
    network = network.spread()
    size = network.weights[0][..., :-1].norm(dim=-1)
    size = torch.where(size > 0, size, 1.0)
    scaled = fan_out(network).transpose(1, 2) * size[:, None]
    upper = torch.cat([scaled, network.weights[1][..., -1:]], dim=-1)
    return Network((network.weights[0] / size[..., None], upper), network.activation)


def alpha(teacher: Network, student: Network) -> Tensor:
    """Overlap alpha_kj = v_k . v*_j of the fan-out weights, ``(e, m, n)``."""
    v_t, v = (fan_out(net) for net in pair(teacher, student))
    return v_t @ v.transpose(1, 2)


def sine(rows_a: Tensor, rows_b: Tensor) -> Tensor:
    """Sine of the angle between first-layer weights (no biases), ``(e, m, n)``, exact down to rounding."""
    a, b = (torch.nn.functional.normalize(r[..., :-1], dim=-1) for r in (spread(rows_a, len(rows_b)), rows_b))
    along = a @ b.transpose(1, 2)
    # 1 - cos^2 would lose half the digits
    return (b[:, None] - along[..., None] * a[:, :, None]).norm(dim=-1)


def colinear(rows_a: Tensor, rows_b: Tensor, tolerance: float = 1e-9) -> Tensor:
    """Whether two nodes have the same boundary hyperplane, parallel or anti-parallel: bool ``(e, m, n)``.

    tolerance   on the distance of the augmented rows scaled to ||w|| = 1. If w = 0 there is no hyperplane.
    """
    a, b = (r / r[..., :-1].norm(dim=-1, keepdim=True) for r in (spread(rows_a, len(rows_b)), rows_b))
    gap = torch.minimum((a[:, :, None] - b[:, None]).norm(dim=-1), (a[:, :, None] + b[:, None]).norm(dim=-1))
    return gap < tolerance


def all_rows(teacher: Network, student: Network) -> Tensor:
    """First-layer rows of all nodes, teachers first: ``(e, m + n, d + 1)``."""
    return torch.cat([net.weights[0] for net in pair(teacher, student)], dim=1)


def expected_share(teacher: Network, student: Network, std: float, radius: float = 0.0) -> Tensor:
    """Share of Gaussian points on each teacher plane that lie in E_k, in closed form: ``(e, m, n)``.

    On the plane of node j, z_k is normal with mean b_k - b_j cos theta and standard deviation s sin theta, of
    rows scaled to ||w|| = 1: the share is Phi of their ratio.

    std         s, of every coordinate before the points are projected, see :func:`ts_core.data.on_planes`.
    radius      of the steps +-radius * w*_j: then of the points whose three samples all lie in E_k.
    """
    rows_t, rows = (unit_rows(net).weights[0] for net in pair(teacher, student))
    along = rows_t[..., :-1] @ rows[..., :-1].mT
    mean = rows[:, None, :, -1] - rows_t[..., -1:] * along - radius * along.abs()
    return torch.special.ndtr(mean / (std * sine(rows_t, rows)))


def observed(student: Network, points: Tensor) -> Tensor:
    """Share of each plane's points that lie in E_k, ``(e, m, n)``; student k *observes* the plane if above 0.

    points      ``(g, m, b, d)`` on each plane, inside the region of inputs. For slope > 0 every student
                observes every plane.
    """
    z = affine(student.spread().weights[0], points.flatten(1, 2)).unflatten(1, points.shape[1:3])
    share = (z > 0).to(z.dtype).mean(2)
    return torch.ones_like(share) if student.slope else share
