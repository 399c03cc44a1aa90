"""Students trained on one kind and number of samples, and how far each teacher node is found."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.finite_data import photographs
from companion.chapters.finite_data.inputs import drawn as inputs
from companion.chapters.finite_data.inputs import training_inputs
from companion.chapters.finite_data.studies import Specialization
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.gradients import by_backprop
from ts_core.metrics import best_student, evaluate
from ts_core.networks import Network
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory.geometry import alpha, sine, unit_rows
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.sgd import train

CHUNK = 1000  # samples per pass over the training set: bounds the memory


def run(cell: Specialization) -> Tables:
    """Tables ``runs`` and ``nodes``: see :meth:`studies.Specialization.run`."""
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    width = over_realized_width(cell.teacher_width, cell.over_realization)
    teacher = two_layer_teachers(
        of("teacher"), cell.input_dim, cell.teacher_width, cell.outputs, [cell.polarity]
    )
    student = small_students(of("start", width), (cell.input_dim, width, cell.outputs))
    x, x_eval = training_and_evaluation(cell, teacher.weights[0])
    teacher, x, x_eval = teacher.to(**place), x.to(**place), x_eval.to(**place)
    rows: dict[str, list[pd.DataFrame]] = {"runs": [], "nodes": []}

    def record(step: int, now: list[Network]) -> None:
        keys = _keys(cell, x.shape[1], step // cell.steps_per_epoch)
        for name, table in looked_at(teacher, now[0], x, x_eval).items():
            rows[name].append(keys.merge(table, on="seed_number").drop(columns="seed_number"))

    train(
        teacher,
        [student],
        drawn(x, of("batches"), min(cell.batch_size, x.shape[1])),
        learning_rate=cell.learning_rate,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots],
        on_snapshot=record,
    )
    return {name: pd.concat(parts, ignore_index=True) for name, parts in rows.items()}


def training_and_evaluation(cell: Specialization, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs to train and to evaluate on; rows are those of the teacher."""
    if cell.law == "patches":
        draw = lambda purpose, samples: photographs.drawn(
            cell.seeds, purpose, samples, cell.input_dim, cell.data_std
        )
        return draw("data", cell.samples), draw("evaluation", cell.eval_samples)
    x = training_inputs(cell.data, cell.law, cell.seeds, rows, cell.samples, cell.radius, cell.data_std)
    return x, inputs(cell.law, cell.seeds, "evaluation", cell.eval_samples, cell.input_dim, cell.data_std)


def looked_at(teacher: Network, student: Network, x: Tensor, x_eval: Tensor) -> Tables:
    """Losses, correlations, sines and gradients of an ensemble; a row per member, and per teacher node.

    x           training samples, for train_loss and max_gradient;  x_eval  for the rest.
    """
    seen, fresh = evaluate(teacher, [student], x)[0], evaluate(teacher, [student], x_eval)[0]
    best = best_student(fresh.rho[0])
    finite = (seen.loss + fresh.loss).isfinite()
    pair = unit_rows(teacher), unit_rows(student)
    members = {"seed_number": range(student.members)}
    array = lambda values: values.double().cpu().numpy()
    return {
        "runs": tidy(
            members,
            train_loss=array(seen.loss),
            eval_loss=array(fresh.loss),
            mean_best_correlation=array(best.mean(1)),
            max_gradient=array(largest_gradient(*pair, x)),
            status=np.where(finite.cpu(), "ok", "diverged"),
        ),
        "nodes": tidy(
            members | {"teacher": range(best.shape[1])},
            best_correlation=array(best),
            sine=array(sine(pair[0].weights[0], pair[1].weights[0]).amin(2)),
            overlap=array(alpha(*pair).abs().amax(2)),
        ),
    }


def largest_gradient(teacher: Network, student: Network, x: Tensor) -> Tensor:
    """max |g_1| over hidden nodes and samples ``x`` (g, b, d), per member: ``(e,)``."""
    parts = x.split(CHUNK, dim=1)
    return torch.stack([by_backprop(teacher, student, part)[0].abs().amax((1, 2)) for part in parts]).amax(0)


def _keys(cell: Specialization, samples: int, epoch: int) -> pd.DataFrame:
    settings = ("data", "law", "input_dim", "teacher_width", "over_realization", "polarity", "radius")
    return pd.DataFrame({"seed": cell.seeds, "seed_number": range(len(cell.seeds))}).assign(
        **{name: getattr(cell, name) for name in settings}, samples=samples, epoch=epoch
    )
