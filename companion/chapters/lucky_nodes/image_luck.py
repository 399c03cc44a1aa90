"""Winners and their ranks where the teacher was trained on images: convolutional, and fully connected."""

import pandas as pd
import torch

from companion.chapters.lucky_nodes.image_networks import FullyConnected, drawn
from companion.chapters.lucky_nodes.studies import ImageLuck
from companion.chapters.lucky_nodes.winners import rank, winners
from companion.experiments.convolutional.students import compare
from companion.experiments.convolutional.teacher import (
    batches,
    in_units_of_spread,
    learn,
    schedule,
    splits,
    where,
)
from companion.runs.spec import Tables
from ts_core.convnets import ConvNet, place
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.training.fit import logit_loss, train

KINDS = {"convolutional": ConvNet, "fully connected": FullyConnected}


def image_luck(cell: ImageLuck) -> Tables:
    """Train the teacher, then its students, which see the same batches and crops; layers count from 1.

    teachers    network, seed, dataset, width, test_accuracy (of the labels).
    layers      network, seed, over_realization, epoch, layer: correlation (mean over living teacher channels
                of the best student's, on the test images), alive (living ones); test_loss, test_accuracy.
    ranks       the same keys, epoch being the baseline, teacher: rank of the final winner (percent), alive.

    A channel that is constant on the test images is not alive.
    """
    spec, parts = cell.teacher, splits(cell.teacher)
    dtype = where(spec)[1]
    widths = (spec.width,) * len(spec.prune)
    teacher, epochs = learn(_start(cell, "teacher", widths), spec, spec.training, "training", parts)
    teacher = in_units_of_spread(teacher, parts[0][0], dtype)
    found: dict[str, list[pd.DataFrame]] = {"layers": [], "ranks": []}
    for ratio in cell.over_realizations:
        keys = dict(network=cell.network, seed=spec.seed, over_realization=ratio)
        student = _start(cell, "start", [over_realized_width(n, ratio) for n in widths])
        looks = _looks(cell, teacher, student, parts)
        last = looks[-1][1]
        best = [winners(rho[None]) for rho in last]
        living = [(rho != 0).any(1).cpu().numpy() for rho in last]
        for epoch, (facts, now) in enumerate(looks):
            for layer, (rho, who, alive) in enumerate(zip(now, best, living), start=1):
                mean = float(rho.amax(1).cpu().numpy()[alive].mean()) if alive.any() else 0.0
                known = {name: facts[name] for name in ("test_loss", "test_accuracy")}
                row = dict(**keys, epoch=epoch, layer=layer, correlation=mean, alive=int(alive.sum()))
                found["layers"].append(pd.DataFrame([row | known]))
                place_of = rank(rho[None], who)[0].double().cpu().numpy()
                columns = dict(teacher=range(len(alive)), rank=place_of, alive=alive)
                found["ranks"].append(pd.DataFrame(dict(**keys, epoch=epoch, layer=layer, **columns)))
    accuracy = epochs.test_accuracy[epochs.selected].item()
    about = dict(network=cell.network, seed=spec.seed, dataset=spec.dataset, width=spec.width)
    tables = {name: pd.concat(rows, ignore_index=True) for name, rows in found.items()}
    return tables | {"teachers": pd.DataFrame([about | dict(test_accuracy=accuracy)])}


def _start(cell: ImageLuck, purpose: str, widths) -> ConvNet:
    network = KINDS[cell.network](widths, cell.teacher.side, norm=cell.teacher.norm)
    return place(drawn(network, stream(cell.teacher.seed, purpose, *widths)), *where(cell.teacher))


def _looks(
    cell: ImageLuck, teacher: ConvNet, student: ConvNet, parts
) -> list[tuple[dict, list[torch.Tensor]]]:
    """Facts and correlations per layer of a student before training and after each epoch."""
    pixels, dtype = parts[0][0], where(cell.teacher)[1]
    order, crops = (stream(cell.teacher.seed, purpose) for purpose in ("order", "crops"))
    found: list[tuple[dict, list[torch.Tensor]]] = []

    def taught():
        for x, _ in batches(pixels, cell.training, cell.teacher.shift, dtype, order, crops):
            with torch.no_grad():
                target = teacher(x)[1]
            yield x, target

    train(
        student,
        taught(),
        logit_loss,
        **schedule(cell.training, len(pixels)),
        on_snapshot=lambda step, now, loss: found.append(compare(teacher, now, parts, dtype)),
    )
    return found
