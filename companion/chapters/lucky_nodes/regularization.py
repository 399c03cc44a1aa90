"""How much of a wide student is used in the end, with no penalty and with weight decay."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lucky_nodes.studies import Width
from companion.chapters.lucky_nodes.winners import role
from ts_core.data import gaussian
from ts_core.metrics import evaluate
from ts_core.networks import Network, fan_out_norm, forward
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.optimizers import SGD
from ts_core.training.sgd import diverged, train

LARGE = 10.0  # a large start over a small one
EVALUATION = 4096
COPY = 0.95  # cosine, bias included, above which a student counts as a copy of a teacher node


def used(cell: Width) -> pd.DataFrame:
    """Train the students of a cell.

    returns     over_realization, start, weight_decay, seed, step: effective_width (nodes that carry the share
                of the output variance, over m), kinds (the same where students of one teacher node count as
                one), path_norm (sum of ||w_k|| ||v_k||, over the teacher's), eval_loss, status.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    teacher = two_layer_teachers(of("teacher"), cell.input_dim, cell.teacher_width, cell.outputs, (0.0,))
    students = [_start(cell, teacher, ratio) for ratio in cell.over_realizations]
    x = gaussian(of("data"), cell.samples, cell.input_dim, cell.data_std).to(**place)
    x_eval = gaussian(of("evaluation"), EVALUATION, cell.input_dim, cell.data_std).to(**place)
    teacher, students = teacher.to(**place), [student.to(**place) for student in students]
    tables: list[pd.DataFrame] = []

    def look(step: int, now: list[Network]) -> None:
        for ratio, student, found in zip(cell.over_realizations, now, evaluate(teacher, now, x_eval)):
            norm = path_norm(student) / path_norm(teacher)
            width, kinds = (
                effective_width(student, x_eval, cell.share, owner)
                for owner in (None, _owners(teacher, student))
            )
            tables.append(
                pd.DataFrame(
                    {
                        "seed": cell.seeds,
                        "over_realization": ratio,
                        "start": cell.start,
                        "weight_decay": cell.weight_decay,
                        "step": step,
                        "effective_width": width / cell.teacher_width,
                        "kinds": kinds / cell.teacher_width,
                        "path_norm": norm.double().cpu().numpy(),
                        "eval_loss": found.loss.cpu().numpy(),
                        "status": np.where(diverged(student).cpu().numpy(), "diverged", "ok"),
                    }
                )
            )

    train(
        teacher,
        students,
        drawn(x, of("batches"), cell.batch_size),
        learning_rate=cell.learning_rate,
        optimizer=SGD(weight_decay=cell.weight_decay),
        snapshots=cell.times,
        on_snapshot=look,
    )
    return pd.concat(tables, ignore_index=True)


def _start(cell: Width, teacher: Network, ratio: float) -> Network:
    n, m = over_realized_width(cell.teacher_width, ratio), cell.teacher_width
    scale = cell.scale * (LARGE if cell.start == "large" else 1.0)
    streams = [stream(seed, "start", n) for seed in cell.seeds]
    student = small_students(streams, (cell.input_dim, n, cell.outputs), scale)
    if cell.start == "perturbed":
        student.weights[0][:, :m] += teacher.weights[0]
        student.weights[1][:, :, :m] += teacher.weights[1][..., :-1]
    return student


def path_norm(network: Network) -> Tensor:
    """Sum of ||w_k|| ||v_k|| over the hidden nodes of a two-layer network, ``(e,)``; biases left out."""
    return (network.weights[0][..., :-1].norm(dim=2) * fan_out_norm(network)).sum(1)


def _owners(teacher: Network, student: Network) -> Tensor:
    """The teacher node that each student node copies, ``(e, n)``; a number of its own, from m on, if none."""
    roles, owner = role(teacher.weights[0], student.weights[0], COPY)
    m = teacher.weights[0].shape[1]
    return torch.where(roles < 2, owner, m + torch.arange(roles.shape[1], device=roles.device))


def effective_width(network: Network, x: Tensor, share: float, owner: Tensor | None = None) -> np.ndarray:
    """Fewest parts whose own output variances make up a share of the sum of all, ``(e,)``.

    owner       ``(e, n)`` which part a hidden node belongs to; by default every node is one. The variance
                of a part is that of its summed contribution, all outputs together.
    """
    f, v = forward(network, x)[1][0].double(), network.weights[1][..., :-1].double()
    centred = f - f.mean(1, keepdim=True)
    within = centred.mT @ centred / f.shape[1]
    pairs = within * (v.mT @ v)  # covariance of the contributions of two nodes
    if owner is None:
        variance = pairs.diagonal(dim1=1, dim2=2)
    else:
        one_hot = torch.nn.functional.one_hot(owner).to(pairs.dtype)
        variance = (one_hot * (pairs @ one_hot)).sum(1)
    shares = variance.sort(1, descending=True).values.cumsum(1) / variance.sum(1, keepdim=True)
    return 1 + (shares < share).sum(1).cpu().numpy()
