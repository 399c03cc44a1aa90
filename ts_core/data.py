"""Input samplers; each takes one random stream per data set (:mod:`ts_core.streams`)."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def gaussian(
    generators: Sequence[np.random.Generator], samples: int, input_dim: int, std: float = 1.5
) -> Tensor:
    """Inputs ``(g, samples, input_dim)`` i.i.d. N(0, std^2), float64, one data set per generator."""
    return torch.from_numpy(np.stack([std * g.standard_normal((samples, input_dim)) for g in generators]))


def uniform(
    generators: Sequence[np.random.Generator], samples: int, input_dim: int, radius: float = 1.0
) -> Tensor:
    """Inputs ``(g, samples, input_dim)`` i.i.d. uniform on [-radius, radius], float64."""
    return torch.from_numpy(np.stack([g.uniform(-radius, radius, (samples, input_dim)) for g in generators]))


def on_planes(
    generators: Sequence[np.random.Generator], rows: Tensor, samples: int, std: float = 1.5
) -> Tensor:
    """Points on each unit's boundary hyperplane ``w^T x + b = 0``: Gaussian points, projected along ``w``.

    rows        ``(g, m, d + 1)`` first-layer rows, any norm.
    returns     ``(g, m, samples, d)``.
    """
    w, b = rows[..., None, :-1], rows[..., None, -1:]
    x = gaussian(generators, rows.shape[1] * samples, rows.shape[2] - 1, std).reshape(
        *rows.shape[:2], samples, -1
    )
    return x - ((x * w).sum(-1, keepdim=True) + b) / (w * w).sum(-1, keepdim=True) * w


def with_steps(points: Tensor, direction: Tensor, radius: float) -> Tensor:
    """The augmented triples x, x + radius * direction, x - radius * direction.

    points, direction    ``(..., d)``, broadcast against each other.
    returns              ``(3, ..., d)``, the base points first.
    source               augmentation of the paper's data-dependent theorems.
    """
    if radius <= 0:
        raise ValueError(f"augmentation radius must be positive, got {radius}")
    step = radius * direction.expand_as(points)
    return torch.stack([points, points + step, points - step])


def teacher_aware(
    generators: Sequence[np.random.Generator],
    rows: Tensor,
    samples: int,
    step_min: float = 2.0,
    step_range: float = 2.0,
    std: float = 1.5,
) -> Tensor:
    """The released code's teacher-aware training set: points on each teacher plane and both their neighbours.

    For each teacher node: project a Gaussian point ``[x; 1]`` off the augmented weight and divide by its last
    coordinate, step by a ~ U[step_min, step_min + step_range] along +-w, then rescale *every* point to norm
    std * sqrt(d). The last step moves the on-plane points slightly off the plane (about .01 at d = 100).

    rows        ``(g, m, d + 1)`` teacher first-layer rows with ||w|| = 1.
    samples     asked for; rounded up to 3 m ceil(samples / 3 m).
    returns     ``(g, 3 m ceil(samples / 3 m), d)``.
    source      released two-layer experiment, ``theory_suggest_train``.
    """
    groups, width, columns = rows.shape
    count = math.ceil(samples / (3 * width))
    noise = np.stack([std * g.standard_normal((width, count, columns)) for g in generators])
    x = torch.from_numpy(noise)
    x[..., -1] = 1
    plane = rows[:, :, None]
    x = x - (x * plane).sum(-1, keepdim=True) / (plane * plane).sum(-1, keepdim=True) * plane
    x = x[..., :-1] / x[..., -1:]
    size = torch.from_numpy(
        np.stack([g.uniform(step_min, step_min + step_range, (width, count, 1)) for g in generators])
    )
    step = size * plane[..., :-1]
    x = torch.stack([x, x + step, x - step], dim=1).reshape(groups, 3 * width * count, columns - 1)
    return x / x.norm(dim=-1, keepdim=True) * std * math.sqrt(columns - 1)
