"""Two-layer training dynamics as tables: learned strengths by flow, reduction, SGD.

Setting of ts_core.theory.population, with orthonormal teacher rows w*_j = e_j and orthogonal fan-outs
v*_j = s_j e_j. The *strength* s_j is the product of the norms of both weights of a node; students have
learned sum_k max(w_k^T w*_j, 0) v_k^T v*_j / s_j of it.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.experiments.dynamics.spec import LearningCurves, Population, student_width
from companion.experiments.tidy import tidy
from ts_core.data import gaussian
from ts_core.losses import SquaredError
from ts_core.networks import Network
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.theory.population import flow, logistic, reduced
from ts_core.training.batches import fresh
from ts_core.training.flow import trajectory
from ts_core.training.sgd import train


def strengths(spec: Population) -> Tensor:
    """s_j, ``(m,)`` float64."""
    return spec.strength * torch.arange(1, spec.teacher_width + 1, dtype=torch.float64) ** -spec.polarity


def teachers(spec: Population) -> tuple[Tensor, Tensor]:
    """w* ``(m, d)`` and v* ``(m, m)``."""
    return torch.eye(spec.teacher_width, spec.input_dim, dtype=torch.float64), torch.diag(strengths(spec))


def learned(w: Tensor, v: Tensor) -> Tensor:
    """Learned strength of each teacher node, ``(..., m)``, for the orthonormal teachers of this module."""
    return (w[..., : v.shape[-1]].clamp(min=0) * v).sum(-2)


def random_start(spec: Population, ratio: float) -> tuple[Tensor, Tensor]:
    """Students w, v with independent entries start_scale * N(0, 1), one member per seed."""
    n, m = student_width(spec.teacher_width, ratio), spec.teacher_width
    draws = [stream(s, "start", n).standard_normal((n, spec.input_dim + m)) for s in range(1, spec.seeds + 1)]
    start = spec.start_scale * torch.from_numpy(np.stack(draws))
    return start[..., :-m], start[..., -m:]


def aligned_start(spec: Population, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """Students w, v on the aligned manifold with log-normal norms, none balanced; and their teachers (n,)."""
    n = over_realized_width(spec.teacher_width, ratio)
    owner = torch.arange(n) % spec.teacher_width
    draws = [stream(s, "aligned start", n).lognormal(0, 0.5, (n, 2)) for s in range(1, spec.seeds + 1)]
    size = spec.start_scale * torch.from_numpy(np.stack(draws))[..., None]
    rows, out = (torch.eye(k, dtype=torch.float64)[owner] for k in (spec.input_dim, spec.teacher_width))
    return size[:, :, 0] * rows, size[:, :, 1] * out, owner


def _records(spec: Population, step: float) -> tuple[int, int]:
    """Steps in the horizon, and steps between two records."""
    every = round(spec.interval / step)
    return round(spec.horizon / spec.interval) * every, every


def _curves(spec: Population, learned_strength: Tensor, **keys) -> pd.DataFrame:
    """Tidy form of ``(t, e, m)`` curves, a member per seed."""
    times, seeds, width = learned_strength.shape
    time = spec.interval * np.arange(times)
    levels = {"time": time, "seed": range(1, seeds + 1), "teacher": range(width)}
    table = tidy(levels, learned=learned_strength)
    return table.assign(**keys, strength=strengths(spec).numpy()[table.teacher])


class Centred(SquaredError):
    """The squared error, centred in each batch: as if the output bias were always at its optimum.

    Its gradient flow is the centred one of :mod:`ts_core.theory.population`.
    """

    is_difference = False

    def residual(self, target: Tensor, f: Tensor) -> Tensor:
        residual = target - f
        return residual - residual.mean(2, keepdim=True)


def on_samples(spec: LearningCurves, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """SGD on fresh Gaussian samples, whose limit is the flow; consecutive members share a seed's samples.

    returns     w and v at every record, stacked along a new first axis.
    """
    network = lambda w, v: Network(tuple(torch.nn.functional.pad(part, (0, 1)) for part in (w, v.mT)))
    inputs = [stream(seed, "data") for seed in range(1, spec.seeds + 1)]
    draw = lambda count: gaussian(inputs, count, spec.input_dim, std=1.0)
    kept: list[tuple[Tensor, ...]] = []
    steps, every = _records(spec, spec.learning_rate)
    train(
        network(*(part.expand(len(w), -1, -1) for part in teachers(spec))),
        [network(w, v)],
        fresh(draw, spec.batch_size),
        learning_rate=spec.learning_rate,
        loss=Centred(),
        biases=False,
        snapshots=range(0, steps + 1, every),
        on_snapshot=lambda _, now: kept.append(tuple(part[..., :-1] for part in now[0].weights)),
    )
    rows, fan_out = (torch.stack(part) for part in zip(*kept))
    return rows, fan_out.mT


def learning_curves(spec: LearningCurves) -> pd.DataFrame:
    """Learned strength over time, as described at :meth:`LearningCurves.run`."""
    teacher, strength = teachers(spec), strengths(spec)
    w, v, owner = aligned_start(spec, spec.over_realization)
    pairs = zip((w, v), random_start(spec, spec.over_realization))
    w_0, v_0 = (torch.stack(pair, 1).flatten(0, 1) for pair in pairs)  # each seed's two starts side by side
    exact = trajectory(lambda w, v: flow(w, v, *teacher), (w_0, v_0), spec.step, *_records(spec, spec.step))
    noisy = on_samples(spec, w_0, v_0)
    p, c = w.norm(dim=2) * v.norm(dim=2), w.square().sum(2) - v.square().sum(2)
    niche = trajectory(
        lambda p: (reduced(p, c, owner, strength),), (p,), spec.step, *_records(spec, spec.step)
    )[0]
    niche = niche @ torch.nn.functional.one_hot(owner, len(strength)).double()
    time = spec.interval * torch.arange(len(niche), dtype=torch.float64)[:, None, None]
    single = logistic(time, strength, spec.start_scale**2).expand(-1, spec.seeds, -1)
    curves = {("aligned", "reduced"): niche, ("random", "logistic"): single}
    for route, states in (("flow", exact), ("SGD", noisy)):
        both = learned(*states).unflatten(1, (spec.seeds, 2))
        curves |= {("aligned", route): both[:, :, 0], ("random", route): both[:, :, 1]}
    tables = [_curves(spec, values, start=start, route=route) for (start, route), values in curves.items()]
    return pd.concat(tables, ignore_index=True)
