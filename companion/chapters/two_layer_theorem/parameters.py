"""The chapter on two-layer networks: its parameters, its runs, and the claims it makes about their tables."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator

from ts_core.data import stream, uniform
from ts_core.experiments.chapter import Chapter
from ts_core.experiments.sample_complexity import SampleComplexity
from ts_core.experiments.spec import Count, Floats, Fraction, Ints, Positive, Spec
from ts_core.experiments.two_layer import Cell, run
from ts_core.networks import Network, fan_out_norm, forward, over_realized_width
from ts_core.training import log_spaced, train


class TwoLayerTheorem(Chapter):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    teacher_width: Count = 10
    """teacher nodes m of the L-shape (nodes)"""
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    """student nodes per teacher node n / m, each at least 1 (ratio)"""
    polarities: Floats = (0.0, 1.0, 2.0)
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    seeds: Count = 4
    """ensemble members, each with its own teacher, data, start and batches (number)"""
    samples: Annotated[int, Field(ge=2)] = 10_000
    """training samples of the L-shape (number)"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    epochs: Count = 10
    """L-shape training time (epochs of 1000 steps)"""
    success_threshold: Fraction = 0.95
    """correlation above which a teacher node counts as specialized, in (0, 1)"""
    sample_sizes: Ints = (30, 60, 120, 240, 480, 960)
    """training-set sizes of the sample-complexity run (samples)"""
    sample_steps: Count = 2000
    """steps per epoch of the sample-complexity run, which has 5 epochs (SGD steps)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the paper-scale sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""
    results: str = "auto"
    """folder that keeps finished runs, so that a second run resumes; auto is _build/cells of the project"""

    @model_validator(mode="after")
    def _runnable(self):
        self.l_shape(), self.sample_complexity().cells()  # each refuses what it cannot run
        return self

    def l_shape(self) -> Cell:
        """The ensemble behind the heat map and the L-shape."""
        return Cell(
            input_dim=self.input_dim, outputs=self.outputs, teacher_width=self.teacher_width,
            over_realizations=self.over_realizations, polarities=self.polarities,
            seeds=tuple(range(1, self.seeds + 1)), samples=self.samples, batch_size=self.batch_size,
            learning_rate=self.learning_rate, epochs=self.epochs, snapshots=(0, self.epochs), dtype=self.dtype,
            device=self.device,
        )

    def sample_complexity(self) -> SampleComplexity:
        """The quick sample-complexity sweep; teacher width, polarity and budget are the paper's own."""
        return SampleComplexity(
            input_dim=self.input_dim, outputs=self.outputs, over_realizations=self.over_realizations,
            samples=self.sample_sizes, seeds=self.seeds, batch_size=self.batch_size,
            learning_rate=self.learning_rate, steps_per_epoch=self.sample_steps, dtype=self.dtype, device=self.device,
        )


class Plane(Spec):
    """A student in two dimensions, where the boundary of every node is a line one can draw."""

    teacher_width: Count = 5
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    polarity: Annotated[float, Field(ge=0)] = 0.5
    outputs: Count = 10
    samples: Annotated[int, Field(ge=16)] = 4000
    half_width: Positive = 2.0
    student_scale: Positive = 0.2
    learning_rate: Positive = 0.05
    steps: Count = 20_000
    seed: Annotated[int, Field(ge=0)] = 1


def plane(spec: Plane, grid: int = 121) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Watch the students' lines move onto the teacher's in two dimensions.

    returns     ``lines``: one row per step, network (teacher or student) and node: w_1, w_2, b of the boundary
                w_1 x_1 + w_2 x_2 + b = 0, and ``strength`` ||w|| ||v||; ``error``: one row per step and grid point
                x_1, x_2: the distance ||f* - f||.
    """
    of = lambda purpose: stream(spec.seed, f"plane, {purpose}")  # noqa: E731
    teacher = _plane_teacher(spec, of("teacher"))
    width = over_realized_width(spec.teacher_width, spec.over_realization)
    start_at, generator = [], of("start")
    for shape in ((1, width, 3), (1, spec.outputs, width + 1)):
        start_at.append(torch.from_numpy(spec.student_scale * generator.standard_normal(shape)))
    x = uniform([of("data")], spec.samples, 2, spec.half_width)
    axis = torch.linspace(-spec.half_width, spec.half_width, grid, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)[None]
    lines, error = [_lines(teacher, "teacher", 0)], []

    def record(step: int, students: list[Network]) -> None:
        lines.append(_lines(students[0], "student", step))
        distance = (forward(teacher, points)[1][-1] - forward(students[0], points)[1][-1]).norm(dim=2)[0]
        error.append(pd.DataFrame({"step": step, "x_1": points[0, :, 0], "x_2": points[0, :, 1], "error": distance}))

    train(
        teacher, [Network(tuple(start_at))], x, [of("batches")], learning_rate=spec.learning_rate, batch_size=16,
        steps=spec.steps, snapshots=log_spaced(spec.steps, 12), on_snapshot=record,
    )
    return pd.concat(lines, ignore_index=True), pd.concat(error, ignore_index=True)


def _plane_teacher(spec: Plane, generator: np.random.Generator) -> Network:
    """Lines in evenly spread directions at random distances; fan-out norms exactly j^-p."""
    angle = np.pi * (np.arange(spec.teacher_width) + generator.uniform(0.1, 0.9, spec.teacher_width)) / spec.teacher_width
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
    return pd.DataFrame({"step": step, "network": name, "node": range(len(rows)), **columns, "strength": strength})


def heat_map(cell: Cell, polarity: float, over_realization: float) -> pd.DataFrame:
    """Correlation of every student with every teacher node before and after training, for the cell's first seed.

    returns     one row per epoch, teacher and student (columns as in the table ``pairs`` of :func:`two_layer.run`);
                students are renumbered by the teacher that they match best at the end.
    """
    pairs = run(cell.model_copy(update=dict(
        seeds=cell.seeds[:1], polarities=(polarity,), over_realizations=(over_realization,), tables=("pairs",)
    )))["pairs"]
    last = pairs[pairs.epoch == pairs.epoch.max()].pivot(index="teacher", columns="student", values="correlation").fillna(0)
    order = np.lexsort([-last.max(), last.idxmax()])
    return pairs.assign(student=np.argsort(order)[pairs.student])
