"""How long gradient flows stay on the plateau, how fast they leave it, and how slowly they end."""

import numpy as np
import pandas as pd

from companion.chapters.quadratic_networks import overlaps
from companion.chapters.quadratic_networks.descent import share
from companion.chapters.quadratic_networks.studies import ESCAPED, Escapes, Tails
from companion.experiments.tidy import tidy
from ts_core.streams import stream

WINDOW = (1e-3, 1e-2)  # of ||M||^2 / p: so late that the norms rest, so early that M does not bend Q
SHAPES = 100  # directions of random M_0 that a passage is averaged over
NEAR = 1e-8  # of ||M||^2 / p, as good as on the plateau
TOLERANCE = 1e-6  # of the solver, relative
FINE = 1e-9  # the same for tails, whose loss is small
STEP = 0.1  # between two looks (steps / N)


def escapes(spec: Escapes) -> pd.DataFrame:
    """Table ``escapes``, as described at :meth:`Escapes.run`."""
    tables = []
    levels = {"input_dim": spec.input_dims, "seed": range(1, spec.seeds + 1)}
    for p in spec.widths:
        drawn = [
            overlaps.random_overlaps(stream(seed, "overlaps", p, dim), p, spec.teachers, dim)
            for dim in spec.input_dims
            for seed in levels["seed"]
        ]
        Q, M = (np.stack(part) for part in zip(*drawn))
        # a start far below the typical one waits longer: twice the time from ||M||^2 / p = p* / N
        wait = np.log(max(spec.input_dims)) / (2 * overlaps.escape_rate(p, spec.teachers, spec.rate))
        times = np.arange(0, 2 * wait + 2 / spec.rate, STEP)
        _, path = overlaps.trajectory(Q, M, times, spec.rate, TOLERANCE, noise=False)
        shares = share(path)
        low, high = (first_time(shares, level, STEP) for level in WINDOW)
        tables.append(
            tidy(
                levels,
                time=first_time(shares, ESCAPED, STEP),
                growth=np.log(WINDOW[1] / WINDOW[0]) / 2 / np.where(high > low, high - low, np.nan),
            ).assign(width=p)
        )
    return pd.concat(tables, ignore_index=True).assign(teachers=spec.teachers, rate=spec.rate)


def passages(spec: Escapes) -> pd.DataFrame:
    """Table ``passages``, as described at :meth:`Escapes.run`."""
    rows = []
    for p in spec.widths:
        q, _ = overlaps.plateau(p, spec.teachers)
        drawn = stream(1, "shapes", p, spec.teachers).standard_normal((SHAPES, p, spec.teachers))
        M = drawn[: 1 if spec.teachers == 1 else None]  # all directions of one column are alike
        M = M * np.sqrt(p * NEAR / (M**2).sum((1, 2), keepdims=True))
        per_time = 2 * overlaps.escape_rate(p, spec.teachers, spec.rate)
        times = np.arange(0, -2 * np.log(NEAR) / per_time, STEP)
        _, path = overlaps.trajectory(q * np.eye(p) + M @ M.mT, M, times, spec.rate, noise=False)
        waited = first_time(share(path), ESCAPED, STEP).mean()
        rows.append(
            dict(
                width=p,
                teachers=spec.teachers,
                passage=per_time * waited + np.log(NEAR),
                growth=overlaps.escape_rate(p, spec.teachers, spec.rate, noise=True),
                noise=overlaps.noise_share(p, spec.teachers, spec.rate),
            )
        )
    return pd.DataFrame(rows)


def tails(spec: Tails) -> pd.DataFrame:
    """Table ``tails``, as described at :meth:`Tails.run`."""
    tables = []
    times = np.geomspace(1, spec.horizon, spec.records)
    levels = {"time": times, "seed": range(1, spec.seeds + 1)}
    for p, p_star in spec.shapes:
        drawn = [
            overlaps.random_overlaps(stream(seed, "overlaps", p, p_star), p, p_star, spec.input_dim)
            for seed in levels["seed"]
        ]
        Q, M = (np.stack(part) for part in zip(*drawn))
        limit = overlaps.tail(p, p_star, spec.rate) if p > p_star else np.nan
        for norms in ("free", "kept"):
            kept = norms == "kept"
            start = overlaps.on_sphere(Q, M) if kept else (Q, M)
            path = overlaps.trajectory(*start, [0, *times], spec.rate, FINE, noise=False, spherical=kept)
            tables.append(
                tidy(levels, loss=overlaps.loss(*(part[1:] for part in path))).assign(
                    width=p, teachers=p_star, norms=norms, limit=np.nan if kept else limit
                )
            )
    return pd.concat(tables, ignore_index=True)


def first_time(curves: np.ndarray, level: float, step: float) -> np.ndarray:
    """First time at which curves ``(t, e)`` pass a level, on a line in the logarithm; NaN if they do not.

    step        of the equally spaced times. A curve that begins above the level passes it at time 0.
    """
    above = curves >= level
    at = above.argmax(0)
    members = np.arange(curves.shape[1])
    after, before = np.log(curves[at, members]), np.log(curves[np.maximum(at - 1, 0), members])
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(at > 0, (np.log(level) - before) / (after - before) - 1, 0)
    return np.where(above.any(0), (at + part) * step, np.nan)
