"""A student in two dimensions, where the boundary of every node is a line one can draw."""

import numpy as np
import pandas as pd
import torch

from companion.chapters.two_layer_theorem.studies import Plane
from companion.runs.spec import Tables
from ts_core.data import uniform
from ts_core.networks import Network, fan_out_norm, forward
from ts_core.sizes import log_spaced, over_realized_width
from ts_core.streams import stream
from ts_core.training.batches import drawn
from ts_core.training.sgd import train


def run(spec: Plane) -> Tables:
    """Train the student and look at it; the tables are described at :meth:`Plane.run`."""
    of = lambda purpose: stream(spec.seed, f"plane, {purpose}")
    teacher = _plane_teacher(spec, of("teacher"))
    width = over_realized_width(spec.teacher_width, spec.over_realization)
    start_at, generator = [], of("start")
    for shape in ((1, width, 3), (1, spec.outputs, width + 1)):
        start_at.append(torch.from_numpy(spec.student_scale * generator.standard_normal(shape)))
    x = uniform([of("data")], spec.samples, 2, spec.half_width)
    axis = torch.linspace(-spec.half_width, spec.half_width, spec.grid, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)[None]
    lines, error = [_lines(teacher, "teacher", 0)], []

    def record(step: int, students: list[Network]) -> None:
        lines.append(_lines(students[0], "student", step))
        distance = (forward(teacher, points)[1][-1] - forward(students[0], points)[1][-1]).norm(dim=2)[0]
        error.append(
            pd.DataFrame({"step": step, "x_1": points[0, :, 0], "x_2": points[0, :, 1], "error": distance})
        )

    train(
        teacher,
        [Network(tuple(start_at))],
        drawn(x, [of("batches")], 16),
        learning_rate=spec.learning_rate,
        snapshots=log_spaced(spec.steps, 12),
        on_snapshot=record,
    )
    return {"lines": pd.concat(lines, ignore_index=True), "error": pd.concat(error, ignore_index=True)}


def _plane_teacher(spec: Plane, generator: np.random.Generator) -> Network:
    """Lines in evenly spread directions at random distances; fan-out norms exactly j^-p."""
    angle = (
        np.pi
        * (np.arange(spec.teacher_width) + generator.uniform(0.1, 0.9, spec.teacher_width))
        / spec.teacher_width
    )
    sign = generator.choice([-1.0, 1.0], spec.teacher_width)
    offset = generator.uniform(-0.5, 0.5, spec.teacher_width) * spec.half_width
    rows = np.column_stack([sign * np.cos(angle), sign * np.sin(angle), offset])
    fan_out = generator.standard_normal((spec.outputs, spec.teacher_width))
    fan_out *= np.arange(1, spec.teacher_width + 1) ** -spec.polarity / np.linalg.norm(fan_out, axis=0)
    upper = np.column_stack([fan_out, np.zeros(spec.outputs)])
    return Network((torch.from_numpy(rows)[None], torch.from_numpy(upper)[None]))


def _lines(network: Network, name: str, step: int) -> pd.DataFrame:
    rows = network.weights[0][0]
    strength = rows[:, :-1].norm(dim=1) * fan_out_norm(network)[0]
    columns = dict(zip(("w_1", "w_2", "b"), rows.T.numpy()))
    return pd.DataFrame(
        {"step": step, "network": name, "node": range(len(rows)), **columns, "strength": strength}
    )
