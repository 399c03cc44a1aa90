"""Arrays as tidy tables: one row per combination of levels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


def tidy(levels: Mapping[str, Sequence], **columns: np.ndarray) -> pd.DataFrame:
    """One row per combination of levels, the last level running fastest.

    columns     arrays or tensors whose axes are the levels.
    """
    index = pd.MultiIndex.from_product(levels.values(), names=levels)
    return index.to_frame(index=False).assign(**{name: np.ravel(values) for name, values in columns.items()})
