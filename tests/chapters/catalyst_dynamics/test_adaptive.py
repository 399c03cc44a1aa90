"""The adaptive solver: the flow of many steps to its tolerance, and what it refuses."""

import pytest
import torch

from companion.chapters.catalyst_dynamics.adaptive import adaptive
from ts_core.streams import stream
from ts_core.theory import population
from ts_core.training.flow import trajectory


def test_the_adaptive_solver_gives_the_same_trajectory_to_its_tolerance():
    draw = lambda *shape: torch.from_numpy(stream(0, "test adaptive", *shape).standard_normal(shape))
    w, v, *teacher = draw(1, 4, 5), draw(1, 4, 2), draw(3, 5), draw(3, 2)
    velocity = lambda w, v: population.flow(w, v, *teacher)
    fine = trajectory(velocity, (0.3 * w, 0.3 * v), 0.01, 200, 100)
    gaps = []
    for tolerance in (1e-4, 1e-8):
        found = adaptive(velocity, (0.3 * w, 0.3 * v), [0.0, 1.0, 2.0], tolerance)
        assert [part.shape for part in found] == [part.shape for part in fine]
        gaps.append(max((ours - theirs).abs().max().item() for ours, theirs in zip(found, fine)))
    assert gaps[1] < 1e-6 < gaps[0] < 1e-2


def test_a_flow_that_blows_up_is_refused_in_words():
    with pytest.raises(ValueError, match="not followed to time 2"):
        adaptive(lambda y: (y.square(),), (torch.ones(1, dtype=torch.float64),), [0.0, 2.0], 1e-6, "RK45")
