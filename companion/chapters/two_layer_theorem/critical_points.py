"""Critical points of two-layer students, built by hand. Nothing is trained.

The explicit configuration has zero gradient at every sample; the corner cases show
what the theorem does not promise.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from companion.chapters.two_layer_theorem.studies import CriticalPoints
from companion.experiments.exact_cases import Case
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian, uniform
from ts_core.gradients import by_backprop
from ts_core.metrics import correlation, cosine
from ts_core.networks import Network, forward, two_layer
from ts_core.streams import stream
from ts_core.teachers import gaussian_teacher
from ts_core.theory import critical_points, geometry

SAMPLES = 20_000


def split_copies(seed: int = 0) -> Case:
    """Zero gradient at every sample: copies that split each teacher's fan-out with signs.

    There are two ways to be prunable, too. Students 0-5 are scaled copies of teachers 0, 0, 1, 2, 2, 2
    (shares sum to 1 per teacher, one is negative), student 6 has no fan-out, students 7 and 8 are co-linear
    and cancel.
    """
    generator = stream(seed, "critical points")
    teacher = gaussian_teacher(generator, 4, 3, 3)
    owner = torch.tensor([0, 0, 1, 2, 2, 2])
    scale = torch.tensor([0.5, 2.0, 1.3, 0.7, 3.0, 1.0], dtype=torch.float64)[:, None]
    share = torch.tensor([0.4, 0.6, 1.0, 0.2, -0.5, 1.3], dtype=torch.float64)[:, None]
    silent, pair = torch.from_numpy(generator.standard_normal((2, 1, 5)))
    v = torch.from_numpy(generator.standard_normal((1, 3)))
    rows = torch.cat([scale * teacher.weights[0][0, owner], silent, pair, 2 * pair])
    out = torch.cat([share / scale * geometry.fan_out(teacher)[0, owner], torch.zeros_like(v), v, -v / 2])
    x = gaussian([stream(seed, "critical points, inputs")], SAMPLES, 4, 3.0)
    return Case("split copies", "Gaussian, std 3", teacher, two_layer(rows, out), x)


def spoiled(seed: int = 0) -> Case:
    """The counter-check of :func:`split_copies`: the silent student gets fan-out.

    The gradient shows it.
    """
    case = split_copies(seed)
    upper = case.student.weights[1].clone()
    upper[0, :, 6] = torch.from_numpy(stream(seed, "critical points, spoiled").standard_normal(3))
    return replace(
        case, name="silent node given a fan-out", student=Network((case.student.weights[0], upper))
    )


def antiparallel(seed: int = 0, half_width: float = 3.0, lift: float = 50.0) -> Case:
    """A perfect student on a box without any positively aligned node.

    It uses sigma(z) = sigma(-z) + z, with z always on.

    lift        bias that keeps the second half of the students active on the whole box.
    """
    teacher = gaussian_teacher(stream(seed, "critical points"), 4, 3, 3)
    rows, out = teacher.weights[0][0], geometry.fan_out(teacher)[0]
    raised = rows.clone()
    raised[:, -1] += lift
    student = two_layer(torch.cat([-rows, raised]), torch.cat([out, out]), -lift * out.sum(0))
    x = uniform([stream(seed, "critical points, inputs")], SAMPLES, 4, half_width)
    return Case("anti-parallel copy", f"box, |x_i| <= {half_width:g}", teacher, student, x)


def unobserved() -> Case:
    """In one dimension: all students are active for x < 0 only.

    None sees the teacher node that turns on at 1.
    """
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]
    teacher = two_layer(torch.tensor([[-1.0, 0.0], [1.0, -1.0]], dtype=torch.float64), column(1.0, 1.0))
    student = two_layer(torch.tensor([[-1.0, 0.0], [-2.0, 0.0]], dtype=torch.float64), column(0.5, 0.25))
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)[None, :, None]
    return Case("teacher not observed", "line, |x| <= 3", teacher, student, x)


def kinked() -> Case:
    """In one dimension: two students, of which one lies on a teacher node's boundary and one beside it."""
    column = lambda *values: torch.tensor(values, dtype=torch.float64)[:, None]
    teacher = two_layer(torch.tensor([[1.0, 1.5], [1.0, -0.5]], dtype=torch.float64), column(1.0, -1.5))
    student = two_layer(torch.tensor([[2.0, 3.0], [1.0, -1.5]], dtype=torch.float64), column(0.5, -1.0))
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)[None, :, None]
    return Case("one kink too many", "line, |x| <= 3", teacher, student, x)


def rank_deficient(seed: int = 0) -> Case:
    """Copies of all teachers whose fan-out reaches the first of two outputs only: the second stays wrong."""
    teacher = gaussian_teacher(stream(seed, "critical points"), 4, 3, 2)
    out = geometry.fan_out(teacher)[0] * torch.tensor([1.0, 0.0], dtype=torch.float64)
    x = gaussian([stream(seed, "critical points, inputs")], SAMPLES, 4, 3.0)
    return Case(
        "rank-deficient fan-outs", "Gaussian, std 3", teacher, two_layer(teacher.weights[0][0], out), x
    )


def all_cases(seed: int = 0) -> list[Case]:
    """The explicit configuration, its counter-check and the three corner cases."""
    return [split_copies(seed), spoiled(seed), antiparallel(seed), unobserved(), rank_deficient(seed)]


def summary(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case: largest |f* - f| and |g_1| on its inputs, and how the teachers are matched.

    best_cosine, best_abs_cosine    smallest over teachers of the largest (absolute) augmented cosine with
                                    a student.
    best_rho                        the same for the correlation of activations.
    specialized, prunable           numbers of teacher and student nodes.
    """
    rows = []
    for case in cases:
        lower, output = by_backprop(case.teacher, case.student, case.x)
        angle = cosine(case.teacher.weights[0], case.student.weights[0], augmented=True)
        rho = correlation(*(forward(net, case.x)[1][0] for net in (case.teacher, case.student)))
        rows.append(
            {
                "case": case.name,
                "region": case.region,
                "max_residual": output.abs().max().item(),
                "max_gradient": lower.abs().max().item(),
                "best_cosine": angle.amax(2).min().item(),
                "best_abs_cosine": angle.abs().amax(2).min().item(),
                "best_rho": rho.amax(2).min().item(),
                "specialized": critical_points.specialized(case.teacher, case.student).sum().item(),
                "prunable": critical_points.prunable(case.teacher, case.student).sum().item(),
            }
        )
    return pd.DataFrame(rows)


def hyperplanes(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case and node: its hyperplane (numbered in order of appearance) and the sum rule there.

    fan_out     ||w|| ||v||.
    sum_norm    norm of the sum of ||w*|| v* minus the sum of ||w|| v on its hyperplane.
    max_kink    largest |kink| of a student's h_k there, whether or not that student observes it.
    """
    tables = []
    for case in cases:
        pair = case.teacher, case.student
        rows = geometry.all_rows(*pair)
        first = geometry.colinear(rows, rows)[0].double().argmax(1)  # the first node on the same hyperplane
        width = case.teacher.weights[0].shape[1]
        out = torch.cat([geometry.fan_out(net)[0] for net in pair])
        tables.append(
            pd.DataFrame(
                {
                    "case": case.name,
                    "network": np.where(np.arange(rows.shape[1]) < width, "teacher", "student"),
                    "node": [i if i < width else i - width for i in range(rows.shape[1])],
                    "plane": torch.unique(first, return_inverse=True)[1].numpy(),
                    "fan_out": (rows[0, :, :-1].norm(dim=1) * out.norm(dim=1)).numpy(),
                    "sum_norm": critical_points.hyperplane_sums(*pair)[0].norm(dim=1).numpy(),
                    "max_kink": critical_points.kink(*pair)[0].abs().amax(1).numpy(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def matches(case: Case) -> pd.DataFrame:
    """One row per teacher and student node: signed cosine of rows with biases, correlation of activations."""
    angle = cosine(case.teacher.weights[0], case.student.weights[0], augmented=True)[0]
    rho = correlation(*(forward(net, case.x)[1][0] for net in (case.teacher, case.student)))[0]
    return tidy({"teacher": range(angle.shape[0]), "student": range(angle.shape[1])}, cosine=angle, rho=rho)


def line(case: Case) -> pd.DataFrame:
    """One row per input of a one-dimensional case: both outputs and the largest |g_1| over the students.

    bracket     h_1, what the gate of the first student node is multiplied with in its gradient.
    """
    output = {
        net: forward(getattr(case, net), case.x)[1][-1][0, :, 0].numpy() for net in ("teacher", "student")
    }
    gradient = by_backprop(case.teacher, case.student, case.x)[0][0].abs().amax(1)
    weight = geometry.fan_out(case.student)[0, 0, 0].item()
    bracket = weight * (output["teacher"] - output["student"])  # of one output
    return pd.DataFrame(
        {"x": case.x[0, :, 0].numpy(), **output, "bracket": bracket, "max_gradient": gradient.numpy()}
    )


def boundaries(case: Case) -> pd.DataFrame:
    """One row per node of a one-dimensional case: where it turns on or off."""
    places = {
        name: (-net.weights[0][0, :, 1] / net.weights[0][0, :, 0]).tolist()
        for name, net in (("teacher", case.teacher), ("student", case.student))
    }
    return pd.DataFrame([{"network": name, "x": x} for name, found in places.items() for x in found])


def outputs(case: Case) -> pd.DataFrame:
    """One row per output: largest |f* - f| and norm of the students' fan-out weights to it."""
    residual = by_backprop(case.teacher, case.student, case.x)[-1][0].abs().amax(0)
    reach = geometry.fan_out(case.student)[0].norm(dim=0)
    return pd.DataFrame(
        {
            "output": np.arange(len(residual)),
            "max_residual": residual.numpy(),
            "student_fan_out": reach.numpy(),
        }
    )


def run(spec: CriticalPoints) -> Tables:
    """The tables of all cases; planes of the explicit configuration, the others of one case each."""
    cases = all_cases(spec.seed)
    copies, _, against, alone, deficient = cases
    return {
        "summary": summary(cases),
        "planes": hyperplanes([copies]),
        "matches": matches(against),
        "line": line(alone),
        "outputs": outputs(deficient),
        "kinks": line(kinked()),
        "boundaries": boundaries(kinked()),
    }
