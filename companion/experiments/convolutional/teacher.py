"""The convolutional teacher: trained on labels, pruned by fan-out, fine-tuned under masks, cut down to what is active."""

import functools
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from ts_core import cifar10
from ts_core.cifar10 import SIDE, DataError
from ts_core.data import stream
from ts_core.experiments.convnets import (
    ConvNet, augment, compact, cosine_rates, evaluating, fan_out, inputs, masks, place, start, strongest, train,
)
from ts_core.experiments.patches import fingerprint as fingerprint_of
from ts_core.experiments.patches import patches
from ts_core.experiments.spec import Count, Positive, Spec, device_of

CHUNK = 250  # images per evaluation step: bounds the memory


class Training(Spec):
    """How one network trains: epochs of shuffled batches, a warm-up and half a cosine of the learning rate."""

    epochs: Annotated[int, Field(ge=0)] = 20
    batch_size: Annotated[int, Field(ge=2)] = 128
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: Positive = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class Teacher(Spec):
    """One teacher on one set of images; ``fingerprint`` says which images, wherever they lie on this machine."""

    dataset: Literal["cifar10", "patches"]
    fingerprint: str
    images: Count
    """training images, the validation images among them"""
    validation_images: Count
    test_images: Count
    pool: Annotated[int, Field(ge=1, le=2)] = 1
    """pixels averaged along each side"""
    shift: Annotated[int, Field(ge=0, le=8)] = 4
    """random crops move an image by up to so many pixels"""
    width: Count = 64
    prune: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (0.3, 0.5, 0.5, 0.7)
    training: Training = Training(learning_rate=0.1, weight_decay=5e-4)
    tuning: Training = Training(epochs=5, learning_rate=0.02, weight_decay=5e-4)
    seed: Annotated[int, Field(ge=0)] = 1
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def side(self) -> int:
        return SIDE // self.pool

    @property
    def active_widths(self) -> tuple[int, ...]:
        return tuple(self.width - int(ratio * self.width) for ratio in self.prune)

    @model_validator(mode="after")
    def _fits(self):
        if self.side <= 2 * len(self.prune):
            raise ValueError(f"prune: {len(self.prune)} layers leave nothing of images of {self.side} pixels")
        learned = self.images - self.validation_images
        for training in (self.training, self.tuning):
            if training.batch_size > learned:
                raise ValueError(
                    f"batch_size: must not exceed the {learned} training images left beside validation, got {training.batch_size}"
                )
        return self

    @property
    def where(self) -> tuple[torch.device, torch.dtype]:
        return device_of(self.device), getattr(torch, self.dtype)


Labelled = tuple[Tensor, Tensor]  # uint8 images (n, 3, side, side) and labels (n,) on the device


@functools.lru_cache(maxsize=1)
def read(dataset: str) -> tuple[cifar10.Images, str]:
    """All images of a data set, and their fingerprint."""
    if dataset == "patches":
        images = patches()
        return images, fingerprint_of(images)
    folder = cifar10.data_folder()
    return cifar10.read(folder), cifar10.fingerprint(folder)


def splits(spec: Teacher) -> tuple[Labelled, Labelled, Labelled]:
    """Training, validation and test images.

    raises      DataError when this machine holds other images than the spec names, or fewer.
    """
    images, fingerprint = read(spec.dataset)
    if fingerprint != spec.fingerprint:
        raise DataError(f"the {spec.dataset} images on this machine ({fingerprint}) are not those of the run ({spec.fingerprint})")
    learned = spec.images - spec.validation_images
    parts = [(images.train, slice(learned)), (images.train, slice(learned, spec.images)), (images.test, slice(spec.test_images))]
    for name, split in (("images", images.train), ("test_images", images.test)):
        if getattr(spec, name) > len(split.labels):
            raise DataError(f"{name}: {spec.dataset} has {len(split.labels)}, asked for {getattr(spec, name)}")
    return tuple(_labelled(split.images[part], split.labels[part], spec) for split, part in parts)


def _labelled(images: np.ndarray, labels: np.ndarray, spec: Teacher) -> Labelled:
    device = spec.where[0]
    pixels = torch.tensor(images, device=device)
    if spec.pool > 1:
        pixels = avg_pool2d(pixels.float(), spec.pool).round().byte()
    return pixels, torch.tensor(labels, device=device)


def batches(pixels: Tensor, training: Training, shift: int, dtype, order, crops) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: augmented inputs and which images they are; the last incomplete batch is left out."""
    shuffled = torch.from_numpy(order.permutation(len(pixels))).to(pixels.device)
    for first in range(0, len(pixels) - training.batch_size + 1, training.batch_size):
        chosen = shuffled[first:first + training.batch_size]
        yield inputs(augment(pixels[chosen], crops, shift), dtype), chosen


def optimizer_of(training: Training, network: ConvNet) -> torch.optim.Optimizer:
    """The optimizer; weight decay spares biases and normalizations."""
    groups = [
        dict(params=[p for p in network.parameters() if p.ndim > 1], weight_decay=training.weight_decay),
        dict(params=[p for p in network.parameters() if p.ndim == 1], weight_decay=0.0),
    ]
    if training.optimizer == "adam":
        return torch.optim.AdamW(groups, lr=training.learning_rate)
    return torch.optim.SGD(groups, lr=training.learning_rate, momentum=training.momentum)


def rates(training: Training, images: int) -> np.ndarray:
    """Learning rates ``(epochs, steps)``."""
    steps = images // training.batch_size
    return cosine_rates(training.learning_rate, training.epochs * steps).reshape(training.epochs, steps)


@torch.no_grad()
def accuracy(network: ConvNet, split: Labelled, dtype: torch.dtype) -> float:
    """Share of images whose largest output is at their label, in [0, 1]."""
    hits = [
        (network(inputs(pixels, dtype))[1].argmax(1) == labels).sum()
        for pixels, labels in zip(split[0].split(CHUNK), split[1].split(CHUNK))
    ]
    return float(sum(hits)) / len(split[1])


def fit(network: ConvNet, spec: Teacher, training: Training, phase: str, parts, fixed_zero=None) -> tuple[ConvNet, pd.DataFrame]:
    """Train on labels and keep the epoch of best validation accuracy; one row per epoch, 0 is the start."""
    (pixels, labels), validation, test = parts
    dtype, optimizer = spec.where[1], optimizer_of(training, network)
    order, crops = stream(spec.seed, f"{phase} order"), stream(spec.seed, f"{phase} crops")
    rows, best, kept = [], -1.0, None
    for epoch, by_step in enumerate([(), *rates(training, len(pixels))]):
        loss = np.nan
        if epoch:
            drawn = ((x, labels[i]) for x, i in batches(pixels, training, spec.shift, dtype, order, crops))
            loss = train(network, drawn, cross_entropy, optimizer, by_step, fixed_zero)
        now = evaluating(network)
        found = accuracy(now, validation, dtype)
        rows.append(dict(phase=phase, epoch=epoch, train_loss=loss, validation_accuracy=found, test_accuracy=accuracy(now, test, dtype)))
        if found > best:
            best, kept = found, now
    table = pd.DataFrame(rows)
    return kept, table.assign(selected=table.index == table.validation_accuracy.idxmax())


def run(spec: Teacher) -> dict[str, pd.DataFrame]:
    """Train, prune, fine-tune and cut down one teacher.

    epochs      phase (training or tuning), epoch, train_loss (cross-entropy), validation_accuracy, test_accuracy, selected.
    channels    layer (1 is the lowest), channel, fan_out (mean absolute weight), active.
    weights     parameter, index, value: the pruned teacher, only its active channels, its outputs in units of their spread.
    images      one row: dataset, fingerprint, official (the verified archive of CIFAR-10).
    """
    parts = splits(spec)
    network = place(start(stream(spec.seed, "teacher"), (spec.width,) * len(spec.prune), spec.side), *spec.where)
    trained, first = fit(network, spec, spec.training, "training", parts)
    active, strength = strongest(trained, spec.prune), fan_out(trained)
    fixed_zero = masks(trained, active)
    network = evaluating(trained).requires_grad_(True)
    with torch.no_grad():
        for name, mask in fixed_zero.items():
            network.get_parameter(name).mul_(mask)
    tuned, second = fit(network, spec, spec.tuning, "tuning", parts, fixed_zero)
    channels = [
        pd.DataFrame(dict(layer=l, channel=range(len(keep)), fan_out=f.double().cpu(), active=keep.cpu()))
        for l, (keep, f) in enumerate(zip(active, strength), start=1)
    ]
    return {
        "epochs": pd.concat([first, second], ignore_index=True),
        "channels": pd.concat(channels, ignore_index=True),
        "weights": to_table(in_units_of_spread(compact(tuned, active), parts[0][0], spec.where[1])),
        "images": pd.DataFrame([dict(dataset=spec.dataset, fingerprint=spec.fingerprint, official=is_official(spec.dataset))]),
    }


def is_official(dataset: str) -> bool:
    """Whether these are the images of the verified official archive."""
    return dataset == "cifar10" and cifar10.is_official(cifar10.data_folder())


@torch.no_grad()
def in_units_of_spread(network: ConvNet, pixels: Tensor, dtype: torch.dtype) -> ConvNet:
    """The same decisions from outputs of standard deviation 1 over the images: one learning rate suits students of any teacher."""
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
        pd.DataFrame(dict(parameter=name, index=np.arange(value.numel()), value=value.flatten().cpu().numpy()))
        for name, value in values.items()
    ]
    return pd.concat(parts, ignore_index=True)


def from_table(weights: pd.DataFrame, spec: Teacher) -> ConvNet:
    """The pruned teacher that :func:`run` saved, where it computes."""
    network = place(ConvNet(spec.active_widths, spec.side), *spec.where)
    values = dict(list(weights.groupby("parameter").value))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.from_numpy(values[name].to_numpy(copy=True)).view(value.shape))
    return evaluating(network)
