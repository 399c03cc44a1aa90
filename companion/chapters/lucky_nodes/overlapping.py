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

FAR, NEAR = 0.1, 1e-4  # angles between which a rate is taken (radians)


def overlapping(cell: Overlapping) -> pd.DataFrame:
    """The slowest angle of every trial; trials of different thresholds share their draws.

    returns     threshold, coupling, trial: overlap (E[D_i D_j] of two orthogonal nodes, in [0, 1/4]), rate (at
                which the logarithm of the largest angle falls, over the smallest h_jj: 1 if every node turned
                as if it were alone; NaN where angles do not get small).
    """
    tables = []
    for coupling in cell.couplings:
        w_t, w, beta = drawn(cell, coupling, stream(0, "overlapping"))
        slowest = beta.diagonal(dim1=1, dim2=2).amin(1).numpy()
        for threshold in cell.thresholds:
            activity = lambda angle, at=threshold: theory.joint_activity(
                torch.tensor(angle).double(), at
            ).item()
            own, other = activity(0.0), activity(math.pi / 2)
            rate = _rate(w, w_t, beta, threshold, cell.step / own, round(cell.horizon / cell.step))
            found = tidy({"trial": range(cell.trials)}, rate=rate / (own * slowest))
            tables.append(found.assign(threshold=threshold, coupling=coupling, overlap=other))
    return pd.concat(tables, ignore_index=True)


def _rate(w: Tensor, w_t: Tensor, beta: Tensor, threshold: float, step: float, steps: int) -> np.ndarray:
    """Slope of -log of the largest angle against time, ``(e,)``."""
    velocity = lambda w: (theory.velocity(w, w_t, beta, threshold),)
    (states,) = trajectory(velocity, (w,), step, steps, 1)
    states = torch.nn.functional.normalize(states, dim=-1)
    angle = torch.stack([theory.largest_angle(w, w_t)[0] for w in states]).numpy()
    time, found = step * np.arange(len(angle)), []
    for path in angle.T:
        seen = (path < FAR) & (path > NEAR)
        there = path.min() < NEAR
        found.append(-np.polyfit(time[seen], np.log(path[seen]), 1)[0] if there else np.nan)
    return np.array(found)
