"""The small-gradient theorem inside cells of the upper gates: three-layer students, triple by triple."""

import math

import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lowest_layer.studies import CellTriples
from companion.runs.spec import Tables
from ts_core.activations import LeakyReLU
from ts_core.data import gaussian, on_planes, with_steps
from ts_core.gradients import by_backprop, gates, overlaps
from ts_core.networks import Network, affine, forward, pair
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.geometry import all_rows
from ts_core.training.least_squares import descend

INPUT_DIM, OUTPUTS, STD = 5, 3, 1.5
SOME = 10  # of the plane's points, one in so many is trained on with its steps


def run(settings: CellTriples) -> Tables:
    """Tables ``counts`` and ``cells``: see :meth:`CellTriples.run`."""
    counts = pd.concat([of_slope(settings, slope) for slope in settings.slopes], ignore_index=True)
    return {"counts": counts, "cells": cells_met(settings)}


def of_slope(settings: CellTriples, slope: float) -> pd.DataFrame:
    """Premises and violations of students of one slope, a row per radius."""
    draw = lambda purpose: [stream(seed, f"cell triples, {purpose}") for seed in range(settings.seeds)]
    sizes = INPUT_DIM, *settings.hidden, OUTPUTS
    wide = INPUT_DIM, *(2 * width for width in settings.hidden), OUTPUTS
    teacher = random_networks(draw("teacher"), sizes, LeakyReLU(slope))
    start = random_networks(draw("start"), wide, LeakyReLU(slope))
    planes = on_planes(draw("planes"), teacher.weights[0], settings.points, STD)
    x = gaussian(draw("data"), settings.samples, INPUT_DIM, STD)
    normal = normals(teacher)
    middle = sorted(settings.radii)[len(settings.radii) // 2]
    near_planes = with_steps(planes[:, :, ::SOME], normal, middle).movedim(0, 1).flatten(1, 3)
    levels = 10 ** -torch.linspace(0, settings.decades, settings.checkpoints, dtype=torch.float64)
    students, loss = descend(teacher, start, torch.cat([x, near_planes], dim=1), settings.steps, levels)
    reached = ~loss.flatten().isnan()
    return pd.DataFrame(
        [
            dict(slope=slope, radius=radius, lowest_loss=loss.nan_to_num(math.inf).amin().item())
            | counted(teacher, students, planes, radius, reached)
            for radius in settings.radii
        ]
    )


def counted(
    teacher: Network, students: Network, planes: Tensor, radius: float, reached: Tensor
) -> dict[str, int]:
    """How many triples, premises and violations there are of one radius.

    A triple x, x +- radius * w*_j / ||w*_j|| and an active student k have a true *premise* if max|g_k| is
    below (1 - a) radius |A_kj(x)| ||w*_j|| / 4, and satisfy the *conclusion* if another node of either lowest
    layer has its boundary within the step.

    planes      ``(g, m, b, d)``;  reached  ``(e,)`` the students that count.
    returns     triples (of students, teacher nodes and points), and those inside one cell; premises and
                violations there; the same with A of another cell's point, ``other``, and of triples that are
                in no single cell, ``crossing``.
    """
    width, count = planes.shape[1:3]
    triples = with_steps(planes, normals(teacher), radius).movedim(0, 1)  # (g, 3, m, b, d)
    teacher, students = pair(teacher, students)
    flat = triples.flatten(1, 3)
    shape = (3, width, count)
    upper = upper_gates(teacher, students, flat).unflatten(1, shape)
    inside = (upper[:, :1] == upper).all(4).all(1) & reached[:, None, None]  # (e, m, b)
    gradient = by_backprop(teacher, students, flat)[0].unflatten(1, shape).abs().amax(1)  # (e, m, b, n)
    active = (affine(students.weights[0], flat).unflatten(1, shape) > 0).all(1)

    base = planes.flatten(1, 2)
    a = overlaps(teacher, students, base)[0][0][..., :-1, :-1].unflatten(1, (width, count))
    own = torch.diagonal(a, dim1=1, dim2=4).movedim(3, 1).abs()  # (e, m, b, n): A_kj on plane j
    size = teacher.weights[0][..., :-1].norm(dim=-1)[:, :, None, None]
    bar = (1 - students.slope) * radius * size / 4
    elsewhere = own.roll(1, dims=2)
    changed = (upper[:, 0] != upper[:, 0].roll(1, dims=2)).any(3)

    rows = all_rows(teacher, students)
    distance = affine(rows, base).unflatten(1, (width, count)).abs()
    step = radius * (normals(teacher)[:, :, 0] @ rows[..., :-1].mT).abs()
    near = distance < step[:, :, None]
    near[:, range(width), :, range(width)] = False
    alone = ~near.any(3)[..., None]

    one_cell, seen = inside[..., None], active & reached[:, None, None, None]
    holds = seen & one_cell & (gradient < bar * own)
    moved = seen & one_cell & changed[..., None] & (gradient < bar * elsewhere)
    crossing = seen & ~one_cell & (gradient < bar * own)
    total = lambda which: int(which.sum())
    return {
        "triples": total(reached) * width * count,
        "inside": total(inside),
        "premises": total(holds),
        "violations": total(holds & alone),
        "other_premises": total(moved),
        "other_violations": total(moved & alone),
        "crossing_premises": total(crossing),
        "crossing_violations": total(crossing & alone),
    }


def normals(teacher: Network) -> Tensor:
    """Unit normals of the teacher planes, ``(g, m, 1, d)``."""
    return torch.nn.functional.normalize(teacher.weights[0][..., :-1], dim=-1)[:, :, None]


def upper_gates(teacher: Network, student: Network, x: Tensor) -> Tensor:
    """Gates above the lowest layer of both networks, whether they are open: ``(e, b, nodes)``."""
    teacher, student = pair(teacher, student)
    parts = [gates(net, forward(net, x)[0])[1:-1] for net in (teacher, student)]
    return torch.cat([layer[..., :-1] for part in parts for layer in part], dim=2) == 1


def cells_met(settings: CellTriples) -> pd.DataFrame:
    """Cells of the upper gates that samples meet, and triples inside one, by width and number of layers.

    columns     seed, width (teacher nodes per hidden layer; a student has twice as many), layers (hidden),
                cells (met by the samples), inside (share of the triples of the middle radius).
    """
    radius = sorted(settings.radii)[len(settings.radii) // 2]
    rows = []
    for layers in settings.depths:
        for width in settings.widths:
            draw = lambda purpose, key=(layers, width): [
                stream(seed, f"cells met, {purpose}", *key) for seed in range(settings.seeds)
            ]
            teacher, student = (
                random_networks(draw(name), (INPUT_DIM, *(nodes,) * layers, OUTPUTS))
                for name, nodes in (("teacher", width), ("start", 2 * width))
            )
            x = gaussian(draw("data"), settings.samples, INPUT_DIM, STD)
            met = [len(pattern.unique(dim=0)) for pattern in upper_gates(teacher, student, x)]
            planes = on_planes(draw("planes"), teacher.weights[0], settings.points, STD)
            triples = with_steps(planes, normals(teacher), radius).movedim(0, 1)
            upper = upper_gates(teacher, student, triples.flatten(1, 3)).unflatten(1, (3, -1))
            inside = (upper[:, :1] == upper).all(3).all(1).double().mean(1)
            rows += [
                dict(seed=seed, width=width, layers=layers, cells=found, inside=share)
                for seed, (found, share) in enumerate(zip(met, inside.tolist()))
            ]
    return pd.DataFrame(rows)
