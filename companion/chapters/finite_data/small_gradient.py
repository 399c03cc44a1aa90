"""Small gradients on finite data: students followed down to tiny losses, and both theorems held against them.

Students are trained by Levenberg-Marquardt, one damping per member, because a theorem about gradients that
are small at *every* sample needs losses far below what SGD reaches; checkpoints are spaced evenly in the
logarithm of the loss.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.finite_data.premises import counts, scatter
from companion.chapters.finite_data.studies import Geometry, SmallGradient
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.activations import LeakyReLU
from ts_core.data import gaussian, on_planes, with_steps
from ts_core.gradients import by_backprop
from ts_core.networks import Network, two_layer
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory import geometry
from ts_core.theory import small_gradient as theory
from ts_core.training.least_squares import descend


def run(settings: SmallGradient) -> Tables:
    """Tables ``pairs`` (see :func:`pairs`), ``losses`` (per member and checkpoint) and ``undersampled``."""
    found = [_one_slope(settings, slope) for slope in settings.slopes]
    return {
        "pairs": pd.concat([pair for pair, _ in found], ignore_index=True),
        "losses": pd.concat([loss for _, loss in found], ignore_index=True),
        "undersampled": undersampled(range(settings.seeds), settings.input_dim),
    }


def _one_slope(settings: SmallGradient, slope: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = lambda purpose: [stream(seed, purpose) for seed in range(settings.seeds)]
    n = over_realized_width(settings.teacher_width, settings.over_realization)
    d, c = settings.input_dim, settings.outputs
    widths = settings.teacher_width, c, [settings.polarity]
    teacher = two_layer_teachers(draw("teacher"), d, *widths, settings.teacher_bias)
    teacher = Network(teacher.weights, LeakyReLU(slope))
    start = small_students(draw("start"), [d, n, c], settings.start_scale, activation=LeakyReLU(slope))

    planes = on_planes(draw("planes"), teacher.weights[0], settings.plane_points, settings.std)
    slab = theory.slab(
        teacher, gaussian(draw("slab"), settings.base_samples, d, settings.std), settings.slab_points
    )
    x = gaussian(draw("data"), settings.samples, d, settings.std)
    x = training_inputs(teacher, x, planes, settings.aware_radii)
    levels = 10 ** -torch.linspace(0, settings.decades, settings.checkpoints, dtype=torch.float64)
    students, loss = descend(teacher, start, x, settings.steps, levels)

    density = 1 / (math.sqrt(2 * math.pi) * settings.std)
    tables = [
        pairs(
            theorem(teacher, students, points, delta, density),
            teacher,
            students,
            loss,
            kind=kind,
            slope=slope,
            delta=delta,
        )
        for kind, theorem, points, radii in (
            ("aware", theory.aware, planes, settings.aware_radii),
            ("agnostic", theory.agnostic, slab, settings.agnostic_radii),
        )
        for delta in radii
    ]
    losses = tidy({"seed": range(loss.shape[0]), "checkpoint": range(loss.shape[1])}, loss=loss).assign(
        slope=slope
    )
    return pd.concat(tables, ignore_index=True), losses.dropna(ignore_index=True)


def pairs(
    found: theory.SmallGradient,
    teacher: Network,
    students: Network,
    loss: Tensor,
    *,
    kind: str,
    slope: float,
    delta: float,
) -> pd.DataFrame:
    """One row per seed, reached checkpoint, teacher node and student node, for one theorem and radius.

    gradient, overlap, threshold, premise, conclusion, sine_near, bound: as in :class:`theory.SmallGradient`.

    sine_student    smallest sine of the angle from the teacher node to a student node.
    sine_any        the same to any other node.
    paper_epsilon   the paper's form of the bound on the sine; vacuous from 1 on.
    bias_bound      what the theorem allows ``bias_gap`` to be, by its bound on the sine.
    """
    members, m, n = found.gradient.shape
    rows = geometry.all_rows(teacher, students)
    sines = geometry.sine(rows[:, :m], rows)
    sines[:, range(m), range(m)] = math.inf
    per_teacher = {"sine_student": sines[..., m:].amin(2), "sine_any": sines.amin(2)}
    dimension = teacher.weights[0].shape[2] - 1 if kind == "agnostic" else None
    levels = {
        "seed": range(loss.shape[0]),
        "checkpoint": range(loss.shape[1]),
        "teacher": range(m),
        "student": range(n),
    }
    names = (
        "points",
        "share",
        "gradient",
        "overlap",
        "threshold",
        "premise",
        "conclusion",
        "bound",
        "bias_gap",
    )
    table = tidy(
        levels,
        loss=loss.flatten().repeat_interleave(m * n),
        sine_near=found.sine,
        **{name: getattr(found, name) for name in names},
        **{name: value[..., None].expand(members, m, n) for name, value in per_teacher.items()},
        paper_epsilon=theory.paper_epsilon(found.gradient, found.overlap, m + n, dimension),
        bias_bound=theory.bias_gap_bound(found.bound, delta, found.norm),
    ).assign(kind=kind, slope=slope, delta=delta)
    return table[table.loss.notna()].reset_index(drop=True)


def check(settings: Geometry) -> Tables:
    """Table ``counts`` of one geometry, see :meth:`Geometry.run`; its pairs are too many to keep."""
    table = run(settings)["pairs"]
    dots = scatter(table)
    slacks = [counts(table, slack).assign(slack=slack) for slack in (1.0, settings.slack)]
    keys = {
        name: getattr(settings, name) for name in ("input_dim", "teacher_width", "outputs", "teacher_bias")
    }
    above = (dots.sine > dots.bound)[dots.binds].groupby(dots.kind).agg(["size", "sum"])
    above = above.rename(columns={"size": "dots", "sum": "dots_above"}).rename_axis("kind")
    found = pd.concat(slacks, ignore_index=True).merge(above, on="kind", how="left")
    found[["dots", "dots_above"]] = found[["dots", "dots_above"]].fillna(0).astype(int)
    return {"counts": found.assign(slope=settings.slopes[0], **keys)}


def training_inputs(teacher: Network, x: Tensor, planes: Tensor, radii: Sequence[float]) -> Tensor:
    """Gaussian samples and triples of plane points, ``(g, b, d)``.

    The triples are those of a tenth of the plane points, at the middle radius.
    """
    some = planes[:, :, : max(1, planes.shape[2] // 10)]
    triples = with_steps(some, teacher.weights[0][:, :, None, :-1], sorted(radii)[len(radii) // 2])
    return torch.cat([x, triples.movedim(0, 1).flatten(1, 3)], dim=1)


def undersampled(
    seeds: Sequence[int], input_dim: int = 5, angle: float = 60.0, radius: float = 0.2, std: float = 1.5
) -> pd.DataFrame:
    """Where the theorem stops: a student at ``angle`` degrees through d - 1 points of the teacher plane.

    Its fan-out 1 / cos(angle) makes the residual vanish on every triple of those points; an always-on pair
    that cancels observes everything. With one more plane point the gradient is not zero. One row per seed and
    number of points.

    gradient                largest |g_1| over the augmented samples.
    fresh_residual          largest |f* - f| over 1000 new inputs.
    sine, bound, premise    of the observer; the angle corollary fails although its premise is true.
    """
    rows = []
    for seed in seeds:
        generator = stream(seed, "undersampled")
        teacher, student, planes = _unaligned(generator, input_dim, math.radians(angle), std)
        fresh = gaussian([generator], 1000, input_dim, std)
        for points in range(1, input_dim + 1):
            offered = planes[:, :, :points]
            found = theory.aware(teacher, student, offered, radius, 1 / (math.sqrt(2 * math.pi) * std))
            triples = with_steps(offered[0, 0], teacher.weights[0][0, 0, :-1], radius).flatten(0, 1)
            rows.append(
                {
                    "seed": seed,
                    "plane_points": points,
                    "needed": theory.plane_points_needed(4, input_dim),
                    "gradient": by_backprop(teacher, student, triples[None])[0].abs().max().item(),
                    "fresh_residual": by_backprop(teacher, student, fresh)[1].abs().max().item(),
                    "premise": found.premise[0, 0, 1].item(),
                    "bound": found.bound[0, 0, 1].item(),
                    "sine": geometry.sine(teacher.weights[0], student.weights[0])[0, 0, 0].item(),
                }
            )
    return pd.DataFrame(rows)


def _unaligned(
    generator: np.random.Generator, d: int, angle: float, std: float
) -> tuple[Network, Network, Tensor]:
    """Teacher, student and d plane points ``(1, 1, d, d)``; the student's plane holds the first d - 1."""
    w = torch.from_numpy(generator.standard_normal(d))
    w = w / w.norm()
    teacher = two_layer(torch.cat([w, w.new_tensor([0.1])])[None], torch.ones(1, 1, dtype=w.dtype))
    points = on_planes([generator], teacher.weights[0], d, std)
    shared = points[0, 0, : d - 1]
    spanned = torch.cat([shared[1:] - shared[0], w[None]])
    # the one direction of the plane that they leave free
    tilt = torch.linalg.svd(spanned, full_matrices=True)[2][-1]
    row = math.cos(angle) * w + math.sin(angle) * tilt
    row = torch.cat([row, -(shared[:1] @ row)])
    always_on = torch.cat([tilt, w.new_tensor([100.0])])
    fan_out = torch.tensor([[1 / math.cos(angle)], [1.0], [-1.0]], dtype=w.dtype)
    return teacher, two_layer(torch.stack([row, always_on, always_on]), fan_out), points
