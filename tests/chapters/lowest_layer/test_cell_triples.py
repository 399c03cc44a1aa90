"""Triples inside cells of the upper gates: counted by hand, and a theorem that can be broken."""

import pytest
import torch

from companion.chapters.lowest_layer import cell_triples
from companion.chapters.lowest_layer.studies import CellTriples
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.teachers import random_networks

TINY = CellTriples(seeds=3, samples=250, points=40, radii=(0.03,), steps=80, checkpoints=4, decades=8.0)


@pytest.fixture(scope="module")
def counts():
    return cell_triples.of_slope(TINY, 0.0).iloc[0]


def test_no_true_premise_is_violated_and_the_overlap_of_another_cell_is_refused(counts):
    assert counts.premises > 50 and counts.violations == 0
    assert counts.other_violations > 0
    assert 0 < counts.inside < counts.triples


def test_a_student_that_is_the_teacher_has_no_gradient_and_passes_through_every_point():
    teacher = random_networks([stream(1, "teacher")], (3, 2, 2, 2))
    planes = cell_triples.on_planes([stream(1, "planes")], teacher.weights[0], 30, 1.5)
    found = cell_triples.counted(teacher, teacher, planes, 0.01, torch.ones(1, dtype=bool))
    # never active on both sides of its own plane, so that only the other node observes
    assert found["triples"] == 60 and 0 < found["premises"] <= 60 and found["violations"] == 0


def test_gates_of_the_upper_layer_by_hand():
    eye = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64)
    net = Network((eye, torch.tensor([[[1.0, -1.0]]], dtype=torch.float64), eye))
    x = torch.tensor([[[0.5], [2.0]]], dtype=torch.float64)
    assert cell_triples.upper_gates(net, net, x).tolist() == [[[False, False], [True, True]]]


def test_wider_and_deeper_networks_have_more_cells():
    found = cell_triples.cells_met(TINY).groupby(["layers", "width"]).cells.mean()
    assert found[2, 16] > found[2, 2] >= 1 and found.max() <= TINY.samples
