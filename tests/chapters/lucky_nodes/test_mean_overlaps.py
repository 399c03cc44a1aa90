"""Overlap matrices against plain sums over samples, and their order and blocks by hand."""

import pytest
import torch

from companion.chapters.lucky_nodes.mean_overlaps import blocks, mean_overlaps, winners_first
from ts_core.gradients import gates, overlaps
from ts_core.networks import forward
from ts_core.streams import stream
from ts_core.teachers import random_networks


def test_means_are_those_over_samples():
    streams = lambda purpose: [stream(seed, purpose) for seed in (1, 2)]
    teacher, student = (
        random_networks(streams("t"), (3, 2, 4, 5)),
        random_networks(streams("s"), (3, 6, 7, 5)),
    )
    x = torch.from_numpy(stream(1, "x").standard_normal((2, 40, 3)))
    found = mean_overlaps(teacher, student, x)
    across, within = overlaps(teacher, student, x)
    open_t, open_s = (gates(network, forward(network, x)[0]) for network in (teacher, student))
    for layer in (0, 1):
        d_t, d = open_t[layer][..., :-1], open_s[layer][..., :-1]
        beta, star = within[layer][..., :-1, :-1], across[layer][..., :-1, :-1]
        expected = {
            "beta": beta.mean(1),
            "H": (d[..., :, None] * beta * d[..., None, :]).mean(1),
            "beta*": star.mean(1),
            "H*": (d[..., :, None] * star * d_t[..., None, :]).mean(1),
        }
        for name, values in expected.items():
            torch.testing.assert_close(found[layer][name], values)


def test_winners_come_first_in_the_order_of_their_teacher_nodes():
    within = torch.arange(9.0).reshape(1, 3, 3)
    across = torch.tensor([[[1.0, 2], [3, 4], [5, 6]]])
    found = winners_first({"H": within, "H*": across}, torch.tensor([[2, 0]]))
    assert found["H*"].tolist() == [[[5, 6], [1, 2], [3, 4]]]
    assert found["H"].tolist() == [[[8, 6, 7], [2, 0, 1], [5, 3, 4]]]


def test_blocks_by_hand():
    within = torch.tensor([[[3.0, 1, 9], [1, 3, 9], [9, 9, 2]]])
    found = blocks(within, 2)
    assert {name: size.item() for name, size in found.items()} == pytest.approx(
        dict(own=3, winners=1, others=2)
    )
    across = torch.tensor([[[4.0, 1], [-1, 4], [0.5, -2]]])
    found = blocks(across, 2)
    assert {name: size.item() for name, size in found.items()} == pytest.approx(
        dict(own=4, winners=1, others=2)
    )
    assert set(blocks(across[:, :2], 2)) == {"own", "winners"} and set(blocks(across[:, :1, :1], 1)) == {
        "own"
    }
