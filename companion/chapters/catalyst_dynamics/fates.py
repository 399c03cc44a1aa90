"""Random starts followed to their end: all teacher nodes covered, or stuck at a critical point with loss."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from companion.chapters.catalyst_dynamics.studies import Fates
from companion.experiments.dynamics.run import learned, random_start, strengths
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian
from ts_core.streams import stream
from ts_core.theory.population import flow, hessian, loss, sample_gradient
from ts_core.training.flow import trajectory

BLOCK = 50  # members whose Hessians are held at once


def run(spec: Fates) -> Tables:
    """Tables ``runs`` and ``teachers``, as described at :meth:`Fates.run`."""
    m, d, n = spec.teacher_width, spec.input_dim, spec.nodes
    kinds = [spec.population(p) for p in spec.polarities]
    s = torch.stack([strengths(kind) for kind in kinds]).repeat_interleave(spec.seeds, 0)
    mixed = fan_outs(m, spec.overlap)
    w_t, v_t = torch.eye(m, d, dtype=s.dtype).expand(len(s), -1, -1), s[:, :, None] * mixed
    w, v = (part.repeat(len(kinds), 1, 1) for part in random_start(kinds[0], spec.over_realization))
    found = follow(spec, w, v, w_t, v_t)
    w, v = found.pop("w"), found.pop("v")
    v_own = v @ mixed.inverse()  # in the fan-outs of the teacher nodes
    share = learned(w, v_own) / s
    rows = normalize(w, dim=2)[..., :m]
    levels = {"polarity": spec.polarities, "seed": range(1, spec.seeds + 1)}
    runs = tidy(
        levels,
        **found,
        loss=loss(w, v, w_t, v_t),
        learned=(share > 0.5).sum(1),
        strongest=share[:, 0] > 0.5,
        aligned=(rows.amax(1) > 0.95).sum(1),
        sample_gradient=_on_samples(spec, w, v, w_t, v_t, found["at_rest"]),
    )
    runs = runs.assign(
        over_realization=spec.over_realization,
        overlap=spec.overlap,
        nodes=n,
        status=np.where(np.isfinite(runs.loss), "ok", "diverged"),
        outcome=np.select([runs.time.notna(), runs.at_rest], ["covered", "stuck"], "moving"),
    ).drop(columns="at_rest")
    against = rows.clamp(max=0) * v_own.clamp(max=0) * w.norm(dim=2, keepdim=True)  # (e, n, m)
    node = against.argmax(1, keepdim=True)
    teachers = tidy(
        levels | {"teacher": range(m)},
        learned=share,
        mirrored=against.sum(1) / s,
        mirror=rows.gather(1, node)[:, 0],
    ).assign(over_realization=spec.over_realization, overlap=spec.overlap)
    stuck = np.repeat((runs.outcome == "stuck").to_numpy(), m)
    return {"runs": runs, "teachers": teachers[stuck].reset_index(drop=True)}


def fan_outs(width: int, overlap: float) -> Tensor:
    """Unit fan-outs ``(m, m)`` any two of which have the cosine ``overlap``."""
    gram = (1 - overlap) * torch.eye(width, dtype=torch.float64) + overlap
    values, vectors = torch.linalg.eigh(gram)
    return vectors @ torch.diag(values.sqrt()) @ vectors.T


def follow(spec: Fates, w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor) -> dict[str, Tensor]:
    """Follow every member until its fate is known.

    returns     per member: w and v at the end, time, end, gradient, curvature, at_rest: as there.
    """
    level, inverse = v_t.norm(dim=2) / 2, fan_outs(spec.teacher_width, spec.overlap).inverse()
    w, v, members = w.clone(), v.clone(), len(w)
    unknown = lambda: torch.full((members,), torch.nan, dtype=w.dtype)
    time, end, gradient, curvature = (unknown() for _ in range(4))
    at_rest = torch.zeros(members, dtype=torch.bool)
    left, now, steps = torch.arange(members), 0.0, round(spec.interval / spec.step)
    while len(left) and now < spec.limit:
        teacher = w_t[left], v_t[left]
        states = trajectory(lambda a, b: flow(a, b, *teacher), (w[left], v[left]), spec.step, steps, 1)
        covered = (learned(states[0], states[1] @ inverse) > level[left]).all(2)  # (steps + 1, e)
        first = torch.where(covered.any(0), covered.int().argmax(0), steps)
        new = covered.any(0) & time[left].isnan()
        time[left] = torch.where(new, now + spec.step * first.to(w.dtype), time[left])
        stop = torch.where(torch.as_tensor(spec.to_rest), steps, first)  # a covered member stops there
        at = stop, torch.arange(len(left))
        w[left], v[left] = states[0][at], states[1][at]
        end[left] = now + spec.step * stop.to(w.dtype)
        now += spec.interval
        rates = flow(w[left], v[left], *teacher)
        gradient[left] = torch.stack([rate.abs().flatten(1).amax(1) for rate in rates]).amax(0)
        done = gradient[left] <= spec.rest
        look = left[done]
        if len(look):
            curvature[look] = _curvature(w[look], v[look], w_t[look], v_t[look])
            at_rest[look] = curvature[look] >= -spec.descent
        left = left[~(at_rest[left] | (time[left].isfinite() & (not spec.to_rest)))]
    return dict(w=w, v=v, time=time, end=end, gradient=gradient, curvature=curvature, at_rest=at_rest)


def _curvature(*state: Tensor) -> Tensor:
    """Smallest eigenvalue of the Hessian of J, ``(e,)``."""
    blocks = zip(*(part.split(BLOCK) for part in state))
    return torch.cat([torch.linalg.eigvalsh(hessian(*block))[:, 0] for block in blocks])


def _on_samples(spec: Fates, w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor, at_rest: Tensor) -> np.ndarray:
    """Largest |g_k(x)| of every member at rest."""
    x = gaussian([stream(0, "samples")], spec.samples, spec.input_dim, std=1.0)[0]
    parts = zip(*(part.split(BLOCK) for part in (w, v, w_t, v_t)))
    largest = torch.cat([sample_gradient(*(*part, x)).abs().flatten(1).amax(1) for part in parts])
    return torch.where(at_rest, largest, torch.nan).numpy()
