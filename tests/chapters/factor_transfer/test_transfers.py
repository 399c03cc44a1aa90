"""Losses by hand and by torch, readers by loops, and what no transfer loss sees."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv_transpose2d, cross_entropy, kl_div, l1_loss, leaky_relu, normalize

from companion.chapters.factor_transfer import transfers
from companion.chapters.factor_transfer.identities import mixed, unmixing
from companion.chapters.factor_transfer.readers import chain, decoder, encoder, numbers, through
from companion.chapters.factor_transfer.studies import Identities
from ts_core.streams import stream

MEMBERS = 2


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def member(folded: torch.Tensor, one: int) -> torch.Tensor:
    return folded.unflatten(1, (MEMBERS, -1))[:, one]


def test_losses_of_labels_and_soft_labels_are_those_of_torch():
    outputs, target, labels = (
        drawn(MEMBERS, 5, 3),
        drawn(MEMBERS, 5, 3, seed=1),
        torch.tensor([[0, 1, 2, 0, 1]] * 2),
    )
    found, soft = transfers.labels_loss(outputs, labels), transfers.soft_labels_loss(outputs, target, 4.0)
    for one in range(MEMBERS):
        torch.testing.assert_close(found[one], cross_entropy(outputs[one], labels[one]))
        p, log_q = (target[one] / 4).softmax(1), (outputs[one] / 4).log_softmax(1)
        torch.testing.assert_close(soft[one], 16 * kl_div(log_q, p, reduction="batchmean"))
    assert transfers.soft_labels_loss(target, target, 4.0).abs().max() < 1e-15


def test_the_distance_of_factors_is_the_released_one():
    s, t = drawn(3, MEMBERS * 4, 2, 2), drawn(3, MEMBERS * 4, 2, 2, seed=1)
    found = transfers.factor_distance(*(transfers.directions(of, MEMBERS) for of in (s, t)))
    for one in range(MEMBERS):
        flat = [normalize(member(of, one).flatten(1)) for of in (s, t)]
        torch.testing.assert_close(found[one], l1_loss(*flat))


def test_attention_is_where_a_layer_is_active():
    maps = torch.zeros(1, MEMBERS * 2, 1, 2, dtype=torch.float64)
    maps[0, 0, 0, 0], maps[0, 1, 0, 1] = 3.0, 2.0
    found = transfers.attention(maps, MEMBERS)
    torch.testing.assert_close(found[0, 0], torch.tensor([9.0, 4.0], dtype=torch.float64) / 97**0.5)
    assert not found[1].any(), "a layer that is silent has no attention"
    other = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]], dtype=torch.float64)
    expected = ((1 - 9 / 97**0.5) ** 2 + (4 / 97**0.5) ** 2) / 2
    assert transfers.attention_distance(found, other)[0].item() == pytest.approx(expected)


def test_a_chain_reads_every_member_by_itself():
    streams = [stream(seed, "chain") for seed in (1, 2)]
    network, x = chain(streams, "encoder", encoder(4, 2)), drawn(3, MEMBERS * 4, 5, 5)
    found = through(network, "encoder", x)
    assert found.shape == (3, MEMBERS * 2, 5, 5)
    for one in range(MEMBERS):
        f = member(x, one)
        for layer in range(3):
            weight, bias = network[f"encoder{layer}"][one], network[f"encoder{layer}_bias"][one]
            f = leaky_relu(torch.nn.functional.conv2d(f, weight, bias, padding=1), 0.1)
        torch.testing.assert_close(member(found, one), f)
    assert numbers(network) == 4 * 4 * 9 + 4 + 4 * 2 * 9 + 2 + 2 * 2 * 9 + 2
    assert decoder(4, 2) == (2, 2, 4, 4)


def test_a_transposed_convolution_is_a_convolution_with_its_kernel_turned_round():
    weight, x = drawn(2, 3, 3, 3), drawn(1, 2, 4, 4)
    turned = weight.flip(2, 3).transpose(0, 1)
    torch.testing.assert_close(
        conv_transpose2d(x, weight, padding=1), torch.nn.functional.conv2d(x, turned, padding=1)
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 100))
def test_a_translator_undoes_any_mixing_of_channels(m, factors, seed):
    streams = [stream(seed, "mixing", one + 1) for one in range(MEMBERS)]
    network, x = chain(streams, "translator", encoder(m, factors)), drawn(2, MEMBERS * m, 4, 4, seed=seed)
    mixing = torch.linalg.qr(drawn(MEMBERS, m, m, seed=seed + 1))[0] * 3
    found = through(unmixing(network, "translator", mixing), "translator", mixed(x, mixing))
    torch.testing.assert_close(found, through(network, "translator", x), rtol=1e-11, atol=1e-12)


def test_mixing_by_hand():
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1)
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    found = mixed(x, torch.stack([swap, 2 * torch.eye(2)]))
    assert found.flatten().tolist() == [2, 1, 6, 8]


def test_identities_hold_and_their_alternative_does_not():
    errors = Identities(seeds=4).run()["errors"]
    assert errors.unmixed.max() < 1e-12 < 1e-2 < errors.same.min()


def test_attention_sees_mixing_unless_it_is_orthogonal():
    x, mixing = drawn(2, MEMBERS * 3, 4, 4), drawn(MEMBERS, 3, 3, seed=1)
    rotated = torch.linalg.qr(mixing)[0]
    of = lambda maps: transfers.attention(maps, MEMBERS)
    torch.testing.assert_close(of(mixed(x, rotated)), of(x))
    assert (of(mixed(x, mixing)) - of(x)).abs().max() > 0.01
