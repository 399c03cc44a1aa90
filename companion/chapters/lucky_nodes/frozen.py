"""Fan-outs over frozen features: SGD under the closed form, with and without duplicates."""

import numpy as np
import pandas as pd
import torch

from companion.chapters.lucky_nodes.studies import Frozen
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.theory.geometry import fan_out
from ts_core.theory.unlucky import fan_outs, slowest
from ts_core.training.batches import drawn
from ts_core.training.sgd import train

CASES = ("distinct", "duplicates")


def frozen(cell: Frozen) -> pd.DataFrame:
    """Fan-outs of the students that are not lucky, over time, in both cases.

    returns     a row per case, seed and time: norm (SGD, of all of them together), closed (closed form),
                bound (its start times exp(-slowest t)), duplicate (norm of the duplicates, SGD; 0 if none).
    """
    tables = []
    for case in CASES:
        teacher, student, x = _drawn(cell, case)
        gram = _gram(student, x)
        goal = torch.zeros_like(fan_out(student))
        goal[:, : cell.teacher_width] = fan_out(teacher)
        looks = range(0, cell.steps + 1, cell.look)
        seen: list[torch.Tensor] = []
        train(
            teacher,
            [student],
            drawn(x, [stream(seed, "batches") for seed in range(cell.seeds)], cell.batch_size),
            learning_rate=cell.learning_rate,
            layer_rates=[0.0, 1.0],
            biases=False,
            snapshots=list(looks),
            on_snapshot=lambda step, now: seen.append(fan_out(now[0])),
        )
        time = cell.learning_rate * torch.tensor(looks, dtype=torch.float64)
        closed = fan_outs(gram, fan_out(student), goal, time)
        others = lambda v: v[..., cell.teacher_width :, :].flatten(-2).norm(dim=-1).numpy()
        doubles = lambda v: v[..., cell.teacher_width : cell.teacher_width + cell.duplicates, :].flatten(-2)
        sgd = torch.stack(seen)
        start = (fan_out(student) - goal).flatten(1).norm(dim=1)
        bound = start * (-time[:, None] * slowest(gram)).exp()
        index = pd.MultiIndex.from_product([time.numpy(), range(cell.seeds)], names=["time", "seed"])
        tables.append(
            index.to_frame(index=False).assign(
                case=case,
                norm=others(sgd).ravel(),
                closed=others(closed).ravel(),
                bound=bound.numpy().ravel(),
                duplicate=doubles(sgd).norm(dim=-1).numpy().ravel() if case == "duplicates" else 0.0,
            )
        )
    return pd.concat(tables, ignore_index=True)


def _drawn(cell: Frozen, case: str) -> tuple[Network, Network, torch.Tensor]:
    """Teachers, students whose first m rows are the teacher's, inputs; float64, no biases."""
    m, n = cell.teacher_width, cell.teacher_width + cell.others
    rows, upper, upper_t = [], [], []
    for seed in range(cell.seeds):
        rng = stream(seed, "frozen")
        w = rng.standard_normal((n, cell.input_dim)) / np.sqrt(cell.input_dim)
        if case == "duplicates":
            w[m : m + cell.duplicates] = w[: cell.duplicates]
        rows.append(np.pad(w, ((0, 0), (0, 1))))
        upper.append(np.pad(rng.standard_normal((cell.outputs, n)), ((0, 0), (0, 1))))
        upper_t.append(np.pad(rng.standard_normal((cell.outputs, m)), ((0, 0), (0, 1))))
    low, high, high_t = (torch.from_numpy(np.stack(part)) for part in (rows, upper, upper_t))
    x = gaussian([stream(seed, "data") for seed in range(cell.seeds)], cell.samples, cell.input_dim, 1.0)
    return Network((low[:, :m], high_t)), Network((low, high)), x


def _gram(student: Network, x: torch.Tensor) -> torch.Tensor:
    f = forward(student, x)[1][0]
    return f.mT @ f / x.shape[1]
