"""The paper's multi-layer experiment: deep teachers, wider students as deep, every layer looked at."""

import numpy as np
import pandas as pd
import torch

from companion.experiments.given import own_inputs, own_network
from companion.experiments.multi_layer.spec import MultiLayer
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.gradients import mean_beta
from ts_core.losses import LOSSES
from ts_core.metrics import Evaluation, best_student, best_teacher, evaluate
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import deep_teachers, uniform_students
from ts_core.training.batches import shuffled
from ts_core.training.device import device_of
from ts_core.training.sgd import train


def start(
    cell: MultiLayer,
    *,
    teacher: Network | None = None,
    student: Network | None = None,
    x: torch.Tensor | None = None,
    x_eval: torch.Tensor | None = None,
) -> tuple[Network, Network, torch.Tensor, torch.Tensor]:
    """Teachers, students, training and evaluation inputs of a cell, all float64.

    The released code tunes a teacher's biases on the evaluation samples; here it has samples of its own,
    unless ``tuned_on`` says ``evaluation``. What is given is taken as it is, the rest is drawn.

    teacher     one member per seed, not tuned any more;  student  the same members.
    x, x_eval   ``(seeds, samples, input_dim)`` and ``(seeds, eval_samples, input_dim)``.
    raises      ValueError for sizes or members that are not the cell's.
    """
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    inputs = lambda purpose, samples: gaussian(of(purpose), samples, cell.input_dim, cell.data_std)
    teacher_sizes, sizes = (cell.input_dim, *cell.hidden, cell.outputs), cell.student_sizes
    seeds, activation = len(cell.seeds), LeakyReLU(cell.slope)
    if x_eval is None:
        x_eval = inputs("evaluation", cell.eval_samples)
    else:
        x_eval = own_inputs("x_eval", x_eval, (seeds, cell.eval_samples, cell.input_dim))
    if teacher is None:
        tuning = x_eval if cell.tuned_on == "evaluation" else inputs("tuning", cell.tuning_samples)
        teacher = deep_teachers(of("teacher"), teacher_sizes, tuning, activation)
    else:
        teacher = own_network("teacher", teacher, teacher_sizes, seeds)
    if student is None:
        student = uniform_students(of("start", *sizes), sizes, activation)
    else:
        student = own_network("student", student, sizes, seeds)
    if x is None:
        x = inputs("data", cell.samples)
    else:
        x = own_inputs("x", x, (seeds, cell.samples, cell.input_dim))
    return teacher, student, x, x_eval


def run(cell: MultiLayer, **given) -> Tables:
    """Train a cell; its tables are described at :meth:`MultiLayer.run`.

    given       networks and inputs of one's own, as in :func:`start`. The tables' keys repeat the cell's
                settings, also those that only say how to draw.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, student, x, x_eval = start(cell, **given)
    teacher, x, x_eval = teacher.to(**place), x.to(**place), x_eval.to(**place)
    loss, rows = LOSSES[cell.loss], {table: [] for table in cell.tables}

    def record(step: int, now: list[Network]) -> None:
        keys = _keys(cell, step // cell.steps_per_epoch)
        (fresh,) = evaluate(teacher, now, x_eval, loss=loss)
        if "runs" in rows:
            (seen,) = evaluate(teacher, now, x[:, : cell.eval_samples], loss=loss)
            rows["runs"].append(_runs(keys, seen, fresh))
        if "layers" in rows:
            rows["layers"].append(_layers(keys, fresh))
        if "students" in rows:
            rows["students"].append(_students(keys, fresh, now[0], x_eval[:, : cell.beta_samples]))

    order = [stream(seed, "batches") for seed in cell.seeds]
    rates = [
        (epoch * cell.steps_per_epoch, loss.rate(rate, cell.outputs)) for epoch, rate in cell.learning_rates
    ]
    train(
        teacher,
        [student],
        shuffled(x, order, cell.batch_size),
        learning_rate=rates,
        loss=loss,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots],
        on_snapshot=record,
    )
    return {table: pd.concat(parts, ignore_index=True) for table, parts in rows.items()}


def _keys(cell: MultiLayer, epoch: int) -> pd.DataFrame:
    """One row per ensemble member."""
    return pd.DataFrame(
        {
            "seed": cell.seeds,
            "depth": len(cell.hidden),
            "samples": cell.samples,
            "loss": cell.loss,
            "over_realization": cell.over_realization,
            "learning_rate": cell.learning_rates[0][1],
            "tuned_on": cell.tuned_on,
            "epoch": epoch,
        }
    )


def _numbers(values: torch.Tensor) -> np.ndarray:
    return values.double().cpu().numpy()


def _runs(keys: pd.DataFrame, seen: Evaluation, fresh: Evaluation) -> pd.DataFrame:
    finite = _numbers((seen.loss + fresh.loss).isfinite()) > 0
    return keys.assign(
        train_loss=_numbers(seen.loss),
        eval_loss=_numbers(fresh.loss),
        status=np.where(finite, "ok", "diverged"),
    )


def _layers(keys: pd.DataFrame, fresh: Evaluation) -> pd.DataFrame:
    return pd.concat(
        [
            keys.assign(
                layer=layer,
                mean_best_correlation=_numbers(best_student(rho).mean(1)),
                mean_best_teacher=_numbers(best_teacher(rho).mean(1)),
            )
            for layer, rho in enumerate(fresh.rho, start=1)
        ],
        ignore_index=True,
    )


def _students(keys: pd.DataFrame, fresh: Evaluation, student: Network, x: torch.Tensor) -> pd.DataFrame:
    beta, h = mean_beta(student, x)
    outputs = forward(student, x)[1]
    parts = []
    for layer, rho in enumerate(fresh.rho, start=1):
        best = _numbers(best_teacher(rho))
        levels = {"member": range(len(best)), "student": range(best.shape[1])}
        table = tidy(
            levels,
            best_correlation=best,
            root_beta=_numbers(beta[layer - 1].sqrt()),
            root_h=_numbers(h[layer - 1].sqrt()),
            output_std=_numbers(outputs[layer - 1].std(1)),
        ).assign(layer=layer)
        parts.append(keys.iloc[table.pop("member")].reset_index(drop=True).join(table))
    return pd.concat(parts, ignore_index=True)
