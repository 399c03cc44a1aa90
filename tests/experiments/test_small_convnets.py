"""Ensembles of small ConvNets: members apart, the same function as torch's layers, moments as asked for."""

import torch
from torch import nn

from companion.experiments.small_convnets import STRIDES, conv_net, depth, fold, forward, moments_on, unfold
from ts_core.streams import stream

WIDTHS, MEMBERS = (3, 4, 5), 2


def ensemble():
    """Two networks whose normalizations do something."""
    network = conv_net([stream(seed, "network") for seed in range(MEMBERS)], WIDTHS, 2, 6)
    draws = stream(9, "norms")
    return {
        name: value + torch.from_numpy(draws.normal(size=value.shape))
        if name[:-1] in ("gain", "shift")
        else value
        for name, value in network.items()
    }


def images(count: int = 7) -> torch.Tensor:
    return torch.from_numpy(stream(1, "images").normal(size=(MEMBERS, count, 2, 8, 8)))


def plain(network, member: int) -> nn.Sequential:
    """One member, of torch's own layers."""
    layers, below = [], 2
    for layer, (n, stride) in enumerate(zip(WIDTHS, STRIDES)):
        conv, norm = nn.Conv2d(below, n, 3, stride, 1, bias=False), nn.BatchNorm2d(n, momentum=1.0)
        conv.weight.data, norm.weight.data, norm.bias.data = (
            network[f"{name}{layer}"][member] for name in ("conv", "gain", "shift")
        )
        layers += [conv, norm, nn.ReLU()]
        below = n
    top = nn.Linear(below, 6)
    top.weight.data, top.bias.data = network["top"][member], network["top_bias"][member]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), top).double()


def test_members_are_networks_of_torch_with_either_statistics():
    network, x, other = ensemble(), images(), 1 + 2 * images()
    stored = moments_on(network, fold(x))
    assert depth(network) == len(stored) == 3
    for member in range(MEMBERS):
        alone = plain(network, member).train()
        trained = alone(x[member])
        torch.testing.assert_close(forward(network, fold(x))[1][member], trained)
        for norm, (mean, variance), n in zip(alone[1::3], stored, WIDTHS):
            torch.testing.assert_close(norm.running_mean, mean.view(MEMBERS, n)[member])
            norm.running_var.copy_(variance.view(MEMBERS, n)[member])  # torch stores the unbiased one
        torch.testing.assert_close(
            forward(network, fold(other), stored)[1][member], alone.eval()(other[member])
        )


def test_moments_on_the_way_are_those_asked_for():
    network, x, other = ensemble(), fold(images()), fold(1 + 2 * images())
    stored = moments_on(network, x)
    again, fresh = moments_on(network, other, stored), moments_on(network, other)
    torch.testing.assert_close(again[0], fresh[0])  # nothing is normalized below the first layer
    assert not torch.allclose(again[1][0], fresh[1][0])
    torch.testing.assert_close(forward(network, x)[1], forward(network, x, stored)[1])


def test_folding_is_undone():
    assert torch.equal(unfold(fold(images()), MEMBERS), images())
