"""Whole numbers of an experiment: student widths, times to look. No torch, so that settings load at once."""

import numpy as np


def over_realized_width(teacher_width: int, over_realization: float) -> int:
    """Student width n = over_realization * m; raises ValueError below 1 or when n is not whole."""
    width = teacher_width * over_realization
    if over_realization < 1 or round(width) != width:
        raise ValueError(
            f"over_realization must be at least 1 and give a whole number of nodes; {over_realization} times "
            f"{teacher_width} teacher nodes is {width}"
        )
    return round(width)


def log_spaced(steps: int, count: int) -> list[int]:
    """About ``count`` step numbers from 0 to ``steps`` (both included), evenly spaced on a log scale."""
    if steps < 1 or count < 2:
        raise ValueError(f"need steps >= 1 and count >= 2, got steps = {steps}, count = {count}")
    return sorted({0, steps, *np.geomspace(1, steps, count - 1).round().astype(int).tolist()})
