"""Solutions of a flow: the order of the method, against an adaptive solver."""

import numpy as np
import torch
from scipy.integrate import solve_ivp

from ts_core.streams import stream
from ts_core.theory import population
from ts_core.training.flow import trajectory


def networks(members, d=5, m=3, n=4, c=2):
    """Random students w, v and teacher w_t, v_t."""
    g = stream(0, "test dynamics")
    return [
        torch.from_numpy(g.standard_normal(s)) for s in ((members, n, d), (members, n, c), (m, d), (m, c))
    ]


def test_trajectory_is_of_fourth_order_and_agrees_with_an_adaptive_solver():
    w, v, *teacher = networks(members=1)
    start = 0.3 * w, 0.3 * v
    velocity = lambda w, v: population.flow(w, v, *teacher)

    def flat(t, y):
        parts = torch.from_numpy(y).split([w.numel(), v.numel()])
        return torch.cat([p.ravel() for p in velocity(parts[0].view_as(w), parts[1].view_as(v))]).numpy()

    start_flat = torch.cat([p.ravel() for p in start]).numpy()
    truth = solve_ivp(flat, (0, 2), start_flat, rtol=1e-12, atol=1e-13).y[: w.numel(), -1]
    coarse, fine = (
        np.abs(trajectory(velocity, start, step, round(2 / step), 1)[0][-1].ravel().numpy() - truth).max()
        for step in (0.1, 0.05)
    )
    assert fine < 1e-5 and 8 < coarse / fine < 32
