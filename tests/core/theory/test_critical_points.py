"""Zero gradient: the kink of h_k at a hyperplane against a second difference, and the sum rule."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian, on_planes
from ts_core.gradients import by_backprop
from ts_core.networks import Network, affine, forward, two_layer
from ts_core.streams import stream
from ts_core.teachers import gaussian_teacher, random_networks
from ts_core.theory.critical_points import hyperplane_sums, kink, merged, second_difference
from ts_core.theory.geometry import all_rows, colinear, fan_out


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def sloped(network, slope):
    return Network(network.weights, LeakyReLU(slope))


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 0.99))
@settings(max_examples=100, deadline=None)
def test_second_difference_identity(z, t, slope):
    z, t = tensor(z), tensor(t)
    sigma = LeakyReLU(slope).value
    direct = sigma(z + t) + sigma(z - t) - 2 * sigma(z)
    torch.testing.assert_close(second_difference(z, t, slope), direct, rtol=0, atol=1e-12)


def numerical_kink(teacher, student, node, step=1e-6):
    """Second difference of h_k along the normal of a node's plane over the step, at points off the others."""
    rows = all_rows(teacher, student)
    x = on_planes([stream(0, "kink")], rows[:, node : node + 1], 200)[:, 0]
    normal = rows[0, node, :-1] / rows[0, node, :-1].norm()
    others = ~colinear(rows, rows)[0, node]
    far = (affine(rows, x)[0][:, others].abs() > 1e-3).all(1)

    def h(x):
        residual = by_backprop(teacher, student, x)[1]
        return residual @ fan_out(student).transpose(1, 2)

    second = (h(x + step * normal) + h(x - step * normal) - 2 * h(x))[0, far] / step
    assert len(second) > 50
    return second


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_kink_formula_with_parallel_and_antiparallel_copies(slope):
    teacher = sloped(gaussian_teacher(stream(1, "kink"), 4, 3, 3), slope)
    student = random_networks([stream(2, "kink")], [4, 6, 3], LeakyReLU(slope))
    rows = student.weights[0].clone()
    rows[0, 0], rows[0, 1] = 1.7 * teacher.weights[0][0, 0], -0.6 * teacher.weights[0][0, 0]
    student = Network((rows, student.weights[1]), LeakyReLU(slope))
    kinks = kink(teacher, student)[0]
    for node in range(9):
        assert (numerical_kink(teacher, student, node) - kinks[node]).abs().max() < 1e-7
    v, v_t = fan_out(student)[0], fan_out(teacher)[0]
    by_hand = (1 - slope) * v @ (v_t[0] - 1.7 * v[0] - 0.6 * v[1])  # the sign of the copy does not matter
    for node in (0, 3, 4):  # the teacher and both copies lie on one plane
        torch.testing.assert_close(kinks[node], by_hand)


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=3), st.lists(st.floats(0.1, 5), min_size=4, max_size=4)
)
@settings(max_examples=30, deadline=None)
def test_sum_rule_holds_for_any_split_with_signs(shares, scales):
    """Copies of one teacher whose shares sum to 1 leave no residual; another sum leaves the difference."""
    teacher = gaussian_teacher(stream(3, "split"), 3, 1, 2)
    w, v = teacher.weights[0][0], fan_out(teacher)[0]
    for rest in (1 - sum(shares), 1.5 - sum(shares)):
        parts = [*shares, rest]
        rows = torch.cat([scale * w for scale, _ in zip(scales, parts)])
        student = two_layer(rows, torch.cat([part / scale * v for scale, part in zip(scales, parts)]))
        sums = hyperplane_sums(teacher, student)
        expected = ((1 - sum(parts)) * v).expand_as(sums[0])
        torch.testing.assert_close(sums[0], expected, rtol=0, atol=1e-12)


def test_equal_slopes_are_required():
    flat = random_networks([stream(0, "a")], [3, 4, 2])
    with pytest.raises(ValueError, match="need one slope, got 0.0 and 0.3"):
        kink(flat, sloped(flat, 0.3))


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_merging_gives_the_teacher_back(slope):
    """A copy that points the other way with the linear part that makes up for it, a split one, a cancelling
    pair, and a node that is constant: one node per teacher node is left, and the function as it was.
    """
    teacher = sloped(gaussian_teacher(stream(4, "merged"), 3, 2, 2), slope)
    w, v = teacher.weights[0][0], fan_out(teacher)[0]
    always, other = w[:1].clone(), tensor([1.0, -2.0, 0.5, 0.3])
    always[0, -1] += 60  # active on all inputs: with the turned copy it makes sigma(z) of sigma(-z)
    constant = tensor([0.0, 0.0, 1e-9, 2.0])
    rows = torch.cat([-2 * w[:1], (1 + slope) * always, w[1:], 3 * w[1:], other, 2 * other, constant])
    out = torch.cat([v[:1] / 2, v[:1], 0.4 * v[1:], 0.2 * v[1:], v[:1], -v[:1] / 2, 1e-9 * v[:1]])
    student = sloped(two_layer(rows, out, -60 * (1 + slope) * v[0]), slope)
    x = gaussian([stream(4, "merged, inputs")], 500, 3, 2.0)
    target = forward(teacher, x)[1][-1]
    torch.testing.assert_close(forward(student, x)[1][-1], target, rtol=0, atol=1e-6)
    found = merged(teacher, student, x)
    torch.testing.assert_close(found.weights[0], teacher.weights[0])
    torch.testing.assert_close(forward(found, x)[1][-1], target, rtol=0, atol=1e-6)


def test_copies_that_straddle_a_boundary_are_merged_into_its_middle():
    teacher = two_layer(tensor([1.0, 0.0, 0.1]), tensor([2.0]))
    student = two_layer(tensor([1.0, 0.02, 0.1], [1.0, -0.04, 0.1]), tensor([4 / 3], [2 / 3]))
    x = gaussian([stream(5, "straddled")], 50, 2, 1.0)
    found = merged(teacher, student, x, tolerance=0.1)
    torch.testing.assert_close(found.weights[0], teacher.weights[0], rtol=0, atol=1e-3)
    torch.testing.assert_close(fan_out(found), fan_out(teacher), rtol=1e-3, atol=0)
    assert not fan_out(merged(teacher, student, x)).any()  # no copy is near enough: nothing is left
