"""Networks on images that the core does not have, as the convolutional experiment trains its own."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from companion.datasets.cifar10 import CLASSES
from ts_core.convnets import ConvNet

# Convolutions between two poolings, and the channels of each such block, as published.
BLOCKS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2,) * 5, "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
CHANNELS = (64, 128, 256, 512, 512)


class FullyConnected(ConvNet):
    """The same layers with filters as large as what they see: one position, so a node sees all below."""

    def __init__(self, widths: Sequence[int], side: int, outputs: int = CLASSES, norm: str = "after"):
        super().__init__(widths, side, outputs, norm)
        sizes = zip((3, *widths), widths, (side, *(1 for _ in widths)))
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(c, n, of) for c, n, of in sizes)
        self.top, self.side = torch.nn.Linear(widths[-1], outputs), 1


class Vgg(ConvNet):
    """A published shape on 32 x 32 images with one linear layer, normalized before the ReLU or not at all.

    name        of :data:`BLOCKS`.
    narrow      by which channels are divided.
    source      configurations A, B, D and E of Simonyan and Zisserman, as torchvision has them.
    """

    def __init__(self, name: str, narrow: int = 1, norm: str = "before"):
        torch.nn.Module.__init__(self)  # layers are padded and pooled, which the parent's sizes do not know
        self.blocks, self.norm, self.side = BLOCKS[name], norm, 1
        self.widths = tuple(
            channels // narrow for channels, count in zip(CHANNELS, self.blocks) for _ in range(count)
        )
        normalization = torch.nn.Identity if norm == "none" else torch.nn.BatchNorm2d
        self.convs = torch.nn.ModuleList(
            torch.nn.Conv2d(c, n, 3, padding=1) for c, n in zip((3, *self.widths), self.widths)
        )
        self.norms = torch.nn.ModuleList(normalization(n) for n in self.widths)
        self.top = torch.nn.Linear(self.widths[-1], CLASSES)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """As of a ConvNet; activations are taken before a pooling."""
        activations, layers = [], iter(zip(self.convs, self.norms))
        for count in self.blocks:
            for conv, norm in (next(layers) for _ in range(count)):
                x = norm(conv(x)).relu()
                activations.append(x)
            x = max_pool2d(x, 2)
        return activations, self.top(x.flatten(1))


def drawn(network: ConvNet, generator: np.random.Generator) -> ConvNet:
    """The network with PyTorch's start, uniform within 1 / sqrt(fan-in), from our own stream; float64."""
    network = network.double()
    for layer in (*network.convs, network.top):
        bound = 1 / math.sqrt(layer.weight[0].numel())
        for parameter in (layer.weight, layer.bias):
            parameter.data = torch.from_numpy(generator.uniform(-bound, bound, parameter.shape))
    return network
