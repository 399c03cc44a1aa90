"""Ensembles of small ConvNets as functions of tensors: 3 x 3 convolutions, BatchNorm, ReLU, a pooled top.

Every tensor of parameters has the ensemble axis ``e`` first. Images and feature maps are folded,
``(b, e c, h, w)`` with the channels of a member side by side: one grouped convolution serves all members, and
none sees another. Moments of normalizations are arguments, not state: a network has none of its own.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d

from ts_core.training.fit import Parameters

STRIDES = (1, 2, 2)  # of the layers: feature maps of the side of the image, half and a quarter of it
Moments = list[tuple[Tensor, Tensor]]  # per layer mean and variance of each channel before its norm, (e n,)


def conv_net(
    generators: Sequence[np.random.Generator], widths: Sequence[int], colours: int, classes: int
) -> Parameters:
    """A ConvNet per generator: per layer ``conv``, ``gain`` and ``shift``, then ``top`` and ``top_bias``.

    PyTorch's start, uniform within 1 / sqrt(fan-in); float64.
    """
    found: Parameters = {}
    for layer, (below, n) in enumerate(zip((colours, *widths), widths)):
        found[f"conv{layer}"] = uniform(generators, (n, below, 3, 3), 9 * below)
        found[f"gain{layer}"] = torch.ones(len(generators), n, dtype=torch.float64)
        found[f"shift{layer}"] = torch.zeros(len(generators), n, dtype=torch.float64)
    found["top"] = uniform(generators, (classes, widths[-1]), widths[-1])
    found["top_bias"] = uniform(generators, (classes,), widths[-1])
    return found


def uniform(generators: Sequence[np.random.Generator], shape: tuple[int, ...], fan_in: int) -> Tensor:
    """A tensor of that shape per generator, uniform within 1 / sqrt(fan-in)."""
    bound = 1 / math.sqrt(fan_in)
    return torch.from_numpy(np.stack([g.uniform(-bound, bound, shape) for g in generators]))


def fold(x: Tensor) -> Tensor:
    """``(e, b, c, h, w)`` as ``(b, e c, h, w)``."""
    return x.transpose(0, 1).flatten(1, 2)


def unfold(x: Tensor, members: int) -> Tensor:
    """``(b, e c, h, w)`` as ``(e, b, c, h, w)``."""
    return x.unflatten(1, (members, -1)).transpose(0, 1)


def convolved(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Each member's 3 x 3 convolutions ``(e, n, c, 3, 3)`` of folded images, with a rim of zeros."""
    return conv2d(x, weight.flatten(0, 1), None, stride, 1, groups=len(weight))


def forward(network: Parameters, x: Tensor, moments: Moments | None = None) -> tuple[list[Tensor], Tensor]:
    """Feature maps of every layer behind ReLU, ``(b, e n_l, h_l, w_l)``, and the outputs ``(e, b, classes)``.

    x           ``(b, e c, h, w)``.
    moments     to normalize with; without them those of this batch, as in training.
    """
    maps = []
    for layer in range(depth(network)):
        known = None if moments is None else moments[layer]
        x = _normalized(network, layer, _convolved(network, layer, x), known)
        maps.append(x)
    pooled = unfold(x, len(network["top"])).mean((3, 4))
    return maps, pooled @ network["top"].mT + network["top_bias"][:, None]


@torch.no_grad()
def moments_on(network: Parameters, x: Tensor, through: Moments | None = None) -> Moments:
    """Mean and variance of every channel before its normalization, on the images ``(b, e c, h, w)``.

    through     what the layers normalize with on the way; without it the moments that are found.
    """
    found: Moments = []
    for layer in range(depth(network)):
        z = _convolved(network, layer, x)
        found.append((z.mean((0, 2, 3)), z.var((0, 2, 3), correction=0)))
        x = _normalized(network, layer, z, (through or found)[layer])
    return found


def depth(network: Parameters) -> int:
    """How many layers of convolutions there are."""
    return sum(name.startswith("conv") for name in network)


def _convolved(network: Parameters, layer: int, x: Tensor) -> Tensor:
    return convolved(x, network[f"conv{layer}"], STRIDES[layer])


def _normalized(network: Parameters, layer: int, z: Tensor, moments: tuple[Tensor, Tensor] | None) -> Tensor:
    gain, shift = (network[f"{name}{layer}"].flatten() for name in ("gain", "shift"))
    mean, variance = moments or (None, None)
    return batch_norm(z, mean, variance, gain, shift, training=moments is None).relu()
