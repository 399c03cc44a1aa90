"""Expand, cluster, collapse, fine-tune: two-layer networks from what students of them have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from companion.chapters.expand_and_cluster.clustering import RULES, clusters, collapsed, linked
from companion.chapters.expand_and_cluster.studies import Recovery
from companion.chapters.expand_and_cluster.symmetries import Layer, canonical, distance, without_path
from companion.chapters.expand_and_cluster.training import ACTIVATIONS, learn, samples, teachers
from companion.experiments.tidy import tidy
from ts_core.networks import Network, affine
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import random_networks


@dataclass(frozen=True)
class Pool:
    """Canonical neurons ``(neurons, d + 1)`` of perfect students, one after the other, and their losses."""

    rows: np.ndarray
    loss: np.ndarray

    @property
    def students(self) -> int:
        return len(self.loss)


def recovery(cell: Recovery) -> dict[str, pd.DataFrame]:
    """Train the students of every teacher; cluster the expanded ones, and tune what each rule keeps.

    students    teacher, nodes (of the student), student: loss.
    recovered   teacher, rule: width (neurons kept), perfect (students that were clustered), loss, collapsed
                and error (largest distance of a parameter from the teacher's, up to symmetries, before and
                after fine-tuning; NaN where the width is not the teacher's), error_other (after, from a
                teacher drawn anew).
    aligned     teacher, rule, cluster: twin (teacher neuron that it stands for, the nearest assignment; -1
                for the excess) and cosine (absolute, biases included, with the twin, else the nearest).
    neurons     of the first teacher, a row for each neuron of a perfect student: student, x0, x1, ...
                (canonical weights, the bias last), kept (the cluster of the last rule, or -1).
    merges      of the first teacher: left, right, height, size, scipy's linkage of these.
    all         activation.
    """
    teacher = teachers(cell.teachers, (cell.input_dim, cell.teacher_width, 1), cell.activation)
    x, y = samples(teacher, cell.teachers, cell.samples, cell.input_dim)
    losses, pools = [], []
    for nodes in (cell.teacher_width, over_realized_width(cell.teacher_width, cell.over_realization)):
        student, loss = trained(cell, nodes, x, y)
        losses.append(tidy({"teacher": cell.teachers, "student": range(cell.students)}, loss=loss))
        losses[-1]["nodes"] = nodes
        own = student.weights[0].view(len(cell.teachers), cell.students, nodes, -1)
        pools = [pooled(cell.activation, *of, cell.zero) for of in zip(own, loss)]
    kept = [
        (at, rule, clusters(pools[at].rows, pools[at].students, rule, cell.share))
        for at, rule in _pairs(cell)
    ]
    found = [(at, rule, collapsed(pools[at].rows, of, pools[at].loss)) for at, rule, of in kept]
    tables = {
        "students": pd.concat(losses, ignore_index=True),
        "recovered": _tuned(cell, teacher, x, y, found, pools),
        "aligned": _aligned(cell, teacher, found),
        **_shown(pools[0], kept[len(RULES) - 1][2]),
    }
    return {name: table.assign(activation=cell.activation) for name, table in tables.items()}


def trained(cell: Recovery, nodes: int, x: Tensor, y: Tensor) -> tuple[Network, np.ndarray]:
    """Students, those of a teacher one after the other, and their losses ``(teacher, student)``."""
    generators = [
        stream(seed, "start", nodes, number)
        for seed in cell.teachers
        for number in range(1, cell.students + 1)
    ]
    start = random_networks(generators, (cell.input_dim, nodes, 1), ACTIVATIONS[cell.activation])
    student, loss = learn(start, x, y, cell.steps)
    return student, loss.reshape(-1, cell.students)


def pooled(activation: str, rows: Tensor, loss: np.ndarray, zero: float) -> Pool:
    """The neurons of those students whose loss is below ``zero``; rows are ``(student, n, d + 1)``."""
    good = np.flatnonzero(loss < zero)
    flat = rows[good].flatten(0, 1).numpy()
    return Pool(canonical(activation, flat, np.zeros((len(flat), 1)))[0], loss[good])


def assembled(activation: str, rows: np.ndarray, x: Tensor, y: Tensor) -> Layer:
    """The network of these rows whose fan-outs and affine path fit the outputs best (least squares).

    The path is a bias, and for ReLU linear too, less what turning neurons round can take from it.

    x, y        ``(b, d)`` and ``(b, c)``.
    """
    hidden = ACTIVATIONS[activation].value(affine(torch.from_numpy(rows)[None], x[None]))[0]
    ones = x.new_ones(len(x), 1)
    features = torch.cat([hidden, x, ones] if activation == "relu" else [hidden, ones], dim=1).numpy()
    weights = np.linalg.lstsq(features, y.numpy(), rcond=None)[0]
    path = np.zeros((rows.shape[1], y.shape[1]))
    path[-(len(weights) - len(rows)) :] = weights[len(rows) :]
    return without_path(activation, rows, weights[: len(rows)], path)


def _pairs(cell: Recovery) -> list[tuple[int, str]]:
    """Every teacher, by its place, with every rule."""
    return [(at, rule) for at in range(len(cell.teachers)) for rule in RULES]


def _tuned(
    cell: Recovery,
    teacher: Network,
    x: Tensor,
    y: Tensor,
    found: Sequence[tuple[int, str, np.ndarray]],
    pools: Sequence[Pool],
) -> pd.DataFrame:
    """Fine-tune the collapsed networks, all of one width together."""
    another = teachers(
        tuple(seed + 1 for seed in cell.teachers), (x.shape[2], cell.teacher_width, 1), cell.activation
    )
    table = []
    for width in sorted({len(rows) for _, _, rows in found}):
        group = [(at, rule, rows) for at, rule, rows in found if len(rows) == width]
        at = [place for place, _, _ in group]
        layers = [assembled(cell.activation, rows, x[place], y[place]) for place, _, rows in group]
        start = Network(_stacked(layers), teacher.activation)
        tuned, loss = learn(start, x[at], y[at], cell.tuning) if width else (start, np.full(len(at), np.nan))
        for number, (place, rule, _) in enumerate(group):
            off = lambda layer, of: distance(cell.activation, layer, layer_of(of, place))
            table.append(
                dict(teacher=cell.teachers[place], rule=rule, width=width)
                | dict(perfect=pools[place].students, loss=loss[number])
                | dict(collapsed=off(layers[number], teacher))
                | dict(error=off(layer_of(tuned, number), teacher))
                | dict(error_other=off(layer_of(tuned, number), another))
            )
    return pd.DataFrame(table).sort_values("teacher", kind="stable", ignore_index=True)


def _stacked(layers: Sequence[Layer]) -> tuple[Tensor, Tensor]:
    """Weights of an ensemble of two-layer networks; a linear path, which they do not have, is dropped."""
    above = [np.column_stack([fan_out.T, path[-1]]) for _, fan_out, path in layers]
    return torch.from_numpy(np.stack([rows for rows, _, _ in layers])), torch.from_numpy(np.stack(above))


def layer_of(network: Network, member: int) -> Layer:
    """One two-layer network: its path is its output bias."""
    rows, above = (w[member].numpy() for w in network.weights)
    path = np.zeros((rows.shape[1], len(above)))
    path[-1] = above[:, -1]
    return rows, above[:, :-1].T, path


def _aligned(cell: Recovery, teacher: Network, found: Sequence[tuple[int, str, np.ndarray]]) -> pd.DataFrame:
    columns = ["teacher", "rule", "cluster", "twin", "cosine"]
    table = []
    for place, rule, rows in found:
        twins, cosine = alignment(cell.activation, rows, layer_of(teacher, place)[0])
        for number, (twin, size) in enumerate(zip(twins, cosine)):
            table.append((cell.teachers[place], rule, number, twin, size))
    return pd.DataFrame(table, columns=columns)


def alignment(activation: str, rows: np.ndarray, rows_t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The teacher neuron that each row stands for, -1 for none, and the absolute cosine with it.

    An assignment of the largest sum of cosines; what is left over has the cosine with its nearest.
    """
    unit = lambda of: of / np.linalg.norm(of, axis=1, keepdims=True)
    cosine = abs(unit(rows) @ unit(rows_t).T) if len(rows) else np.zeros((0, len(rows_t)))
    own, theirs = linear_sum_assignment(-cosine)
    twin = np.full(len(rows), -1)
    twin[own] = theirs
    return twin, np.where(twin >= 0, cosine[np.arange(len(rows)), twin], cosine.max(1))


def _shown(pool: Pool, kept: list[np.ndarray]) -> dict[str, pd.DataFrame]:
    label = np.full(len(pool.rows), -1)
    for number, members in enumerate(kept):
        label[members] = number
    weights = {f"x{i}": pool.rows[:, i] for i in range(pool.rows.shape[1])}
    student = np.repeat(np.arange(pool.students), len(pool.rows) // max(1, pool.students))
    merges = linked(pool.rows) if pool.students else np.zeros((0, 4))
    return {
        "neurons": pd.DataFrame({"student": student, **weights, "kept": label}),
        "merges": pd.DataFrame(merges, columns=["left", "right", "height", "size"]),
    }
