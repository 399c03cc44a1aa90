"""Stages of training: what is found when, and which part of the teacher a student computes by then."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.fan_out_ordering.studies import Stages
from companion.experiments.tidy import tidy
from companion.experiments.two_layer.run import start
from companion.runs.spec import Tables
from ts_core.data import gaussian
from ts_core.metrics import best_student, correlation
from ts_core.networks import Network, fan_out_norm, forward, spread
from ts_core.sizes import log_spaced
from ts_core.streams import stream
from ts_core.theory.geometry import fan_out
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.sgd import train


def run(settings: Stages) -> Tables:
    """Tables ``looks`` and ``teachers``: see :meth:`Stages.run`."""
    cell = settings.cell()
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, (student,), x = start(cell)
    x_eval = gaussian(
        [stream(seed, "evaluation") for seed in cell.seeds], cell.eval_samples, cell.input_dim, cell.data_std
    )
    teacher, x, x_eval = teacher.to(**place), x.to(**place), x_eval.to(**place)
    f_t, y_t = (f for f in forward(teacher, x_eval)[1])
    strongest_first = fan_out_norm(teacher).argsort(dim=1, descending=True)
    keys = pd.DataFrame(
        {
            "seed": np.repeat(cell.seeds, len(cell.polarities)),
            "polarity": np.tile(cell.polarities, len(cell.seeds)),
        }
    )
    looks, nodes = [], []

    def record(step: int, now: list[Network]) -> None:
        f, y = forward(now[0], x_eval)[1]
        rho = best_student(correlation(f_t, f))
        found = (rho > settings.threshold).sum(1)
        columns = dict(
            eval_loss=(y_t - y).square().mean((1, 2)),
            found=found,
            **distances_to_cuts(f_t, fan_out(teacher), y, strongest_first, found),
        )
        numbers = {name: values.double().cpu().numpy() for name, values in columns.items()}
        looks.append(keys.assign(step=step, **numbers))
        members, width = rho.shape
        table = tidy({"member": range(members), "teacher": range(width)}, rho=rho.double().cpu().numpy())
        nodes.append(keys.iloc[table.pop("member")].reset_index(drop=True).join(table).assign(step=step))

    train(
        teacher,
        [student],
        drawn(x, [stream(seed, "batches") for seed in cell.seeds], cell.batch_size),
        learning_rate=cell.learning_rate,
        snapshots=log_spaced(settings.steps, settings.looks),
        on_snapshot=record,
    )
    tables = {
        name: pd.concat(parts, ignore_index=True) for name, parts in (("looks", looks), ("nodes", nodes))
    }
    tables["looks"].found = tables["looks"].found.astype(int)
    return tables


def distances_to_cuts(
    f_t: Tensor, v_t: Tensor, y: Tensor, strongest_first: Tensor, found: Tensor
) -> dict[str, Tensor]:
    """How far outputs are from the teacher, and from parts of it with as many nodes as are found, ``(e,)``.

    A distance is the mean over samples and outputs of the squared difference, after both means over samples
    are taken off: what a cut node puts out on average is no part of the question.

    f_t         ``(g, b, m)`` activations of the teacher nodes;  v_t  ``(e, m, c)`` their fan-outs.
    y           ``(e, b, c)`` outputs of the student.
    strongest_first     ``(e, m)`` the teacher nodes by strength;  found  ``(e,)`` how many a part has.
    returns     to_whole; to_strongest, of the part with the strongest nodes; to_others, the least of all
                other parts with as many nodes, and NaN where there is none.
    """
    members, width = v_t.shape[:2]
    centred = lambda values: values - values.mean(1, keepdim=True)
    f_t, y = spread(centred(f_t), members), centred(y)
    count = y.shape[1] * y.shape[2]
    energy = y.square().sum((1, 2))
    across = ((f_t.mT @ y) * v_t).sum(2)  # (e, m)
    gram = (f_t.mT @ f_t) * (v_t @ v_t.mT)
    parts = _subsets(width, y)
    distance = (energy[:, None] - 2 * across @ parts.T + ((parts @ gram) * parts).sum(2)) / count
    rank = strongest_first.argsort(dim=1)
    strongest = (rank[:, None] < found[:, None, None]).to(y.dtype)  # (e, 1, m)
    is_it = (parts == strongest).all(2)
    others = (parts.sum(1) == found[:, None]) & ~is_it
    least = torch.where(others, distance, torch.inf).amin(1)
    return {
        "to_whole": distance[:, -1],
        "to_strongest": (distance * is_it).sum(1),
        "to_others": least.where(others.any(1), torch.nan),
    }


def _subsets(width: int, like: Tensor) -> Tensor:
    """All parts of ``width`` nodes as rows of zeros and ones; the whole is the last."""
    rows: Sequence[tuple[int, ...]] = list(itertools.product((0, 1), repeat=width))
    return torch.tensor(rows, dtype=like.dtype, device=like.device)
