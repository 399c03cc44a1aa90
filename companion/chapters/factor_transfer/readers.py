"""What reads a network's feature maps: chains of 3 x 3 convolutions, for all members of an ensemble at once.

Layout as in :mod:`companion.experiments.small_convnets`: the ensemble axis first, feature maps folded.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn.functional import leaky_relu

from companion.experiments.small_convnets import convolved, uniform
from ts_core.training.fit import Parameters

SLOPE = 0.1  # of the leaky ReLU behind every layer, the last one too, as released


def chain(generators: Sequence[np.random.Generator], name: str, widths: Sequence[int]) -> Parameters:
    """Convolutions from ``widths[0]`` channels to each next width: ``name0``, ``name0_bias``, ``name1`` ...

    PyTorch's start, uniform within 1 / sqrt(fan-in); float64.
    """
    found: Parameters = {}
    for layer, (below, n) in enumerate(zip(widths, widths[1:])):
        found[f"{name}{layer}"] = uniform(generators, (n, below, 3, 3), 9 * below)
        found[f"{name}{layer}_bias"] = uniform(generators, (n,), 9 * below)
    return found


def encoder(channels: int, factors: int) -> tuple[int, ...]:
    """Widths of a paraphraser's encoder, and of a translator: m, m, km, km."""
    return channels, channels, factors, factors


def decoder(channels: int, factors: int) -> tuple[int, ...]:
    """Widths of a paraphraser's decoder: km, km, m, m."""
    return factors, factors, channels, channels


def through(network: Parameters, name: str, x: Tensor) -> Tensor:
    """The chain of that name: ``(b, e c, h, w)``.

    A transposed 3 x 3 convolution of stride 1 is a convolution with its kernel turned round, so that decoders
    have no layers of their own kind.
    """
    layer = 0
    while (key := f"{name}{layer}") in network:
        z = convolved(x, network[key]) + network[f"{key}_bias"].flatten()[:, None, None]
        x = leaky_relu(z, SLOPE)
        layer += 1
    return x


def numbers(network: Parameters) -> int:
    """How many parameters one member has."""
    return sum(values[0].numel() for values in network.values())
