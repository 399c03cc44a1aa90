"""Two-layer training dynamics as tables: learned strengths by flow, reduction and SGD; coverage; one node's angle.

Setting of ts_core.experiments.population, with orthonormal teacher rows w*_j = e_j and orthogonal fan-outs
v*_j = s_j e_j. The *strength* s_j is the product of the norms of both weights of a node; students have learned
sum_k max(w_k^T w*_j, 0) v_k^T v*_j / s_j of it.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field, model_validator
from torch import Tensor

from ts_core.data import stream
from ts_core.experiments.population import angle_rate, flow, logistic, reduced, sgd, trajectory
from ts_core.experiments.spec import Spec
from ts_core.experiments.two_layer import Count, Positive
from ts_core.networks import over_realized_width
from ts_core.theory import phi


class Population(Spec):
    """Teachers of strength s_j = strength * j^-polarity, and students that start at start_scale * N(0, 1)."""

    input_dim: Count = 10
    teacher_width: Count = 5
    strength: Positive = 3.0
    polarity: Annotated[float, Field(ge=0)] = 1.0
    seeds: Count = 6
    start_scale: Positive = 0.02
    horizon: Positive = 40.0
    """length of the flow, in time units"""
    interval: Positive = 0.5
    """time between two records"""
    step: Positive = 0.1
    """of the fourth-order Runge-Kutta method"""

    @model_validator(mode="after")
    def _fits(self):
        if self.teacher_width > self.input_dim:
            limit = f"at most input_dim = {self.input_dim} rows are orthonormal"
            raise ValueError(f"teacher_width: {limit}, got {self.teacher_width}")
        _whole(self.horizon, self.interval, "horizon", "interval")
        _whole(self.interval, self.step, "interval", "step")
        return self

    def strengths(self) -> Tensor:
        """s_j, ``(m,)`` float64."""
        return self.strength * torch.arange(1, self.teacher_width + 1, dtype=torch.float64) ** -self.polarity

    def teacher(self) -> tuple[Tensor, Tensor]:
        """w* ``(m, d)`` and v* ``(m, m)``."""
        return torch.eye(self.teacher_width, self.input_dim, dtype=torch.float64), torch.diag(self.strengths())


class LearningCurves(Population):
    """Learned strength over time: the flow, its reductions, and a student trained by SGD on samples."""

    over_realization: Positive = 4.0
    batch_size: Count = 512
    learning_rate: Positive = 0.02

    @model_validator(mode="after")
    def _fits_students(self):
        over_realized_width(self.teacher_width, self.over_realization)
        _whole(self.interval, self.learning_rate, "interval", "learning_rate")
        return self


class Coverage(Population):
    """What over-realization buys: when every teacher is covered, at each of several over-realizations."""

    over_realizations: Annotated[tuple[float, ...], Field(min_length=1)] = (1.0, 2.0, 4.0, 8.0)
    seeds: Count = 20
    horizon: Positive = 120.0
    step: Positive = 0.25  # half-times are right to 1e-3

    @model_validator(mode="after")
    def _fits_students(self):
        for ratio in self.over_realizations:
            over_realized_width(self.teacher_width, ratio)
        return self


def _whole(long: float, short: float, name: str, unit: str) -> None:
    if abs(long / short - round(long / short)) > 1e-9 or long < short:
        raise ValueError(f"{name}: must be a whole multiple of {unit} = {short}, got {long}")


# -- Starts and tables -----------------------------------------------------------------------------------------------


def learned(w: Tensor, v: Tensor) -> Tensor:
    """Learned strength of each teacher node, ``(..., m)``, for the orthonormal teachers of this module."""
    return (w[..., :v.shape[-1]].clamp(min=0) * v).sum(-2)


def random_start(spec: Population, ratio: float) -> tuple[Tensor, Tensor]:
    """Students w, v with independent entries start_scale * N(0, 1), one member per seed."""
    n, m = over_realized_width(spec.teacher_width, ratio), spec.teacher_width
    draws = [stream(s, "start", n).standard_normal((n, spec.input_dim + m)) for s in range(1, spec.seeds + 1)]
    start = spec.start_scale * torch.from_numpy(np.stack(draws))
    return start[..., :-m], start[..., -m:]


def aligned_start(spec: Population, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    """Students w, v on the aligned manifold with log-normal norms, so none is balanced; and their teachers (n,)."""
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
    t, seed, teacher = (i.ravel() for i in np.indices(learned_strength.shape))
    return pd.DataFrame({
        **keys, "seed": seed + 1, "teacher": teacher, "strength": spec.strengths().numpy()[teacher],
        "time": t * spec.interval, "learned": learned_strength.numpy().ravel(),
    })


def learning_curves(spec: LearningCurves) -> pd.DataFrame:
    """Learned strength over time: start, route, seed, teacher (0 = strongest), strength, time, learned.

    start "aligned"     routes "flow", "SGD" and "reduced", which is exact there.
    start "random"      routes "flow", "SGD" and "logistic": one balanced student from p_0 = start_scale^2.
    """
    teacher, strengths = spec.teacher(), spec.strengths()
    w, v, owner = aligned_start(spec, spec.over_realization)
    starts = [torch.stack(pair, 1).flatten(0, 1) for pair in zip((w, v), random_start(spec, spec.over_realization))]
    exact = trajectory(lambda w, v: flow(w, v, *teacher), starts, spec.step, *_records(spec, spec.step))
    inputs = [stream(seed, "data") for seed in range(1, spec.seeds + 1)]
    rate = spec.learning_rate
    noisy = sgd(*starts, *teacher, inputs, rate, spec.batch_size, *_records(spec, rate))
    p, c = w.norm(dim=2) * v.norm(dim=2), w.square().sum(2) - v.square().sum(2)
    niche = trajectory(lambda p: (reduced(p, c, owner, strengths),), (p,), spec.step, *_records(spec, spec.step))[0]
    niche = niche @ torch.nn.functional.one_hot(owner, len(strengths)).double()
    time = spec.interval * torch.arange(len(niche), dtype=torch.float64)[:, None, None]
    single = logistic(time, strengths, spec.start_scale**2).expand(-1, spec.seeds, -1)
    curves = {("aligned", "reduced"): niche, ("random", "logistic"): single}
    for route, states in (("flow", exact), ("SGD", noisy)):
        both = learned(*states).unflatten(1, (spec.seeds, 2))
        curves |= {("aligned", route): both[:, :, 0], ("random", route): both[:, :, 1]}
    tables = [_curves(spec, values, start=start, route=route) for (start, route), values in curves.items()]
    return pd.concat(tables, ignore_index=True)


def half_times(curves: pd.DataFrame) -> pd.DataFrame:
    """When each curve first exceeds strength / 2, linear between records: one row per curve, NaN if it never does."""
    keys = [name for name in curves.columns if name not in ("time", "learned")]
    wide = curves.pivot(index=keys, columns="time", values="learned")
    time, values = wide.columns.to_numpy(), wide.to_numpy()
    level = wide.index.get_level_values("strength").to_numpy() / 2
    after = (values > level[:, None]).argmax(1)  # 0 when there is none: a start is below half
    row, before = np.arange(len(values)), np.maximum(after - 1, 0)
    low, high = values[row, before], values[row, after]
    part = np.divide(level - low, high - low, out=np.full(len(values), np.nan), where=after > 0)
    return wide.index.to_frame(index=False).assign(half_time=time[before] + part * (time[after] - time[before]))


def coverage(spec: Coverage) -> pd.DataFrame:
    """Flow from random starts: over_realization, seed, teacher, strength, half_time (NaN: not within the horizon).

    best_cosine     largest cosine of a student with the teacher at the horizon.
    """
    teacher, tables = spec.teacher(), []
    for ratio in spec.over_realizations:
        start = random_start(spec, ratio)
        w, v = trajectory(lambda w, v: flow(w, v, *teacher), start, spec.step, *_records(spec, spec.step))
        table = half_times(_curves(spec, learned(w, v), over_realization=ratio))
        best = torch.nn.functional.normalize(w[-1], dim=2)[..., :spec.teacher_width].amax(1)
        tables.append(table.assign(best_cosine=best.numpy()[table.seed - 1, table.teacher]))
    return pd.concat(tables, ignore_index=True)


def cover_times(teachers: pd.DataFrame, aligned: float = 0.95) -> pd.DataFrame:
    """Per over_realization and seed of :func:`coverage`: time until all teachers are covered, and fractions.

    time        NaN when some teacher is not covered (learned > strength / 2) within the horizon.
    covered     fraction of teachers covered;  aligned  fraction with a student of cosine above ``aligned``.
    """
    flags = teachers.assign(covered=teachers.half_time.notna(), aligned=teachers.best_cosine > aligned)
    groups = flags.groupby(["over_realization", "seed"])
    table = groups[["covered", "aligned"]].mean().assign(time=groups.half_time.max())
    return table.assign(time=table.time.where(table.covered == 1)).reset_index()


def alignment(angles: Sequence[float], horizon: float = 16.0, step: float = 0.1) -> pd.DataFrame:
    """One unit-norm node that turns towards one teacher node in the plane: start_angle, time, theta and theta_ode.

    theta       of the node that follows the tangential part of theory.phi;  theta_ode  of :func:`angle_rate`.
    """
    theta = torch.tensor(angles, dtype=torch.float64)
    target = torch.tensor([1.0, 0.0], dtype=torch.float64)

    def velocity(w, angle):
        pull = phi(w, target.expand_as(w))
        return pull - (pull * w).sum(1, keepdim=True) * w, angle_rate(angle)

    start = torch.stack([theta.cos(), theta.sin()], 1), theta
    w, ode = trajectory(velocity, start, step, round(horizon / step), 1)
    t, i = (index.ravel() for index in np.indices(ode.shape))
    followed = torch.atan2(w[..., 1], w[..., 0]).abs()
    return pd.DataFrame({
        "start_angle": np.asarray(angles)[i], "time": t * step,
        "theta": followed.numpy().ravel(), "theta_ode": ode.numpy().ravel(),
    })
