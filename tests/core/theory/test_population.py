"""The population flow against its kernels, Monte Carlo and autograd; its exact reductions."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from ts_core.streams import stream
from ts_core.theory import population
from ts_core.theory.kernels import kappa, phi
from ts_core.training.flow import trajectory


def networks(members=2, d=5, m=3, n=4, c=2):
    """Random students w, v and teacher w_t, v_t."""
    g = stream(0, "test dynamics")
    return [
        torch.from_numpy(g.standard_normal(s)) for s in ((members, n, d), (members, n, c), (m, d), (m, c))
    ]


def test_flow_sums_the_kernels_of_the_theory():
    w, v, w_t, v_t = networks()
    pair = lambda u: (w[:, :, None].expand(-1, -1, u.shape[-2], -1), u.expand(2, 4, -1, -1))
    dw, dv = torch.zeros_like(w), torch.zeros_like(v)
    for u, a, sign in ((w_t, v_t.expand(2, -1, -1), 1), (w[:, None], v, -1)):
        dv += sign * kappa(*pair(u)) @ a
        dw += sign * ((v @ a.mT)[..., None] * phi(*pair(u))).sum(2)
    for ours, theirs in zip(population.flow(w, v, w_t, v_t), (dw, dv), strict=True):
        # the angle of a node with itself is rounded
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-7)


def test_flow_is_minus_the_gradient_of_the_loss():
    w, v, w_t, v_t = networks(members=1)
    x = torch.from_numpy(stream(1, "test dynamics").standard_normal((400_000, 5)))
    w.requires_grad_(), v.requires_grad_()
    residual = (x @ w_t.T).clamp(min=0) @ v_t - ((x @ w.mT).clamp(min=0) @ v)[0]
    loss = (residual - residual.mean(0)).square().sum(1).mean() / 2
    for rate, slope in zip(population.flow(w, v, w_t, v_t), torch.autograd.grad(loss, (w, v)), strict=True):
        assert (rate + slope).abs().max() < 0.02 * slope.abs().max()


def test_flow_conserves_the_balance_of_every_node():
    state = networks()
    w, v, *teacher = state
    w, v = trajectory(lambda w, v: population.flow(w, v, *teacher), (0.3 * w, 0.3 * v), 0.01, 200, 20)
    balance = w.square().sum(3) - v.square().sum(3)
    assert (w[-1] - w[0]).abs().max() > 0.3
    torch.testing.assert_close(balance, balance[:1].expand_as(balance), rtol=0, atol=1e-7)


def test_one_balanced_student_is_logistic_and_shares_of_a_niche_are_kept():
    s, owner = torch.tensor([2.0], dtype=torch.float64), torch.tensor([0, 0])
    p_0 = torch.tensor([[0.03, 0.01], [0.04, 0.0]], dtype=torch.float64)
    p = trajectory(lambda p: (population.reduced(p, 0 * p, owner, s),), (p_0,), 0.01, 600, 1)[0]
    time = 0.01 * torch.arange(601, dtype=torch.float64)
    torch.testing.assert_close(p[:, 1, 0], population.logistic(time, s, 0.04), rtol=0, atol=1e-9)
    # the niche fills alike, however shared
    torch.testing.assert_close(p.sum(2)[:, 0], p[:, 1, 0], rtol=0, atol=1e-9)
    torch.testing.assert_close(p[:, 0, 0] / p[:, 0, 1], torch.full((601,), 3.0, dtype=torch.float64))
    middle = population.half_time(s, 0.04)
    torch.testing.assert_close(population.logistic(middle, s, 0.04), s / 2)
    assert middle.item() == pytest.approx(math.log(49) / (4 * (0.5 - 0.5 / math.pi)))


def test_a_node_turns_the_faster_the_closer_it_is():
    theta = torch.tensor([0.5, 2.0, 3.1])
    speed = -population.angle_rate(theta) / theta.sin()  # of log tan(theta / 2)
    assert (speed.diff() < 0).all()


@pytest.mark.parametrize("angle", [0.5, 2.0, 3.1])
def test_one_node_turns_as_its_angle_equation_says(angle):
    """A unit-norm node follows the tangential part of phi towards one teacher node in the plane."""
    target, times = torch.tensor([1.0, 0.0], dtype=torch.float64), np.linspace(0, 10, 101)

    def turn(_, w):
        w = torch.from_numpy(w)
        pull = phi(w[None], target[None])[0]
        return (pull - (pull @ w) * w).numpy()

    solve = lambda rate, start: solve_ivp(rate, (0, 10), start, t_eval=times, rtol=1e-10, atol=1e-12).y
    w = solve(turn, [math.cos(angle), math.sin(angle)])
    theta = solve(lambda _, theta: population.angle_rate(torch.from_numpy(theta)).numpy(), [angle])[0]
    np.testing.assert_allclose(np.abs(np.arctan2(w[1], w[0])), theta, rtol=0, atol=1e-6)
    assert (np.diff(theta) < 0).all()


def test_each_member_may_have_its_own_teacher():
    w, v, w_t, v_t = networks()
    other = torch.stack([v_t, 2 * v_t])
    rates = population.flow(w, v, w_t.expand(2, -1, -1), other)
    for member in range(2):
        alone = population.flow(w[member, None], v[member, None], w_t, other[member])
        torch.testing.assert_close([rate[member] for rate in rates], [rate[0] for rate in alone])


def test_the_flow_descends_the_loss_and_the_hessian_is_its_second_derivative():
    w, v, w_t, v_t = networks(members=1)
    flat = lambda w, v: torch.cat([w.flatten(1), v.flatten(1)], 1)[0]
    g = stream(3, "test dynamics")
    aside = [torch.from_numpy(g.standard_normal(part.shape)) for part in (w, v)]
    at = lambda t: population.loss(w + t * aside[0], v + t * aside[1], w_t, v_t)
    direction = flat(*aside)
    slope = (at(1e-5) - at(-1e-5)).item() / 2e-5
    assert slope == pytest.approx(-(flat(*population.flow(w, v, w_t, v_t)) @ direction).item(), rel=1e-6)
    bend = (at(1e-3) - 2 * at(0.0) + at(-1e-3)).item() / 1e-6
    second = population.hessian(w, v, w_t, v_t)[0]
    assert bend == pytest.approx((direction @ second @ direction).item(), rel=1e-4)
    both = population.hessian(
        w.repeat(2, 1, 1), v.repeat(2, 1, 1), w_t.expand(2, -1, -1), v_t.expand(2, -1, -1)
    )
    torch.testing.assert_close(both, second.expand(2, -1, -1))


def test_the_loss_and_the_sample_gradient_are_those_of_samples():
    w, v, w_t, v_t = networks(members=1)
    x = torch.from_numpy(stream(2, "test dynamics").standard_normal((200_000, 5)))
    centred = lambda rows: (x @ rows.T).clamp(min=0) - rows.norm(dim=1) / math.sqrt(2 * math.pi)
    residual = centred(w_t) @ v_t - centred(w[0]) @ v[0]
    sampled = residual.square().sum(1).mean().item() / 2
    assert population.loss(w, v, w_t, v_t).item() == pytest.approx(sampled, rel=0.02)
    g = population.sample_gradient(w, v, w_t, v_t, x)[0]
    torch.testing.assert_close(g, (x @ w[0].T > 0) * (residual @ v[0].T))
    mean = (g[:, :, None] * x[:, None]).mean(0)
    assert (mean - population.flow(w, v, w_t, v_t)[0][0]).abs().max() < 0.02 * mean.abs().max()
    assert population.loss(w_t[None], v_t[None], w_t, v_t).abs().item() < 1e-12
