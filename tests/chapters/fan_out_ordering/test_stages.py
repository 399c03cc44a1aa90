"""Stages of training: parts of the teacher by a direct sum, events by hand, and what permuting takes away."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.fan_out_ordering import tables
from companion.chapters.fan_out_ordering.leaky import run as leaky
from companion.chapters.fan_out_ordering.stages import distances_to_cuts
from companion.chapters.fan_out_ordering.studies import LeakyTwoLayer, Stages


def test_distances_to_parts_are_those_of_a_direct_sum():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    f_t, v_t, y = draw(1, 50, 3), draw(2, 3, 4), draw(2, 50, 4)
    strongest = torch.tensor([[2, 0, 1], [1, 2, 0]])
    found = torch.tensor([1, 2])
    got = distances_to_cuts(f_t, v_t, y, strongest, found)

    def direct(member: int, part) -> float:
        gap = y[member] - sum(f_t[0, :, [j]] * v_t[member, j] for j in part)
        return (gap - gap.mean(0)).square().mean().item()

    for member, (own, count) in enumerate((({2}, 1), ({1, 2}, 2))):
        others = [p for p in itertools.combinations(range(3), count) if set(p) != own]
        assert got["to_strongest"][member].item() == pytest.approx(direct(member, own))
        assert got["to_others"][member].item() == pytest.approx(min(direct(member, p) for p in others))
        assert got["to_whole"][member].item() == pytest.approx(direct(member, range(3)))


def test_all_or_no_nodes_have_no_other_part():
    f_t, v_t, y = torch.rand(1, 9, 2), torch.rand(2, 2, 3), torch.rand(2, 9, 3)
    got = distances_to_cuts(f_t, v_t, y, torch.tensor([[0, 1]] * 2), torch.tensor([0, 2]))
    assert got["to_others"].isnan().all()
    assert got["to_strongest"][1].item() == pytest.approx(got["to_whole"][1].item(), rel=1e-4)


def made_up(stairs: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A loss that falls by a factor of ten at steps 10 and 1000, or evenly; nodes are found there."""
    step = np.unique(np.geomspace(1, 10_000, 80).round().astype("int16"))
    log = -1.0 * (step >= 10) - 1.0 * (step >= 1000) if stairs else -np.log10(step)
    looks = pd.DataFrame(dict(seed=1, polarity=1.0, step=step, eval_loss=10.0**log))
    nodes = pd.concat(
        pd.DataFrame(dict(seed=1, polarity=1.0, teacher=j, step=step, rho=(step >= at) * 1.0))
        for j, at in enumerate((10, 1000))
    )
    return looks, nodes


def test_a_staircase_falls_near_its_events_and_a_slope_everywhere():
    stairs, slope = (tables.falls_near_events(*made_up(which), 0.9).iloc[0] for which in (True, False))
    assert stairs.events == slope.events == 2
    assert stairs.share == pytest.approx(1) and stairs.permuted < 0.4
    width = 2 * 2 * math.log(tables.WINDOW) / math.log(10_000)
    assert slope.share == pytest.approx(width, abs=0.05) and slope.permuted == pytest.approx(width, abs=0.05)


def test_the_nearest_part_is_counted_between_the_first_and_the_last_find():
    looks = pd.DataFrame(
        dict(
            polarity=1.0,
            seed=1,
            found=[0, 1, 1, 2],
            to_strongest=[3.0, 1.0, 2.0, 0.0],
            to_others=[math.nan, 2.0, 1.0, math.nan],
            to_whole=[3.0, 3.0, 3.0, 0.0],
        )
    )
    (row,) = tables.nearest_part(looks).itertuples()
    assert (row.found, row.others, row.whole, row.both) == (1, 0.5, 1.0, 0.5)


def test_stages_are_tidy_and_rerun_bit_equal():
    tiny = Stages(seeds=(1, 2), polarities=(0.0, 1.0), samples=100, steps=40, looks=5, teacher_width=3)
    found = tiny.run()
    assert not found["looks"].duplicated(["seed", "polarity", "step"]).any()
    assert set(found["nodes"].teacher) == {0, 1, 2} and found["looks"].step.max() == 40
    again = tiny.run()
    assert all(found[name].equals(again[name]) for name in found)


def test_leaky_networks_share_all_but_the_gates():
    shared = dict(teacher_width=3, over_realizations=(1.0,), polarities=(1.0,), samples=64, eval_samples=100)
    shared |= dict(epochs=1, steps_per_epoch=20, snapshots=(0, 1), tables=("runs", "teachers"))
    relu, other = (leaky(LeakyTwoLayer(slope=slope, **shared)) for slope in (0.0, 0.3))
    assert (relu["runs"].slope == 0).all() and (other["runs"].slope == 0.3).all()
    assert (relu["teachers"].fan_out_norm == other["teachers"].fan_out_norm).all()
    assert (relu["runs"].eval_loss != other["runs"].eval_loss).all()
