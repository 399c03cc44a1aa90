"""Fan-outs over frozen features: the closed form against a numerical flow, its rate, and duplicates."""

import torch

from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.unlucky import fan_outs, slowest
from ts_core.training.flow import trajectory

LUCKY = 3


def drawn(duplicate=False):
    streams = [stream(seed, "unlucky") for seed in range(2)]
    low = random_networks(streams, [4, 7, 2]).weights[0]
    if duplicate:
        low[:, LUCKY] = 2 * low[:, 0]
    x = gaussian(streams, 500, 4, 1.0)
    f = forward(Network((low, torch.zeros(2, 2, 8, dtype=torch.float64))), x)[1][0]
    start = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0)).double()
    goal = torch.zeros_like(start)
    goal[:, :LUCKY] = 1.0
    return f.mT @ f / 500, start, goal


def test_closed_form_is_the_flow():
    gram, start, goal = drawn()
    (flow,) = trajectory(lambda v: (gram @ (goal - v),), (start,), 0.05, 100, 50)
    time = torch.tensor([0.0, 2.5, 5.0], dtype=torch.float64)
    torch.testing.assert_close(fan_outs(gram, start, goal, time), flow, rtol=0, atol=1e-6)


def test_the_slowest_mode_bounds_the_decay():
    gram, start, goal = drawn()
    time = torch.tensor([0.0, 5.0, 50.0], dtype=torch.float64)
    left = (fan_outs(gram, start, goal, time) - goal).flatten(2).norm(dim=2)
    rate = slowest(gram)
    assert (rate > 0).all() and (left <= left[0] * (-time[:, None] * rate).exp() * (1 + 1e-9)).all()


def test_duplicates_keep_their_difference_and_settle_their_sum():
    gram, start, goal = drawn(duplicate=True)
    assert (slowest(gram) < 1e-10).all()
    (end,) = fan_outs(gram, start, goal, torch.tensor([1e6], dtype=torch.float64))
    kept = lambda v: 2 * v[:, 0] - v[:, LUCKY]  # orthogonal to (1, 2), what the feature sees
    torch.testing.assert_close(kept(end), kept(start), rtol=0, atol=1e-6)
    torch.testing.assert_close(end[:, 0] + 2 * end[:, LUCKY], goal[:, 0], rtol=0, atol=1e-3)
    assert end[:, LUCKY].abs().max() > 0.1
