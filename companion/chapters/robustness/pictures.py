"""Students of a ConvNet on images, by what is done to their inputs; all seeds of a way train as one ensemble.

Networks and their folded images are those of :mod:`companion.experiments.small_convnets`. Here ``x`` is
``(e, b, c, side, side)``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from companion.chapters.robustness.attacks import unit
from companion.chapters.robustness.measures import TINY
from companion.chapters.robustness.studies import Pictures
from companion.datasets.cifar10 import CLASSES, Split
from companion.datasets.images import of_cell
from companion.experiments.small_convnets import Moments, conv_net, fold, forward, moments_on, unfold
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.convnets import as_samples
from ts_core.metrics import RunningCorrelation, best_student
from ts_core.streams import stream
from ts_core.training.device import device_of
from ts_core.training.fit import Parameters, cosine_rates, fit

CHUNK = 250  # images per step of an evaluation: bounds the memory
CALIBRATION = 500  # training images whose moments networks normalize with when they are evaluated
Answer = Callable[[Tensor], Tensor]  # (e, b, c, side, side) to outputs (e, b, classes)


class Images(NamedTuple):
    """Training and test images ``(b, c, side, side)``, every colour of mean 0 and deviation 1, and labels."""

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Judged:
    """A network and the moments that it normalizes with when it is not in training."""

    network: Parameters
    moments: Moments

    def __call__(self, x: Tensor) -> Tensor:
        return forward(self.network, fold(x), self.moments)[1]


def pictures(cell: Pictures) -> Tables:
    """Train a teacher on labels, then students on its outputs in every way, and look at them twice.

    returns     students: method (standard, random, adversarial), moved (how far inputs were moved in
                training), seed, when: "end", or "equal": the state of the student whose agreement with the
                teacher on test images is closest to the lowest final one of the ways; step, agreement,
                accuracy (of the labels; teacher_accuracy beside it), clean (mean squared error per output on
                test images, in units of the teacher's variance), and what the free oracle attack and random
                moves of its length make of it: free, random; status.
                layers: method, moved, seed, when, layer (1 is the lowest), inputs (images, or white noise of
                their size): rho, the teacher mean of best-student correlations.
    """
    data = images(cell)
    teacher = taught(cell, data)
    truth = torch.cat([teacher(part) for part in _shared(data.test, cell)], 1).argmax(2)
    right = (truth == data.test_labels).double().mean(1)
    states = {way: trained(cell, data, teacher, *way) for way in cell.ways}
    judged = lambda network: Judged(network, moments(cell, network, data))
    agreements = {
        way: torch.stack([_agreement(judged(network), truth, data, cell) for _, network in of])
        for way, of in states.items()
    }
    least = torch.stack([of[-1] for of in agreements.values()]).amin(0)
    tables: dict[str, list[pd.DataFrame]] = {"students": [], "layers": []}
    for way, of in states.items():
        last = len(of) - 1
        equal = last - (agreements[way] - least).abs().flip(0).argmin(0)  # of equally near ones the last
        for when, chosen in (("equal", equal), ("end", torch.full_like(equal, last))):
            member = torch.arange(len(chosen), device=chosen.device)
            network = {name: torch.stack([now[name] for _, now in of])[chosen, member] for name in of[0][1]}
            keys = dict(method=way[0], moved=way[1], when=when)
            columns, layers = look(cell, data, teacher, network)
            found = tidy(
                {"seed": cell.seeds},
                step=np.array([step for step, _ in of])[chosen.cpu().numpy()],
                agreement=agreements[way][chosen, member].cpu(),
                teacher_accuracy=right.cpu(),
                **columns,
            )
            status = np.where(np.isfinite(found.clean), "ok", "diverged")
            tables["students"].append(found.assign(status=status, dataset=cell.dataset, **keys))
            tables["layers"].append(layers.assign(**keys))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}


def images(cell: Pictures) -> Images:
    """The images of a cell.

    raises      DataError where this machine holds other images than the cell names, or fewer.
    """
    found = of_cell(cell)
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))

    def part(split: Split) -> tuple[Tensor, Tensor]:
        pixels = avg_pool2d(torch.from_numpy(split.images.astype(np.float64)), cell.pool)
        return pixels, torch.from_numpy(split.labels.copy()).to(place["device"])

    (train, labels), (test, test_labels) = part(found.train), part(found.test)
    mean, deviation = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
    scaled = [((pixels - mean) / deviation).to(**place) for pixels in (train, test)]
    return Images(scaled[0], labels, scaled[1], test_labels)


def length(cell: Pictures, share: float, data: Images) -> float:
    """How long a move is of this share of the root mean square length of an image."""
    return share * data.train[0].numel() ** 0.5


def batches(cell: Pictures, purpose: str, steps: int) -> Iterator[Tensor]:
    """Which images ``(e, b)`` each step sees, drawn anew for every seed."""
    streams = [stream(seed, purpose) for seed in cell.seeds]
    for _ in range(steps):
        yield torch.from_numpy(np.stack([g.integers(cell.images, size=cell.batch_size) for g in streams]))


def start(cell: Pictures, purpose: str, widths: tuple[int, ...], data: Images) -> Parameters:
    network = conv_net([stream(s, purpose) for s in cell.seeds], widths, data.train.shape[1], CLASSES)
    return {name: values.to(data.train) for name, values in network.items()}


def moments(cell: Pictures, network: Parameters, data: Images) -> Moments:
    x = data.train[:CALIBRATION]
    return moments_on(network, fold(x.expand(len(cell.seeds), *x.shape)))


def taught(cell: Pictures, data: Images) -> Judged:
    """A teacher per seed, trained on labels; its outputs have variance 1 on the training images."""
    found: Parameters = {}

    def objective(network: Parameters, x: Tensor, y: Tensor) -> Tensor:
        outputs = forward(network, fold(x))[1]
        return cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(1)

    fit(
        objective,
        start(cell, "teacher", cell.widths, data),
        ((data.train[at], data.labels[at]) for at in batches(cell, "teacher batches", cell.teacher_steps)),
        optimizer=partial(torch.optim.SGD, lr=cell.teacher_rate, momentum=0.9),
        learning_rate=cosine_rates(cell.teacher_rate, cell.teacher_steps),
        snapshots=[cell.teacher_steps],
        on_snapshot=lambda step, now: found.update(now),
    )
    teacher = Judged(found, moments(cell, found, data))
    with torch.no_grad():
        outputs = torch.cat([teacher(part) for part in _shared(data.train, cell)], 1)
    deviation = (outputs - outputs.mean(1, keepdim=True)).square().mean((1, 2)).sqrt()
    top = {"top": found["top"] / deviation[:, None, None], "top_bias": found["top_bias"] / deviation[:, None]}
    return Judged(found | top, teacher.moments)


def trained(
    cell: Pictures, data: Images, teacher: Judged, method: str, moved: float
) -> list[tuple[int, Parameters]]:
    """States of students, one per seed, after each look's step; starts and batches are those of every way.

    The teacher answers where the inputs are moved to. In attacks the student normalizes with the moments of
    the batch as it is.
    """
    size, streams = length(cell, moved, data), [stream(seed, "directions") for seed in cell.seeds]
    found: list[tuple[int, Parameters]] = []

    def objective(network: Parameters, x: Tensor, directions: Tensor) -> Tensor:
        if method == "random":
            x = x + size * directions
        elif method == "adversarial":
            now = {name: values.detach() for name, values in network.items()}
            student = Judged(now, moments_on(now, fold(x)))
            x = x + attack(apart(teacher, student), x, size, cell.train_attack_steps, directions)
        with torch.no_grad():
            target = teacher(x)
        return 0.5 * (target - forward(network, fold(x))[1]).square().sum(2).mean(1)

    steps = np.linspace(0, cell.steps, cell.looks + 1).round().astype(int)[1:].tolist()
    fit(
        objective,
        start(cell, "student", cell.student_widths, data),
        (
            (data.train[at], uniform_directions(streams, data.train[at]))
            for at in batches(cell, "student batches", cell.steps)
        ),
        optimizer=partial(torch.optim.Adam, lr=cell.learning_rate),
        learning_rate=cosine_rates(cell.learning_rate, cell.steps),
        snapshots=steps,
        on_snapshot=lambda step, now: found.append((step, now)),
    )
    return found


def uniform_directions(streams: list[np.random.Generator], like: Tensor) -> Tensor:
    """A random direction of length 1 for every image ``(e, b, c, side, side)``."""
    drawn = np.stack([g.standard_normal(like.shape[1:], dtype=np.float32) for g in streams])
    return unit(torch.from_numpy(drawn).to(like).flatten(2)).view_as(like)


def apart(teacher: Answer, student: Answer) -> Answer:
    """What an attack with the oracle label makes large: the squared difference of outputs ``(e, b)``."""
    return lambda x: (student(x) - teacher(x)).square().sum(2)


def attack(aim: Answer, x: Tensor, radius: float, steps: int, directions: Tensor) -> Tensor:
    """Projected gradient ascent in l2 of ``aim``, per image: delta of the shape of x, no longer than radius.

    directions  of length 1: where delta begins, at a small share of the radius.
    """
    delta = TINY * radius * directions
    for _ in range(steps):
        delta.requires_grad_()
        (slope,) = torch.autograd.grad(aim(x + delta).sum(), delta)
        flat = (delta.detach() + 2.5 * radius / steps * unit(slope.flatten(2)).view_as(x)).flatten(2)
        delta = (flat * (radius / flat.norm(dim=2, keepdim=True).clamp(min=1e-30)).clamp(max=1)).view_as(x)
    return delta


def look(
    cell: Pictures, data: Images, teacher: Judged, network: Parameters
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Losses and accuracy per member, and correlations per layer on images and on white noise."""
    student, size = Judged(network, moments(cell, network, data)), length(cell, cell.radius, data)
    x = next(_shared(data.test[: cell.attacked], cell, cell.attacked))
    directions = uniform_directions([stream(seed, "attack") for seed in cell.seeds], x)
    with torch.no_grad():
        hits = [student(part).argmax(2) for part in _shared(data.test, cell)]
    free = attack(apart(teacher, student), x, size, cell.attack_steps, directions)
    with torch.no_grad():
        mean = lambda squares: squares.mean(1) / CLASSES
        columns = dict(
            accuracy=(torch.cat(hits, 1) == data.test_labels).double().mean(1),
            clean=mean(apart(teacher, student)(x)),
            free=mean(apart(teacher, student)(x + free)),
            random=mean(apart(teacher, student)(x + size * directions)),
        )
        g = [stream(seed, "white noise") for seed in cell.seeds]
        noise = torch.from_numpy(
            np.stack([of.standard_normal((CHUNK, *x.shape[2:]), dtype=np.float32) for of in g])
        ).to(x)
        tables = [
            correlations(cell, teacher, student, inputs).assign(inputs=name)
            for name, inputs in (("images", list(_shared(data.test, cell))), ("white noise", [noise]))
        ]
    numbers = {name: values.double().cpu().numpy() for name, values in columns.items()}
    return numbers, pd.concat(tables, ignore_index=True)


def correlations(cell: Pictures, teacher: Judged, student: Judged, inputs: list[Tensor]) -> pd.DataFrame:
    """seed, layer, rho: teacher mean of best-student correlations over images and positions."""
    members, running = len(cell.seeds), [RunningCorrelation() for _ in cell.widths]
    for x in inputs:
        maps_t, maps = (forward(of.network, fold(x), of.moments)[0] for of in (teacher, student))
        for sums, *pair in zip(running, maps_t, maps):
            sums.add(*(torch.cat([as_samples(one) for one in unfold(of, members)]) for of in pair))
    rho = torch.stack([best_student(sums.value()).mean(1) for sums in running], 1)
    return tidy({"seed": cell.seeds, "layer": range(1, len(running) + 1)}, rho=rho.cpu().numpy())


def _shared(x: Tensor, cell: Pictures, chunk: int = CHUNK) -> Iterator[Tensor]:
    """The same images for all members, in chunks ``(e, b, c, side, side)``."""
    for part in x.split(chunk):
        yield part.expand(len(cell.seeds), *part.shape)


@torch.no_grad()
def _agreement(student: Judged, truth: Tensor, data: Images, cell: Pictures) -> Tensor:
    """Share of test images where the largest output is the teacher's, ``(e,)``."""
    found = torch.cat([student(part) for part in _shared(data.test, cell)], 1).argmax(2)
    return (found == truth).double().mean(1)
