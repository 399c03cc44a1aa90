"""Teachers, and the paraphrasers that compress what their top layer sees."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from companion.chapters.factor_transfer.readers import chain, decoder, encoder, numbers, through
from companion.chapters.factor_transfer.studies import Images, Teachers
from companion.chapters.factor_transfer.transfers import labels_loss
from companion.datasets.cifar10 import CLASSES
from companion.datasets.images import of_cell
from companion.experiments.small_convnets import Moments, conv_net, fold, forward, moments_on, unfold
from ts_core.streams import stream
from ts_core.training.device import device_of
from ts_core.training.fit import Parameters, cosine_rates, fit

CHUNK = 250  # images per step of an evaluation: bounds the memory
CALIBRATION = 1000  # training images whose moments networks normalize with when they are evaluated


def place(spec: Images) -> dict:
    """Where and in which number type networks compute."""
    return dict(device=device_of(spec.device), dtype=getattr(torch, spec.dtype))


def images_of(spec: Images) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Training and test images ``(n, c, side, side)`` with their labels.

    Every colour has mean 0 and standard deviation 1 over the training images.
    raises      DataError when this machine holds other images than the spec names, or fewer.
    """
    found, parts = of_cell(spec), []
    for split in (found.train, found.test):
        pixels = torch.from_numpy(split.images.astype(np.float64))
        parts.append((avg_pool2d(pixels, spec.pool), torch.from_numpy(split.labels.copy())))
    mean, std = (of.view(1, -1, 1, 1) for of in (parts[0][0].mean((0, 2, 3)), parts[0][0].std((0, 2, 3))))
    where = place(spec)
    train, test = (((x - mean).div(std).to(**where), y.to(where["device"])) for x, y in parts)
    return train, test


def rounds(spec: Images, purpose: str, chosen: list[np.ndarray], steps: int) -> Iterator[Tensor]:
    """Which images ``(e, b)`` every step sees: those chosen for each seed, in a new order each epoch.

    An epoch leaves out its last incomplete batch.
    """
    streams, per_epoch = [stream(seed, purpose) for seed in spec.seeds], len(chosen[0]) // spec.batch_size
    for step in range(steps):
        if step % per_epoch == 0:
            orders = [g.permutation(of) for g, of in zip(streams, chosen)]
        first = step % per_epoch * spec.batch_size
        yield torch.from_numpy(np.stack([order[first : first + spec.batch_size] for order in orders]))


def schedule(spec: Images, steps: int, rate: float) -> dict:
    """Stochastic gradient descent with momentum; weight decay spares normalizations and biases."""

    def optimizer(tensors: list[Tensor]) -> torch.optim.Optimizer:
        groups = [
            dict(params=[p for p in tensors if p.ndim > 2], weight_decay=spec.weight_decay),
            dict(params=[p for p in tensors if p.ndim <= 2], weight_decay=0.0),
        ]
        return torch.optim.SGD(groups, lr=rate, momentum=0.9)

    return dict(optimizer=optimizer, learning_rate=cosine_rates(rate, steps))


def to_place(network: Parameters, spec: Images) -> Parameters:
    return {name: values.to(**place(spec)) for name, values in network.items()}


def evaluating(network: Parameters, x: list[Tensor]) -> Moments:
    """Moments to normalize with, of the first CALIBRATION images that each member trains on."""
    return moments_on(network, fold(torch.stack([images[:CALIBRATION] for images in x])))


@torch.no_grad()
def seen(network: Parameters, moments: Moments, x: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Feature maps and outputs, as of small_convnets.forward, on images that all members share; in chunks."""
    members = len(network["top"])
    for chunk in x.split(CHUNK):
        yield forward(network, chunk.repeat(1, members, 1, 1), moments)


def accuracy(outputs: Tensor, labels: Tensor) -> Tensor:
    """Share of images whose largest output is at their label, ``(e,)``; NaN where outputs are not finite."""
    hits = (outputs.argmax(-1) == labels).double().mean(-1)
    return hits.where(outputs.isfinite().all(-1).all(-1), torch.nan)


def trained(cell: Teachers) -> dict[str, pd.DataFrame]:
    """Train a teacher and a paraphraser per seed.

    teachers        seed: accuracy (test images), parameters (number), status; dataset, fingerprint.
    paraphrasers    seed, reading (what reconstructs the feature maps of test images: paraphraser, untrained,
                    linear, which projects the channels at every position onto as many principal components as
                    there are factors, or mean, of each channel): absolute, mean |reconstruction - map| over
                    mean |map|, and squared, the squared error over the variance of the channels.
    weights         seed, parameter, index, value: of teachers, their moments, and encoders.
    """
    (x, y), (x_test, y_test) = images_of(cell)
    start = conv_net([stream(seed, "teacher") for seed in cell.seeds], cell.widths, x.shape[1], CLASSES)
    everything = [np.arange(cell.images)] * len(cell.seeds)
    last: Parameters = {}

    def objective(network: Parameters, images: Tensor, labels: Tensor) -> Tensor:
        return labels_loss(forward(network, fold(images))[1], labels)

    fit(
        objective,
        to_place(start, cell),
        ((x[at], y[at]) for at in rounds(cell, "teacher batches", everything, cell.steps)),
        **schedule(cell, cell.steps, cell.learning_rate),
        snapshots=[cell.steps],
        on_snapshot=lambda step, now: last.update(now),
    )
    moments = evaluating(last, [x] * len(cell.seeds))
    outputs = torch.cat([of for _, of in seen(last, moments, x_test)], 1)
    found = accuracy(outputs, y_test).cpu().numpy()
    teachers = pd.DataFrame(
        dict(seed=cell.seeds, accuracy=found, parameters=numbers(last), dataset=cell.dataset)
    ).assign(fingerprint=cell.fingerprint, status=np.where(np.isfinite(found), "ok", "diverged"))
    reader, errors = _paraphraser(cell, last, moments, x, x_test)
    kept = last | {f"mean{layer}": of[0].view(len(cell.seeds), -1) for layer, of in enumerate(moments)}
    kept |= {f"variance{layer}": of[1].view(len(cell.seeds), -1) for layer, of in enumerate(moments)}
    kept |= {name: values for name, values in reader.items() if name.startswith("encoder")}
    return {"teachers": teachers, "paraphrasers": errors, "weights": to_table(kept, cell.seeds)}


def paraphraser(cell: Teachers) -> Parameters:
    """An untrained paraphraser per seed."""
    generators = [stream(seed, "paraphraser") for seed in cell.seeds]
    m = cell.widths[-1]
    network = chain(generators, "encoder", encoder(m, cell.factors))
    return to_place(network | chain(generators, "decoder", decoder(m, cell.factors)), cell)


def reconstruction(network: Parameters, maps: Tensor) -> Tensor:
    """What a paraphraser makes of feature maps ``(b, e m, h, w)``."""
    return through(network, "decoder", through(network, "encoder", maps))


def _paraphraser(
    cell: Teachers, teacher: Parameters, moments: Moments, x: Tensor, x_test: Tensor
) -> tuple[Parameters, pd.DataFrame]:
    members, start = len(cell.seeds), paraphraser(cell)
    maps, held_out = (
        torch.cat([unfold(of[-1], members) for of, _ in seen(teacher, moments, images)], 1)
        for images in (x, x_test)
    )  # (e, b, m, h, w)
    own = torch.arange(members)[:, None]

    def objective(network: Parameters, f: Tensor) -> Tensor:
        return unfold((reconstruction(network, f) - f).abs(), members).mean((1, 2, 3, 4))

    steps, last = cell.paraphraser_steps, {}
    orders = rounds(cell, "paraphraser batches", [np.arange(cell.images)] * members, steps)
    fit(
        objective,
        start,
        ((fold(maps[own, at]),) for at in orders),
        optimizer=partial(torch.optim.Adam),
        learning_rate=cosine_rates(cell.paraphraser_learning_rate, steps),
        snapshots=[steps],
        on_snapshot=lambda step, now: last.update(now),
    )
    with torch.no_grad():
        read = lambda network: unfold(reconstruction(network, fold(held_out)), members)
        readings = {
            "paraphraser": read(last),
            "untrained": read(start),
            "linear": principal(maps, held_out, cell.factors),
            "mean": maps.mean((1, 3, 4), keepdim=True).expand_as(held_out),
        }
    tables = []
    spread = (held_out - held_out.mean((1, 3, 4), keepdim=True)).square().mean((1, 2, 3, 4))
    for name, made in readings.items():
        off = made - held_out
        absolute = off.abs().mean((1, 2, 3, 4)) / held_out.abs().mean((1, 2, 3, 4))
        squared = off.square().mean((1, 2, 3, 4)) / spread
        columns = dict(absolute=absolute.double().cpu(), squared=squared.double().cpu())
        tables.append(pd.DataFrame(dict(seed=cell.seeds, reading=name) | columns))
    return last, pd.concat(tables, ignore_index=True)


def principal(maps: Tensor, held_out: Tensor, components: int) -> Tensor:
    """Held-out maps ``(e, b, m, h, w)`` from the leading principal components of the channels of ``maps``."""
    samples = lambda of: of.movedim(2, -1).flatten(1, 3)  # (e, b h w, m)
    centre = samples(maps).mean(1, keepdim=True)
    around = samples(maps) - centre
    leading = torch.linalg.eigh(around.mT @ around)[1][..., -components:]
    made = centre + (samples(held_out) - centre) @ leading @ leading.mT
    return made.unflatten(1, (held_out.shape[1], *held_out.shape[3:])).movedim(-1, 2)


def to_table(network: Parameters, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Every number of a network, one row each."""
    parts = []
    for name, values in network.items():
        flat = values.flatten(1).cpu().numpy()
        levels = dict(seed=np.repeat(seeds, flat.shape[1]), parameter=name)
        index = np.tile(np.arange(flat.shape[1]), len(seeds))
        parts.append(pd.DataFrame(levels | dict(index=index, value=flat.ravel())))
    return pd.concat(parts, ignore_index=True)


def from_table(weights: pd.DataFrame, cell: Teachers, colours: int) -> tuple[Parameters, Moments]:
    """Teachers with their encoders, and the teachers' moments, as :func:`trained` kept them."""
    like = conv_net([stream(seed, "teacher") for seed in cell.seeds], cell.widths, colours, CLASSES)
    values = {name: of.value.to_numpy(copy=True) for name, of in weights.groupby("parameter", sort=False)}
    read = lambda name: torch.from_numpy(values[name]).to(**place(cell))
    network = {
        name: read(name).view(of.shape) for name, of in (like | paraphraser(cell)).items() if name in values
    }
    moments = [(read(f"mean{layer}"), read(f"variance{layer}")) for layer in range(len(cell.widths))]
    return network, moments
