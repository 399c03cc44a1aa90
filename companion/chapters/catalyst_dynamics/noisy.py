"""Noisy recovery: how far students of noisy labels are from the teacher's nodes, and what is guaranteed."""

import math

import pandas as pd
import torch
from torch import Tensor

from companion.chapters.catalyst_dynamics.studies import NoisyRecovery, Tilted
from companion.experiments.tidy import tidy
from ts_core.data import gaussian, on_planes
from ts_core.networks import Network, two_layer
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory.geometry import fan_out, sine, unit_rows
from ts_core.theory.small_gradient import aware
from ts_core.training.least_squares import descend

FREEDOM = 3  # degrees of freedom of Student's t: the variance is finite, the kurtosis is not
WAVES = 3.0  # wave number of smooth noise; inputs are of order 1


def run(spec: NoisyRecovery) -> pd.DataFrame:
    """Table ``nodes``, as described at :meth:`NoisyRecovery.run`."""
    draw = lambda purpose, *key: [stream(seed, purpose, *key) for seed in range(1, spec.seeds + 1)]
    m, d, c = spec.teacher_width, spec.input_dim, spec.outputs
    n = over_realized_width(m, spec.over_realization)
    teacher = two_layer_teachers(draw("teacher"), d, m, c, [spec.polarity])
    start = small_students(draw("start", n), (d, n, c), spec.start_scale, len(spec.noises))
    x = gaussian(draw("data"), spec.samples, d, spec.std)
    noise = unit_noise(spec.law, spec.seeds, x, c)
    sized = torch.tensor(spec.noises, dtype=x.dtype)[:, None, None] * noise[:, None]
    students, loss = descend(teacher, start, x, spec.steps, x.new_zeros(1), sized.flatten(0, 1))
    planes = on_planes(draw("planes"), teacher.weights[0], spec.plane_points, spec.std)
    teacher = unit_rows(teacher)
    strength = fan_out(teacher).norm(dim=2)[:, None].expand(-1, len(spec.noises), -1)
    nearest = sine(teacher.weights[0], students.weights[0]).amin(2)
    levels = {"seed": range(1, spec.seeds + 1), "noise": spec.noises, "teacher": range(m)}
    return tidy(
        levels,
        fan_out=strength,
        sine=nearest,
        loss=loss.expand(-1, m),
        **guaranteed(teacher, students, planes, spec.radii, 1 / (math.sqrt(2 * math.pi) * spec.std)),
    ).assign(law=spec.law)


def unit_noise(law: str, seeds: int, x: Tensor, outputs: int) -> Tensor:
    """Noise of mean 0 and variance 1 of one law, ``(g, b, c)``; of its own streams, one per seed from 1 on.

    law         gaussian, uniform, signs (+-1), student-t (three degrees of freedom), or wave: a sine of a
                random direction of the input for every output.
    raises      ValueError for another law.
    """
    shape = x.shape[1], outputs
    generators = [stream(seed, f"{law} noise") for seed in range(1, seeds + 1)]
    draws = {
        "gaussian": lambda g: g.standard_normal(shape),
        "uniform": lambda g: g.uniform(-math.sqrt(3), math.sqrt(3), shape),
        "signs": lambda g: g.choice((-1.0, 1.0), shape),
        "student-t": lambda g: g.standard_t(FREEDOM, shape) * math.sqrt((FREEDOM - 2) / FREEDOM),
    }
    if law in draws:
        return torch.stack([torch.from_numpy(draws[law](g)) for g in generators])
    if law != "wave":
        raise ValueError(f"law must be {', '.join(draws)} or wave, got {law!r}")
    directions = gaussian(generators, outputs, x.shape[2], 1.0)
    directions = directions / directions.norm(dim=2, keepdim=True)
    phases = torch.stack([torch.from_numpy(g.uniform(0, 2 * math.pi, outputs)) for g in generators])
    return math.sqrt(2) * (WAVES * x @ directions.mT + phases[:, None]).sin()


def guaranteed(
    teacher: Network, students: Network, planes: Tensor, radii: tuple[float, ...], density: float
) -> dict[str, Tensor]:
    """What the theorem on small gradients says of clean labels near the teacher planes, per teacher node.

    planes      ``(g, m, b, d)`` on the teacher planes.
    returns     ``bound``, ``premises``, ``violations``, ``(e, m)``: see :meth:`NoisyRecovery.run`.
    """
    shape = students.members, planes.shape[1]
    bound = planes.new_full(shape, math.inf)
    premises, violations = (torch.zeros(shape, dtype=torch.long) for _ in range(2))
    for radius in radii:
        found = aware(teacher, students, planes, radius, density)
        telling = found.premise & (found.bound < 1)
        wrong = ~found.conclusion | (found.sine > found.bound)
        bound = torch.minimum(bound, torch.where(telling, found.bound, math.inf).amin(2))
        premises += telling.sum(2)
        violations += (telling & wrong).sum(2)
    return dict(bound=torch.where(bound.isinf(), torch.nan, bound), premises=premises, violations=violations)


def tilted(spec: Tilted) -> pd.DataFrame:
    """Table ``tilted``, as described at :meth:`Tilted.run`.

    Inputs (t, u), the teacher sigma(t), points t = 0 with u uniform in [-1, 1]. The student sigma(t + s u),
    s = tan theta, is off by between 0 and s |u|; an observer that is always on takes off s u / 2, and leaves
    s |u| / 2, half of it on either side.
    """
    tensor = lambda *rows: torch.tensor(rows, dtype=torch.float64)
    u = torch.linspace(-1, 1, spec.points, dtype=torch.float64)
    plane = torch.stack([torch.zeros_like(u), u], 1)[None, None]
    teacher = two_layer(tensor([1.0, 0.0, 0.0]), tensor([1.0]))
    rows = []
    for angle in spec.angles:
        tangent, reach = math.tan(angle), 2.0
        row = tensor([math.cos(angle), math.sin(angle), 0.0], [0.0, 1.0, reach])
        out = tensor([1 / math.cos(angle)], [-tangent / 2])
        student = two_layer(row, out, tensor(tangent / 2 * reach))
        found = aware(teacher, student, plane, spec.slack * 2 * tangent, 0.5)
        rows.append(
            dict(
                sine=found.sine[0, 0, 1].item(),
                bound=found.bound[0, 0, 1].item(),
                premise=bool(found.premise[0, 0, 1]),
            )
        )
    return pd.DataFrame(rows)
