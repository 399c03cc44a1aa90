"""The convolutional teacher: trained on labels, pruned by fan-out, fine-tuned, cut down.

Fine-tuning is under masks, and what is active is left in the end.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from companion.datasets.augmentation import augment, inputs
from companion.datasets.images import is_official, of_cell
from companion.experiments.convolutional.spec import Teacher, Training
from companion.runs.spec import Tables
from ts_core.convnets import ConvNet, compact, evaluating, fan_out, masks, place, start, strongest
from ts_core.streams import stream
from ts_core.training.device import device_of
from ts_core.training.fit import Parameters, cosine_rates, keep_zero, train

CHUNK = 250  # images per evaluation step: bounds the memory
Labelled = tuple[Tensor, Tensor]  # uint8 images (n, 3, side, side) and labels (n,) on the device


def where(spec: Teacher) -> tuple[torch.device, torch.dtype]:
    """Where and in which number type networks compute."""
    return device_of(spec.device), getattr(torch, spec.dtype)


def folder(spec: Teacher) -> Path | None:
    return Path(spec.data) if spec.data else None


def splits(spec: Teacher) -> tuple[Labelled, Labelled, Labelled]:
    """Training, validation and test images.

    raises      DataError when this machine holds other images than the spec names, or fewer.
    """
    images, learned = of_cell(spec), spec.images - spec.validation_images
    parts = [(images.train, slice(learned)), (images.train, slice(learned, None)), (images.test, slice(None))]
    learn, validate, test = (_labelled(split.images[part], split.labels[part], spec) for split, part in parts)
    return learn, validate, test


def _labelled(images: np.ndarray, labels: np.ndarray, spec: Teacher) -> Labelled:
    device = where(spec)[0]
    pixels = torch.tensor(images, device=device)
    if spec.pool > 1:
        pixels = avg_pool2d(pixels.float(), spec.pool).round().byte()
    return pixels, torch.tensor(labels, device=device)


def batches(
    pixels: Tensor, training: Training, shift: int, dtype, order, crops
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented inputs of every step and which images they are.

    An epoch leaves out its last incomplete batch.
    """
    for _ in range(training.epochs):
        shuffled = torch.from_numpy(order.permutation(len(pixels))).to(pixels.device)
        for first in range(0, len(pixels) - training.batch_size + 1, training.batch_size):
            chosen = shuffled[first : first + training.batch_size]
            yield inputs(augment(pixels[chosen], crops, shift), dtype), chosen


def schedule(training: Training, images: int) -> dict:
    """Optimizer, learning rates and a snapshot per epoch, for :func:`ts_core.training.fit.train`.

    Weight decay spares biases and normalizations.
    """

    def optimizer(tensors: list[Tensor]) -> torch.optim.Optimizer:
        groups = [
            dict(params=[p for p in tensors if p.ndim > 1], weight_decay=training.weight_decay),
            dict(params=[p for p in tensors if p.ndim == 1], weight_decay=0.0),
        ]
        if training.optimizer == "adam":
            return torch.optim.AdamW(groups)
        return torch.optim.SGD(groups, momentum=training.momentum)

    epoch = images // training.batch_size
    steps = training.epochs * epoch
    return dict(
        optimizer=optimizer,
        learning_rate=cosine_rates(training.learning_rate, steps),
        snapshots=range(0, steps + 1, epoch),
    )


@torch.no_grad()
def accuracy(network: ConvNet, split: Labelled, dtype: torch.dtype) -> float:
    """Share of images whose largest output is at their label, in [0, 1]."""
    hits = [
        (network(inputs(pixels, dtype))[1].argmax(1) == labels).sum()
        for pixels, labels in zip(split[0].split(CHUNK), split[1].split(CHUNK))
    ]
    return float(sum(hits)) / len(split[1])


def learn(
    network: ConvNet,
    spec: Teacher,
    training: Training,
    phase: str,
    parts,
    after_step: Callable[[Parameters], None] | None = None,
) -> tuple[ConvNet, pd.DataFrame]:
    """Train on labels and keep the epoch of best validation accuracy; one row per epoch, 0 is the start."""
    (pixels, labels), validation, test = parts
    dtype = where(spec)[1]
    order, crops = stream(spec.seed, f"{phase} order"), stream(spec.seed, f"{phase} crops")
    rows, best, kept = [], -1.0, network

    def see(step: int, now: ConvNet, loss: float) -> None:
        nonlocal best, kept
        found = accuracy(now, validation, dtype)
        rows.append(
            dict(
                phase=phase,
                epoch=len(rows),
                train_loss=loss,
                validation_accuracy=found,
                test_accuracy=accuracy(now, test, dtype),
            )
        )
        if found > best:
            best, kept = found, now

    train(
        network,
        ((x, labels[chosen]) for x, chosen in batches(pixels, training, spec.shift, dtype, order, crops)),
        cross_entropy,
        **schedule(training, len(pixels)),
        on_snapshot=see,
        after_step=after_step,
    )
    table = pd.DataFrame(rows)
    return kept, table.assign(selected=table.index == table.validation_accuracy.idxmax())


def run(spec: Teacher) -> Tables:
    """Train, prune, fine-tune and cut down one teacher; its tables are described at :meth:`Teacher.run`."""
    parts, official = splits(spec), is_official(spec.dataset, folder(spec))
    network = place(
        start(stream(spec.seed, "teacher"), (spec.width,) * len(spec.prune), spec.side, norm=spec.norm),
        *where(spec),
    )
    trained, first = learn(network, spec, spec.training, "training", parts)
    active, strength = strongest(trained, spec.prune), fan_out(trained)
    prune, network = keep_zero(masks(trained, active)), evaluating(trained)
    prune(dict(network.named_parameters()))
    tuned, second = learn(network, spec, spec.tuning, "tuning", parts, prune)
    channels = [
        pd.DataFrame(dict(layer=l, channel=range(len(keep)), fan_out=f.double().cpu(), active=keep.cpu()))
        for l, (keep, f) in enumerate(zip(active, strength), start=1)
    ]
    return {
        "epochs": pd.concat([first, second], ignore_index=True),
        "channels": pd.concat(channels, ignore_index=True),
        "weights": to_table(in_units_of_spread(compact(tuned, active), parts[0][0], where(spec)[1])),
        "images": pd.DataFrame([dict(dataset=spec.dataset, fingerprint=spec.fingerprint, official=official)]),
    }


@torch.no_grad()
def in_units_of_spread(network: ConvNet, pixels: Tensor, dtype: torch.dtype) -> ConvNet:
    """The same decisions from outputs of standard deviation 1 over the images.

    So one learning rate suits students of any teacher.
    """
    network = evaluating(network)
    outputs = torch.cat([network(inputs(chunk, dtype))[1] for chunk in pixels.split(CHUNK)])
    spread = outputs.var(0, correction=0).mean().sqrt()
    network.top.weight.div_(spread)
    network.top.bias.div_(spread)
    return network


def to_table(network: ConvNet) -> pd.DataFrame:
    """Every weight and every running moment of a network, one row per number."""
    values = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    parts = [
        pd.DataFrame(
            dict(parameter=name, index=np.arange(value.numel()), value=value.flatten().cpu().numpy())
        )
        for name, value in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def from_table(weights: pd.DataFrame, spec: Teacher) -> ConvNet:
    """The pruned teacher that :func:`run` saved, where it computes."""
    network = place(ConvNet(spec.active_widths, spec.side, norm=spec.norm), *where(spec))
    values = dict(list(weights.groupby("parameter").value))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(values[name].to_numpy(copy=True)).view(value.shape))
    return evaluating(network)
