"""Distillation: ConvNets that learn labels, and students that learn their outputs on any inputs."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from companion.chapters.data_free.shift import divergence, variance_on_noise
from companion.chapters.data_free.studies import CLASSES, Distilled
from companion.datasets.images import of_cell
from companion.experiments.small_convnets import Moments, conv_net, fold, forward, moments_on, unfold
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.metrics import RunningCorrelation, best_student
from ts_core.streams import stream
from ts_core.training.device import device_of
from ts_core.training.fit import Parameters, cosine_rates, fit

CHUNK = 250  # inputs per evaluation step: bounds the memory, and is the batch of batch statistics
Draw = Callable[[int], Tensor]  # so many fresh inputs of every member, (b, e c, side, side)


class Pictures:
    """The images of a cell: standardized by the mean and the deviation of all training pixels."""

    def __init__(self, cell: Distilled):
        found = of_cell(cell)
        device, dtype = device_of(cell.device), getattr(torch, cell.dtype)
        pixels = torch.from_numpy(found.train.images).to(device, dtype)
        test = torch.from_numpy(found.test.images).to(device, dtype)
        if cell.pool > 1:
            pixels, test = avg_pool2d(pixels, cell.pool), avg_pool2d(test, cell.pool)
        mean, deviation = pixels.mean(), pixels.std()
        self.members, self.like = len(cell.seeds), pixels.new_empty(0)
        self.train, self.test = (pixels - mean) / deviation, (test - mean) / deviation
        self.labels = torch.from_numpy(found.train.labels).to(device)
        self.test_labels = torch.from_numpy(found.test.labels).to(device)
        self.shape = self.train.shape[1:]

    def shared(self, x: Tensor) -> Tensor:
        """The same images ``(b, c, side, side)`` for all members."""
        return fold(x.expand(self.members, *x.shape))

    def chosen(self, generators: list[np.random.Generator], count: int) -> tuple[Tensor, Tensor]:
        """Training images, drawn for each member, and their labels ``(e, b)``."""
        index = np.stack([g.integers(len(self.labels), size=count) for g in generators])
        places = torch.from_numpy(index).to(self.labels.device)
        return fold(self.train[places]), self.labels[places]

    def inputs(self, source: str, generators: list[np.random.Generator]) -> Draw:
        """White noise N(0, 1); noise with the mean and the covariance of the training images; or those."""
        if source == "images":
            return lambda count: self.chosen(generators, count)[0]
        white = lambda count: torch.from_numpy(
            np.stack([g.standard_normal((count, *self.shape), dtype=np.float32) for g in generators])
        ).to(self.like)
        if source == "noise":
            return lambda count: fold(white(count))
        flat = self.train.flatten(1).double()
        values, vectors = torch.linalg.eigh(torch.cov(flat.T))
        root = (vectors * values.clamp(min=0).sqrt() @ vectors.T).to(self.like)
        mean = flat.mean(0).to(self.like)
        return lambda count: fold((white(count).flatten(2) @ root + mean).unflatten(2, self.shape))


def distilled(cell: Distilled) -> Tables:
    """Train teachers, then students on what each lesson shows them.

    accuracy    a row per seed, network (teacher or student), source and statistics (of the lesson; "labels"
                and "batch" for the teacher), evaluated (whose moments it normalizes with: stored, inputs
                like those of its training; batch, the test batch; recalibrated, unlabelled training
                images): accuracy, and agreement with the teacher's decisions.
    shift       a row per seed, input, layer and channel of the teacher: divergence of the channel's moments
                from the stored ones; formula, its closed form, for the first layer on noise.
    labels      a row per seed, input, statistics and class: probability, the mean soft label of the teacher.
    units       a row per seed, source, statistics, trained, on, layer and teacher channel:
                best_correlation over student channels; on images, or on noise.

    All have over_realization and samples, how many inputs a student saw.
    """
    pictures, keys = Pictures(cell), dict(seed=cell.seeds)
    teacher = taught(cell, pictures)
    shared = pictures.shared(pictures.train[: cell.calibration])
    stored = moments_on(teacher, shared)
    probes = {
        source: pictures.inputs(source, _streams(cell, f"{source} probe"))(cell.calibration)
        for source in ("noise", "matched noise")
    } | {"images": pictures.shared(pictures.test)}
    decisions = decide(teacher, pictures, stored)
    accuracy = [
        _scored(cell, teacher, pictures, moments, decisions).assign(
            network="teacher", source="labels", statistics="batch", evaluated=evaluated
        )
        for evaluated, moments in (("stored", stored), ("batch", None))
    ]
    units = []
    start = conv_net(_streams(cell, "student"), cell.student_widths, pictures.shape[0], CLASSES)
    start = _cast(start, pictures)
    for source, statistics in cell.lessons:
        lesson = dict(source=source, statistics=statistics)
        draw = pictures.inputs(source, _streams(cell, f"{source} inputs"))
        student = learned(cell, start, teacher, stored if statistics == "stored" else None, draw)
        own = moments_on(student, draw(cell.calibration))
        for evaluated, moments in (
            ("stored", own),
            ("batch", None),
            ("recalibrated", moments_on(student, shared)),
        ):
            found = _scored(cell, student, pictures, moments, decisions)
            accuracy.append(found.assign(network="student", evaluated=evaluated, **lesson))
        for trained, network in ((False, start), (True, student)):
            for on in ("images", "noise"):
                rho = correlations(teacher, network, probes[on], stored if on == "images" else None)
                for layer, best in enumerate(map(best_student, rho), start=1):
                    table = tidy(keys | dict(teacher=range(best.shape[1])), best_correlation=best.cpu())
                    units.append(table.assign(layer=layer, on=on, trained=trained, **lesson))
    tables = {
        "accuracy": pd.concat(accuracy, ignore_index=True),
        "shift": shifts(cell, teacher, probes, stored, pictures.shape[1]),
        "labels": soft_labels(cell, teacher, probes, stored),
        "units": pd.concat(units, ignore_index=True),
    }
    setting = dict(over_realization=cell.over_realization, samples=cell.steps * cell.batch_size)
    return {name: table.assign(**setting) for name, table in tables.items()}


def taught(cell: Distilled, pictures: Pictures) -> Parameters:
    """Teachers of cross-entropy with labels, one per seed."""
    start = conv_net(_streams(cell, "teacher"), cell.widths, pictures.shape[0], CLASSES)
    order = _streams(cell, "order")

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            x, labels = pictures.chosen(order, cell.batch_size)
            yield x, torch.nn.functional.one_hot(labels, CLASSES).to(x.dtype)

    return _minimized(_cast(start, pictures), batches(), cell.teacher_steps, cell.learning_rate)


def learned(
    cell: Distilled, start: Parameters, teacher: Parameters, stored: Moments | None, draw: Draw
) -> Parameters:
    """Students of the teachers' soft labels on fresh inputs.

    stored      moments that the teachers normalize with; without them those of the batch.
    """

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            x = draw(cell.batch_size)
            with torch.no_grad():
                target = forward(teacher, x, stored)[1].softmax(-1)
            yield x, target

    return _minimized(start, batches(), cell.steps, cell.learning_rate)


def _minimized(start: Parameters, batches, steps: int, rate: float) -> Parameters:
    """Cross-entropy with the target distributions, mean over samples; batch statistics, as in training."""
    last: list[Parameters] = []
    fit(
        lambda network, x, target: -(target * forward(network, x)[1].log_softmax(-1)).sum(-1).mean(-1),
        start,
        batches,
        optimizer=torch.optim.Adam,
        learning_rate=cosine_rates(rate, steps),
        snapshots=[steps],
        on_snapshot=lambda _, now: last.append(now),
    )
    return last[0]


@torch.no_grad()
def decide(network: Parameters, pictures: Pictures, moments: Moments | None) -> Tensor:
    """The decisions ``(e, b)`` on all test images."""
    chunks = pictures.test.split(CHUNK)
    return torch.cat([forward(network, pictures.shared(x), moments)[1].argmax(-1) for x in chunks], 1)


def _scored(
    cell: Distilled, network: Parameters, pictures: Pictures, moments: Moments | None, teacher: Tensor
) -> pd.DataFrame:
    """Shares of test images where the decisions are the label, and where they are the teacher's."""
    decisions = decide(network, pictures, moments)
    shares = ((decisions == other).double().mean(1).cpu() for other in (pictures.test_labels, teacher))
    return tidy(dict(seed=cell.seeds), **dict(zip(("accuracy", "agreement"), shares)))


@torch.no_grad()
def correlations(teacher: Parameters, student: Parameters, x: Tensor, stored: Moments | None) -> list[Tensor]:
    """Per layer the correlations ``(e, m_l, n_l)`` of channels behind ReLU, over inputs and positions.

    The student normalizes with moments of these inputs, as it does in training.

    stored      of the teacher; without them it does as the student.
    """
    members, running = len(teacher["top"]), None
    through = (stored or moments_on(teacher, x)), moments_on(student, x)
    for part in x.split(CHUNK):
        maps = [
            [
                unfold(f, members).permute(0, 1, 3, 4, 2).flatten(1, 3)
                for f in forward(network, part, moments)[0]
            ]
            for network, moments in zip((teacher, student), through)
        ]
        running = running or [RunningCorrelation() for _ in maps[0]]
        for layer, f_t, f_s in zip(running, *maps):
            layer.add(f_t, f_s)
    return [layer.value() for layer in running or ()]


def shifts(
    cell: Distilled, teacher: Parameters, probes: dict[str, Tensor], stored: Moments, side: int
) -> pd.DataFrame:
    """The table ``shift`` of :func:`distilled`: of teachers that normalize with their stored moments."""
    members, parts = len(cell.seeds), []
    filters = teacher["conv0"].double().cpu().numpy()
    for name, x in probes.items():
        for layer, (here, there) in enumerate(zip(moments_on(teacher, x, stored), stored), start=1):
            own, other = (
                [v.double().view(members, -1).cpu().numpy() for v in pair] for pair in (here, there)
            )
            formula = np.full_like(own[0], np.nan)
            if name == "noise" and layer == 1:
                formula = divergence(0.0, variance_on_noise(filters, side), *other)
            levels = dict(seed=cell.seeds, channel=range(own[0].shape[1]))
            table = tidy(levels, divergence=divergence(*own, *other), formula=formula)
            parts.append(table.assign(input=name, layer=layer))
    return pd.concat(parts, ignore_index=True)


@torch.no_grad()
def soft_labels(
    cell: Distilled, teacher: Parameters, probes: dict[str, Tensor], stored: Moments
) -> pd.DataFrame:
    """The table ``labels`` of :func:`distilled`."""
    parts = []
    for name, x in probes.items():
        for statistics, moments in (("stored", stored), ("batch", None)):
            outputs = torch.cat([forward(teacher, part, moments)[1] for part in x.split(CHUNK)], 1)
            levels = {"seed": cell.seeds, "class": range(CLASSES)}
            table = tidy(levels, probability=outputs.softmax(-1).double().mean(1).cpu())
            parts.append(table.assign(input=name, statistics=statistics))
    return pd.concat(parts, ignore_index=True)


def _streams(cell: Distilled, purpose: str) -> list[np.random.Generator]:
    return [stream(seed, purpose) for seed in cell.seeds]


def _cast(network: Parameters, pictures: Pictures) -> Parameters:
    return {name: values.to(pictures.like) for name, values in network.items()}
