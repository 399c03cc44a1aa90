"""Order-parameter equations and the plateau: closed forms, limits, what they conserve, what they refuse."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from companion.chapters.online_learning import plateau
from companion.chapters.online_learning.gates import rectified_fields
from companion.chapters.online_learning.order_parameters import solve, velocity
from companion.chapters.online_learning.plateau import (
    at_rate,
    at_small_rate,
    error_at_small_rate,
    escape_rate_at_small_rate,
    largest_rate,
    rectified,
    rectified_alike,
    symmetric,
)
from companion.chapters.online_learning.studies import Learning
from companion.chapters.online_learning.sweeps import LARGEST
from companion.chapters.online_learning.tables import first_order
from companion.experiments.soft_committee.overlaps import Overlaps, error, overlaps
from companion.experiments.soft_committee.run import starts, teachers
from companion.experiments.soft_committee.spec import SoftCommittee
from companion.runs.spec import SpecError
from ts_core.networks import Network, forward
from ts_core.theory.kernels import kappa, relu_kernel


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


def test_the_fields_of_rectified_nodes_are_those_of_the_definition():
    """Quadrature over the angle: products of linear forms on a Gaussian plane."""
    generator = torch.Generator().manual_seed(5)
    root = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    c = root @ root.T
    found = rectified_fields(c, 2)
    rows = torch.linalg.cholesky(c)
    for a in range(2):
        for n in range(4):
            for k in range(4):
                # in the plane of u_a and u_k, where u_b has a projection that counts alone
                plane = torch.linalg.qr(rows[[a, k]].T)[0] if a != k else torch.linalg.qr(rows[[a]].T)[0]
                flat = torch.nn.functional.pad(plane, (0, 2 - plane.shape[1]))

                def at(angle):
                    way = flat @ torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
                    along = rows @ way
                    return float((along[a] > 0) * along[n] * along[k].clamp(min=0)) / math.pi

                edges = [math.atan2(*(v @ flat).tolist()[::-1]) % math.pi + math.pi / 2 for v in rows[[a, k]]]
                cuts = sorted({0.0, 2 * math.pi, *edges, *((e + math.pi) % (2 * math.pi) for e in edges)})
                parts = [quad(at, *ends, epsabs=1e-12)[0] for ends in zip(cuts, cuts[1:])]
                assert found[a, n, k].item() == pytest.approx(sum(parts), abs=1e-9)


def test_the_kernel_of_rectified_nodes_is_the_centred_one_plus_the_means():
    w, u = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    size = lambda v: v.norm(dim=-1)
    found = relu_kernel(size(w) ** 2, size(u) ** 2, (w * u).sum(-1))
    torch.testing.assert_close(found, kappa(w, u) + size(w) * size(u) / (2 * math.pi), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("width", [2, 3])
def test_rectified_students_rest_at_the_angle_that_the_text_gives(width):
    there = rectified(width)
    angle = math.acos(there.c / there.q)
    pushed = width * math.sqrt(there.q - there.r**2) / there.q
    assert pushed == pytest.approx(angle + (width - 1) * math.sin(angle), abs=1e-9)
    alike = rectified_alike(width)
    of = symmetric(width, alike.q, alike.q, alike.r, alike.r)
    dq, dr, _ = velocity(of, 1.0, fluctuations=False, activation="ReLU")
    assert max(dq.abs().max(), dr.abs().max()) < 1e-7  # the root of 1 - cos^2 near 1 has half the digits
    assert there.error < alike.error and there.escape < alike.escape


def test_rectified_flow_is_the_limit_of_small_rates_and_has_no_closed_fluctuations():
    with pytest.raises(ValueError, match="no closed form for ReLU"):
        velocity(at_small_rate(2), 1.0, activation="ReLU")
    with pytest.raises(SpecError, match="no closed form for ReLU nodes, got ODE"):
        Learning(activation="ReLU")
    with pytest.raises(
        SpecError, match="beta: the gate of ReLU nodes knows no temperature; must be 1, got 2"
    ):
        SoftCommittee(activation="ReLU", beta=2.0)
