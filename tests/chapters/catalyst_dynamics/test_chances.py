"""Chances of random students: symmetry, limits, and draws."""

import math

import pytest
import torch

from companion.chapters.catalyst_dynamics import chances
from ts_core.streams import stream


def test_half_of_the_students_see_half_of_a_boundary_wherever_it_lies():
    for offset in (0.01, 1.0, 30.0):
        assert chances.observed(1, 0.5, offset, 7) == pytest.approx(0.5)
    assert chances.observed(3, 0.5, 1.0, 2) == pytest.approx(7 / 8)
    assert chances.faced(2) == pytest.approx(7 / 16)


@pytest.mark.parametrize("share, offset, input_dim", [(0.2, 1.0, 10), (0.8, 0.5, 3), (0.95, 2.0, 2)])
def test_the_closed_form_is_the_share_of_random_students(share, offset, input_dim):
    w = torch.from_numpy(stream(0, "test chances").standard_normal((40_000, input_dim)))
    cosine = w[:, 0] / w.norm(dim=1)
    seen = torch.special.ndtr(offset * cosine / (1 - cosine.square()).sqrt()) > share
    chance = chances.observed(1, share, offset, input_dim)
    assert seen.double().mean().item() == pytest.approx(chance, abs=4 * math.sqrt(0.25 / 40_000))
    assert chance != pytest.approx(0.5, abs=0.03)


def test_more_students_see_more_and_larger_shares_are_rarer():
    chance = lambda n, share: chances.observed(n, share, 1.0, 10)
    assert chance(1, 0.9) < chance(1, 0.6) < 0.5 < chance(1, 0.4) < chance(2, 0.4) < 1


@pytest.mark.parametrize("share, offset", [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0)])
def test_shares_and_offsets_out_of_range_are_refused(share, offset):
    with pytest.raises(ValueError, match=f"got {share} and {offset}"):
        chances.observed(1, share, offset, 5)
