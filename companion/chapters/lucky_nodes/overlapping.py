"""How fast perfectly matched students turn, against how often two nodes are active together."""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.lucky_nodes.matching import drawn
from companion.chapters.lucky_nodes.studies import Overlapping
from companion.experiments.tidy import tidy
from ts_core.streams import stream
from ts_core.theory import matched as theory
from ts_core.training.flow import trajectory

FAR, NEAR = 0.1, 1e-3  # angles between which a rate is taken (radians); below, the solver has an error


def overlapping(cell: Overlapping) -> pd.DataFrame:
    """How fast the largest angle falls in every trial; trials of different thresholds share their draws.

    returns     threshold, coupling, trial: overlap (E[D_i D_j] of two orthogonal nodes, in [0, 1/4]), rate
                (at which the logarithm of the largest angle falls, over the smallest h_jj: 1 if every node
                turned as if it were alone; NaN where the angles do not get small).
    """
    tables = []
    for coupling in cell.couplings:
        w_t, w, beta = drawn(cell, coupling, stream(0, "overlapping"))
        slowest = beta.diagonal(dim1=1, dim2=2).amin(1)
        for threshold in cell.thresholds:
            own, other = (
                theory.joint_activity(torch.tensor(angle, dtype=w.dtype), threshold)
                for angle in (0.0, math.pi / 2)
            )
            clock = (own * slowest)[:, None, None]  # of the slowest node, were it alone
            velocity = lambda w, beta=beta, at=threshold, clock=clock: (
                theory.velocity(w, w_t, beta, at) / clock,
            )
            steps = round(cell.horizon / cell.step)
            (states,) = trajectory(velocity, (w,), cell.step, steps, 1)
            rate = _rates(torch.nn.functional.normalize(states, dim=-1), w_t, cell.step)
            found = tidy({"trial": range(cell.trials)}, rate=rate)
            tables.append(found.assign(threshold=threshold, coupling=coupling, overlap=other.item()))
    return pd.concat(tables, ignore_index=True)


def _rates(states: Tensor, w_t: Tensor, step: float) -> np.ndarray:
    """Slope of -log of the largest angle against time, ``(e,)``."""
    angle = torch.stack([theory.largest_angle(w, w_t)[0] for w in states]).numpy()
    time, found = step * np.arange(len(angle)), []
    for path in angle.T:
        seen = (path < FAR) & (path > NEAR)
        there = path.min() < NEAR
        found.append(-np.polyfit(time[seen], np.log(path[seen]), 1)[0] if there else np.nan)
    return np.array(found)
