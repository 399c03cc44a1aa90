"""Convolutional teachers and students: 3 x 3 valid convolutions, batch normalization after ReLU, one linear layer.

Activations are ``(b, n_l, h, w)``, and a *node* is a channel: every image and every position is one sample of it. Node
activations are taken after ReLU and before the normalization, which only shifts and scales them. The loss is the one of
:mod:`ts_core.networks`, J = 1/2 E ||f* - f||^2 summed over outputs; reported is 2 J / c.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, linear, pad, relu_

from ts_core.metrics import VARIANCE_FLOOR

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # of the training images per colour, as released
SHIFT = 4  # pixels a random crop may move


class ConvNet(torch.nn.Module):
    """A ConvNet of given ``widths``; ``norms[l]`` normalizes the activations of layer l + 1 that ``convs[l + 1]`` sees."""

    def __init__(self, widths: Sequence[int], side: int, outputs: int = 10):
        super().__init__()
        self.widths, self.side = tuple(widths), side - 2 * len(widths)
        if min(widths) < 1 or self.side < 1:
            raise ValueError(f"images of {side} pixels and widths {list(widths)} leave nothing to classify")
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(c, n, 3) for c, n in zip((3, *widths), widths))
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(n) for n in widths)
        self.top = torch.nn.Linear(widths[-1] * self.side**2, outputs)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Activations of every layer ``(b, n_l, h, w)`` and the outputs ``(b, c)`` of images ``(b, 3, side, side)``."""
        activations = []
        for conv, norm in zip(self.convs, self.norms):
            activations.append(relu_(conv2d(x, conv.weight, conv.bias)))
            x = norm(activations[-1])
        return activations, linear(x.flatten(1), self.top.weight, self.top.bias)  # flattened channel by channel


def start(generator: np.random.Generator, widths: Sequence[int], side: int, outputs: int = 10) -> ConvNet:
    """A ConvNet with PyTorch's default start, uniform within 1 / sqrt(fan-in), from our own stream; float64."""
    network = ConvNet(widths, side, outputs).double()
    for layer in (*network.convs, network.top):
        bound = 1 / math.sqrt(layer.weight[0].numel())
        for parameter in (layer.weight, layer.bias):
            parameter.data = torch.from_numpy(generator.uniform(-bound, bound, parameter.shape))
    return network


def place(network: ConvNet, device: torch.device, dtype: torch.dtype) -> ConvNet:
    """The network where it computes; channels are last in memory for float32, which is faster. No TF32 on a GPU."""
    torch.backends.cudnn.allow_tf32 = False
    layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
    return network.to(device=device, dtype=dtype, memory_format=layout)


def inputs(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 images ``(b, 3, side, side)`` as normalized numbers, channels last in memory for float32."""
    mean, std = (torch.tensor(values, dtype=dtype, device=images.device).view(3, 1, 1) for values in (MEAN, STD))
    layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
    return (images.to(dtype, memory_format=layout) / 255 - mean) / std


def augment(images: Tensor, generator: np.random.Generator, shift: int = SHIFT) -> Tensor:
    """uint8 images, each moved by up to ``shift`` pixels in both directions (black comes in) and mirrored or not."""
    b, side = images.shape[0], images.shape[-1]
    down, right = generator.integers(0, 2 * shift + 1, (2, b, 1))
    mirrored = generator.integers(0, 2, (b, 1)).astype(bool)
    pixels = np.arange(side)
    columns = right + np.where(mirrored, pixels[::-1], pixels)
    rows, columns = (torch.from_numpy(i).to(images.device) for i in (down + pixels, columns))
    member = torch.arange(b, device=images.device)[:, None, None]
    moved = pad(images, (shift,) * 4)[member, :, rows[:, :, None], columns[:, None, :]]  # (b, side, side, 3)
    return moved.permute(0, 3, 1, 2)


def fan_out(network: ConvNet) -> list[Tensor]:
    """Mean absolute fan-out weight ``(n_l,)`` of each channel, per layer.

    The linear layer sees activations flattened channel by channel, ``(n, h, w)``: all positions of a channel are its
    fan-out. (The released code reads them position by position, so that it prunes positions, not channels.)
    """
    above = [conv.weight for conv in network.convs[1:]]
    above.append(network.top.weight.unflatten(1, (network.widths[-1], -1)))
    return [weight.detach().transpose(0, 1).flatten(1).abs().mean(1) for weight in above]


def strongest(network: ConvNet, ratios: Sequence[float]) -> list[Tensor]:
    """Which channels survive pruning: bool ``(n_l,)`` per layer; the int(ratio * n_l) of smallest fan-out do not."""
    kept = []
    for strength, ratio in zip(fan_out(network), ratios, strict=True):
        active = torch.ones_like(strength, dtype=torch.bool)
        active[strength.argsort(stable=True)[:int(ratio * len(strength))]] = False
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
    side = network.side + 2 * len(network.widths)
    small = ConvNet([int(keep.sum()) for keep in active], side, network.top.out_features).to(network.top.weight)
    below, weights = torch.ones(3, dtype=torch.bool, device=network.top.weight.device), network.state_dict()
    for l, keep in enumerate(active):
        for name in (f"convs.{l}.weight", f"convs.{l}.bias", *(f"norms.{l}.{k}" for k in NORM)):
            weights[name] = weights[name][keep]
        weights[f"convs.{l}.weight"] = weights[f"convs.{l}.weight"][:, below]
        below = keep
    weights["top.weight"] = weights["top.weight"][:, below.repeat_interleave(network.side**2)]
    small.load_state_dict(weights)
    return small


NORM = ("weight", "bias", "running_mean", "running_var")


def train(
    network: ConvNet,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    rates: Iterable[float],
    fixed_zero: dict[str, Tensor] | None = None,
) -> float:
    """One pass over batches of (inputs, targets), each with its learning rate; returns the mean loss, NaN if diverged.

    fixed_zero  masks by parameter name: what is pruned stays exactly zero.
    """
    network.train()
    zeroed = [(network.get_parameter(name), mask) for name, mask in (fixed_zero or {}).items()]
    total, count = 0.0, 0
    for (x, target), rate in zip(batches, rates):
        value = loss(network(x)[1], target)
        optimizer.zero_grad()
        value.backward()
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        with torch.no_grad():
            for parameter, mask in zeroed:
                parameter.mul_(mask)
        total = total + value.detach().double() * len(x)
        count += len(x)
    return float(total / count)


def logit_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """J = 1/2 ||f* - f||^2, summed over outputs, mean over samples."""
    return 0.5 * (outputs - targets).square().sum(1).mean()


def cosine_rates(peak: float, steps: int, warm: float = 0.1) -> np.ndarray:
    """Learning rate of every step: a linear rise to ``peak`` over the first share ``warm``, then half a cosine to 0."""
    at = (np.arange(steps) + 1) / steps
    return peak * np.minimum(at / warm, 0.5 + 0.5 * np.cos(np.pi * np.clip((at - warm) / (1 - warm), 0, 1)))


class Moments:
    """Sums over images and positions from which every correlation of teacher with student channels follows, float64.

    Activations are shifted by their means over the first chunk, so that float32 products lose nothing to a large mean.
    """

    def __init__(self):
        self.shifts, self.terms, self.samples, self.rounding = [], [], [], 0.0

    def add(self, f_t: Sequence[Tensor], f_s: Sequence[Tensor]) -> None:
        """Activations of one chunk of images, per layer ``(b, m_l, h, w)`` and ``(b, n_l, h, w)``."""
        pairs = [(_samples(t), _samples(s)) for t, s in zip(f_t, f_s, strict=True)]
        if not self.shifts:
            self.shifts = [(t.mean(0), s.mean(0)) for t, s in pairs]
            self.terms, self.samples = [[0.0] * 5 for _ in pairs], [0 for _ in pairs]
            self.rounding = torch.finfo(f_t[0].dtype).eps ** 0.5
        for layer, ((t, s), (mean_t, mean_s)) in enumerate(zip(pairs, self.shifts)):
            t, s = t - mean_t, s - mean_s
            fresh = (t.sum(0), t.square().sum(0), s.sum(0), s.square().sum(0), t.T @ s)
            self.terms[layer] = [total + x.double() for total, x in zip(self.terms[layer], fresh)]
            self.samples[layer] += len(t)

    def correlation(self) -> list[Tensor]:
        """Correlation ``(m_l, n_l)`` per layer, in [-1, 1]; 0 for a channel that is constant, NaN for a diverged one."""
        found = []
        for (t, tt, s, ss, ts), samples in zip(self.terms, self.samples):
            inverse_t, inverse_s = self._inverse(t, tt, samples), self._inverse(s, ss, samples)
            found.append((ts - t[:, None] * s / samples) * inverse_t[:, None] * inverse_s)
        return found

    def _inverse(self, x: Tensor, xx: Tensor, samples: int) -> Tensor:
        """1 / root of the sum of squares around the mean; 0 where that sum is rounding, which a division would blow up."""
        around = xx - x * x / samples
        return (around + VARIANCE_FLOOR).rsqrt().where(~(around <= xx * self.rounding), 0.0)  # NaN stays NaN


def _samples(f: Tensor) -> Tensor:
    """Channels as columns, one row per image and position: ``(b h w, n)``."""
    return f.permute(0, 2, 3, 1).flatten(0, 2)


def evaluating(network: ConvNet) -> ConvNet:
    """A copy that no training changes, normalizing with running moments."""
    return deepcopy(network).eval().requires_grad_(False)
