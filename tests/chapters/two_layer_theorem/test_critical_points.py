"""Critical points of two-layer students, built by hand: the explicit configuration and the corner cases."""

import pytest
import torch

from companion.chapters.two_layer_theorem import critical_points as points
from ts_core.activations import LeakyReLU
from ts_core.data import on_planes
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.theory import critical_points, geometry


@pytest.mark.parametrize("seed", range(3))
def test_explicit_critical_configuration(seed):
    case = points.split_copies(seed)
    summary = points.summary([case, points.spoiled(seed)])
    assert summary.max_residual[0] < 1e-12 and summary.max_gradient[0] < 1e-12
    assert critical_points.hyperplane_sums(case.teacher, case.student).abs().max() < 1e-14
    assert critical_points.specialized(case.teacher, case.student).all()
    assert critical_points.prunable(case.teacher, case.student)[0].tolist() == [False] * 6 + [True] * 3
    assert summary.max_gradient[1] > 1 and summary.prunable[1] == 2  # the check can fail


def test_samples_are_what_their_case_says():
    """Gaussian samples of standard deviation 3, and a box of half width 3."""
    gaussian, box = points.split_copies(), points.antiparallel()
    assert "std 3" in gaussian.region and float(gaussian.x.std()) == pytest.approx(3, rel=0.05)
    assert "<= 3" in box.region and 2.9 < box.x.abs().max() <= 3


def test_prunable_nodes_can_be_deleted():
    case = points.split_copies()
    keep = ~critical_points.prunable(case.teacher, case.student)[0]
    lower, upper = case.student.weights
    smaller = Network((lower[:, keep], upper[:, :, torch.cat([keep, torch.tensor([True])])]))
    change = forward(smaller, case.x)[1][-1] - forward(case.student, case.x)[1][-1]
    assert smaller.weights[0].shape[1] == 6 and change.abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_antiparallel_corner_case(seed):
    row = points.summary([points.antiparallel(seed)]).iloc[0]
    assert row.max_residual < 1e-11 and row.best_abs_cosine > 1 - 1e-12
    assert row.best_cosine < 0.9 and row.best_rho < 0.95 and row.specialized == 3


def test_unobserved_corner_case():
    case = points.unobserved()
    row = points.summary([case]).iloc[0]
    assert row.max_gradient == 0 and row.max_residual == 2 and row.specialized == 1
    x = on_planes([stream(0, "planes")], case.teacher.weights[0], 5)
    assert geometry.observed(case.student, x)[0, 1].tolist() == [0, 0]
    # a leaky student observes everything
    assert geometry.observed(Network(case.student.weights, LeakyReLU(0.1)), x)[0, 1].tolist() == [1, 1]
    line = points.line(case)
    assert (line.teacher - line.student)[line.x <= 1].abs().max() < 1e-12 and (line.max_gradient == 0).all()


def test_only_a_shared_kink_cancels():
    """By hand: the second differences of the bracket at its own places, and nowhere else."""
    case = points.kinked()
    found, places = points.line(case), points.boundaries(case)
    step = found.x[1] - found.x[0]
    kinks = found.bracket.diff().shift(-1).sub(found.bracket.diff()) / step
    at = lambda x: kinks[(found.x - x).abs().idxmin()]
    assert places[places.network == "teacher"].x.tolist() == [-1.5, 0.5]
    assert places[places.network == "student"].x.tolist() == [-1.5, 1.5]
    # fan-out of the first student 1/2 times (w v of the teacher - w v of the student)
    assert [at(-1.5), at(0.5), at(1.5)] == pytest.approx([0, -0.75, 0.5], abs=1e-9)
    assert (kinks.abs() > 1e-9).sum() == 2


def test_rank_deficient_corner_case():
    case = points.rank_deficient()
    first, second = points.outputs(case).itertuples()
    assert first.max_residual < 1e-12 and second.max_residual > 1 and second.student_fan_out == 0
    assert points.summary([case]).max_gradient[0] < 1e-12


def test_planes_table_names_every_node_once():
    table = points.hyperplanes(points.all_cases())
    first = table[table.case == "split copies"]
    assert not table.duplicated(["case", "network", "node"]).any()
    assert first.plane.tolist() == [0, 1, 2, 0, 0, 1, 2, 2, 2, 3, 4, 4]
    assert (first.max_kink < 1e-12).all() and table[
        table.case == "silent node given a fan-out"
    ].max_kink.max() > 0.1
    matches = points.matches(points.antiparallel())
    diagonal = matches[matches.teacher == matches.student]
    assert len(matches) == 18 and (diagonal.cosine + 1).abs().max() < 1e-12
