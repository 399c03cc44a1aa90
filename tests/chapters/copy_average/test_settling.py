"""Gradient flows to rest: against an adaptive solver, past saddles, members by themselves."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from companion.chapters.copy_average.settling import settle


def valley(theta):
    """Gradient of (x^2 - 1)^2 / 4 + 500 (y - x^2)^2: two minima, a saddle at 0, and a steep wall."""
    x, y = theta[:, 0], theta[:, 1]
    off = 1000 * (y - x * x)
    return torch.stack([x * (x * x - 1) - 2 * x * off, off], 1)


def bent(theta):
    x, y = theta[:, 0], theta[:, 1]
    xx = 3 * x * x - 1 - 2000 * (y - 3 * x * x)
    xy = -2000 * x
    return torch.stack([torch.stack([xx, xy], 1), torch.stack([xy, torch.full_like(x, 1000)], 1)], 1)


STARTS = torch.tensor([[1e-3, 1.0], [-1e-3, 1.0], [2.0, -1.0], [0.3, 0.3]], dtype=torch.float64)


def test_it_ends_where_an_adaptive_solver_ends():
    end = settle(valley, bent, STARTS)
    assert end.at_rest.all()
    for start, found in list(zip(STARTS.numpy(), end.state.numpy()))[1:3]:
        flow = lambda t, y: -valley(torch.from_numpy(y)[None])[0].numpy()
        truth = solve_ivp(flow, (0, 40), start, method="LSODA", rtol=1e-7, atol=1e-10).y[:, -1]
        np.testing.assert_allclose(found, truth, atol=1e-6)


def test_it_is_of_second_order():
    """Steps grow like the tolerance to the power -1/3."""
    start = torch.tensor([[1e-3, 1e-6]], dtype=torch.float64)
    half = []
    for tolerance in (1e-3, 1e-5):
        seen = []

        def gradient(theta, seen=seen):
            seen.append(theta.clone())
            return valley(theta)

        end = settle(gradient, bent, start, tolerance=tolerance)
        half.append(len(seen))
        assert end.state[0, 0].item() == pytest.approx(1)
    assert 1.5 < half[1] / half[0] < 100 ** (1 / 3) * 1.5


def test_a_saddle_is_no_rest():
    on_the_ridge = torch.tensor([[0.0, 0.5]], dtype=torch.float64)
    end = settle(valley, bent, on_the_ridge, steps=300)
    assert not end.at_rest.any() and end.state[0].abs().max() < 1e-6


def test_members_do_not_depend_on_each_other():
    together = settle(valley, bent, STARTS)
    for i in range(len(STARTS)):
        alone = settle(valley, bent, STARTS[i : i + 1])
        torch.testing.assert_close(alone.state[0], together.state[i], rtol=0, atol=1e-12)
        assert alone.time[0].item() == pytest.approx(together.time[i].item())


def test_a_member_that_is_lost_or_out_of_time_does_not_stop_the_others():
    end = settle(valley, bent, STARTS, lost=lambda theta: theta[:, 0] < -0.5)
    assert end.at_rest.tolist() == [True, False, True, True]
    assert not settle(valley, bent, STARTS, limit=0.5).at_rest.any()
    broken = STARTS.clone()
    broken[1] = math.nan
    assert settle(valley, bent, broken).at_rest.tolist() == [True, False, True, True]


def test_a_tolerance_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\), got 2"):
        settle(valley, bent, STARTS, tolerance=2)
