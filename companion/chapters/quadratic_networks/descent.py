"""One-pass SGD of quadratic students, an ensemble at once, beside the equations of its overlaps."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from companion.chapters.quadratic_networks import overlaps
from companion.chapters.quadratic_networks.studies import Descent, Paths
from companion.experiments.tidy import tidy
from ts_core.activations import Square
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.training.batches import fresh
from ts_core.training.sgd import train

Pair = tuple[np.ndarray, np.ndarray]


def beside_equations(spec: Descent) -> pd.DataFrame:
    """Table ``runs``, as described at :meth:`Descent.run`."""
    times = spec.interval * np.arange(round(spec.horizon / spec.interval) + 1)
    tables = []
    for p, (Q, M) in zip(spec.widths, by_sgd(spec, times), strict=True):
        start, columns = (Q[0], M[0]), {"loss": overlaps.loss(Q, M), "share": share(M)}
        for name, noise in (("ode", True), ("flow", False)):
            q, m = overlaps.trajectory(*start, times, spec.rate, noise=noise)
            columns |= {f"loss_{name}": overlaps.loss(q, m), f"share_{name}": share(m)}
            squares = np.concatenate([(part**2).reshape(*part.shape[:2], -1) for part in (Q - q, M - m)], 2)
            columns["apart" if noise else "apart_flow"] = np.sqrt(squares.mean(2))
        # what the closest solution has and a random one has not, on average: the overlap with the start
        columns["excess"] = 1 - (overlaps.polar(M) * M[0]).sum((2, 3)) / (overlaps.polar(M[0]) * M[0]).sum(
            (1, 2)
        )
        levels = {"time": times, "seed": range(1, spec.seeds + 1)}
        _, level = overlaps.plateau(p, spec.teachers, spec.rate)
        tables.append(tidy(levels, **columns).assign(width=p, plateau=level))
    return pd.concat(tables, ignore_index=True).assign(
        teachers=spec.teachers, input_dim=spec.input_dim, overlap=spec.overlap, rate=spec.rate
    )


def share(M: np.ndarray) -> np.ndarray:
    """||M||^2 / p, ``(...)``."""
    return (M**2).sum((-2, -1)) / M.shape[-2]


def by_sgd(spec: Descent, times: Sequence[float]) -> list[Pair]:
    """Q ``(t, e, p, p)`` and M ``(t, e, p, p*)`` of each width; every step takes a fresh sample."""
    seeds, dim = range(1, spec.seeds + 1), spec.input_dim
    teachers = _teachers(seeds, spec.teachers, dim)
    students = [
        _rows(seeds, "start", p, dim) + spec.overlap * teachers[:, np.arange(p) % spec.teachers]
        for p in spec.widths
    ]
    inputs = [stream(seed, "data", dim) for seed in seeds]
    dtype = np.dtype(spec.dtype)
    draw = lambda count: torch.from_numpy(
        np.stack([own.standard_normal((count, dim), dtype=dtype) for own in inputs])
    )
    kept: list[list[Pair]] = []

    def record(step: int, now: list[Network]) -> None:
        scaled = [network.weights[0][..., :-1].double().numpy() for network in now]
        kept.append([_seen(w * math.sqrt(p), teachers) for w, p in zip(scaled, spec.widths)])

    train(
        _network(teachers),
        [_network(w) for w in students],
        fresh(draw, size=1),
        learning_rate=spec.rate / dim,
        snapshots=[round(time * dim) for time in times],
        on_snapshot=record,
        layer_rates=[1.0, 0.0],
        biases=False,
    )
    return [(np.stack([q for q, _ in one]), np.stack([m for _, m in one])) for one in zip(*kept)]


def _seen(w: np.ndarray, teachers: np.ndarray) -> Pair:
    """Q and M of rows w / sqrt(N)."""
    return w @ w.mT, w @ (teachers.mT / math.sqrt(teachers.shape[2]))


def _network(rows: np.ndarray) -> Network:
    """f(x) = 1/p sum_i (w_i x)^2 / N for rows w ``(e, p, N)``, written sum_i (u_i x)^2, u = w / sqrt(p N).

    So scaled, a step of size r for u is one of size r p N for w: students of all widths share rate / N.
    """
    members, p, dim = rows.shape
    u = torch.nn.functional.pad(torch.from_numpy(rows / math.sqrt(p * dim)), (0, 1))
    v = torch.nn.functional.pad(torch.ones(members, 1, p, dtype=u.dtype), (0, 1))
    return Network((u, v), Square())


def paths(spec: Paths) -> pd.DataFrame:
    """Table ``paths``, as described at :meth:`Paths.run`.

    A loop of its own, for the engine does not scale rows back after its steps.
    """
    seeds, dim, root = range(1, spec.seeds + 1), spec.input_dim, math.sqrt(spec.input_dim)
    teachers = torch.from_numpy(_teachers(seeds, 1, dim))
    start = torch.from_numpy(_rows(seeds, "start", spec.width, dim))
    w = torch.stack([start, start * root / start.norm(dim=-1, keepdim=True)])  # free, kept: (2, e, p, N)
    inputs = [stream(seed, "data", dim) for seed in seeds]
    every = round(spec.interval * dim)
    looks = int(spec.horizon / spec.interval + 1e-9)
    overlap, norm = [], []
    for look in range(looks + 1):
        overlap.append((w @ teachers.mT)[..., 0] / dim)
        norm.append(w.norm(dim=-1) / root)
        drawn = np.stack([own.standard_normal((every, dim)) for own in inputs], 1) if look < looks else ()
        for x in map(torch.from_numpy, drawn):  # (e, N)
            fields = w @ x[:, :, None] / root
            residual = fields.square().mean(2, keepdim=True) - (teachers @ x[:, :, None] / root).square()
            w = w - 2 * spec.rate / root * residual * fields * x[:, None]
            w[1] *= root / w[1].norm(dim=-1, keepdim=True)
    levels = {
        "time": spec.interval * np.arange(looks + 1),
        "norms": ("free", "kept"),
        "seed": seeds,
        "student": range(spec.width),
    }
    return tidy(levels, overlap=torch.stack(overlap), norm=torch.stack(norm))


def _rows(seeds: Sequence[int], purpose: str, count: int, dim: int) -> np.ndarray:
    return np.stack([stream(seed, purpose, count, dim).standard_normal((count, dim)) for seed in seeds])


def _teachers(seeds: Sequence[int], count: int, dim: int) -> np.ndarray:
    """Orthogonal rows of norm sqrt(N)."""
    return np.linalg.qr(_rows(seeds, "teacher", count, dim).mT)[0].mT * math.sqrt(dim)
