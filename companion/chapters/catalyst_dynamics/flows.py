"""Single trajectories of the population flow, and the exact statements about it."""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.catalyst_dynamics.adaptive import adaptive
from companion.chapters.catalyst_dynamics.studies import Aligned, ClosedForms, Convergence, Examples
from companion.experiments.dynamics.run import learned, random_start, strengths, teachers
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian
from ts_core.streams import stream
from ts_core.theory.kernels import kappa, phi
from ts_core.theory.population import flow, loss, reduced, sample_gradient
from ts_core.training.flow import trajectory


def examples(spec: Examples) -> Tables:
    """Tables ``curves`` and ``states``, as described at :meth:`Examples.run`."""
    teacher, s = teachers(spec), strengths(spec)
    times = np.concatenate([[0.0], np.geomspace(1, spec.horizon, spec.records)])
    starts = zip(*(part.split(1) for part in random_start(spec, spec.over_realization)))
    solve = lambda start: adaptive(lambda w, v: flow(w, v, *teacher), start, times, spec.tolerance)
    w, v = (torch.cat(part, 1) for part in zip(*map(solve, starts)))  # (t, e, n, ...)
    seeds = {"time": times, "seed": range(1, spec.seeds + 1)}
    curves = tidy(seeds | {"teacher": range(len(s))}, learned=learned(w, v) / s)
    w, v = w.flatten(0, 1), v.flatten(0, 1)
    rates = flow(w, v, *teacher)
    gradient = torch.stack([rate.abs().flatten(1).amax(1) for rate in rates]).amax(0)
    return {
        "curves": curves.assign(strength=s.numpy()[curves.teacher]),
        "states": tidy(seeds, loss=loss(w, v, *teacher), gradient=gradient),
    }


def closed_forms(spec: ClosedForms) -> pd.DataFrame:
    """Table ``forms``, as described at :meth:`ClosedForms.run`."""
    rows = []
    for seed in range(1, spec.seeds + 1):
        generator = stream(seed, "pairs")
        w, u = torch.from_numpy(generator.standard_normal((2, spec.pairs, spec.input_dim)))
        x = gaussian([stream(seed, "samples")], spec.samples, spec.input_dim, std=1.0)[0]
        mean = lambda node: node.norm(dim=1) / math.sqrt(2 * math.pi)
        f_w, f_u, on = (x @ w.T).clamp(min=0), (x @ u.T).clamp(min=0), (x @ w.T > 0).double()
        uncentred = (
            mean(w) * mean(u),
            (mean(u) / math.sqrt(2 * math.pi))[:, None] * w / w.norm(dim=1)[:, None],
        )
        products = f_w * (f_u - mean(u)), (on * (f_u - mean(u)))[..., None] * x[:, None]
        for form, values, closed, rest in zip(
            ("kappa", "phi"), products, (kappa(w, u), phi(w, u)), uncentred
        ):
            error = values.std(0) / math.sqrt(spec.samples)
            for route, formula in (("closed", closed), ("not centred", closed + rest)):
                deviation = ((formula - values.mean(0)) / error).square().mean().item()
                rows.append(dict(seed=seed, form=form, route=route, deviation=deviation))
    return pd.DataFrame(rows)


def convergence(spec: Convergence) -> pd.DataFrame:
    """Table ``runs``, as described at :meth:`Convergence.run`."""
    teacher, s = teachers(spec), strengths(spec)
    x = gaussian([stream(0, "samples")], spec.samples, spec.input_dim, std=1.0)[0]
    w, v = random_start(spec, spec.over_realization)
    time = torch.full((spec.seeds,), torch.nan, dtype=w.dtype)
    left, steps, now = torch.arange(spec.seeds), round(spec.interval / spec.step), 0.0
    while len(left) and now < spec.horizon:
        states = trajectory(lambda w, v: flow(w, v, *teacher), (w[left], v[left]), spec.step, steps, steps)
        w[left], v[left] = (part[-1] for part in states)
        now += spec.interval
        small = sample_gradient(w[left], v[left], *teacher, x).abs().flatten(1).amax(1) <= spec.level
        time[left[small]] = now
        left = left[~small]
    return tidy({"seed": range(1, spec.seeds + 1)}, time=time, covered=(learned(w, v) > s / 2).all(1)).assign(
        over_realization=spec.over_realization,
        polarity=spec.polarity,
        weakest=s.min().item(),
        mean=s.mean().item(),
        status=np.where(w.isfinite().all(2).all(1), "ok", "diverged"),
    )


def aligned(spec: Aligned) -> pd.DataFrame:
    """Table ``aligned``, as described at :meth:`Aligned.run`."""
    m, owner = spec.teacher_width, torch.arange(spec.teacher_width).repeat(spec.students)
    rows, out = (torch.eye(k, dtype=torch.float64)[owner] for k in (spec.input_dim, m))
    times = np.linspace(0, spec.time, 41)
    found = []
    for seed in range(1, spec.seeds + 1):
        generator = stream(seed, "aligned manifold")
        s = torch.from_numpy(generator.uniform(0.5, 3, m))
        r, q = torch.from_numpy(spec.start_scale * generator.lognormal(0, 0.5, (2, len(owner))))
        for start, fan_out in (("balanced", r), ("unbalanced", q)):
            found.append(dict(seed=seed, start=start) | _one(spec, times, owner, s, r, fan_out, rows, out))
    return pd.DataFrame(found)


def _one(
    spec: Aligned,
    times: np.ndarray,
    owner: Tensor,
    s: Tensor,
    r: Tensor,
    q: Tensor,
    rows: Tensor,
    out: Tensor,
) -> dict[str, float]:
    """One start: norms r of the rows and q of the fan-outs."""
    m, d = spec.teacher_width, spec.input_dim
    teacher = torch.eye(m, d, dtype=s.dtype), torch.diag(s)
    state = (r[:, None] * rows)[None], (q[:, None] * out)[None]
    solve = lambda velocity, start: adaptive(velocity, start, times, spec.tolerance, "DOP853")
    size = lambda part: part[:, 0].norm(dim=2)
    w, v = map(size, solve(lambda w, v: flow(w, v, *teacher), state))

    def hurried(w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        dw, dv = flow(w, v, *teacher)
        return dw, 2 * dv

    w_wrong, v_wrong = map(size, adaptive(hurried, state, times, 1e-6))
    c = (r.square() - q.square())[None]
    follow = lambda c: solve(lambda p: (reduced(p, c, owner, s),), ((r * q)[None],))[0][:, 0]
    p, drift = w * v, lambda w, v: (w.square() - v.square() - c).abs().max().item()
    shares = p.log() - p.log()[:, :m].repeat(1, spec.students)
    return {
        "reduction": (p - follow(c)).abs().max().item(),
        "competition": (p - follow(torch.zeros_like(c))).abs().max().item(),
        "drift": drift(w, v),
        "drift_wrong": drift(w_wrong, v_wrong),
        "ratio": (shares - shares[0]).abs().max().item(),
    }
