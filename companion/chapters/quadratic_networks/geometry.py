"""What the gradient flow conserves, which of all solutions it reaches, and how the loss curves there."""

import numpy as np
import pandas as pd

from companion.chapters.quadratic_networks import overlaps
from companion.chapters.quadratic_networks.studies import Curvature, Endings
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.streams import stream

TOLERANCE = 1e-13  # of the solver, relative: the drift is to be that of the flow
LOOKS = 60  # of a flow, evenly spaced


def endings(spec: Endings) -> Tables:
    """Tables ``kept`` and ``endings``, as described at :meth:`Endings.run`."""
    kept, ends = [], []
    for p, p_star in spec.shapes:
        start = _starts(spec, p, p_star, range(1, spec.seeds + 1))
        times = np.linspace(0, _horizon(spec, p_star), LOOKS + 1)
        path = overlaps.trajectory(*start, times, spec.rate, TOLERANCE, noise=False)
        noisy = overlaps.trajectory(*start, times, spec.rate, TOLERANCE)
        levels = {"time": times, "seed": range(1, spec.seeds + 1)}
        keys = dict(width=p, teachers=p_star)
        still = np.zeros_like(times)
        kept.append(
            tidy(
                levels,
                drift=_drift(overlaps.conserved(*path, times, spec.rate)),
                drift_bare=_drift(overlaps.conserved(*path, still, spec.rate)),
                drift_noisy=_drift(overlaps.conserved(*noisy, times, spec.rate)),
            ).assign(**keys)
        )
        best, reached = overlaps.polar(start[1]), overlaps.polar(path[1][-1])
        others = [
            np.linalg.qr(stream(seed, "solutions", p, p_star).standard_normal((spec.others, p, p_star)))[0]
            for seed in levels["seed"]
        ]
        far = np.stack([overlaps.distance(q, m, o) for q, m, o in zip(*start, others)])
        ends.append(
            pd.DataFrame(
                dict(
                    **keys,
                    seed=levels["seed"],
                    loss=overlaps.loss(path[0][-1], path[1][-1]),
                    reached=overlaps.distance(*start, reached),
                    closest=overlaps.distance(*start, best),
                    other=far.mean(1),
                    other_sd=far.std(1, ddof=1),
                )
            )
        )
    return {"kept": pd.concat(kept, ignore_index=True), "endings": pd.concat(ends, ignore_index=True)}


def curvature(spec: Curvature) -> Tables:
    """Tables ``spectra`` and ``solutions``, as described at :meth:`Curvature.run`."""
    spectra, solutions = [], []
    for p, p_star in spec.shapes:
        generator = stream(1, "rows", p, p_star)
        rows = np.linalg.qr(generator.standard_normal((spec.input_dim, p + p_star)))[0].T
        teacher, free = np.split(rows * np.sqrt(spec.input_dim), [p_star])
        reached, with_norms = (_reached(spec, p, p_star, spherical) for spherical in (False, True))
        keys = dict(width=p, teachers=p_star)
        points = {
            "plateau": np.sqrt(overlaps.plateau(p, p_star)[0]) * free,
            "solution": np.sqrt(p / p_star) * reached @ teacher,
        }
        for point, W in points.items():
            values = np.linalg.eigvalsh(overlaps.hessian(W, teacher))
            spectra.append(tidy({"order": range(len(values))}, eigenvalue=values).assign(point=point, **keys))
        solutions.append(
            dict(
                **keys,
                free=overlaps.solution_dim(reached),
                kept=overlaps.solution_dim(with_norms, spherical=True),
            )
        )
    return {"spectra": pd.concat(spectra, ignore_index=True), "solutions": pd.DataFrame(solutions)}


def _reached(spec: Curvature, p: int, p_star: int, spherical: bool) -> np.ndarray:
    """O ``(p, p*)`` of the solution that a flow ends at, from one random start."""
    (Q,), (M,) = _starts(spec, p, p_star, range(1, 2))
    kind = dict(noise=False, spherical=spherical)
    start = overlaps.on_sphere(Q, M) if spherical else (Q, M)
    _, path = overlaps.trajectory(*start, [0, _horizon(spec, p_star)], spec.rate, **kind)
    return overlaps.polar(path[-1])


def _starts(spec: Endings | Curvature, p: int, p_star: int, seeds: range) -> tuple[np.ndarray, np.ndarray]:
    draw = lambda seed: overlaps.random_overlaps(
        stream(seed, "overlaps", p, p_star), p, p_star, spec.input_dim
    )
    Q, M = (np.stack(part) for part in zip(*map(draw, seeds)))
    return Q, M


def _horizon(spec: Endings | Curvature, p_star: int) -> float:
    """Time by which starts have long escaped: eight times the typical wait."""
    return 8 * np.log(spec.input_dim) / (8 * spec.rate / p_star)


def _drift(values: np.ndarray) -> np.ndarray:
    """Largest entry that matrices ``(t, e, p*, p*)`` have moved by, relative to the largest at the start."""
    size = np.abs(values[0]).max((-2, -1))
    return np.abs(values - values[0]).max((-2, -1)) / size
