"""Symmetries of neurons: the function stays, and what they hide is found again."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.chapters.expand_and_cluster.symmetries import (
    ACTIVATIONS,
    MOST_SIGNS,
    canonical,
    distance,
    matched,
    turned,
    without_path,
)
from companion.chapters.expand_and_cluster.training import ACTIVATIONS as FUNCTIONS

X = np.random.default_rng(0).standard_normal((40, 3))


def layer(seed: int, n: int = 4):
    g = np.random.default_rng(seed)
    return g.standard_normal((n, 4)), g.standard_normal((n, 2))


def outputs(activation, rows, fan_out, path):
    x = np.column_stack([X, np.ones(len(X))])
    return FUNCTIONS[activation].value(torch.from_numpy(x @ rows.T)).numpy() @ fan_out + x @ path


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_turning_round_and_canonical_forms_change_no_output(activation, seed):
    rows, fan_out = layer(seed)
    which = np.random.default_rng(seed + 1).random(len(rows)) < 0.5
    before = outputs(activation, rows, fan_out, np.zeros((4, 2)))
    for new in (turned(activation, rows, fan_out, which), canonical(activation, rows, fan_out)):
        np.testing.assert_allclose(outputs(activation, *new), before, rtol=0, atol=1e-12)
    rows, _, path = canonical(activation, rows, fan_out)
    assert (rows[:, 0] > 0).all()
    assert activation != "tanh" or not path.any()
    if activation == "relu":
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_hidden_layer_is_found_at_no_distance_and_another_is_not(activation):
    rows, fan_out = layer(1)
    path = np.zeros((4, 2))
    path[-1] = 0.3
    g = np.random.default_rng(2)
    order, size = g.permutation(4), g.uniform(0.5, 2, (4, 1)) if activation == "relu" else 1.0
    hidden, above, more = turned(activation, rows[order] * size, fan_out[order] / size, g.random(4) < 0.5)
    found = distance(activation, (hidden, above, path + more), (rows, fan_out, path))
    assert found < 1e-14
    moved = above.copy()
    moved[0, 0] += 0.01
    off = distance(activation, (hidden, moved, path + more), (rows, fan_out, path))
    assert 0.004 < off < 0.03
    if activation != "tanh":
        assert distance(activation, (hidden, above, path + more + 0.1), (rows, fan_out, path)) > 0.09


def test_a_linear_path_is_taken_back_by_turning_round():
    rows, fan_out = layer(3)
    which = np.array([True, False, True, True])
    back = without_path("relu", *turned("relu", rows, fan_out, which))
    np.testing.assert_allclose(back[0], rows, atol=1e-15)
    np.testing.assert_allclose(back[2], 0, atol=1e-12)


@pytest.mark.parametrize("activation, n", [("tanh", 3), ("relu", MOST_SIGNS + 1), ("relu", 0)])
def test_other_paths_stay(activation, n):
    rows, fan_out = layer(4, n)
    same = without_path(activation, rows, fan_out, np.ones((4, 2)))
    assert same[0] is rows and (same[2] == 1).all()


def test_widths_that_differ_are_no_match():
    (rows, fan_out), (more, above) = layer(5), layer(6, 5)
    path = np.zeros((4, 2))
    assert np.isnan(distance("tanh", (rows, fan_out, path), (more, above, path)))
    with pytest.raises(ValueError, match="one width, got 4 and 5"):
        matched("tanh", rows, fan_out, more)


def test_an_activation_without_a_known_symmetry_is_refused():
    with pytest.raises(ValueError, match="activation must be one of tanh, sigmoid, relu, got 'gelu'"):
        turned("gelu", *layer(1), np.zeros(4, bool))
