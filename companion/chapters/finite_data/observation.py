"""Students that start where they observe little of one teacher node: what they observe while they train."""

import pandas as pd
import torch
from torch import Tensor

from companion.chapters.finite_data.studies import Observation
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian, on_planes
from ts_core.networks import Network
from ts_core.sizes import log_spaced, over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory import geometry
from ts_core.training.batches import drawn
from ts_core.training.sgd import train

LEAN = 0.5  # of the starting rows towards the plane of the hidden node, relative to their part across it


def run(spec: Observation) -> Tables:
    """Train the starts of all offsets side by side; the tables are described at :meth:`Observation.run`."""
    draw = lambda purpose: [stream(seed, f"observation, {purpose}") for seed in range(spec.seeds)]
    d, m, c = spec.input_dim, spec.teacher_width, spec.outputs
    n = over_realized_width(m, spec.over_realization)
    teacher = two_layer_teachers(draw("teacher"), d, m, c, [0.0])
    start = small_students(draw("start"), [d, n, c], spec.start_scale)
    planes = on_planes(draw("planes"), teacher.weights[0], spec.plane_points, spec.std)
    shares, hidden = [], []

    def record(step: int, now: list[Network]) -> None:
        for offset, student in zip(spec.offsets, now):
            share = geometry.observed(student, planes)
            levels = {"seed": range(spec.seeds), "teacher": range(m), "student": range(n)}
            flat = Network((without_biases(student.weights[0]), student.weights[1]))
            level = Network((without_biases(teacher.weights[0]), teacher.weights[1]))
            expected = geometry.expected_share(teacher, student, spec.std)
            unbiased = geometry.expected_share(level, flat, spec.std)
            columns = dict(share=share, expected=expected, expected_unbiased=unbiased)
            shares.append(tidy(levels, **columns).assign(offset=offset, step=step))
            sines = geometry.sine(teacher.weights[0], student.weights[0])
            columns = dict(share=share[:, 0].amax(1), sine=sines[:, 0].amin(1))
            hidden.append(tidy({"seed": range(spec.seeds)}, **columns).assign(offset=offset, step=step))

    train(
        teacher,
        [away(teacher, start, offset, spec.std) for offset in spec.offsets],
        drawn(gaussian(draw("data"), spec.samples, d, spec.std), draw("batches"), spec.batch_size),
        learning_rate=spec.learning_rate,
        snapshots=log_spaced(spec.steps, spec.looks),
        on_snapshot=record,
    )
    gather = lambda tables: pd.concat(tables, ignore_index=True)
    return {"shares": gather(shares), "hidden": gather(hidden)}


def away(teacher: Network, start: Network, offset: float, std: float) -> Network:
    """Students that are active on the far side of the first teacher node's boundary.

    On the Gaussian points of this boundary z_k has the mean -offset, in units of its standard deviation, so
    that the share Phi(-offset) of them is observed.
    """
    w, b = teacher.weights[0][:, :1, :-1], teacher.weights[0][:, :1, -1]
    rows = start.weights[0][..., :-1]
    size = rows.norm(dim=-1, keepdim=True)
    within = torch.nn.functional.normalize(rows - (rows @ w.mT) * w, dim=-1)
    bias = (-b - offset * LEAN * std)[..., None].expand_as(size)
    return Network((size * torch.cat([LEAN * within - w, bias], dim=-1), start.weights[1]), start.activation)


def without_biases(rows: Tensor) -> Tensor:
    return torch.cat([rows[..., :-1], torch.zeros_like(rows[..., -1:])], dim=-1)
