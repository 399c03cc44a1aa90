"""Hyperplanes and fan-out weights of two-layer networks: which are equal, how far others are turned."""

import math

import pytest
import torch

from ts_core.activations import RELU, LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import forward
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
