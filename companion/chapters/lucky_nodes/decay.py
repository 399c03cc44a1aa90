"""Fan-out decay in the released setting: two layers whose columns keep unit norm, many networks at once."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lucky_nodes.studies import Decay
from companion.chapters.lucky_nodes.winners import role
from ts_core.gradients import weight_gradients
from ts_core.networks import Network, forward
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import FIVE, distinct_encodings
from ts_core.theory.overlap_relation import separated
from ts_core.theory.unlucky import slowest
from ts_core.training.device import device_of

ROLES = np.array(["winner", "duplicate", "loser"])
BLOCK = 50  # steps whose samples are drawn at once
TEST = 4096  # samples that modes are taken from


def decay(cell: Decay) -> dict[str, pd.DataFrame]:
    """Train the students of a cell; a row per student and look, or per seed.

    norms       over_realization, start, gradient, seed, step, student: norm (of its fan-out), matched (among
                the first m, which may begin near a teacher node), role (what it is in the end: winner,
                duplicate or loser), cosine (with its nearest teacher node, now).
    modes       the same keys, without students: slowest (smallest eigenvalue of E[f f^T] over winners and
                losers, in the end), fall (measured: rate at which the losers' total norm falls over the last
                half of the looks), found (teacher nodes with a winner).
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, student = (network.to(**place) for network in start(cell))
    gradient = _released if cell.gradient == "separated" else _exact
    seen: list[tuple[int, Network]] = [(0, student)] if 0 in cell.times else []
    streams = [stream(seed, "batches") for seed in cell.seeds]
    for step in range(cell.steps):
        if step % BLOCK == 0:
            drawn = np.stack(
                [g.standard_normal((BLOCK, cell.batch_size, cell.input_dim)) for g in streams], 1
            )
            block = torch.from_numpy(drawn).to(**place)
        moved = gradient(teacher, student, block[step % BLOCK])
        weights = [w + cell.learning_rate * change for w, change in zip(student.weights, moved)]
        student = _unit(Network(tuple(weights)))
        if step + 1 in cell.times:
            seen.append((step + 1, student))
    return {"norms": _norms(cell, teacher, seen), "modes": _modes(cell, teacher, seen)}


def start(cell: Decay) -> tuple[Network, Network]:
    """Teachers and students, float64: Gaussian columns of unit norm, parts of the teacher added, unit again.

    source      the published panels at iteration 0, which this rule gives to .01.
    """
    m, n = cell.teacher_width, over_realized_width(cell.teacher_width, cell.over_realization)
    streams = [stream(seed, "teacher") for seed in cell.seeds]
    shapes = (m, cell.input_dim), (cell.outputs, m)
    layers = [
        [np.pad(distinct_encodings(g, *shape, FIVE), ((0, 0), (0, 1))) for shape in shapes] for g in streams
    ]
    teacher = _unit(Network(tuple(torch.from_numpy(np.stack(layer)) for layer in zip(*layers))))
    streams = [stream(seed, "start", n) for seed in cell.seeds]
    shapes = (n, cell.input_dim + 1), (cell.outputs, n + 1)
    drawn = [[g.standard_normal(shape) for shape in shapes] for g in streams]
    student = _unit(Network(tuple(torch.from_numpy(np.stack(layer)) for layer in zip(*drawn))))
    if cell.start:
        (low, high), (low_t, high_t) = student.weights, teacher.weights
        low[:, :m] += cell.start[0] * low_t
        high[:, :, :m] += cell.start[1] * high_t[:, :, :m]
        high[:, :, -1:] += cell.start[1] * high_t[:, :, -1:]
        student = _unit(Network((low, high)))
    return teacher, student


def _unit(network: Network) -> Network:
    """Columns of the released layout are rows of ours, bias included."""
    return Network(tuple(torch.nn.functional.normalize(w, dim=2) for w in network.weights))


def _exact(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    return [-w for w in weight_gradients(teacher, student, x)]


def _released(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    return separated(teacher, student, x, crop=True)


def _keys(cell: Decay) -> dict:
    label = "random" if not cell.start else "[" + ", ".join(f"{part:g}" for part in cell.start) + "]"
    return dict(over_realization=cell.over_realization, start=label, gradient=cell.gradient)


def _norms(cell: Decay, teacher: Network, seen: list[tuple[int, Network]]) -> pd.DataFrame:
    rows_t = teacher.weights[0]
    roles, _ = role(rows_t, seen[-1][1].weights[0], cell.close)
    tables = []
    for step, student in seen:
        rows, above = student.weights
        t, s = (torch.nn.functional.normalize(r, dim=-1) for r in (rows_t, rows))
        members, n = rows.shape[:2]
        tables.append(
            pd.DataFrame(
                {
                    **_keys(cell),
                    "seed": np.repeat(cell.seeds, n),
                    "step": step,
                    "student": np.tile(np.arange(n), members),
                    "matched": np.tile(np.arange(n) < cell.teacher_width, members),
                    "role": ROLES[roles.cpu().numpy()].ravel(),
                    "norm": above[..., :-1].norm(dim=1).double().cpu().numpy().ravel(),
                    "cosine": (t @ s.mT).amax(1).double().cpu().numpy().ravel(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _modes(cell: Decay, teacher: Network, seen: list[tuple[int, Network]]) -> pd.DataFrame:
    half, last = seen[len(seen) // 2], seen[-1]
    roles, _ = role(teacher.weights[0], last[1].weights[0], cell.close)
    rows = []
    for member, seed in enumerate(cell.seeds):
        kept = roles[member] != 1
        x = torch.from_numpy(stream(seed, "evaluation").standard_normal((1, TEST, cell.input_dim))).double()
        f = forward(last[1].to("cpu", torch.float64), x)[1][0][member][:, kept.cpu()]
        lost = lambda network: network.weights[1][member, :, :-1][:, roles[member] == 2].norm().item()
        passed = cell.learning_rate * (last[0] - half[0])
        fall = np.log(lost(half[1]) / lost(last[1])) / passed if lost(last[1]) > 0 and passed else np.nan
        rows.append(
            dict(
                seed=seed,
                slowest=slowest((f.T @ f / TEST)[None]).item(),
                fall=fall,
                found=int((roles[member] == 0).sum()),
            )
        )
    return pd.DataFrame(rows).assign(**_keys(cell))
