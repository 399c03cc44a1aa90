"""Small gradients on finite data: students followed down to tiny losses, and both theorems held against them.

Students are trained by Levenberg-Marquardt, one damping per member, because a theorem about gradients that are small
at *every* sample needs losses far below what SGD reaches; checkpoints are spaced evenly in the logarithm of the loss.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from ts_core import theory
from ts_core.data import gaussian, on_planes, stream, with_steps
from ts_core.experiments.critical_points import two_layer
from ts_core.experiments.spec import Count, Positive, Spec
from ts_core.gradients import by_backprop, with_constant
from ts_core.networks import Network, activation_slope, forward, over_realized_width, small_students, two_layer_teachers


Radii = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


class Settings(Spec):
    """What the small-gradient study needs; float64, CPU. A seed draws its own teacher, data and start."""

    input_dim: Annotated[int, Field(ge=2)] = 5
    """input dimension d (nodes)"""
    teacher_width: Count = 3
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """student nodes per teacher node n / m (ratio)"""
    outputs: Count = 4
    """output dimension C (nodes)"""
    polarity: Annotated[float, Field(ge=0)] = 1.0
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    slopes: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(strict=False, min_length=1)] = (0.0, 0.2)
    """slopes of the activation for negative input, each in [0, 1)"""
    seeds: Count = 8
    """ensemble members per slope (number)"""
    samples: Count = 600
    """Gaussian training samples; triples on the teacher planes are added (number)"""
    std: Positive = 1.5
    """standard deviation of every input coordinate"""
    start_scale: Positive = 0.3
    """standard deviation of the student's weights at the start"""
    steps: Count = 150
    """training time (Levenberg-Marquardt steps)"""
    checkpoints: Annotated[int, Field(ge=2)] = 14
    """loss levels at which the theorems are evaluated, the start included (number)"""
    decades: Positive = 16.0
    """distance of the first from the last loss level (powers of ten)"""
    plane_points: Count = 300
    """base points per teacher node of the teacher-aware augmentation (number)"""
    slab_points: Count = 600
    """base points per teacher node kept of the teacher-agnostic data (number)"""
    base_samples: Count = 200_000
    """Gaussian samples that the slab points are taken from (number)"""
    aware_radii: Radii = (0.002, 0.005, 0.01, 0.02, 0.05)
    """radii delta of the teacher-aware augmentation"""
    agnostic_radii: Radii = (0.01, 0.02, 0.05)
    """radii delta of the teacher-agnostic augmentation"""


def run(settings: Settings) -> dict[str, pd.DataFrame]:
    """Tables ``pairs`` (see :func:`pairs`), ``losses`` (one row per member and checkpoint) and ``undersampled``."""
    found = [_one_slope(settings, slope) for slope in settings.slopes]
    return {
        "pairs": pd.concat([pair for pair, _ in found], ignore_index=True),
        "losses": pd.concat([loss for _, loss in found], ignore_index=True),
        "undersampled": undersampled(range(settings.seeds), settings.input_dim),
    }


def _one_slope(settings: Settings, slope: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = lambda purpose: [stream(seed, purpose) for seed in range(settings.seeds)]  # noqa: E731
    n = over_realized_width(settings.teacher_width, settings.over_realization)
    d, c = settings.input_dim, settings.outputs
    teacher = two_layer_teachers(draw("teacher"), d, settings.teacher_width, c, [settings.polarity])
    teacher = Network(teacher.weights, slope)
    start = small_students(draw("start"), [d, n, c], settings.start_scale, slope=slope)

    planes = on_planes(draw("planes"), teacher.weights[0], settings.plane_points, settings.std)
    slab = theory.slab(teacher, gaussian(draw("slab"), settings.base_samples, d, settings.std), settings.slab_points)
    x = gaussian(draw("data"), settings.samples, d, settings.std)
    x = training_inputs(teacher, x, planes, settings.aware_radii)
    levels = 10 ** -torch.linspace(0, settings.decades, settings.checkpoints, dtype=torch.float64)
    students, loss = descend(teacher, start, x, settings.steps, levels)

    density = 1 / (math.sqrt(2 * math.pi) * settings.std)
    tables = [
        pairs(
            theorem(teacher, students, points, delta, density), teacher, students, loss,
            kind=kind, slope=slope, delta=delta,
        )
        for kind, theorem, points, radii in (
            ("aware", theory.aware, planes, settings.aware_radii),
            ("agnostic", theory.agnostic, slab, settings.agnostic_radii),
        )
        for delta in radii
    ]
    seed, checkpoint = np.indices(loss.shape)
    columns = {"seed": seed.ravel(), "checkpoint": checkpoint.ravel(), "loss": loss.numpy().ravel()}
    losses = pd.DataFrame({"slope": slope, **columns})
    return pd.concat(tables, ignore_index=True), losses.dropna(ignore_index=True)


def pairs(
    found: theory.SmallGradient, teacher: Network, students: Network, loss: Tensor, **labels: str | float
) -> pd.DataFrame:
    """One row per seed, reached checkpoint, teacher node and student node, for one theorem and radius.

    gradient, overlap, threshold, premise, conclusion, sine_near, bound    as in :class:`theory.SmallGradient`.
    sine_student, sine_any    smallest sine of the angle from the teacher node to a student node, to any other node.
    paper_epsilon             the paper's form of the bound on the sine; vacuous from 1 on.
    """
    members, m, n = found.gradient.shape
    rows = theory.all_rows(teacher, students)
    sines = theory.sine(rows[:, :m], rows)
    sines[:, range(m), range(m)] = math.inf
    per_teacher = {"sine_student": sines[..., m:].amin(2), "sine_any": sines.amin(2)}
    seed, checkpoint, j, k = np.indices((loss.shape[0], loss.shape[1], m, n))
    dimension = teacher.weights[0].shape[2] - 1 if labels["kind"] == "agnostic" else None
    table = pd.DataFrame({
        **labels, "seed": seed.ravel(), "checkpoint": checkpoint.ravel(),
        "loss": loss.flatten().repeat_interleave(m * n).numpy(),
        "teacher": j.ravel(), "student": k.ravel(),
        **{name: getattr(found, name).flatten().numpy()
           for name in ("points", "share", "gradient", "overlap", "threshold", "premise", "conclusion", "bound")},
        "sine_near": found.sine.flatten().numpy(),
        **{name: value[..., None].expand(members, m, n).flatten().numpy() for name, value in per_teacher.items()},
        "paper_epsilon": theory.paper_epsilon(found.gradient, found.overlap, m + n, dimension).flatten().numpy(),
    })
    return table[table.loss.notna()].reset_index(drop=True)


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """One row per theorem: premises that held, those with a bound below 1, and violations of either conclusion."""
    true = table[table.premise]
    telling = true[true.bound < 1]
    groups = {
        "pairs": table, "premises": true, "violations": true[~true.conclusion],
        "telling_premises": telling, "angle_violations": telling[telling.sine_near > telling.bound],
        "conclusion_false": table[~table.conclusion],
    }
    sizes = {name: rows.groupby("kind").size() for name, rows in groups.items()}
    return pd.DataFrame(sizes, index=pd.unique(table.kind)).fillna(0).astype(int).rename_axis("kind").reset_index()


def scatter(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's bound against the angle it bounds, at the largest radius: one row per seed, checkpoint, teacher node.

    ratio       smallest max|g_k| / |alpha_kj| over the student nodes k;  bound   its paper_epsilon, vacuous from 1 on.
    sine        of the angle between the teacher node and the nearest student node.
    """
    widest = table[table.delta == table.groupby("kind").delta.transform("max")]
    key = ["kind", "slope", "seed", "checkpoint", "teacher"]
    best = widest.sort_values([*key, "paper_epsilon", "student"]).drop_duplicates(key)
    best = best.assign(ratio=best.gradient / best.overlap)[[*key, "loss", "ratio", "paper_epsilon", "sine_student"]]
    return best.rename(columns={"paper_epsilon": "bound", "sine_student": "sine"}).reset_index(drop=True)


def training_inputs(teacher: Network, x: Tensor, planes: Tensor, radii: Sequence[float]) -> Tensor:
    """Gaussian samples and, for a tenth of the plane points, their triples at the middle radius: ``(g, b, d)``."""
    some = planes[:, :, : max(1, planes.shape[2] // 10)]
    triples = with_steps(some, teacher.weights[0][:, :, None, :-1], sorted(radii)[len(radii) // 2])
    return torch.cat([x, triples.movedim(0, 1).flatten(1, 3)], dim=1)


def undersampled(
    seeds: Sequence[int], input_dim: int = 5, angle: float = 60.0, radius: float = 0.2, std: float = 1.5
) -> pd.DataFrame:
    """Where the theorem stops: a student at ``angle`` degrees through d - 1 points of the teacher plane.

    Its fan-out 1 / cos(angle) makes the residual vanish on every triple of those points; an always-on pair that cancels
    observes everything. With one more plane point the gradient is not zero. One row per seed and number of points.

    gradient    largest |g_1| over the augmented samples;  fresh_residual   largest |f* - f| over 1000 new inputs.
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
            rows.append({
                "seed": seed, "plane_points": points, "needed": theory.plane_points_needed(4, input_dim),
                "gradient": by_backprop(teacher, student, triples[None])[0].abs().max().item(),
                "fresh_residual": by_backprop(teacher, student, fresh)[1].abs().max().item(),
                "premise": found.premise[0, 0, 1].item(), "bound": found.bound[0, 0, 1].item(),
                "sine": theory.sine(teacher.weights[0], student.weights[0])[0, 0, 0].item(),
            })
    return pd.DataFrame(rows)


def _unaligned(generator: np.random.Generator, d: int, angle: float, std: float) -> tuple[Network, Network, Tensor]:
    """Teacher, student and d plane points ``(1, 1, d, d)``; the student's plane holds the first d - 1 of them."""
    w = torch.from_numpy(generator.standard_normal(d))
    w = w / w.norm()
    teacher = two_layer(torch.cat([w, w.new_tensor([0.1])])[None], torch.ones(1, 1, dtype=w.dtype))
    points = on_planes([generator], teacher.weights[0], d, std)
    shared = points[0, 0, : d - 1]
    spanned = torch.cat([shared[1:] - shared[0], w[None]])
    tilt = torch.linalg.svd(spanned, full_matrices=True)[2][-1]  # the one direction of the plane that they leave free
    row = math.cos(angle) * w + math.sin(angle) * tilt
    row = torch.cat([row, -(shared[:1] @ row)])
    always_on = torch.cat([tilt, w.new_tensor([100.0])])
    fan_out = torch.tensor([[1 / math.cos(angle)], [1.0], [-1.0]], dtype=w.dtype)
    return teacher, two_layer(torch.stack([row, always_on, always_on]), fan_out), points


# -- Training ----------------------------------------------------------------------------------------------------


def descend(teacher: Network, student: Network, x: Tensor, steps: int, levels: Tensor) -> tuple[Network, Tensor]:
    """Levenberg-Marquardt on every member at once, keeping the weights at the first step below each loss level.

    levels      ``(k,)`` falling fractions of the starting loss.
    returns     ``e * k`` networks (level fastest) and their reported loss 2 J / c ``(e, k)``: NaN for a level that was
                not reached, or was passed in one step together with the next.
    """
    members, d, c = student.members, x.shape[2], teacher.weights[-1].shape[1]
    theta = torch.cat([w.flatten(1) for w in student.weights], dim=1)
    shapes = [w.shape[1:] for w in student.weights]
    damping = torch.full((members,), 1e-2, dtype=x.dtype)
    jacobian, residual = _linearized(teacher, student, x)
    loss = residual.square().mean(1)
    bars = levels * loss[:, None]
    kept, kept_loss = theta[:, None].repeat(1, len(levels), 1), torch.full_like(bars, math.nan)
    kept_loss[:, 0] = loss
    for _ in range(steps):
        move = _damped_step(jacobian, residual, damping)
        trial = theta + move
        trial_student = _unflatten(trial, shapes, student.slope)
        trial_jacobian, trial_residual = _linearized(teacher, trial_student, x)
        trial_loss = trial_residual.square().mean(1)
        better = trial_loss < loss  # False for NaN: a bad step is undone and damped
        damping = torch.where(better, damping / 3, damping * 4).clamp(1e-12, 1e8)
        crossed = better[:, None] & (trial_loss[:, None] <= bars) & (loss[:, None] > bars)
        deepest = crossed & (crossed.cumsum(1) == crossed.sum(1, keepdim=True))
        kept = torch.where(deepest[..., None], trial[:, None], kept)
        kept_loss = torch.where(deepest, trial_loss[:, None], kept_loss)
        theta = torch.where(better[:, None], trial, theta)
        loss = torch.where(better, trial_loss, loss)
        jacobian = torch.where(better[:, None, None], trial_jacobian, jacobian)
        residual = torch.where(better[:, None], trial_residual, residual)
    return _unflatten(kept.flatten(0, 1), shapes, student.slope), kept_loss


def _unflatten(theta: Tensor, shapes: Sequence[torch.Size], slope: float) -> Network:
    parts = theta.split([shape.numel() for shape in shapes], dim=1)
    return Network(tuple(part.reshape(-1, *shape) for part, shape in zip(parts, shapes)), slope)


def _linearized(teacher: Network, student: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """Jacobian of the output in all parameters ``(e, b c, parameters)`` and residual f* - f ``(e, b c)``."""
    z, f = forward(student, x)
    residual = forward(teacher, x)[1][-1] - f[-1]
    back = student.weights[1][:, None, :, :-1] * activation_slope(z[0], student.slope)[:, :, None]  # (e, b, c, n)
    lower = back[..., None] * with_constant(x)[:, :, None, None]
    eye = torch.eye(residual.shape[2], dtype=x.dtype)
    upper = eye[:, :, None] * with_constant(f[0])[:, :, None, None]
    jacobian = torch.cat([lower.flatten(3), upper.flatten(3)], dim=3)
    return jacobian.flatten(1, 2), residual.flatten(1)


def _damped_step(jacobian: Tensor, residual: Tensor, damping: Tensor) -> Tensor:
    """Solve (J^T J + damping * diag) step = J^T r per member, ``(e, parameters)``."""
    normal = jacobian.transpose(1, 2) @ jacobian
    diagonal = normal.diagonal(dim1=1, dim2=2)
    floor = 1e-9 * diagonal.amax(1, keepdim=True)  # a dead node has no curvature of its own
    normal = normal + torch.diag_embed(damping[:, None] * diagonal + floor * damping[:, None].clamp(min=1e-6))
    # solve_ex: a singular member gets a useless step, which is refused, instead of stopping all the others
    return torch.linalg.solve_ex(normal, jacobian.transpose(1, 2) @ residual[..., None])[0][..., 0]
