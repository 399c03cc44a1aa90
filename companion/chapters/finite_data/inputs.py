"""What students of the sweeps are trained and evaluated on: laws of inputs, augmentations."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ts_core.data import gaussian, on_planes, teacher_aware, uniform, with_steps
from ts_core.streams import stream

CLUSTERS = 5
FREEDOM = 3  # degrees of freedom of Student's t: the variance is finite, the kurtosis is not
CORNER_NOISE = 0.1  # of the standard deviation


def drawn(law: str, seeds: Sequence[int], purpose: str, samples: int, input_dim: int, std: float) -> Tensor:
    """Inputs ``(g, samples, d)``, float64, one data set per seed; coordinates have standard deviation std.

    law         gaussian, cube, student-t (independent coordinates), mixture (five clusters, half of the
                variance between them), sphere, or corners (of a cube, with a tenth of the std as noise).
    purpose     of the random streams; the centres of a mixture are the seed's own, whatever the purpose.
    raises      ValueError for another law.
    """
    generators = [stream(seed, purpose) for seed in seeds]
    if law == "gaussian":
        return gaussian(generators, samples, input_dim, std)
    if law == "cube":
        return uniform(generators, samples, input_dim, math.sqrt(3) * std)
    shape = samples, input_dim
    if law == "student-t":
        scale = std * math.sqrt((FREEDOM - 2) / FREEDOM)
        return torch.stack([torch.from_numpy(scale * g.standard_t(FREEDOM, shape)) for g in generators])
    if law == "mixture":
        centres = gaussian([stream(s, "centres") for s in seeds], CLUSTERS, input_dim, std / math.sqrt(2))
        cluster = torch.stack([torch.from_numpy(g.integers(CLUSTERS, size=samples)) for g in generators])
        own = centres.gather(1, cluster[..., None].expand(-1, -1, input_dim))
        return own + gaussian(generators, samples, input_dim, std / math.sqrt(2))
    if law == "sphere":
        x = gaussian(generators, samples, input_dim)
        return x / x.norm(dim=2, keepdim=True) * std * math.sqrt(input_dim)
    if law == "corners":
        signs = torch.stack([torch.from_numpy(g.choice((-std, std), shape)) for g in generators])
        return signs + gaussian(generators, samples, input_dim, CORNER_NOISE * std)
    raise ValueError(f"law must be gaussian, cube, student-t, mixture, sphere or corners, got {law!r}")


def triples(seeds: Sequence[int], rows: Tensor, samples: int, radius: float, std: float) -> Tensor:
    """Points on every teacher plane and their neighbours at +-radius along w*_j: the theorem's own recipe.

    rows        ``(g, m, d + 1)`` of the teacher, ||w|| = 1.
    samples     asked for; rounded up to 3 m ceil(samples / 3 m).
    returns     ``(g, 3 m ceil(samples / 3 m), d)``.
    source      D' = aug(D, W*) of the paper's teacher-aware theorem; nothing is rescaled off the planes.
    """
    width = rows.shape[1]
    points = on_planes([stream(s, "data") for s in seeds], rows, math.ceil(samples / (3 * width)), std)
    return with_steps(points, rows[:, :, None, :-1], radius).movedim(0, 1).flatten(1, 3)


def axis_steps(x: Tensor, radius: float) -> Tensor:
    """Every sample and its 2 d neighbours at +-radius along the axes.

    x           ``(g, b, d)``.
    returns     ``(g, (2 d + 1) b, d)``.
    source      D' = aug(D) of the paper's teacher-agnostic theorem.
    """
    steps = radius * torch.eye(x.shape[2], dtype=x.dtype)
    shifted = [x[:, :, None] + sign * steps for sign in (1, -1)]
    return torch.cat([x[:, :, None], *shifted], dim=2).flatten(1, 2)


def training_inputs(
    data: str, law: str, seeds: Sequence[int], rows: Tensor, samples: int, radius: float, std: float
) -> Tensor:
    """Inputs of one kind, ``(g, b, d)`` with b >= samples: what an augmentation rounds up to.

    data        random, aware (the released recipe), plane (:func:`triples`) or agnostic (:func:`axis_steps`
                of the law's samples, as many as give ``samples`` in all).
    """
    d = rows.shape[2] - 1
    if data == "random":
        return drawn(law, seeds, "data", samples, d, std)
    if data == "aware":
        return teacher_aware([stream(seed, "data") for seed in seeds], rows, samples, std=std)
    if data == "plane":
        return triples(seeds, rows, samples, radius, std)
    if data == "agnostic":
        return axis_steps(drawn(law, seeds, "data", math.ceil(samples / (2 * d + 1)), d, std), radius)
    raise ValueError(f"data must be random, aware, plane or agnostic, got {data!r}")
