"""Runs made by hand: logistic curves that escape when they are told to."""

import numpy as np
import pandas as pd

TIMES = np.arange(0, 60, 0.5)


def logistic(at, rate=0.4):
    return 1 / (1 + np.exp(-2 * rate * (TIMES - at)))


def logistic_runs(moved, dims=(100,), rates=((1, 0.4),)):
    """SGD escapes at 20, its equations so much earlier, for each seed."""
    rows = []
    for dim in dims:
        for width, rate in rates:
            for seed, delay in enumerate(moved, start=1):
                one = dict(time=TIMES, share=logistic(20, rate), share_ode=logistic(20 - delay, rate))
                rows.append(pd.DataFrame(one).assign(input_dim=dim, teachers=1, width=width, seed=seed))
    found = pd.concat(rows, ignore_index=True)
    return found.assign(loss=1 - found.share, loss_ode=1 - found.share_ode, apart=found.input_dim**-0.5)
