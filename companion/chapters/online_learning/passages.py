"""When an error pauses on its way down: a plateau, whatever its height and whoever is on it."""

import numpy as np

FALL = 1.5  # the factor by which the error falls in one passage


def passages(alpha: np.ndarray, error: np.ndarray, until: float) -> tuple[np.ndarray, np.ndarray]:
    """How long the error takes, from each record, to fall by the factor FALL for the first time.

    alpha, error    ``(t,)``; rises are ignored: what counts is the lowest error so far.
    until           passages that end later are left out.
    returns         start indices of the passages, and their lengths in alpha (linear in log error between
                    records).
    """
    lowest = np.log(np.minimum.accumulate(error).clip(min=np.finfo(float).tiny))  # rounding may pass 0
    goal = lowest - np.log(FALL)
    after = np.searchsorted(-lowest, -goal)  # the first record at or below the goal
    ends = after < len(alpha)
    start, after, goal = np.flatnonzero(ends), after[ends], goal[ends]
    drop = lowest[after - 1] - lowest[after]
    end = alpha[after] - (goal - lowest[after]) / drop * (alpha[after] - alpha[after - 1])
    kept = end <= until
    return start[kept], (end - alpha[start])[kept]


def plateau(alpha: np.ndarray, error: np.ndarray, found: float) -> dict:
    """The slowest fall by the factor FALL before every teacher node is found, and the next one after it.

    found       alpha at which the last teacher node is found; NaN for never.
    returns     entered (alpha), length (in alpha), height (the error at its middle), next (length of the next
                fall); NaN where there is none, as where nothing is ever found.
    """
    none = dict.fromkeys(("entered", "length", "height", "next"), np.nan)
    start, length = passages(alpha, error, found if found == found else -np.inf)
    if not len(start):
        return none
    slowest = length.argmax()
    end = alpha[start[slowest]] + length[slowest]
    every, all_lengths = passages(alpha, error, np.inf)
    later = all_lengths[alpha[every] >= end]
    middle = np.searchsorted(alpha, end - length[slowest] / 2)
    return {
        "entered": alpha[start[slowest]],
        "length": length[slowest],
        "height": error[middle],
        "next": later[0] if len(later) else np.nan,
    }
