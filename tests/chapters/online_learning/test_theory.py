"""Order-parameter equations and the plateau: closed forms, limits, what they conserve, what they refuse."""

import math

import numpy as np
import pytest
import torch

from companion.chapters.online_learning import plateau
from companion.chapters.online_learning.order_parameters import solve, velocity
from companion.chapters.online_learning.plateau import (
    at_rate,
    at_small_rate,
    error_at_small_rate,
    escape_rate_at_small_rate,
    largest_rate,
    symmetric,
)
from companion.chapters.online_learning.sweeps import LARGEST
from companion.chapters.online_learning.tables import first_order
from companion.experiments.soft_committee.overlaps import Overlaps, error, overlaps
from companion.experiments.soft_committee.run import starts, teachers
from companion.experiments.soft_committee.spec import SoftCommittee
from ts_core.networks import Network, forward


def one(of: Overlaps) -> Overlaps:
    return Overlaps(*(part[None] for part in of))


@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_the_plateau_rests_at_small_rates_and_has_the_published_error(width, beta):
    there = at_small_rate(width)
    assert (
        max(float(part.abs().max()) for part in velocity(there, 1.0, beta=beta, fluctuations=False)) < 1e-12
    )
    assert float(error(there)) == pytest.approx(error_at_small_rate(width), abs=1e-12)
    moved = symmetric(width, 0.4, 0.3, 0.4, 0.4)
    assert max(float(part.abs().max()) for part in velocity(moved, 1.0, beta=beta, fluctuations=False)) > 1e-3


@pytest.mark.parametrize("width, beta", [(2, 1.0), (3, 2.0), (5, 4.0)])
def test_differences_grow_at_the_closed_rate(width, beta):
    there = at_small_rate(width)
    rows = torch.from_numpy(np.random.default_rng(0).standard_normal((width, width)))
    away = rows - rows.mean(0) - rows.mean(1, keepdim=True) + rows.mean()
    move = lambda size: velocity(there._replace(r=there.r + size * away), 1.0, beta=beta, fluctuations=False)[
        1
    ]
    growth = (move(1e-6) - move(-1e-6)) / 2e-6
    torch.testing.assert_close(growth, escape_rate_at_small_rate(width, beta) * away, rtol=1e-6, atol=1e-9)


def test_the_best_temperature_is_that_of_the_text():
    betas = np.linspace(0.5, 8, 5000)
    for width in (2, 5):
        rates = [escape_rate_at_small_rate(width, beta) for beta in betas]
        assert betas[np.argmax(rates)] == pytest.approx(2 * math.sqrt(width), abs=2e-3)
        gain = 4 * width * ((2 * width + 1) / (6 * width)) ** 1.5
        assert max(rates) / escape_rate_at_small_rate(width) == pytest.approx(gain, rel=1e-6)


def test_the_plateau_at_a_finite_rate_rests_and_becomes_that_of_small_rates():
    there = at_rate(2, 1.5)
    dq, dr, _ = velocity(symmetric(2, there.q, there.c, there.r, there.r), 1.5)
    assert float(dq.abs().max()) < 1e-8 and float(dr.abs().max()) < 1e-8
    assert there.q > there.c + 0.1 and there.error > 2 * error_at_small_rate(2)
    small = at_rate(2, 0.05)
    assert small.error == pytest.approx(error_at_small_rate(2), rel=0.03)
    assert small.escape == pytest.approx(0.05 * escape_rate_at_small_rate(2), rel=0.01)


def test_where_there_is_no_plateau_it_says_so():
    with pytest.raises(
        RuntimeError, match="no symmetric plateau with q > c was found at eta = 3.5, beta = 2"
    ):
        at_rate(2, 3.5, 2.0)


def test_the_rates_of_the_sweep_are_shares_of_the_largest():
    assert LARGEST[2] == pytest.approx(largest_rate(2), abs=1e-3)
    assert LARGEST[3] == pytest.approx(largest_rate(3), abs=1e-3)


def test_a_perfect_student_stays_below_the_largest_rate_and_not_above():
    near = one(symmetric(2, 1.001, 0.0, 1.0, 0.0))
    after = lambda rate: float(error(solve(near, np.array([0.0, 40.0]), learning_rate=rate))[-1, 0])
    assert after(2.0) < float(error(near)[0]) < after(2.7)


def test_the_velocity_is_the_mean_step_of_samples():
    """Two routes: the equations, and the average of single steps from one state."""
    spec = SoftCommittee(input_dim=400, student_width=3, noise=0.3, fan_out_rate=0.7, beta=1.5, seeds=1)
    teacher = teachers(spec)
    student = starts(spec, teacher)
    of = overlaps(student, teacher)
    rates = dict(learning_rate=spec.learning_rate, fan_out_rate=0.7, noise=0.3, beta=1.5)
    dq, dr, dv = (part[0].numpy() for part in velocity(of, **rates))
    samples, n = 40_000, spec.input_dim
    rng = np.random.default_rng(0)
    fields = rng.multivariate_normal(np.zeros(5), of.covariance[0].numpy(), size=samples)
    g = torch.erf(torch.from_numpy(fields) / 2**0.5).numpy()
    x, v = fields[:, :3], of.v[0].numpy()
    e = g[:, 3:].sum(1) + 0.3 * rng.standard_normal(samples) - g[:, :3] @ v
    delta = v * np.sqrt(2 / np.pi) * np.exp(-((1.5 * x) ** 2) / 2) * e[:, None]
    for found, values in (
        (dr, spec.learning_rate * delta[:, :, None] * fields[:, None, 3:]),
        (dv, 0.7 * g[:, :3] * e[:, None]),
        (
            dq,
            spec.learning_rate * (delta[:, :, None] * x[:, None] + x[:, :, None] * delta[:, None])
            + spec.learning_rate**2 * delta[:, :, None] * delta[:, None],
        ),
    ):
        scale = values.std(0) / math.sqrt(samples)
        assert np.abs((values.mean(0) - found) / scale).max() < 4.5
    assert n == 400 and forward(student, torch.zeros(1, 1, 400, dtype=torch.float64))[1][-1].abs().max() == 0


def test_gradient_descent_lowers_the_error_without_fluctuations():
    start = one(symmetric(2, 0.5, 0.1, 0.2, 0.1))
    path = solve(start, np.linspace(0, 30, 31), learning_rate=1.0, fluctuations=False)
    assert (error(path)[:, 0].diff() < 0).all() and isinstance(path.q, torch.Tensor)


@pytest.mark.parametrize("surplus", [0, 1])
def test_noise_leaves_the_error_of_first_order(surplus):
    """From a perfect student with a surplus node at rest, at a small rate."""
    rate, noise, k = 0.02, 0.1, 2 + surplus
    q = torch.eye(k, dtype=torch.float64)
    q[2:] = q[2:] * 1e-4
    r = torch.eye(k, 2, dtype=torch.float64)
    ones = lambda size: torch.ones(size, dtype=torch.float64)
    start = one(Overlaps(q, r, torch.eye(2, dtype=torch.float64), ones(k), ones(2)))
    last = solve(start, np.array([0.0, 60 / rate]), learning_rate=rate, noise=noise)
    assert float(error(last)[-1, 0]) == pytest.approx(first_order(k, rate, noise), rel=0.02)


def test_the_solution_needs_times_that_begin_at_the_start():
    path = solve(one(at_small_rate(2)), np.array([0.0, 1.0, 2.0]), learning_rate=0.1)
    assert path.q.shape == (3, 1, 2, 2) and path.a.shape == (3, 1, 2)
    assert plateau.Plateau._fields == ("q", "c", "r", "error", "escape") and Network
