"""Proposition: on inputs in S a gradient never leaves S; coordinate-wise steps do."""

import pandas as pd
import torch

from companion.chapters.robustness.low_rank import axis_aligned, bases, inputs, split, teachers
from companion.chapters.robustness.studies import Leak
from companion.experiments.tidy import tidy
from ts_core.networks import Network
from ts_core.sizes import log_spaced
from ts_core.streams import stream
from ts_core.teachers import small_students
from ts_core.training.batches import fresh
from ts_core.training.device import device_of
from ts_core.training.optimizers import SGD, Adam
from ts_core.training.sgd import train

RULES = {  # optimizer, share of the learning rate, the subspace
    "SGD": (SGD(), 1.0, bases),
    "SGD with momentum": (SGD(momentum=0.9), 0.5, bases),
    "SGD with weight decay": (None, 1.0, bases),
    "Adam": (Adam(), 0.25, bases),
    "Adam, S of coordinates": (Adam(), 0.25, axis_aligned),
}


def leaks(cell: Leak) -> pd.DataFrame:
    """Weights outside of S over training, by optimizer; all students of an optimizer train as one ensemble.

    returns     optimizer, seed, step: norm (of the part of W outside S, over its start), off (distance from
                what the proposition says, the start times the product of 1 - rate * weight decay; over the
                start's norm).
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    of = lambda purpose: [stream(seed, purpose) for seed in cell.seeds]
    teacher = teachers(of("teacher"), cell.input_dim, cell.teacher_width, cell.outputs, cell.teacher_bias)
    start = small_students(of("start"), (cell.input_dim, cell.width, cell.outputs), cell.student_scale)
    tables = []
    for name, (rule, share, subspace) in RULES.items():
        decay = 0.0 if rule else cell.weight_decay
        rate, basis = (
            share * cell.learning_rate,
            subspace(of("subspace"), cell.input_dim, cell.rank).to(**place),
        )
        streams, noises = of("data"), torch.zeros(1, **place)
        first = split(start.weights[0][..., :-1].to(**place), basis)[1]
        size = first.norm(dim=(1, 2))

        def record(step: int, now: list[Network]) -> None:
            outside = split(now[0].weights[0][..., :-1], basis)[1]
            told = first * (1 - rate * decay) ** step
            columns = dict(norm=outside.norm(dim=(1, 2)) / size, off=(outside - told).norm(dim=(1, 2)) / size)
            numbers = {key: value.double().cpu().numpy() for key, value in columns.items()}
            tables.append(tidy({"seed": cell.seeds}, **numbers).assign(optimizer=name, step=step))

        train(
            teacher.to(**place),
            [start.to(**place)],
            fresh(lambda samples: inputs(streams, basis, noises, samples)[:, 0], cell.batch_size, 50),
            learning_rate=rate,
            snapshots=log_spaced(cell.steps, 12),
            on_snapshot=record,
            optimizer=rule or SGD(weight_decay=decay),
        )
    return pd.concat(tables, ignore_index=True)
