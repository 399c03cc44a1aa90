"""Who wins in deep students, how lucky the winners' starts were, and what their tickets are worth."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lucky_nodes.mean_overlaps import blocks, mean_overlaps, winners_first
from companion.chapters.lucky_nodes.normalized import train_normalized
from companion.chapters.lucky_nodes.studies import Luck
from companion.chapters.lucky_nodes.winners import own_winners, rank, winners
from companion.experiments.tidy import tidy
from ts_core.data import gaussian
from ts_core.metrics import best_student, correlation
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import FIVE, drawn_teachers, uniform_students, with_unit_rows
from ts_core.training.batches import Batches, fresh, shuffled
from ts_core.training.device import device_of
from ts_core.training.sgd import train

FLOOR = 1e-5  # added to the norm of a teacher's row, as released
BEST = 5  # students that are listed per teacher node
AT_ONCE = 20  # batches of fresh samples that are drawn together


def luck(cell: Luck) -> dict[str, pd.DataFrame]:
    """Train the students of a cell; layers count from the lowest, 1.

    layers      over_realization, start, data, norm, seed, epoch, layer: correlation (mean over living
                teacher nodes of the best student's, on all evaluation samples), alive (living ones);
                moved (distance of the layer's weights from their start, over the length of these); eval_loss.
    ranks       the same keys, epoch being the baseline, samples, teacher: rank of the final winner (percent),
                alive. Winner and rank are taken from the same number of samples.
    best        the first seed only; layer, teacher, place (1 is the winner): student, final correlation,
                rank at the start (percent), alive.
    tickets     seed, ticket, layer: correlation as in layers, in the end; eval_loss.
    blocks      at the start and in the end, layer, matrix (H and beta; H* and beta* with the teacher), block
                (own, winners, others): root mean square of its entries, see mean_overlaps.blocks.
    matrices    the first seed only, in the end; layer, row, column: value of H, winners first, and how many
                teachers there are.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, student, x_eval = (part.to(**place) for part in start(cell))
    kept: list[tuple[int, Network]] = []
    keep = lambda epoch, now: kept.append((epoch, now[0]))
    if cell.norm == "after":
        _train_normalized(cell, teacher, student, place, x_eval, keep)
    else:
        _train(cell, teacher, [student], place, cell.times, keep)
    found: dict[str, list[pd.DataFrame]] = {"layers": [], "ranks": [], "best": []}
    f_t = forward(teacher, x_eval)[1]
    seen = [(step, _correlations(f_t, forward(network, x_eval)[1])) for step, network in kept]
    for (epoch, rho), (_, network) in zip(seen, kept):
        loss = _loss(f_t[-1], forward(network, x_eval)[1][-1])
        table = _layers(_keys(cell, epoch), rho, _alive(f_t), loss)
        found["layers"].append(table.assign(moved=np.concatenate(_moved(kept[0][1], network))))
    for samples in cell.eval_samples:
        part = [f[:, :samples] for f in f_t]
        alive = _alive(part)
        looks = [
            (epoch, _correlations(part, [f[:, :samples] for f in forward(network, x_eval)[1]]))
            for epoch, network in kept
        ]
        best = [winners(rho) for rho in looks[-1][1]]
        for epoch, rho in looks:
            ranks = [rank(of, who) for of, who in zip(rho, best)]
            found["ranks"].append(_ranks(_keys(cell, epoch), ranks, alive, samples))
    found |= _overlaps(cell, teacher, kept, [own_winners(rho.nan_to_num()) for rho in seen[-1][1]], x_eval)
    found["best"].append(_best(_keys(cell, cell.epochs), seen[0][1], seen[-1][1], _alive(f_t)))
    if cell.tickets:
        found["tickets"] = [_tickets(cell, teacher, kept, seen, x_eval, place)]
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


def _overlaps(
    cell: Luck, teacher: Network, kept: list[tuple[int, Network]], own: list[Tensor], x_eval: Tensor
) -> dict[str, list[pd.DataFrame]]:
    found: dict[str, list[pd.DataFrame]] = {"blocks": []}
    for epoch, network in (kept[0], kept[-1]):
        for layer, (of, chosen) in enumerate(zip(mean_overlaps(teacher, network, x_eval), own), start=1):
            ordered = winners_first(of, chosen)
            for matrix, values in ordered.items():
                for block, size in blocks(values, chosen.shape[1]).items():
                    keys = _keys(cell, epoch).assign(layer=layer, matrix=matrix, block=block)
                    found["blocks"].append(keys.assign(size=size.double().cpu().numpy()))
            if cell.matrices and epoch:
                values = ordered["H"][0].double().cpu().numpy()
                table = tidy({"row": range(len(values)), "column": range(len(values))}, value=values)
                table = table.assign(layer=layer, teachers=chosen.shape[1])
                found.setdefault("matrices", []).append(table)
    return found


def start(cell: Luck) -> tuple[Network, Network, Tensor]:
    """Teachers, students and evaluation inputs, float64."""
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    teacher = with_unit_rows(
        drawn_teachers(of("teacher"), (cell.input_dim, *cell.hidden, cell.outputs), FIVE), FLOOR
    )
    student = uniform_students(of("start", *cell.sizes), cell.sizes)
    if factor := {"negated": -1.0, "halved": 0.5}.get(cell.start):
        student = Network(tuple(factor * w for w in student.weights))
    elif cell.start == "same sign":
        sign = lambda t, s: torch.where(t * s < 0, -s, s)
        student = Network(tuple(map(sign, teacher.weights, student.weights)))
    return teacher, student, gaussian(of("evaluation"), max(cell.eval_samples), cell.input_dim, cell.data_std)


def _train(cell: Luck, teacher: Network, students: Sequence[Network], place: dict, epochs, on_look) -> None:
    """Every call sees the same batches."""
    steps = cell.steps_per_epoch
    train(
        teacher,
        students,
        _batches(cell, place),
        learning_rate=cell.learning_rate
        * 2
        / cell.outputs,  # torch's loss is a mean over outputs, without 1/2
        snapshots=[epoch * steps for epoch in epochs],
        on_snapshot=lambda step, now: on_look(step // steps, now),
    )


def _train_normalized(
    cell: Luck, teacher: Network, student: Network, place: dict, x_eval: Tensor, on_look
) -> None:
    steps = cell.steps_per_epoch
    train_normalized(
        teacher,
        student,
        _batches(cell, place),
        x_eval,
        learning_rate=cell.learning_rate,
        snapshots=[epoch * steps for epoch in cell.times],
        on_snapshot=lambda step, now: on_look(step // steps, now),
    )


def _batches(cell: Luck, place: dict) -> Batches:
    data = [stream(seed, "data") for seed in cell.seeds]
    if cell.data == "fresh":
        draw = lambda count: gaussian(data, count, cell.input_dim, cell.data_std).to(**place)
        return fresh(draw, cell.batch_size, AT_ONCE)
    x = gaussian(data, cell.samples, cell.input_dim, cell.data_std).to(**place)
    return shuffled(x, [stream(seed, "batches") for seed in cell.seeds], cell.batch_size)


def _tickets(cell, teacher, kept, seen, x_eval, place) -> pd.DataFrame:
    """Students as small as their teacher, of parts of the wide one or drawn anew, trained as it was."""
    first, early = kept[0][1], next(network for epoch, network in kept if epoch == 1)
    chosen = [own_winners(rho) for rho in seen[-1][1]]
    others = []
    for layer, rho in enumerate(seen[-1][1], start=1):
        m, n = rho.shape[1:]
        picks = [stream(seed, "random ticket", layer).choice(n, m, replace=False) for seed in cell.seeds]
        others.append(torch.from_numpy(np.stack(picks)))
    small = (cell.input_dim, *cell.hidden, cell.outputs)
    wide = [1 / np.sqrt(n) for n in cell.sizes]
    new = uniform_students([stream(seed, "new ticket") for seed in cell.seeds], small)
    narrow = [1 / np.sqrt(n) for n in small]
    students = {
        "winners": _part(first, chosen),
        "winners after 1 epoch": _part(early, chosen),
        "random nodes": _part(first, others),
        "new draw, same scale": Network(tuple(w * (a / b) for w, a, b in zip(new.weights, wide, narrow))),
        "new draw, own scale": new,
    }
    students = {name: network.to(**place) for name, network in students.items()}
    tables: list[pd.DataFrame] = []
    f_t = forward(teacher, x_eval)[1]

    def look(epoch: int, now: list[Network]) -> None:
        for name, network in zip(students, now):
            f = forward(network, x_eval)[1]
            table = _layers(_keys(cell, epoch), _correlations(f_t, f), _alive(f_t), _loss(f_t[-1], f[-1]))
            tables.append(table.assign(ticket=name))

    _train(cell, teacher, list(students.values()), place, [0, cell.epochs], look)
    return pd.concat(tables, ignore_index=True)


def _part(network: Network, chosen: Sequence[Tensor]) -> Network:
    """The networks that some nodes of every hidden layer ``(e, m_l)`` make, with their weights."""
    below, weights = None, []
    for l, weight in enumerate(network.weights):
        if below is not None:
            bias = torch.full_like(below[:, :1], weight.shape[2] - 1)
            weight = weight.gather(2, torch.cat([below, bias], 1)[:, None].expand(-1, weight.shape[1], -1))
        if l < len(chosen):
            below = chosen[l].to(weight.device)
            weight = weight.gather(1, below[:, :, None].expand(-1, -1, weight.shape[2]))
        weights.append(weight)
    return Network(tuple(weights), network.activation)


def _moved(start: Network, now: Network) -> list[np.ndarray]:
    """Of every hidden layer, ``(e,)``."""
    length = lambda weight: weight.double().flatten(1).norm(dim=1)
    pairs = list(zip(start.weights, now.weights))[:-1]
    return [(length(w - w0) / length(w0)).cpu().numpy() for w0, w in pairs]


def _correlations(f_t: Sequence[Tensor], f: Sequence[Tensor]) -> list[Tensor]:
    """Of every hidden layer, ``(e, m_l, n_l)``."""
    return [correlation(t, s) for t, s in zip(f_t[:-1], f[:-1])]


def _alive(f_t: Sequence[Tensor]) -> list[np.ndarray]:
    """Teacher nodes that are not constant on the samples, bool ``(e, m_l)``."""
    return [(f.amax(1) > f.amin(1)).cpu().numpy() for f in f_t[:-1]]


def _loss(target: Tensor, output: Tensor) -> np.ndarray:
    return (target - output).double().square().mean((1, 2)).cpu().numpy()


def _keys(cell: Luck, epoch: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "seed": cell.seeds,
            "over_realization": cell.over_realization,
            "start": cell.start,
            "data": cell.data,
            "norm": cell.norm,
            "epoch": epoch,
        }
    )


def _layers(keys: pd.DataFrame, rho: list[Tensor], alive: list[np.ndarray], loss: np.ndarray) -> pd.DataFrame:
    tables = []
    for layer, (of, living) in enumerate(zip(rho, alive), start=1):
        best = best_student(of).double().cpu().numpy()
        mean = np.where(living, best, 0).sum(1) / living.sum(1)
        tables.append(keys.assign(layer=layer, correlation=mean, alive=living.sum(1), eval_loss=loss))
    return pd.concat(tables, ignore_index=True)


def _ranks(keys: pd.DataFrame, ranks: list[Tensor], alive: list[np.ndarray], samples: int) -> pd.DataFrame:
    return pd.concat(
        [
            _by_teacher(keys, rank=of.double().cpu().numpy(), alive=living).assign(
                layer=layer, samples=samples
            )
            for layer, (of, living) in enumerate(zip(ranks, alive), start=1)
        ],
        ignore_index=True,
    )


def _by_teacher(keys: pd.DataFrame, **columns: np.ndarray) -> pd.DataFrame:
    members, teachers = next(iter(columns.values())).shape
    table = tidy({"member": range(members), "teacher": range(teachers)}, **columns)
    return keys.iloc[table.pop("member")].reset_index(drop=True).join(table)


def _best(
    keys: pd.DataFrame, first: list[Tensor], last: list[Tensor], alive: list[np.ndarray]
) -> pd.DataFrame:
    tables = []
    for layer, (start, end, living) in enumerate(zip(first, last, alive), start=1):
        values, students = end[0].topk(min(BEST, end.shape[2]), dim=1)
        for place in range(values.shape[1]):
            tables.append(
                keys.iloc[[0] * len(values)].assign(
                    layer=layer,
                    teacher=range(len(values)),
                    place=place + 1,
                    student=students[:, place].cpu().numpy(),
                    correlation=values[:, place].double().cpu().numpy(),
                    rank=rank(start[:1], students[None, :, place])[0].double().cpu().numpy(),
                    alive=living[0],
                )
            )
    return pd.concat(tables, ignore_index=True)
