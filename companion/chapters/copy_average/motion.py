"""The way of two starts, one of each kind of end: the flow once more, looked at on the way."""

import numpy as np
import pandas as pd
import torch
from scipy.integrate import solve_ivp

from companion.chapters.copy_average.flows import in_order, kinds, random_start
from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.studies import Motion

DOMINANCE = 0.5  # as in the cell Flows


def motion(spec: Motion) -> pd.DataFrame:
    """Table ``motion``, as described at :meth:`Motion.run`.

    By SciPy's BDF with the exact Hessian: an implicit method with a looser tolerance than the flows to their
    end, since pictures show where students are, and not at which of two levels that differ by a thousandth.
    """
    land = Landscape("erf", spec.students, spec.teachers, spec.teachers + 1)
    of = lambda y: torch.from_numpy(np.atleast_2d(y))
    times = np.concatenate([[0.0], np.geomspace(0.1, spec.horizon, spec.looks - 1)])
    found: dict[str, pd.DataFrame] = {}
    for start, theta in enumerate(random_start(spec, land), start=1):
        path = solve_ivp(
            lambda t, y: -land.gradient(of(y))[0].numpy(),
            (0, spec.horizon),
            theta.numpy(),
            method="BDF",
            t_eval=times,
            jac=lambda t, y: -land.hessian(of(y))[0].numpy(),
            rtol=1e-5,
            atol=1e-7,
        ).y.T
        w, a = land.parts(torch.from_numpy(np.ascontiguousarray(path)))
        rows = w * a[-1].sign()[:, None]
        largest, own = rows[-1, :, : spec.teachers].abs().topk(2, dim=1)
        averaging = largest[:, 1] > DOMINANCE * largest[:, 0]
        (kind,) = kinds(own[None, :, 0], averaging[None])
        if kind not in ("copies", "copy-average") or kind in found:
            continue
        loss = land.loss(of(path))
        steps = [
            in_order(now, own[:, 0], averaging).assign(time=time, loss=float(value))
            for now, time, value in zip(rows, times, loss)
        ]
        found[kind] = pd.concat(steps, ignore_index=True).assign(kind=kind, start=start)
        if len(found) == 2:
            break
    return pd.concat(found.values(), ignore_index=True) if found else pd.DataFrame()
