"""Critical points of two-layer students, built by hand, and the gradient rule against autograd. Nothing is trained.

The explicit configuration has zero gradient at every sample; the corner cases show what the theorem does not promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ts_core import theory
from ts_core.data import gaussian, stream, uniform
from ts_core.gradients import by_backprop, by_rule
from ts_core.metrics import correlation, cosine
from ts_core.networks import Network, activation, affine, forward

SAMPLES = 20_000


@dataclass(frozen=True)
class Case:
    """One teacher and one student (ensembles of one) with the region of inputs ``x`` (1, b, d) they are judged on."""

    name: str
    region: str
    teacher: Network
    student: Network
    x: Tensor


def two_layer(rows: Tensor, fan_out: Tensor, output_bias: Tensor | None = None) -> Network:
    """An ensemble of one from first-layer rows ``(n, d + 1)``, fan-out rows ``(n, c)`` and an output bias ``(c,)``."""
    bias = torch.zeros_like(fan_out[0]) if output_bias is None else output_bias
    return Network((rows[None], torch.column_stack([fan_out.T, bias])[None]))


def _teacher(generator: np.random.Generator, input_dim: int, width: int, outputs: int) -> Network:
    """Unit rows, biases of std .3 and fan-out weights of std 1, all Gaussian."""
    w = generator.standard_normal((width, input_dim))
    rows = np.column_stack([w / np.linalg.norm(w, axis=1, keepdims=True), 0.3 * generator.standard_normal(width)])
    return two_layer(torch.from_numpy(rows), torch.from_numpy(generator.standard_normal((width, outputs))))


def split_copies(seed: int = 0) -> Case:
    """Zero gradient at every sample: copies that split each teacher's fan-out with signs, and two ways to be prunable.

    Students 0-5 are scaled copies of teachers 0, 0, 1, 2, 2, 2 (shares sum to 1 per teacher, one is negative), student
    6 has no fan-out, students 7 and 8 are co-linear and cancel.
    """
    generator = stream(seed, "critical points")
    teacher = _teacher(generator, 4, 3, 3)
    owner = torch.tensor([0, 0, 1, 2, 2, 2])
    scale = torch.tensor([0.5, 2.0, 1.3, 0.7, 3.0, 1.0], dtype=torch.float64)[:, None]
    share = torch.tensor([0.4, 0.6, 1.0, 0.2, -0.5, 1.3], dtype=torch.float64)[:, None]
    silent, pair = torch.from_numpy(generator.standard_normal((2, 1, 5)))
    v = torch.from_numpy(generator.standard_normal((1, 3)))
    rows = torch.cat([scale * teacher.weights[0][0, owner], silent, pair, 2 * pair])
    out = torch.cat([share / scale * theory.fan_out(teacher)[0, owner], torch.zeros_like(v), v, -v / 2])
    x = gaussian([stream(seed, "critical points, inputs")], SAMPLES, 4, 3.0)
    return Case("split copies", "Gaussian, std 3", teacher, two_layer(rows, out), x)


def spoiled(seed: int = 0) -> Case:
    """The counter-check of :func:`split_copies`: its silent student gets a fan-out weight, which the gradient shows."""
    case = split_copies(seed)
    upper = case.student.weights[1].clone()
    upper[0, :, 6] = torch.from_numpy(stream(seed, "critical points, spoiled").standard_normal(3))
    return replace(case, name="silent node given a fan-out", student=Network((case.student.weights[0], upper)))


def antiparallel(seed: int = 0, half_width: float = 3.0, lift: float = 50.0) -> Case:
    """A perfect student on a box without any positively aligned node: sigma(z) = sigma(-z) + z, with z always on.

    lift        bias that keeps the second half of the students active on the whole box.
    """
    teacher = _teacher(stream(seed, "critical points"), 4, 3, 3)
    rows, out = teacher.weights[0][0], theory.fan_out(teacher)[0]
    raised = rows.clone()
    raised[:, -1] += lift
    student = two_layer(torch.cat([-rows, raised]), torch.cat([out, out]), -lift * out.sum(0))
    x = uniform([stream(seed, "critical points, inputs")], SAMPLES, 4, half_width)
    return Case("anti-parallel copy", f"box, |x_i| <= {half_width:g}", teacher, student, x)


def unobserved() -> Case:
    """In one dimension: every student is active for x < 0 only, and none sees the teacher node that turns on at 1."""
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]  # noqa: E731
    teacher = two_layer(torch.tensor([[-1.0, 0.0], [1.0, -1.0]], dtype=torch.float64), column(1.0, 1.0))
    student = two_layer(torch.tensor([[-1.0, 0.0], [-2.0, 0.0]], dtype=torch.float64), column(0.5, 0.25))
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)[None, :, None]
    return Case("teacher not observed", "line, |x| <= 3", teacher, student, x)


def rank_deficient(seed: int = 0) -> Case:
    """Copies of all teachers whose fan-out weights reach the first of two outputs only: the second stays wrong."""
    teacher = _teacher(stream(seed, "critical points"), 4, 3, 2)
    out = theory.fan_out(teacher)[0] * torch.tensor([1.0, 0.0], dtype=torch.float64)
    x = gaussian([stream(seed, "critical points, inputs")], SAMPLES, 4, 3.0)
    return Case("rank-deficient fan-outs", "Gaussian, std 3", teacher, two_layer(teacher.weights[0][0], out), x)


def all_cases(seed: int = 0) -> list[Case]:
    """The explicit configuration, its counter-check and the three corner cases."""
    return [split_copies(seed), spoiled(seed), antiparallel(seed), unobserved(), rank_deficient(seed)]


# -- Tables ------------------------------------------------------------------------------------------------------


def summary(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case: largest |f* - f| and |g_1| on its inputs, and how the teachers are matched.

    best_cosine, best_abs_cosine    smallest over teachers of the largest (absolute) augmented cosine with a student.
    best_rho                        the same for the correlation of activations.
    specialized, prunable           numbers of teacher and student nodes.
    """
    rows = []
    for case in cases:
        lower, output = by_backprop(case.teacher, case.student, case.x)
        angle = cosine(case.teacher.weights[0], case.student.weights[0], augmented=True)
        rho = correlation(*(forward(net, case.x)[1][0] for net in (case.teacher, case.student)))
        rows.append({
            "case": case.name, "region": case.region, "max_residual": output.abs().max().item(),
            "max_gradient": lower.abs().max().item(), "best_cosine": angle.amax(2).min().item(),
            "best_abs_cosine": angle.abs().amax(2).min().item(), "best_rho": rho.amax(2).min().item(),
            "specialized": theory.specialized(case.teacher, case.student).sum().item(),
            "prunable": theory.prunable(case.teacher, case.student).sum().item(),
        })
    return pd.DataFrame(rows)


def hyperplanes(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case and node: its hyperplane (numbered in order of appearance) and the sum rule there.

    fan_out     ||w|| ||v||;  sum_norm   norm of the sum of ||w*|| v* minus the sum of ||w|| v on its hyperplane.
    max_kink    largest |kink| of a student's h_k there, whether or not that student observes it.
    """
    tables = []
    for case in cases:
        pair = case.teacher, case.student
        rows = theory.all_rows(*pair)
        first = theory.colinear(rows, rows)[0].double().argmax(1)  # the first node on the same hyperplane
        width = case.teacher.weights[0].shape[1]
        out = torch.cat([theory.fan_out(net)[0] for net in pair])
        tables.append(pd.DataFrame({
            "case": case.name,
            "network": np.where(np.arange(rows.shape[1]) < width, "teacher", "student"),
            "node": [i if i < width else i - width for i in range(rows.shape[1])],
            "plane": torch.unique(first, return_inverse=True)[1].numpy(),
            "fan_out": (rows[0, :, :-1].norm(dim=1) * out.norm(dim=1)).numpy(),
            "sum_norm": theory.hyperplane_sums(*pair)[0].norm(dim=1).numpy(),
            "max_kink": theory.kink(*pair)[0].abs().amax(1).numpy(),
        }))
    return pd.concat(tables, ignore_index=True)


def matches(case: Case) -> pd.DataFrame:
    """One row per teacher and student node: signed cosine of the rows with their biases, correlation of activations."""
    angle = cosine(case.teacher.weights[0], case.student.weights[0], augmented=True)[0]
    rho = correlation(*(forward(net, case.x)[1][0] for net in (case.teacher, case.student)))[0]
    teacher, student = np.indices(angle.shape)
    columns = {"teacher": teacher, "student": student, "cosine": angle.numpy(), "rho": rho.numpy()}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def line(case: Case) -> pd.DataFrame:
    """One row per input of a one-dimensional case: both outputs and the largest |g_1| over the students."""
    output = {net: forward(getattr(case, net), case.x)[1][-1][0, :, 0].numpy() for net in ("teacher", "student")}
    gradient = by_backprop(case.teacher, case.student, case.x)[0][0].abs().amax(1)
    return pd.DataFrame({"x": case.x[0, :, 0].numpy(), **output, "max_gradient": gradient.numpy()})


def outputs(case: Case) -> pd.DataFrame:
    """One row per output: largest |f* - f| and norm of the students' fan-out weights to it."""
    residual = by_backprop(case.teacher, case.student, case.x)[-1][0].abs().amax(0)
    reach = theory.fan_out(case.student)[0].norm(dim=0)
    return pd.DataFrame({
        "output": np.arange(len(residual)), "max_residual": residual.numpy(), "student_fan_out": reach.numpy(),
    })


# -- The gradient rule -------------------------------------------------------------------------------------------


def random_networks(generators: Sequence[np.random.Generator], sizes: Sequence[int], slope: float = 0.0) -> Network:
    """Networks with weights N(0, 1 / fan-in) and biases N(0, 1/4), float64, one member per generator."""
    weights = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        draws = np.stack([g.standard_normal((n_out, n_in + 1)) for g in generators])
        draws[..., :-1] /= np.sqrt(n_in)
        draws[..., -1] /= 2
        weights.append(torch.from_numpy(draws))
    return Network(tuple(weights), slope)


def by_autograd(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    """The oracle: g_l = -dJ/dz_l by torch.autograd, through a zero added to every pre-activation."""
    zeros = [torch.zeros_like(z).requires_grad_() for z in forward(student, x)[0]]
    f = x
    for weight, zero in zip(student.weights, zeros):
        z = affine(weight, f) + zero
        f = activation(z, student.slope)
    loss = (forward(teacher, x)[1][-1] - z).square().sum() / 2
    return [-g for g in torch.autograd.grad(loss, zeros)]


def gradient_rule(depths: Sequence[int], slopes: Sequence[float], seeds: Sequence[int]) -> pd.DataFrame:
    """Largest difference of the recursive rule from autograd: one row per depth, slope and seed.

    depths      numbers of weight layers, at least 2; teachers have 3-5 nodes per layer, students twice as many.
    """
    tables = []
    for depth in depths:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, got {depth}")
        widths = [3 + layer % 3 for layer in range(depth - 1)]
        for slope in slopes:
            draw = lambda purpose: [stream(seed, purpose, depth) for seed in seeds]  # noqa: E731
            teacher = random_networks(draw("teacher"), [5, *widths, 3], slope)
            student = random_networks(draw("start"), [5, *(2 * w for w in widths), 3], slope)
            x = gaussian(draw("data"), 16, 5, 1.0)
            pairs = list(zip(by_rule(teacher, student, x), by_autograd(teacher, student, x)))
            error = torch.stack([(ours - oracle).abs().amax((1, 2)) for ours, oracle in pairs]).amax(0)
            largest = torch.stack([oracle.abs().amax((1, 2)) for _, oracle in pairs]).amax(0)
            tables.append(pd.DataFrame({
                "depth": depth, "slope": slope, "seed": list(seeds),
                "max_error": error.numpy(), "max_gradient": largest.numpy(),
            }))
    return pd.concat(tables, ignore_index=True)
