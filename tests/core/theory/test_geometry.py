"""Hyperplanes and fan-out weights of two-layer networks: which are equal, how far others are turned."""

import math

import pytest
import torch

from ts_core.activations import RELU, LeakyReLU
from ts_core.data import gaussian, on_planes
from ts_core.networks import forward, two_layer
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory import geometry


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def streams(purpose, count):
    return [stream(seed, purpose) for seed in range(count)]


def test_colinear_up_to_sign_and_scale_only():
    rows = tensor([[3.0, 4.0, 1.0], [0.0, 0.0, 1.0]])
    others = tensor([[6.0, 8.0, 2.0], [-0.3, -0.4, -0.1], [3.0, 4.0, 1.01], [3.0, 4.01, 1.0]])
    assert geometry.colinear(rows, others)[0].tolist() == [[True, True, False, False], [False] * 4]
    assert not geometry.colinear(rows, rows)[0, 1].any()  # w = 0: no hyperplane, not even its own


def test_distinct_planes_are_independent_and_an_antiparallel_copy_is_not():
    network = random_networks([stream(0, "rank")], [3, 8, 1])
    x = gaussian([stream(1, "rank")], 2000, 3, 2.0)
    z, f = forward(network, x)
    functions = torch.cat([f[0][0], x[0], torch.ones(2000, 1, dtype=torch.float64)], dim=1)
    assert torch.linalg.matrix_rank(functions) == 12
    with_copy = torch.cat([functions, RELU.value(-z[0][0, :, :1])], dim=1)  # sigma(-z) = sigma(z) - z
    assert with_copy.shape[1] == 13 and torch.linalg.matrix_rank(with_copy) == 12


def test_unit_rows_keep_the_function():
    student = random_networks(streams("start", 2), [4, 6, 3], LeakyReLU(0.2))
    student.weights[0][0, 2, :-1] = 0  # a node without a boundary stays as it is
    scaled = geometry.unit_rows(student)
    x = gaussian(streams("data", 2), 30, 4)
    torch.testing.assert_close(forward(scaled, x)[1][-1], forward(student, x)[1][-1], rtol=0, atol=1e-13)
    norms = scaled.weights[0][..., :-1].norm(dim=-1)
    assert norms[0, 2] == 0 and (norms - 1).abs().lt(1e-12).sum() == 11


def test_sine_is_exact_for_tiny_angles():
    row = tensor([[1.0, 0.0, 7.0]])
    for angle in (1e-12, 1e-3, math.pi / 3, math.pi / 2):
        turned = tensor([[-2 * math.cos(angle), 2 * math.sin(angle), 0.0]])
        assert geometry.sine(row, turned).item() == pytest.approx(math.sin(angle), rel=1e-9)


def test_two_layers_are_required():
    with pytest.raises(ValueError, match="two-layer theory needs depth 2, got 3"):
        geometry.fan_out(random_networks([stream(0, "a")], [3, 4, 4, 2]))


def test_expected_share_by_hand():
    """At a right angle, on the plane x_0 = .5: z = x_1 + b is N(b, s^2), whatever the norms of the rows."""
    teacher = two_layer(tensor([2.0, 0.0, -1.0]), tensor([1.0]))
    student = two_layer(
        tensor([0.0, 3.0, 4.5], [0.0, 3.0, 0.0], [1.0, 1.0, 0.0]), tensor([1.0], [1.0], [1.0])
    )
    share = geometry.expected_share(teacher, student, 1.5)[0, 0]
    # of the last one: b_k - b_j cos theta = .5 / sqrt 2, s sin theta = 1.5 / sqrt 2
    expected = torch.special.ndtr(tensor(1.0, 0.0, 1 / 3))
    torch.testing.assert_close(share, expected)
    stepped = geometry.expected_share(teacher, student, 1.5, radius=0.25)[0, 0]
    torch.testing.assert_close(stepped, torch.special.ndtr(tensor(1.0, 0.0, 0.25 / 1.5)))


def test_expected_share_is_the_counted_one():
    draw = lambda purpose: streams(purpose, 3)
    teacher, student = (random_networks(draw(name), [4, width, 2]) for name, width in (("t", 3), ("s", 5)))
    points = on_planes(draw("planes"), teacher.weights[0], 20_000, 1.5)
    counted, expected = geometry.observed(student, points), geometry.expected_share(teacher, student, 1.5)
    assert (counted - expected).abs().max() < 5 * 0.5 / math.sqrt(20_000)
    assert expected.min() < 0.4 and expected.max() > 0.6
