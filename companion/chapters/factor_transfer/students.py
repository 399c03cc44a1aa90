"""Students of a teacher's labels, outputs, feature maps or factors, a member per seed."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.factor_transfer.readers import chain, encoder, numbers, through
from companion.chapters.factor_transfer.studies import Students
from companion.chapters.factor_transfer.teachers import (
    CHUNK,
    accuracy,
    evaluating,
    from_table,
    images_of,
    rounds,
    schedule,
    seen,
    to_place,
)
from companion.chapters.factor_transfer.transfers import (
    attention,
    attention_distance,
    directions,
    factor_distance,
    labels_loss,
    soft_labels_loss,
)
from companion.datasets.cifar10 import CLASSES
from companion.experiments.small_convnets import Moments, conv_net, fold, forward, unfold
from companion.runs.spec import Tables
from ts_core.convnets import as_samples
from ts_core.metrics import RunningCorrelation, best_student, best_teacher
from ts_core.streams import stream
from ts_core.training.fit import Parameters, fit

PUBLISHED_ENTRIES = 32 * 8 * 8  # of a factor of the released ResNet-56
PUBLISHED_SIDE = 32  # of the images whose maps have the released weights
Taught = tuple[Tensor, ...]  # per image what a method needs of the teacher, each (e, images, ...)


def trained(cell: Students, taught: Tables) -> dict[str, pd.DataFrame]:
    """Train a student per seed on the labelled images, then look at it on the test images.

    taught      the tables of the teachers.
    students    accuracy, agreement (with the teacher's decisions), parameters (number), status.
    layers      layer (1 is the lowest), trained (bool), teacher (own, or another: that of the next seed,
                which the student has not seen; left out if there is one seed): by_teacher, the mean over
                teacher channels of the best student's correlation, and by_student, the mean over student
                channels of the best teacher's. Untrained students are those of the method labels alone.
    both        method, divisor, labels, seed.
    """
    spec, seeds = cell.teachers, cell.teachers.seeds
    (x, y), (x_test, y_test) = images_of(spec)
    teacher, moments = from_table(taught["weights"], spec, x.shape[1])
    chosen = [stream(seed, "labelled").permutation(spec.images)[: cell.labels] for seed in seeds]
    own = torch.arange(len(seeds))[:, None]
    at = torch.from_numpy(np.stack(chosen))
    images, labels = x[at], y[at]  # (e, labels, ...): from here on an image is known by its place in this
    targets = targets_of(cell, teacher, moments, images)
    states: dict[bool, Parameters] = {}
    places = [np.arange(cell.labels)] * len(seeds)
    fit(
        objective_of(cell),
        start := to_place(student_of(cell, x.shape[1]), spec),
        (
            (images[own, b], labels[own, b], *(of[own, b] for of in targets))
            for b in rounds(spec, "student batches", places, cell.steps)
        ),
        **schedule(spec, cell.steps, cell.learning_rate),
        snapshots=[cell.steps],
        on_snapshot=lambda step, now: states.update({True: now}),
    )
    keys = dict(method=cell.method, divisor=cell.divisor, labels=cell.labels)
    rows, layers = {}, []
    untrained = {False: start} if cell.method == "labels" else {}  # every method has the same start
    for done, network in (untrained | states).items():
        rows, found = look(network, evaluating(network, list(images)), teacher, moments, x_test, y_test)
        layers += [table.assign(trained=done, seed=np.array(seeds)[table.pop("member")]) for table in found]
    students = pd.DataFrame(dict(seed=seeds, **rows, parameters=numbers(student_part(states[True]))))
    status = np.where(np.isfinite(students.accuracy), "ok", "diverged")
    return {
        "students": students.assign(status=status, **keys),
        "layers": pd.concat(layers, ignore_index=True).assign(**keys),
    }


def student_of(cell: Students, colours: int) -> Parameters:
    """A student per seed, the same for every method, and what the method reads its maps with."""
    of = lambda purpose: [stream(seed, purpose, cell.divisor) for seed in cell.teachers.seeds]
    network, generators = conv_net(of("student"), cell.widths, colours, CLASSES), of("translator")
    if cell.method.startswith("factors"):
        return network | chain(generators, "translator", encoder(cell.widths[-1], cell.teachers.factors))
    if cell.method == "hints":
        return network | chain(generators, "regressor", (cell.widths[-1], cell.teachers.widths[-1]))
    return network


def student_part(network: Parameters) -> Parameters:
    """Without translator or regressor, which no student needs once it is trained."""
    return {name: of for name, of in network.items() if not name.startswith(("translator", "regressor"))}


@torch.no_grad()
def targets_of(cell: Students, teacher: Parameters, moments: Moments, images: Tensor) -> Taught:
    """What the method compares with, for the images ``(e, b, c, h, w)`` of every member."""
    members = len(images)
    parts: list[Taught] = []
    for chunk in images.split(CHUNK, 1):
        maps, outputs = forward(teacher, fold(chunk), moments)
        match cell.method:
            case "labels":
                parts.append(())
            case "soft labels":
                parts.append((outputs,))
            case "hints":
                parts.append((directions(maps[-1], members),))
            case "attention":
                parts.append(tuple(attention(of, members) for of in maps))
            case _:
                parts.append((directions(through(teacher, "encoder", maps[-1]), members),))
    return tuple(torch.cat(of, 1) for of in zip(*parts))


def objective_of(cell: Students) -> Callable[..., Tensor]:
    """The loss per member ``(e,)`` of images, labels and what the teacher says of them.

    Released weights are those of larger maps. Here they weigh what they do there for directions that have
    nothing to do with each other: these differ by about 1 / sqrt(entries) per entry, their squares by
    1 / entries.
    """
    attention_weight = cell.attention_weight * (cell.teachers.side / PUBLISHED_SIDE) ** 2

    def objective(network: Parameters, images: Tensor, labels: Tensor, *target: Tensor) -> Tensor:
        maps, outputs = forward(network, fold(images))
        members, loss = len(images), labels_loss(outputs, labels)
        match cell.method:
            case "labels":
                return loss
            case "soft labels":
                soft = soft_labels_loss(outputs, target[0], cell.temperature)
                return (1 - cell.soft_share) * loss + cell.soft_share * soft
            case "attention":
                apart = [attention_distance(attention(f, members), t) for f, t in zip(maps, target)]
                return loss + attention_weight * sum(apart)
            case "hints":
                read = through(network, "regressor", maps[-1])
            case _:
                read = through(network, "translator", maps[-1])
        apart, entries = factor_distance(directions(read, members), target[0]), target[0].shape[-1]
        weight = entries if cell.method == "factors, as printed" else math.sqrt(entries / PUBLISHED_ENTRIES)
        return loss + cell.beta * weight * apart

    return objective


def look(
    network: Parameters, own: Moments, teacher: Parameters, moments: Moments, x: Tensor, y: Tensor
) -> tuple[dict[str, np.ndarray], list[pd.DataFrame]]:
    """Accuracy and agreement per member, and correlations per layer with either teacher."""
    members = len(network["top"])
    running = {(name, l): RunningCorrelation() for name in ("own", "another") for l in range(len(moments))}
    decisions, outputs = [], []
    for (maps, out), (maps_t, out_t) in zip(seen(network, own, x), seen(teacher, moments, x)):
        outputs.append(out)
        decisions.append(out_t.argmax(-1))
        for (name, l), sums in running.items():
            f, f_t = (torch.cat([as_samples(of) for of in unfold(m[l], members)]) for m in (maps, maps_t))
            sums.add(f_t if name == "own" else f_t.roll(-1, 0), f)
    made = torch.cat(outputs, 1)
    facts = dict(accuracy=accuracy(made, y), agreement=accuracy(made, torch.cat(decisions, 1)))
    tables = []
    for (name, l), sums in running.items():
        rho = sums.value()
        if name == "own" or members > 1:
            means = dict(
                by_teacher=best_student(rho).mean(1).cpu(), by_student=best_teacher(rho).mean(1).cpu()
            )
            tables.append(pd.DataFrame(dict(member=range(members), layer=l + 1, teacher=name) | means))
    return {name: of.cpu().numpy() for name, of in facts.items()}, tables
