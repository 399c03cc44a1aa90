"""What the chapter's tables say: students in the order of their teachers; what is left after pruning."""

import numpy as np
import pandas as pd

SMALL = 1e-6  # gradient of a single sample, from which on a student counts as one at zero gradient


def heat_map(pairs: pd.DataFrame) -> pd.DataFrame:
    """The table ``pairs`` of one network, students renumbered by the teacher they match best at the end."""
    last = (
        pairs[pairs.epoch == pairs.epoch.max()]
        .pivot(index="teacher", columns="student", values="correlation")
        .fillna(0)
    )
    order = np.lexsort([-last.max(), last.idxmax()])
    return pairs.assign(student=np.argsort(order)[pairs.student])


def at_rest(gradients: pd.DataFrame) -> pd.DataFrame:
    """Students of a TrainedStudents study, and whether the gradient of single samples vanishes at the end."""
    last = gradients[gradients.checkpoint == gradients.checkpoint.max()]
    return last.assign(at_rest=last.single < SMALL)[["over_realization", "noise", "seed", "at_rest"]]


def pruning(pruned: pd.DataFrame, gradients: pd.DataFrame) -> pd.DataFrame:
    """One row per over-realization, noise, and whether single gradients have vanished, over the seeds.

    students, nodes, kept (mean), loss and loss_after (medians, new samples), largest_change of the output.
    """
    keys = ["over_realization", "noise", "at_rest"]
    groups = pruned.merge(at_rest(gradients)).groupby(keys)
    return groups.agg(
        students=("seed", "size"),
        nodes=("nodes", "first"),
        kept=("kept", "mean"),
        loss=("loss", "median"),
        loss_after=("loss_after", "median"),
        largest_change=("change", "max"),
    ).reset_index()


def rounded(number: float, floor: float = 1e-9) -> str:
    """One digit, and of what is smaller than ``floor`` only that it is: what every machine finds."""
    return f"< {floor:.0e}" if number < floor else f"{number:.0e}"
