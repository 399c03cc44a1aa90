"""What the chapter's tables say: the share of the circle by formula, and how far the darts are from it."""

import numpy as np
import pandas as pd


def share(sides: np.ndarray | int) -> np.ndarray | float:
    """Share of the circle's area that the regular polygon inside it fills, in (0, 1)."""
    return sides / (2 * np.pi) * np.sin(2 * np.pi / sides)


def errors(shares: pd.DataFrame) -> pd.Series:
    """Mean over the polygons of |measured - exact share|, one number per seed."""
    away = (shares.share - share(shares.sides)).abs()
    return away.groupby(shares.seed).mean()
