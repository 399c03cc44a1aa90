"""The perfectly matched case: overlaps by quadrature, both bounds on random configurations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from ts_core.theory.matched import (
    angles,
    coupling,
    joint_activity,
    largest_angle,
    margin,
    steepest,
    turning,
    velocity,
)
from ts_core.theory.population import angle_rate
from ts_core.training.flow import trajectory

M = 5


def drawn(seed, level, theta_0=0.5):
    rng = np.random.default_rng(seed)
    v = np.eye(M) + level * rng.standard_normal((M, M))
    side = rng.standard_normal((M, M))
    side[range(M), range(M)] = 0
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = theta_0 * rng.uniform(0.5, 1, (M, 1))
    w = np.cos(angle) * np.eye(M) + np.sin(angle) * side
    return torch.eye(M).double(), torch.from_numpy(w)[None], torch.from_numpy(v @ v.T)[None]


@pytest.mark.parametrize("threshold", [-0.5, 0.0, 1.0])
def test_joint_activity_is_the_orthant_probability(threshold):
    theta = torch.tensor([0.3, 1.0, 2.0, 3.0], dtype=torch.float64)
    law = lambda t: multivariate_normal.cdf([-threshold] * 2, cov=[[1, math.cos(t)], [math.cos(t), 1]])
    expected = [law(t) for t in theta.tolist()]
    torch.testing.assert_close(
        joint_activity(theta, threshold), torch.tensor(expected).double(), rtol=0, atol=1e-6
    )


def test_without_threshold_it_is_the_wedge():
    theta = torch.linspace(0, math.pi, 9, dtype=torch.float64)
    torch.testing.assert_close(joint_activity(theta, 0.0), (math.pi - theta) / (2 * math.pi))


def test_nothing_is_steeper_than_steepest():
    theta = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    slopes = joint_activity(theta, 1.0).diff().abs() / theta.diff()
    assert slopes.max() == pytest.approx(steepest(1.0), rel=1e-3) and slopes.max() <= steepest(1.0) * (
        1 + 1e-9
    )


def test_students_on_their_teachers_rest():
    w_t, _, beta = drawn(0, 0.3)
    assert velocity(w_t[None], w_t, beta, 1.0).abs().max() < 1e-15
    to_teachers, to_students = coupling(w_t[None], w_t, beta, 1.0)
    torch.testing.assert_close(to_teachers, to_students)


def test_one_node_alone_follows_the_formula():
    """One student, threshold 0: -dtheta/dt = d(theta) sin(theta), the rate of ts_core.theory.population."""
    theta = torch.tensor(0.7, dtype=torch.float64)
    w_t = torch.eye(2, dtype=torch.float64)[:1]
    w = torch.stack([theta.cos(), theta.sin()])[None, None]
    rate, bound, _ = turning(w, w_t, torch.ones(1, 1, 1).double(), 0.0)
    torch.testing.assert_close(rate[0], -angle_rate(theta))
    torch.testing.assert_close(bound, rate)


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.4]))
@settings(max_examples=40, deadline=None)
def test_the_largest_angle_never_falls_more_slowly_than_the_bound(seed, level):
    w_t, w, beta = drawn(seed, level)
    rate, bound, loose = turning(w, w_t, beta, 1.0)
    assert rate >= bound - 1e-12 and bound <= loose


def test_the_turning_rate_is_that_of_the_flow():
    w_t, w, beta = drawn(3, 0.2)
    step = 1e-6
    after = torch.nn.functional.normalize(w + step * velocity(w, w_t, beta, 1.0), dim=-1)
    theta, j = largest_angle(w, w_t)
    fallen = (theta - angles(after, w_t[None])[0, j, j]) / step
    torch.testing.assert_close(fallen, turning(w, w_t, beta, 1.0)[0], rtol=1e-4, atol=0)


@pytest.mark.parametrize("seed", range(4))
def test_a_positive_margin_gives_the_exponential_bound(seed):
    w_t, w, beta = drawn(seed, 0.005)
    gamma = margin(beta, 0.5, 1.0)
    assert gamma > 0
    (states,) = trajectory(lambda w: (velocity(w, w_t, beta, 1.0),), (w,), 0.5, 80, 1)
    size = (torch.stack([largest_angle(w, w_t)[0] for w in states])[:, 0] / 2).sin()
    time = 0.5 * torch.arange(81)
    ceiling = lambda factor: size[0] * (-factor * gamma * math.cos(0.25) * time).exp()
    assert (size <= ceiling(1) * (1 + 1e-6)).all() and (size > ceiling(4)).any()


def test_large_overlaps_have_no_margin():
    assert margin(drawn(0, 0.5)[2], 0.5, 1.0) < 0
