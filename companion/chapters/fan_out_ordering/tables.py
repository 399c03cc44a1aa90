"""Which teacher nodes are specialized first: one training seen pair by pair, and first epoch against fan-out norm."""

import numpy as np
import pandas as pd

from ts_core.experiments.two_layer import Cell

STUDENT_CONVERGENCE = Cell(
    teacher_width=5, polarities=(1.0,), over_realizations=(2.0,), seeds=(1,), samples=1000, epochs=40,
    steps_per_epoch=100, snapshots=tuple(range(41)), dtype="float64", tables=("pairs",),
)  # the published figure's setting; it shows seeds 6, 1 and 3 of its own generator


def first_specialized(teachers: pd.DataFrame, threshold: float = 0.95) -> pd.DataFrame:
    """First evaluated epoch at which a student correlates above ``threshold`` with each teacher; NaN if none does.

    teachers    the table of that name of two_layer.run.
    columns     teacher_width, polarity, over_realization, seed, teacher: fan_out_norm, first_epoch.
    raises      ValueError for a threshold outside (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1), got {threshold}")
    keys = [k for k in ("teacher_width", "polarity", "over_realization", "seed", "teacher") if k in teachers]
    reached = teachers.epoch.where(teachers.best_correlation > threshold).astype(float)
    groups = teachers.assign(first_epoch=reached).groupby(keys)
    return groups.agg(fan_out_norm=("fan_out_norm", "first"), first_epoch=("first_epoch", "min")).reset_index()


def ordering(first: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlation of fan-out norm with first epoch over the teachers of each seed; -1 is strong first.

    Ties share their mean rank; teachers that never specialize tie for the last rank.

    columns     the keys of ``first`` but teacher; spearman (NaN when all teachers tie), specialized (fraction).
    """
    keys = [name for name in first.columns if name not in ("teacher", "fan_out_norm", "first_epoch")]
    groups = first.assign(last=first.first_epoch.fillna(np.inf)).groupby(keys)
    ranks = groups[["fan_out_norm", "last"]].rank()
    centred = ranks - ranks.groupby([first[k] for k in keys]).transform("mean")
    terms = first[keys].assign(
        xy=centred.fan_out_norm * centred["last"], xx=centred.fan_out_norm**2, yy=centred["last"] ** 2,
        specialized=first.first_epoch.notna().astype(float),
    ).groupby(keys).mean()
    spearman = (terms.xy / (terms.xx * terms.yy).pow(0.5)).where(terms.xx * terms.yy > 0)
    return terms[["specialized"]].assign(spearman=spearman).reset_index()
