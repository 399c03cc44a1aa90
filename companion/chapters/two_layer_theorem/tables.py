"""What the chapter's tables say: students in the order of their teachers."""

import numpy as np
import pandas as pd


def heat_map(pairs: pd.DataFrame) -> pd.DataFrame:
    """The table ``pairs`` of one network, students renumbered by the teacher they match best at the end."""
    last = (
        pairs[pairs.epoch == pairs.epoch.max()]
        .pivot(index="teacher", columns="student", values="correlation")
        .fillna(0)
    )
    order = np.lexsort([-last.max(), last.idxmax()])
    return pairs.assign(student=np.argsort(order)[pairs.student])
