"""Two perfect students that are not unique: copies that split their fan-in, and a shift by one layer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.experiments.exact_cases import Case
from ts_core.data import gaussian, uniform
from ts_core.gradients import by_backprop
from ts_core.metrics import best_student, correlation, cosine
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks


def signed_splits(seed: int = 0) -> Case:
    """A perfect three-layer student with two copies of each node, upper weights split between them at random.

    Any signed split gives the same function, so fan-in weights above the lowest layer are not determined.
    """
    generator = stream(seed, "signed splits")
    teacher = random_networks([generator], (5, 4, 6, 3))
    weights, scale = [], torch.ones(5, dtype=torch.float64)
    for layer, w in enumerate(teacher.weights, start=1):
        fan_in = w[0, :, :-1] if layer == 1 else torch.cat(_split(generator, w[0, :, :-1]), dim=1) / scale
        rows = torch.column_stack([fan_in, w[0, :, -1]])
        if layer < teacher.depth:
            if layer > 1:  # the copies split their own fan-in differently
                again = torch.column_stack(
                    [torch.cat(_split(generator, w[0, :, :-1]), dim=1) / scale, w[0, :, -1]]
                )
            scale = torch.from_numpy(generator.uniform(0.5, 2.0, 2 * len(rows)))
            rows = torch.cat([rows, rows if layer == 1 else again]) * scale[:, None]
        weights.append(rows[None])
    x = gaussian([stream(seed, "signed splits, inputs")], 5000, 5, 2.0)
    return Case("signed splits", "Gaussian, std 2", teacher, Network(tuple(weights)), x)


def _split(generator: np.random.Generator, w: Tensor) -> tuple[Tensor, Tensor]:
    share = torch.from_numpy(generator.standard_normal(w.shape))
    return share * w, (1 - share) * w


def depth_shift(seed: int = 0, half_width: float = 3.0, lift: float = 40.0) -> Case:
    """A perfect student on a box whose *second* layer is the teacher's first; none of its first is aligned.

    The teacher's second layer is always on, so it is affine. The student's first layer is always on too, an
    invertible affine map of the input, and its second layer undoes it. No open patch of a teacher hyperplane
    is free of upper-layer student boundaries, which is what the theorem asks for. Without the lift the first
    layer is not always on, and its second cannot undo it: the student is wrong.
    """
    generator = stream(seed, "depth shift")
    width, dim, outputs = 4, 2, 3
    angle = np.pi * (np.arange(width) + generator.uniform(0.2, 0.8, width)) / width
    bias = generator.uniform(-1.5, 1.5, width)
    rows = torch.from_numpy(np.column_stack([np.cos(angle), np.sin(angle), bias]))
    v = torch.from_numpy(generator.standard_normal((outputs, width)))
    # f + 1 > 0
    always_on = torch.column_stack([torch.eye(width, dtype=v.dtype), torch.ones(width, dtype=v.dtype)])
    zero = torch.zeros(outputs, 1, dtype=v.dtype)
    teacher = Network((rows[None], always_on[None], torch.cat([v, zero], dim=1)[None]))

    affine_map = torch.from_numpy(generator.standard_normal((2 * width, dim)))
    lower = torch.column_stack([affine_map, torch.full((2 * width,), lift, dtype=v.dtype)])
    back = torch.linalg.pinv(affine_map)  # x = back (f - lift)
    undo = torch.column_stack([rows[:, :-1] @ back, rows[:, -1] - lift * (rows[:, :-1] @ back).sum(1)])
    top = torch.cat([v, v.sum(1, keepdim=True)], dim=1)
    x = uniform([stream(seed, "depth shift, inputs")], 5000, dim, half_width)
    return Case(
        "depth shift" if lift else "depth shift, not lifted",
        f"box of half-width {half_width:g}",
        teacher,
        Network((lower[None], undo[None], top[None])),
        x,
    )


def summary(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case: how perfect the student is, and how its layers match the teacher's.

    max_error, max_gradient    largest |f* - f| and |g_l| over samples, and over layers.
    cosine                     largest |cosine| of a lowest-layer teacher row (with bias) with a student's,
                               the least over teacher nodes: 1 if all are specialized.
    layer_1, layer_2           least best-student correlation over the teacher nodes of that layer.
    """
    rows = []
    for case in cases:
        f_t, f = forward(case.teacher, case.x)[1], forward(case.student, case.x)[1]
        aligned = cosine(case.teacher.weights[0], case.student.weights[0], augmented=True).abs().amax(-1)
        rows.append(
            {
                "case": case.name,
                "region": case.region,
                "max_error": (f_t[-1] - f[-1]).abs().max().item(),
                "max_gradient": max(
                    g.abs().max().item() for g in by_backprop(case.teacher, case.student, case.x)
                ),
                "cosine": aligned.min().item(),
                **{
                    f"layer_{l}": best_student(correlation(f_t[l - 1], f[l - 1])).min().item() for l in (1, 2)
                },
            }
        )
    return pd.DataFrame(rows)


def boundaries(case: Case) -> pd.DataFrame:
    """Boundary lines of a two-dimensional depth shift: teacher layer 1, student layers 1 and 2.

    The student's second layer is pulled back through its first, which is affine on the box.

    columns     w_1, w_2, b.
    """
    lower, upper = (w[0] for w in case.student.weights[:2])
    pulled = torch.column_stack([upper[:, :-1] @ lower[:, :-1], upper[:, :-1] @ lower[:, -1] + upper[:, -1]])
    parts = [("teacher", 1, case.teacher.weights[0][0]), ("student", 1, lower), ("student", 2, pulled)]
    return pd.concat(
        [
            pd.DataFrame(rows.numpy(), columns=["w_1", "w_2", "b"]).assign(network=name, layer=layer)
            for name, layer, rows in parts
        ],
        ignore_index=True,
    )
