"""Where the biases of batch normalization go in training, and how often two nodes are active together."""

from copy import deepcopy

import pandas as pd
import torch

from companion.chapters.lucky_nodes.image_networks import Vgg, drawn
from companion.chapters.lucky_nodes.studies import NormBiases
from companion.datasets.augmentation import inputs
from companion.experiments.convolutional.teacher import CHUNK, learn, splits, where
from companion.runs.spec import Tables
from ts_core.convnets import ConvNet, as_samples, place
from ts_core.streams import stream

HALVES = 0.25  # overlap of two independent nodes that are active half of the time


def norm_biases(cell: NormBiases) -> Tables:
    """Train a classifier on labels; layers count from 1.

    biases      of the trained one, if normalized: shape, seed, layer, channel: shift (c_0), scale (c_1),
                active (share of test images and positions at which it is).
    gates       shape, norm, seed, trained, layer: active (mean over channels), overlap (mean over pairs of
                E[D_i D_j]), below (share of pairs under 1/4), independent (mean over pairs of the product of
                both shares), test_accuracy of the trained one.

    Both normalize with the moments of the batches of test images.
    """
    spec, parts = cell.teacher, splits(cell.teacher)
    device, dtype = where(spec)
    network = _network(cell)
    network = place(drawn(network, stream(spec.seed, "classifier", *network.widths)), device, dtype)
    trained, epochs = learn(network, spec, spec.training, "training", parts)
    accuracy = epochs.test_accuracy[epochs.selected].item()
    keys, gates, biases = dict(shape=cell.shape, seed=spec.seed), [], []
    for done, now in ((False, network), (True, trained)):
        for layer, (one, both) in enumerate(_active(now, parts[2][0], dtype), start=1):
            pairs = torch.triu_indices(len(one), len(one), 1, device=one.device)
            overlap, alone = both[*pairs], one[pairs].prod(0)
            row = dict(**keys, norm=spec.norm, trained=done, layer=layer, channels=len(one))
            row |= dict(active=one.mean(), overlap=overlap.mean(), below=(overlap < HALVES).double().mean())
            row |= dict(independent=alone.mean(), test_accuracy=accuracy)
            gates.append({name: float(v) if isinstance(v, torch.Tensor) else v for name, v in row.items()})
            if done and spec.norm == "before":
                norm = trained.norms[layer - 1]
                columns = {"shift": norm.bias, "scale": norm.weight, "active": one}
                numbers = {name: values.detach().double().cpu().numpy() for name, values in columns.items()}
                biases.append(pd.DataFrame(dict(**keys, layer=layer, channel=range(len(one)), **numbers)))
    found = {"gates": pd.DataFrame(gates)}
    return found | ({"biases": pd.concat(biases, ignore_index=True)} if biases else {})


def _network(cell: NormBiases) -> ConvNet:
    spec = cell.teacher
    if cell.shape == "convolutional":
        return ConvNet((spec.width,) * len(spec.prune), spec.side, norm=spec.norm)
    return Vgg(cell.shape, cell.narrow, spec.norm)


@torch.no_grad()
def _active(
    network: ConvNet, pixels: torch.Tensor, dtype: torch.dtype
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Per layer how often each channel is active ``(n,)`` and each pair together ``(n, n)``, in [0, 1]."""
    network = deepcopy(network).train()  # normalizes by the batch: running moments are none before training
    sums: list[list[torch.Tensor]] = []
    counts: list[int] = []
    for chunk in pixels.split(CHUNK):
        layers = [as_samples(f)[0].gt(0).to(f.dtype) for f in network(inputs(chunk, dtype))[0]]
        fresh = [[d.sum(0).double(), (d.T @ d).double()] for d in layers]
        sums = [[a + b for a, b in zip(*both)] for both in zip(sums, fresh)] if sums else fresh
        counts = [a + len(d) for a, d in zip(counts or [0] * len(layers), layers)]
    return [(one / count, both / count) for (one, both), count in zip(sums, counts)]
