"""The paper's two-layer experiment: many teachers, polarities, over-realizations trained as one ensemble."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from companion.experiments.given import own_inputs, own_network
from companion.experiments.tidy import tidy
from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Tables
from ts_core.data import gaussian, teacher_aware
from ts_core.metrics import Evaluation, best_student, best_teacher, evaluate
from ts_core.networks import Network, fan_out_norm
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers, with_unit_rows
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.sgd import train


def start(
    cell: TwoLayer,
    *,
    teacher: Network | None = None,
    students: Sequence[Network] | None = None,
    x: torch.Tensor | None = None,
) -> tuple[Network, list[Network], torch.Tensor]:
    """Teachers, one student ensemble per over-realization, and the training inputs of a cell, all float64.

    What is given is taken as it is, the rest is drawn; inputs that are to be aware, of the given teachers.

    teacher     one member per seed and polarity (polarity runs fastest); the polarities of a seed may share
                their first layer, and must where inputs are drawn to be aware of it.
    students    per over-realization, the same members, each with weights of its own.
    x           ``(seeds, samples, input_dim)``; aware samples are a multiple of 3 m, from ``samples`` on.
    raises      ValueError for sizes or members that are not the cell's.
    """
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    widths = [over_realized_width(cell.teacher_width, ratio) for ratio in cell.over_realizations]
    sets, members = len(cell.seeds), len(cell.seeds) * len(cell.polarities)
    sizes = lambda width: (cell.input_dim, width, cell.outputs)
    if teacher is None:
        teacher = two_layer_teachers(
            of("teacher"), *sizes(cell.teacher_width), cell.polarities, cell.teacher_bias
        )
        unit_rows = teacher.weights[0]
    else:
        teacher = own_network("teacher", teacher, sizes(cell.teacher_width), members, sets)
        unit_rows = with_unit_rows(teacher).weights[0]
    if students is None:
        students = [
            small_students(of("start", n), sizes(n), cell.student_scale, len(cell.polarities)) for n in widths
        ]
    elif len(students) != len(widths):
        raise ValueError(
            f"students: need one ensemble per over-realization, {len(widths)}, got {len(students)}"
        )
    else:
        students = [
            own_network(f"students[{i}]", student, sizes(n), members)
            for i, (student, n) in enumerate(zip(students, widths))
        ]
    if x is not None:
        triples = 3 * cell.teacher_width if cell.data == "aware" else 1
        x = own_inputs("x", x, (sets, -(-cell.samples // triples) * triples, cell.input_dim))
    elif cell.data == "aware":
        if len(unit_rows) != sets:
            raise ValueError(
                f"teacher: aware inputs need one first layer per seed, {sets}, shared by its polarities; "
                f"got {len(unit_rows)}"
            )
        steps = cell.aware_step_min, cell.aware_step_range
        x = teacher_aware(of("data"), unit_rows, cell.samples, *steps, cell.data_std)
    else:
        x = gaussian(of("data"), cell.samples, cell.input_dim, cell.data_std)
    return teacher, students, x


def run(cell: TwoLayer, *, x_eval: torch.Tensor | None = None, **given) -> Tables:
    """Train a cell; its tables are described at :meth:`TwoLayer.run`.

    x_eval      ``(seeds, eval_samples, input_dim)`` to evaluate on, in the place of drawn samples.
    given       teachers, students and training inputs of one's own, as in :func:`start`. The tables' keys
                repeat the cell's settings, also those that only say how to draw.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, students, x = start(cell, **given)
    if x_eval is None:
        streams = [stream(seed, "evaluation") for seed in cell.seeds]
        x_eval = gaussian(streams, cell.eval_samples, cell.input_dim, cell.data_std)
    else:
        x_eval = own_inputs("x_eval", x_eval, (len(cell.seeds), cell.eval_samples, cell.input_dim))
    teacher, x, x_eval = teacher.to(**place), x.to(**place), x_eval.to(**place)
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
