"""The paper's two-layer experiment: many teachers, polarities and over-realizations trained as one ensemble."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator

from ts_core.data import gaussian, stream, teacher_aware
from ts_core.experiments.spec import Count, Positive, Spec, device_of
from ts_core.metrics import Evaluation, best_student, best_teacher, evaluate
from ts_core.networks import Network, fan_out_norm, over_realized_width, small_students, two_layer_teachers
from ts_core.training import train


class Cell(Spec):
    """Networks that train together: every seed x polarity x over-realization, on one kind and number of samples.

    A seed has one data set, one first teacher layer and one stream of batches, which its polarities and
    over-realizations share; they are therefore paired.
    """

    input_dim: Count = 100
    outputs: Count = 50
    teacher_width: Count = 10
    over_realizations: Annotated[tuple[float, ...], Field(min_length=1)] = (1.0, 2.0, 5.0, 10.0)
    polarities: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.0, 1.0, 2.0)
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    data: Literal["random", "aware"] = "random"
    samples: Annotated[int, Field(ge=2)] = 10_000
    data_std: Positive = 1.5
    aware_step_min: Positive = 2.0
    aware_step_range: Positive = 2.0
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Count = 100
    steps_per_epoch: Count = 1000
    snapshots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 55, 70, 85, 100)
    eval_samples: Annotated[int, Field(ge=2)] = 10_000
    student_scale: Positive = 0.005
    teacher_bias: float = -0.1
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    tables: tuple[Literal["runs", "teachers", "students", "pairs"], ...] = ("runs", "teachers", "students")

    @model_validator(mode="after")
    def _fits(self):
        for ratio in self.over_realizations:
            over_realized_width(self.teacher_width, ratio)
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        if max(self.snapshots, default=0) != self.epochs:
            raise ValueError(f"snapshots: must end with the last epoch, {self.epochs}, got {list(self.snapshots)}")
        for name in ("seeds", "polarities", "over_realizations", "snapshots"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: values must differ, got {list(getattr(self, name))}")
        return self

    @property
    def work(self) -> float:
        """Rough cost: steps x networks x (a constant + the student's width)."""
        widths = sum(15 + self.teacher_width * ratio for ratio in self.over_realizations)
        return self.epochs * self.steps_per_epoch * len(self.seeds) * len(self.polarities) * widths


def start(cell: Cell) -> tuple[Network, list[Network], torch.Tensor]:
    """Teachers, one student ensemble per over-realization, and the training inputs of a cell, all float64."""
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]  # noqa: E731
    teacher = two_layer_teachers(
        of("teacher"), cell.input_dim, cell.teacher_width, cell.outputs, cell.polarities, cell.teacher_bias
    )
    widths = [over_realized_width(cell.teacher_width, ratio) for ratio in cell.over_realizations]
    students = [
        small_students(of("start", n), (cell.input_dim, n, cell.outputs), cell.student_scale, len(cell.polarities))
        for n in widths
    ]
    if cell.data == "aware":
        steps = cell.aware_step_min, cell.aware_step_range
        x = teacher_aware(of("data"), teacher.weights[0], cell.samples, *steps, cell.data_std)
    else:
        x = gaussian(of("data"), cell.samples, cell.input_dim, cell.data_std)
    return teacher, students, x


def run(cell: Cell) -> dict[str, pd.DataFrame]:
    """Train a cell; returns the tables it asks for, one row per observation.

    runs        seed, data, samples, polarity, over_realization, epoch: train_loss, eval_loss (mean over samples and
                outputs), mean_best_correlation (mean over teacher nodes, evaluation data), status ok or diverged.
    teachers    the same keys and teacher (0 = strongest): fan_out_norm, best_correlation on the evaluation data.
    students    last epoch only, and student: fan_out_norm, best_correlation with a teacher on the training data.
    pairs       the same keys, teacher and student: correlation on the evaluation data.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, students, x = start(cell)
    teacher, x = teacher.to(**place), x.to(**place)
    x_eval = gaussian([stream(s, "evaluation") for s in cell.seeds], cell.eval_samples, cell.input_dim, cell.data_std)
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
        teacher, students, x, [stream(seed, "batches") for seed in cell.seeds],
        learning_rate=cell.learning_rate, batch_size=cell.batch_size, steps=cell.epochs * cell.steps_per_epoch,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots], on_snapshot=record,
    )
    return {table: pd.concat(parts, ignore_index=True) for table, parts in rows.items()}


def outcome(runs: pd.DataFrame) -> str:
    """One sentence on how many networks of a table ``runs`` diverged, and which; pictures leave those out."""
    keys = ["teacher_width", "data", "samples", "polarity", "over_realization", "seed"]
    last = runs.sort_values("epoch").groupby(keys, sort=False).status.last()
    broken = last[last != "ok"].reset_index()
    if broken.empty:
        return f"{len(last)} networks trained, none diverged"
    named = [f"{r.over_realization:g}x p={r.polarity:g} N={r.samples} {r.data} seed {r.seed}" for r in broken.itertuples()]
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return (
        f"{len(broken)} of {len(last)} networks DIVERGED and are missing from the figures below (a smaller learning_rate "
        f"helps): {'; '.join(named[:8])}{more}"
    )


def _keys(cell: Cell, ratio: float, epoch: int) -> pd.DataFrame:
    """One row per ensemble member, polarity running fastest."""
    members = len(cell.seeds) * len(cell.polarities)
    return pd.DataFrame({
        "seed": np.repeat(cell.seeds, len(cell.polarities)),
        "data": cell.data,
        "samples": cell.samples,
        "teacher_width": cell.teacher_width,
        "polarity": np.tile(cell.polarities, len(cell.seeds)),
        "over_realization": np.full(members, ratio),
        "epoch": epoch,
    })


def _runs(keys: pd.DataFrame, teacher: Network, student: Network, seen: Evaluation, fresh: Evaluation) -> pd.DataFrame:
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
    member, *index = (i.ravel() for i in np.indices(next(iter(columns.values())).shape))
    table = keys.iloc[member].reset_index(drop=True).assign(**dict(zip(units, index)))
    return table.assign(**{name: values.double().cpu().numpy().ravel() for name, values in columns.items()})
