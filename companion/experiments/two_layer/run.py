"""The paper's two-layer experiment: many teachers, polarities, over-realizations trained as one ensemble."""

import numpy as np
import pandas as pd
import torch

from companion.experiments.tidy import tidy
from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Tables
from ts_core.data import gaussian, teacher_aware
from ts_core.metrics import Evaluation, best_student, best_teacher, evaluate
from ts_core.networks import Network, fan_out_norm
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.sgd import train


def start(cell: TwoLayer) -> tuple[Network, list[Network], torch.Tensor]:
    """Teachers, one student ensemble per over-realization, and the training inputs of a cell, all float64."""
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    teacher = two_layer_teachers(
        of("teacher"), cell.input_dim, cell.teacher_width, cell.outputs, cell.polarities, cell.teacher_bias
    )
    widths = [over_realized_width(cell.teacher_width, ratio) for ratio in cell.over_realizations]
    students = [
        small_students(
            of("start", n), (cell.input_dim, n, cell.outputs), cell.student_scale, len(cell.polarities)
        )
        for n in widths
    ]
    if cell.data == "aware":
        steps = cell.aware_step_min, cell.aware_step_range
        x = teacher_aware(of("data"), teacher.weights[0], cell.samples, *steps, cell.data_std)
    else:
        x = gaussian(of("data"), cell.samples, cell.input_dim, cell.data_std)
    return teacher, students, x


def run(cell: TwoLayer) -> Tables:
    """Train a cell; its tables are described at :meth:`TwoLayer.run`."""
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, students, x = start(cell)
    teacher, x = teacher.to(**place), x.to(**place)
    x_eval = gaussian(
        [stream(s, "evaluation") for s in cell.seeds], cell.eval_samples, cell.input_dim, cell.data_std
    )
    x_eval = x_eval.to(**place)
    rows = {table: [] for table in cell.tables}

    def record(step: int, now: list[Network]) -> None:
        epoch = step // cell.steps_per_epoch
        tables = [table for table in cell.tables if table != "students" or epoch == cell.epochs]
        on_training_data = {"runs", "students"} & set(tables)
        seen = evaluate(teacher, now, x) if on_training_data else [None] * len(now)
        for ratio, student, *found in zip(cell.over_realizations, now, seen, evaluate(teacher, now, x_eval)):
            for table in tables:
                rows[table].append(TABLES[table](_keys(cell, ratio, epoch), teacher, student, *found))

    train(
        teacher,
        students,
        drawn(x, [stream(seed, "batches") for seed in cell.seeds], cell.batch_size),
        learning_rate=cell.learning_rate,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots],
        on_snapshot=record,
    )
    return {table: pd.concat(parts, ignore_index=True) for table, parts in rows.items()}


def _keys(cell: TwoLayer, ratio: float, epoch: int) -> pd.DataFrame:
    """One row per ensemble member, polarity running fastest."""
    members = len(cell.seeds) * len(cell.polarities)
    return pd.DataFrame(
        {
            "seed": np.repeat(cell.seeds, len(cell.polarities)),
            "data": cell.data,
            "samples": cell.samples,
            "teacher_width": cell.teacher_width,
            "polarity": np.tile(cell.polarities, len(cell.seeds)),
            "over_realization": np.full(members, ratio),
            "epoch": epoch,
        }
    )


def _runs(
    keys: pd.DataFrame, teacher: Network, student: Network, seen: Evaluation, fresh: Evaluation
) -> pd.DataFrame:
    finite = (seen.loss + fresh.loss).isfinite().cpu().numpy()
    return keys.assign(
        train_loss=seen.loss.cpu().numpy(),
        eval_loss=fresh.loss.cpu().numpy(),
        mean_best_correlation=best_student(fresh.rho[0]).mean(1).cpu().numpy(),
        status=np.where(finite, "ok", "diverged"),
    )


def _teachers(keys, teacher, student, seen, fresh) -> pd.DataFrame:
    columns = dict(fan_out_norm=fan_out_norm(teacher), best_correlation=best_student(fresh.rho[0]))
    return _per_unit(keys, ("teacher",), **columns)


def _students(keys, teacher, student, seen, fresh) -> pd.DataFrame:
    columns = dict(fan_out_norm=fan_out_norm(student), best_correlation=best_teacher(seen.rho[0]))
    return _per_unit(keys, ("student",), **columns)


def _pairs(keys, teacher, student, seen, fresh) -> pd.DataFrame:
    return _per_unit(keys, ("teacher", "student"), correlation=fresh.rho[0])


TABLES = {"runs": _runs, "teachers": _teachers, "students": _students, "pairs": _pairs}


def _per_unit(keys: pd.DataFrame, units: tuple[str, ...], **columns: torch.Tensor) -> pd.DataFrame:
    """One row per member and unit (or pair of units), from values ``(e, *units)``."""
    shape = next(iter(columns.values())).shape
    levels = dict(zip(("member", *units), map(range, shape)))
    table = tidy(levels, **{name: values.double().cpu().numpy() for name, values in columns.items()})
    return keys.iloc[table.pop("member")].reset_index(drop=True).join(table)
