"""The kink formula inside a cell of the gates above the lowest layer, held against a second difference."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ts_core.activations import LeakyReLU
from ts_core.data import on_planes
from ts_core.gradients import gates, overlaps, with_constant
from ts_core.networks import Network, affine, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.geometry import colinear
from ts_core.theory.lowest_layer import local_kink

STEP = 1e-6  # of the numerical kink: its second difference is exact inside a cell, so only rounding limits it
MARGIN = 1e-3  # distance of a checked point from every other boundary


def local_kinks(slopes: Sequence[float], seeds: Sequence[int], points: int = 200) -> pd.DataFrame:
    """The kink formula against a second difference of h_1 across each teacher hyperplane.

    Networks have three layers; the students have an ordinary start, but for two copies of teacher nodes,
    one of them anti-parallel. Points nearer than MARGIN to any other boundary, or with an upper gate that
    switches within the step, are left out.

    columns     seed, slope, point, teacher, student: formula, numerical, error (their distance).
    """
    parts = []
    for slope in slopes:
        teacher, student = (
            random_networks([stream(seed, name) for seed in seeds], sizes, LeakyReLU(slope))
            for name, sizes in (("teacher", (5, 4, 6, 3)), ("start", (5, 8, 7, 3)))
        )
        student.weights[0][:, 0] = 1.7 * teacher.weights[0][:, 0]
        student.weights[0][:, 1] = -0.6 * teacher.weights[0][:, 1]
        x = on_planes([stream(seed, "plane points") for seed in seeds], teacher.weights[0], points, 2.0)
        formula, numerical = local_kink(teacher, student, x), _numerical_kink(teacher, student, x)
        index = torch.nonzero(_inside(teacher, student, x)[..., None].expand_as(formula)).T
        table = pd.DataFrame(dict(zip(("seed", "teacher", "point", "student"), index.numpy())))
        parts.append(
            table.assign(
                seed=np.asarray(seeds)[table.seed],
                slope=slope,
                formula=formula[tuple(index)].numpy(),
                numerical=numerical[tuple(index)].numpy(),
            )
        )
    found = pd.concat(parts, ignore_index=True)
    return found.assign(error=(found.formula - found.numerical).abs())


def _normals(teacher: Network) -> Tensor:
    return torch.nn.functional.normalize(teacher.weights[0][..., :-1], dim=-1)[:, :, None]


def _numerical_kink(teacher: Network, student: Network, x: Tensor) -> Tensor:
    def h(points: Tensor) -> Tensor:
        flat = points.flatten(1, 2)
        f_t, f = (with_constant(forward(net, flat)[1][0]) for net in (teacher, student))
        a, b = (o[0] for o in overlaps(teacher, student, flat))
        return (a @ f_t[..., None] - b @ f[..., None])[..., :-1, 0].unflatten(1, points.shape[1:3])

    move = STEP * _normals(teacher)
    return (h(x + move) + h(x - move) - 2 * h(x)) / STEP


def _inside(teacher: Network, student: Network, x: Tensor) -> Tensor:
    """Whether only the point's own hyperplane (and co-linear students') is near, bool ``(e, m, b)``."""
    kept = torch.ones(x.shape[:3], dtype=torch.bool)
    sides = [x + s * STEP * _normals(teacher) for s in (-1, 1)]
    for net in (teacher, student):
        upper = [torch.cat(gates(net, forward(net, side.flatten(1, 2))[0])[1:], dim=2) for side in sides]
        kept &= (upper[0] == upper[1]).all(2).unflatten(1, x.shape[1:3])
        z = affine(net.weights[0], x.flatten(1, 2)).unflatten(1, x.shape[1:3]).abs()
        own = colinear(teacher.weights[0], net.weights[0])[:, :, None]
        kept &= torch.where(own, torch.inf, z).amin(3) > MARGIN
    return kept
