"""Whole numbers behind an experiment."""

import pytest

from ts_core.sizes import log_spaced, over_realized_width


def test_over_realized_width():
    assert over_realized_width(20, 2.5) == 50
    for ratio in (0.5, 1.01):
        with pytest.raises(ValueError, match=f"at least 1 and give a whole number of nodes; {ratio}"):
            over_realized_width(20, ratio)


def test_log_spaced_steps():
    steps = log_spaced(1000, 15)
    assert (
        steps[0] == 0
        and steps[1] == 1
        and steps[-1] == 1000
        and steps == sorted(set(steps))
        and len(steps) <= 15
    )
    with pytest.raises(ValueError, match="steps = 0"):
        log_spaced(0, 5)
