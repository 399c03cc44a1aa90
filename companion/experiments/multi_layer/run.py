"""The paper's multi-layer experiment: deep teachers, wider students of the same depth, every layer looked at."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator

from ts_core.data import gaussian, stream
from ts_core.experiments.spec import Count, Positive, Spec, device_of
from ts_core.gradients import mean_beta
from ts_core.metrics import Evaluation, best_student, best_teacher, evaluate
from ts_core.networks import Network, deep_teachers, over_realized_width, uniform_students
from ts_core.training import train


class Cell(Spec):
    """Networks that train together: one per seed, with its own teacher, data, start and order of batches."""

    input_dim: Count = 20
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (50, 75, 100, 125)
    outputs: Count = 100
    over_realization: float = 2.0
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    samples: Count = 20_000
    loss: Literal["mse", "cross_entropy"] = "mse"
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.0
    data_std: Positive = 10.0
    batch_size: Count = 64
    learning_rates: Annotated[tuple[tuple[int, Positive], ...], Field(min_length=1)] = ((0, 0.2), (20, 0.1))
    epochs: Count = 200
    snapshots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2, 5, 10, 20, 50, 100, 200)
    tuned_on: Literal["own", "evaluation"] = "own"
    tuning_samples: Annotated[int, Field(ge=2)] = 10_240
    eval_samples: Annotated[int, Field(ge=2)] = 10_240
    beta_samples: Count = 1024
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    tables: tuple[Literal["runs", "layers", "students"], ...] = ("runs", "layers")

    @model_validator(mode="after")
    def _fits(self):
        for width in self.hidden:
            over_realized_width(width, self.over_realization)
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        if self.loss == "cross_entropy" and self.outputs < 2:
            raise ValueError(f"outputs: cross_entropy tells classes apart and needs at least 2, got {self.outputs}")
        if max(self.snapshots, default=0) != self.epochs:
            raise ValueError(f"snapshots: must end with the last epoch, {self.epochs}, got {list(self.snapshots)}")
        if self.learning_rates[0][0] != 0 or [e for e, _ in self.learning_rates] != sorted({e for e, _ in self.learning_rates}):
            raise ValueError(f"learning_rates: epochs must rise from 0, got {[e for e, _ in self.learning_rates]}")
        for name in ("seeds", "snapshots"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: values must differ, got {list(getattr(self, name))}")
        return self

    @property
    def steps_per_epoch(self) -> int:
        return self.samples // self.batch_size

    @property
    def work(self) -> float:
        """Rough cost, in multiply-adds."""
        sizes = student_sizes(self)
        weights = sum(a * b for a, b in zip(sizes, sizes[1:]))
        return float(self.epochs) * self.samples * len(self.seeds) * weights


def student_sizes(cell: Cell) -> tuple[int, ...]:
    widths = [over_realized_width(width, cell.over_realization) for width in cell.hidden]
    return cell.input_dim, *widths, cell.outputs


def start(cell: Cell) -> tuple[Network, Network, torch.Tensor, torch.Tensor]:
    """Teachers, students, training and evaluation inputs of a cell, all float64.

    The released code tunes a teacher's biases on the evaluation samples; here it has samples of its own, unless
    ``tuned_on`` says ``evaluation``.
    """
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]  # noqa: E731
    inputs = lambda purpose, samples: gaussian(of(purpose), samples, cell.input_dim, cell.data_std)  # noqa: E731
    x_eval = inputs("evaluation", cell.eval_samples)
    tuning = x_eval if cell.tuned_on == "evaluation" else inputs("tuning", cell.tuning_samples)
    sizes = student_sizes(cell)
    teacher = deep_teachers(of("teacher"), (cell.input_dim, *cell.hidden, cell.outputs), tuning, cell.slope)
    return teacher, uniform_students(of("start", *sizes), sizes, cell.slope), inputs("data", cell.samples), x_eval


def run(cell: Cell) -> dict[str, pd.DataFrame]:
    """Train a cell; returns the tables it asks for, one row per observation.

    runs        seed, depth (hidden layers), samples, loss, over_realization, learning_rate (the first), tuned_on, epoch:
                train_loss (on as many samples as are evaluated on), eval_loss, status ok or diverged.
    layers      the same keys and layer (1 = lowest): mean_best_correlation, the mean over *teacher* nodes of the best
                student's; mean_best_teacher, the mean over *student* nodes of the best teacher's.
    students    the same, layer and student: best_correlation with a teacher and root_beta = sqrt(E beta_kk), evaluation
                data.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, student, x, x_eval = start(cell)
    teacher, x, x_eval = teacher.to(**place), x.to(**place), x_eval.to(**place)
    rows = {table: [] for table in cell.tables}

    def record(step: int, now: list[Network]) -> None:
        keys = _keys(cell, step // cell.steps_per_epoch)
        (fresh,) = evaluate(teacher, now, x_eval, loss=cell.loss)
        if "runs" in rows:
            (seen,) = evaluate(teacher, now, x[:, :cell.eval_samples], loss=cell.loss)
            rows["runs"].append(_runs(keys, seen, fresh))
        if "layers" in rows:
            rows["layers"].append(_layers(keys, fresh))
        if "students" in rows:
            beta, _ = mean_beta(now[0], x_eval[:, :cell.beta_samples])
            rows["students"].append(_students(keys, fresh, beta))

    # torch.nn.MSELoss also averages over outputs and has no 1/2: its rate is c / 2 times that of ts_core.networks
    scale = 2 / cell.outputs if cell.loss == "mse" else 1.0
    train(
        teacher, [student], x, [stream(seed, "batches") for seed in cell.seeds],
        learning_rate=[(epoch * cell.steps_per_epoch, scale * rate) for epoch, rate in cell.learning_rates],
        batch_size=cell.batch_size, steps=cell.epochs * cell.steps_per_epoch, loss=cell.loss, shuffle=True,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots], on_snapshot=record,
    )
    return {table: pd.concat(parts, ignore_index=True) for table, parts in rows.items()}


def _keys(cell: Cell, epoch: int) -> pd.DataFrame:
    """One row per ensemble member."""
    return pd.DataFrame({
        "seed": cell.seeds, "depth": len(cell.hidden), "samples": cell.samples, "loss": cell.loss,
        "over_realization": cell.over_realization, "learning_rate": cell.learning_rates[0][1], "tuned_on": cell.tuned_on,
        "epoch": epoch,
    })


def _numbers(values: torch.Tensor) -> np.ndarray:
    return values.double().cpu().numpy()


def _runs(keys: pd.DataFrame, seen: Evaluation, fresh: Evaluation) -> pd.DataFrame:
    finite = _numbers((seen.loss + fresh.loss).isfinite()) > 0
    return keys.assign(
        train_loss=_numbers(seen.loss), eval_loss=_numbers(fresh.loss), status=np.where(finite, "ok", "diverged")
    )


def _layers(keys: pd.DataFrame, fresh: Evaluation) -> pd.DataFrame:
    return pd.concat([
        keys.assign(
            layer=layer, mean_best_correlation=_numbers(best_student(rho).mean(1)),
            mean_best_teacher=_numbers(best_teacher(rho).mean(1)),
        )
        for layer, rho in enumerate(fresh.rho, start=1)
    ], ignore_index=True)


def _students(keys: pd.DataFrame, fresh: Evaluation, beta: list[torch.Tensor]) -> pd.DataFrame:
    parts = []
    for layer, (rho, b) in enumerate(zip(fresh.rho, beta), start=1):
        best = _numbers(best_teacher(rho))
        member, student = (index.ravel() for index in np.indices(best.shape))
        table = keys.iloc[member].reset_index(drop=True)
        parts.append(table.assign(layer=layer, student=student, best_correlation=best.ravel(), root_beta=_numbers(b.sqrt()).ravel()))
    return pd.concat(parts, ignore_index=True)
