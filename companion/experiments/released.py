"""Where the released code computes something else than its paper says: by how much, in small cases.

Each function returns a table with a row per case and seed, what the released line gives beside what this book
uses. (What it gives where both agree is :mod:`companion.experiments.conformance`.)
"""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from ts_core.activations import RELU
from ts_core.convnets import ConvNet, start, strongest
from ts_core.data import gaussian, on_planes, teacher_aware
from ts_core.metrics import best_student, best_teacher, correlation
from ts_core.networks import forward
from ts_core.streams import stream
from ts_core.teachers import random_networks, two_layer_teachers

TEACHER_NODES = 5
OUTPUTS = 50  # of the released two-layer teacher


def off_the_planes(input_dims: Sequence[int], seeds: Sequence[int], samples: int = 600) -> pd.DataFrame:
    """Distance of the samples meant to lie on a teacher's boundary plane from it.

    returns     input_dim, seed; released (mean distance behind the final rescaling of every sample),
                projected (of points that are projected and left there).
    """
    tables = []
    for d in input_dims:
        draw = lambda purpose: [stream(seed, purpose, d) for seed in seeds]
        rows = two_layer_teachers(draw("teacher"), d, TEACHER_NODES, OUTPUTS, [1.0]).weights[0]
        count = samples // (3 * TEACHER_NODES)
        aware = teacher_aware(draw("data"), rows, samples)[:, : TEACHER_NODES * count]
        projected = on_planes(draw("data"), rows, count)
        tables.append(
            pd.DataFrame(
                {
                    "input_dim": d,
                    "seed": list(seeds),
                    "released": _distance(aware.unflatten(1, (TEACHER_NODES, count)), rows).numpy(),
                    "projected": _distance(projected, rows).numpy(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _distance(points: Tensor, rows: Tensor) -> Tensor:
    """Mean distance ``(g,)`` of points ``(g, m, b, d)`` from the planes of unit rows ``(g, m, d + 1)``."""
    w, b = rows[..., None, :-1], rows[..., None, -1:]
    return ((points * w).sum(-1, keepdim=True) + b).abs().mean((1, 2, 3))


def transposed_mean(over_realizations: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
    """The mean best correlation of students that hold every teacher node, and random nodes besides.

    returns     over_realization, seed; teacher_mean (over teacher nodes: 1, as every one is found),
                student_mean (over student nodes: what the same line gives for the transposed matrix).
    """
    tables = []
    for times in over_realizations:
        draw = lambda purpose: [stream(seed, purpose, times) for seed in seeds]
        teacher = random_networks(draw("teacher"), [20, TEACHER_NODES, 1], RELU)
        others = random_networks(draw("start"), [20, TEACHER_NODES * times, 1], RELU)
        x = gaussian(draw("data"), 2000, 20)
        f_t, f_s = (forward(network, x)[1][0] for network in (teacher, others))
        rho = correlation(f_t, torch.cat([f_t, f_s[..., TEACHER_NODES:]], -1))
        tables.append(
            pd.DataFrame(
                {
                    "over_realization": times,
                    "seed": list(seeds),
                    "teacher_mean": best_student(rho).mean(-1).numpy(),
                    "student_mean": best_teacher(rho).mean(-1).numpy(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def pruned_channels(
    seeds: Sequence[int], channels: int = 64, side: int = 6, ratio: float = 0.7
) -> pd.DataFrame:
    """Channels of a convolution that keep a fan-out weight when the weakest ``ratio`` of them is pruned.

    returns     seed, channels; released (that keep one: its mask reads the linear layer's inputs position by
                position, though they are stored channel by channel), kept (by the right mask).
    """
    found = []
    for seed in seeds:
        network = start(stream(seed, "start"), [channels], side)
        found.append(
            {
                "seed": seed,
                "channels": channels,
                "released": int(_kept_by_position(network, ratio).sum()),
                "kept": int(strongest(network, [ratio])[0].sum()),
            }
        )
    return pd.DataFrame(found)


def _kept_by_position(network: ConvNet, ratio: float) -> Tensor:
    """Which channels keep a weight: bool ``(n,)``, with the inputs taken for ``(positions, channels)``."""
    weight, channels = network.top.weight.detach(), network.widths[-1]
    strength = weight.unflatten(1, (-1, channels)).abs().mean((0, 1))
    weak = strength.argsort()[: int(ratio * channels)]
    inputs = torch.ones(network.side**2, channels, dtype=torch.bool)
    inputs[:, weak] = False
    return inputs.flatten().unflatten(0, (channels, -1)).any(1)


def summary(off: pd.DataFrame, means: pd.DataFrame, pruned: pd.DataFrame) -> pd.DataFrame:
    """The three tables in one: a row per case, means over the seeds; released beside ours."""
    rows = [
        (f"distance from the plane, d = {d}", part.released.mean(), part.projected.mean())
        for d, part in off.groupby("input_dim")
    ]
    rows += [
        (f"mean best correlation, n/m = {n}", part.student_mean.mean(), part.teacher_mean.mean())
        for n, part in means.groupby("over_realization")
    ]
    rows.append((f"channels left of {pruned.channels.iloc[0]}", pruned.released.mean(), pruned.kept.mean()))
    table = pd.DataFrame(rows, columns=["quantity", "released code", "right version"])
    return table.set_index("quantity").map(lambda x: f"{x:.3g}" if x > 1e-9 else "0 (rounding)")
