"""Copy-average points, symmetric families and single nodes, each on a second route."""

import math

import numpy as np
import pytest
import torch

from companion.chapters.copy_average import one_neuron
from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.levels import level, one_neuron_norm
from companion.chapters.copy_average.phases import (
    copies,
    copies_loss,
    copy_average,
    least_curvature,
    perturbed_copies,
    phase_line,
)
from companion.chapters.copy_average.studies import OneNeuron, Points


def flat(w, a):
    return torch.cat([torch.cat([w, w.new_zeros(len(a), 1)], 1).flatten(), a])[None]


def test_copy_average_points_are_critical_at_the_sum_of_levels():
    points = Points(teachers=6, widths=(2, 3, 4, 5)).run()["points"]
    assert points.gradient.max() < 1e-14 and points.longer.min() > 1e-3
    np.testing.assert_allclose(points.loss, points.predicted, rtol=0, atol=1e-14)
    best = points.groupby("n").loss.idxmin()
    assert (points.negative[best] == 0).all() and (points.negative.drop(best) > 0).all()
    assert points.groups[best].tolist() == ["5 + 1", "4 + 1 + 1", "3 + 1 + 1 + 1", "2 + 1 + 1 + 1 + 1"]


def test_copies_are_critical_in_the_whole_landscape():
    k = 7
    for n, v in zip(range(2, k), perturbed_copies(k)):
        theta = flat(*copies(v, n, k))
        land = Landscape("erf", n, k, k + 1)
        assert land.loss(theta).item() == pytest.approx(copies_loss(v, n, k), abs=1e-14)
        assert land.gradient(theta).abs().max() < 1e-12


def test_twenty_rows_have_all_eigenvalues():
    """Least curvature by symmetry against that of the whole Hessian, for both families at every width."""
    k = 6
    line = phase_line(k).set_index(["n", "family"])
    for n, v in zip(range(2, k), perturbed_copies(k)):
        land = Landscape("erf", n, k, k + 1)
        students = {"copies": copies(v, n, k), "copy-average": copy_average([1] * (n - 1) + [k - n + 1])}
        for family, student in students.items():
            whole = np.linalg.eigvalsh(land.hessian(flat(*student))[0].numpy())[0]
            assert line.curvature[n, family] == pytest.approx(whole, abs=1e-12)
            assert line.level[n, family] == pytest.approx(land.loss(flat(*student)).item(), abs=1e-13)
    assert line.curvature[5, "copies"] == pytest.approx(0.004046, abs=1e-6)


def test_a_wrong_symmetry_misses_an_eigenvalue():
    """Nodes that are not alike and are permuted all the same give another least curvature."""
    w, a = copy_average([1, 1, 2])
    kinds = torch.tensor([-1, -1, 1]), torch.tensor([-1, -1, 1, 1])
    right = least_curvature(w, a, *kinds)
    whole = np.linalg.eigvalsh(Landscape("erf", 3, 4, 5).hessian(flat(w, a))[0].numpy())[0]
    assert right == pytest.approx(whole, abs=1e-12)
    swapped = torch.tensor([-1, 1, -1]), kinds[1]
    assert least_curvature(w, a, *swapped) != pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("number", [2, 5])
def test_one_erf_node_in_closed_form(number):
    lengths = one_neuron.critical_lengths("erf", number)
    assert lengths == pytest.approx([-one_neuron_norm(number), one_neuron_norm(number)], abs=1e-6)
    found = one_neuron.reduced("erf", number, np.array(lengths))
    np.testing.assert_allclose(found, level(number), rtol=0, atol=1e-12)


@pytest.mark.parametrize("number, expected", [(2, 0.17702), (4, 0.94283), (8, 4.4190)])
def test_one_relu_node_in_closed_form(number, expected):
    arc = one_neuron.relu_arc
    closed = number / 2 + number * (number - 1) * arc(0) - 2 * number**2 * arc(1 / math.sqrt(number)) ** 2
    found = one_neuron.reduced("relu", number, np.array([0.3, 2.0]))
    assert found == pytest.approx([closed, closed], abs=1e-12) and closed == pytest.approx(expected, rel=3e-5)


@pytest.mark.parametrize("activation", ["erf", "relu", "leaky", "tanh", "sigmoid", "softplus"])
def test_two_routes_to_the_integrals(activation):
    """The reduced loss against the free one at the same weights, with the best outgoing weight."""
    number, r = 3, 0.7
    loss = one_neuron.free_loss(activation, number)
    at = lambda a: loss(torch.tensor([r / math.sqrt(number)] * number + [0.0, a], dtype=torch.float64)).item()
    # a parabola in a
    up, down, none = at(1.0), at(-1.0), at(0.0)
    best = none - (up - down) ** 2 / (8 * (up + down - 2 * none))
    assert none == pytest.approx(one_neuron.constant(activation, number), abs=1e-12)
    assert one_neuron.reduced(activation, number, np.array([r]))[0] == pytest.approx(best, abs=1e-9)


def test_leaky_relu_is_a_difference_of_two():
    t = 0.4
    x, w = np.polynomial.hermite_e.hermegauss(200)
    sigma = lambda z: np.where(z > 0, z, one_neuron.SLOPE * z)
    seen = sigma(t * x[:, None] + math.sqrt(1 - t * t) * x) @ w / w.sum()
    assert one_neuron.arc("leaky", t) == pytest.approx((w / w.sum()) @ (sigma(x) * seen), abs=1e-3)


def test_free_minimization_finds_the_reduced_minimum():
    levels = OneNeuron(activation="softplus", teachers=2, starts=6).run()["levels"].iloc[0]
    assert levels.free == pytest.approx(levels.reduced, abs=1e-10) and levels.fewer > levels.free + 0.01
    assert levels.points == 1 and levels.reached >= 5
