"""Random starts: who observes a teacher node, and who faces it."""

import math

import pandas as pd
import torch
from torch.nn.functional import normalize

from companion.chapters.catalyst_dynamics import chances
from companion.chapters.catalyst_dynamics.studies import Faces
from companion.experiments.dynamics.run import random_start
from companion.runs.spec import Tables


def run(spec: Faces) -> Tables:
    """Tables ``chances`` and ``starts``, as described at :meth:`Faces.run`."""
    events, starts = [], []
    for ratio in spec.over_realizations:
        w, v = random_start(spec, ratio)
        n, m = v.shape[1:]
        rows = normalize(w, dim=2)[..., :m]
        faced = ((rows > 0) & (v > 0)).any(1)  # (e, m)
        seen = torch.special.ndtr(spec.offset * rows / (1 - rows.square()).sqrt()).amax(1)
        event = lambda share, found, chance: dict(
            over_realization=ratio, share=share, found=int(found.sum()), of=found.numel(), chance=chance
        )
        events += [
            event(share, seen > share, chances.observed(n, share, spec.offset, spec.input_dim))
            for share in spec.shares
        ]
        events.append(event(math.nan, faced, chances.faced(n)))
        starts += [
            dict(over_realization=ratio, seed=seed, faced=all_faced)
            for seed, all_faced in enumerate(faced.all(1).tolist(), 1)
        ]
    return {"chances": pd.DataFrame(events), "starts": pd.DataFrame(starts)}
