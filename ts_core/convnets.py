"""Convolutional teachers and students: 3 x 3 valid convolutions with ReLU and BatchNorm, one linear layer.

Activations are ``(b, n_l, h, w)``, and a *node* is a channel: every image and every position is one sample of
it. Node activations are taken after ReLU, wherever the normalization stands. The loss is the one of
:mod:`ts_core.networks`, J = 1/2 E ||f* - f||^2 summed over outputs; reported is 2 J / c.
"""

import math
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, linear, relu_

NORMS = ("after", "before", "none")


class ConvNet(torch.nn.Module):
    """A ConvNet of given ``widths``, one convolution each.

    norm        where BatchNorm stands: ``after`` ReLU, where it shifts and scales what the layer above sees;
                ``before`` ReLU, where the layer above sees the activations themselves, and the convolution's
                bias has no effect in training; or ``none``.
    raises      ValueError for an unknown ``norm``, and for images too small for so many convolutions.
    """

    def __init__(self, widths: Sequence[int], side: int, outputs: int = 10, norm: str = "after"):
        super().__init__()
        self.widths, self.side, self.norm = tuple(widths), side - 2 * len(widths), norm
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
        if min(widths) < 1 or self.side < 1:
            raise ValueError(f"images of {side} pixels and widths {list(widths)} leave nothing to classify")
        normalization = torch.nn.Identity if norm == "none" else torch.nn.BatchNorm2d
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(c, n, 3) for c, n in zip((3, *widths), widths))
        self.norms = torch.nn.ModuleList(normalization(n) for n in widths)
        self.top = torch.nn.Linear(widths[-1] * self.side**2, outputs)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Activations of every layer ``(b, n_l, h, w)`` and the outputs ``(b, c)``.

        The images are ``(b, 3, side, side)``.
        """
        activations = []
        for conv, norm in zip(self.convs, self.norms):
            z = conv2d(x, conv.weight, conv.bias)
            x = relu_(norm(z) if self.norm == "before" else z)
            activations.append(x)
            if self.norm == "after":
                x = norm(x)
        # flattened channel by channel
        return activations, linear(x.flatten(1), self.top.weight, self.top.bias)


def start(
    generator: np.random.Generator, widths: Sequence[int], side: int, outputs: int = 10, norm: str = "after"
) -> ConvNet:
    """A ConvNet with PyTorch's start, uniform within 1 / sqrt(fan-in), from our own stream; float64."""
    network = ConvNet(widths, side, outputs, norm).double()
    for layer in (*network.convs, network.top):
        bound = 1 / math.sqrt(layer.weight[0].numel())
        for parameter in (layer.weight, layer.bias):
            parameter.data = torch.from_numpy(generator.uniform(-bound, bound, parameter.shape))
    return network


def place(network: ConvNet, device: torch.device, dtype: torch.dtype) -> ConvNet:
    """The network where it computes; no TF32 on a GPU.

    For float32 channels are last in memory, which is faster.
    """
    torch.backends.cudnn.allow_tf32 = False
    layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
    return network.to(device=device, dtype=dtype, memory_format=layout)


def fan_out(network: ConvNet) -> list[Tensor]:
    """Mean absolute fan-out weight ``(n_l,)`` of each channel, per layer.

    The linear layer sees activations flattened channel by channel, ``(n, h, w)``: all positions of a channel
    are its fan-out. (The released code reads them position by position: it prunes positions, not channels.)
    """
    above = [conv.weight for conv in network.convs[1:]]
    above.append(network.top.weight.unflatten(1, (network.widths[-1], -1)))
    return [weight.detach().transpose(0, 1).flatten(1).abs().mean(1) for weight in above]


def strongest(network: ConvNet, ratios: Sequence[float]) -> list[Tensor]:
    """Which channels survive pruning: bool ``(n_l,)`` per layer.

    The int(ratio * n_l) of smallest fan-out do not.
    """
    kept = []
    for strength, ratio in zip(fan_out(network), ratios, strict=True):
        active = torch.ones_like(strength, dtype=torch.bool)
        active[strength.argsort(stable=True)[: int(ratio * len(strength))]] = False
        kept.append(active)
    return kept


def masks(network: ConvNet, active: Sequence[Tensor]) -> dict[str, Tensor]:
    """Zeros for the fan-out weights of pruned channels and ones elsewhere, by parameter name."""
    found = {
        f"convs.{l}.weight": keep.view(1, -1, 1, 1).expand_as(network.convs[l].weight)
        for l, keep in enumerate(active[:-1], start=1)
    }
    found["top.weight"] = active[-1].repeat_interleave(network.side**2).expand_as(network.top.weight)
    return {name: mask.to(network.top.weight.dtype) for name, mask in found.items()}


def compact(network: ConvNet, active: Sequence[Tensor]) -> ConvNet:
    """The same function without its pruned channels, whose fan-out weights must be zero."""
    side, top = network.side + 2 * len(network.widths), network.top
    small = ConvNet([int(keep.sum()) for keep in active], side, top.out_features, network.norm).to(top.weight)
    below, weights = torch.ones(3, dtype=torch.bool, device=top.weight.device), network.state_dict()
    for l, keep in enumerate(active):
        for name, value in weights.items():
            if name.startswith((f"convs.{l}.", f"norms.{l}.")) and value.ndim:  # a count of batches has none
                weights[name] = value[keep]
        weights[f"convs.{l}.weight"] = weights[f"convs.{l}.weight"][:, below]
        below = keep
    weights["top.weight"] = weights["top.weight"][:, below.repeat_interleave(network.side**2)]
    small.load_state_dict(weights)
    return small


def as_samples(f: Tensor) -> Tensor:
    """Activations of a layer with channels as nodes, ``(1, b h w, n)``: a sample per image and position."""
    return f.permute(0, 2, 3, 1).flatten(0, 2)[None]


def evaluating(network: ConvNet) -> ConvNet:
    """A copy that no training changes, normalizing with running moments."""
    return deepcopy(network).eval().requires_grad_(False)
