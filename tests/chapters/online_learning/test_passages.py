"""Plateaus of curves that are known."""

import math

import numpy as np
import pytest

from companion.chapters.online_learning.passages import FALL, passages, plateau

ALPHA = np.linspace(0, 30, 301)


def test_an_exponential_falls_by_the_factor_always_in_the_same_time():
    start, length = passages(ALPHA, np.exp(-0.5 * ALPHA), np.inf)
    np.testing.assert_allclose(length, math.log(FALL) / 0.5, rtol=1e-9)
    assert len(start) == 301 - math.ceil(math.log(FALL) / 0.5 / 0.1) or len(start) > 280


def test_a_pause_is_found_where_it_is():
    """Fast, then level for ten units, then fast again."""
    log_error = -np.where(ALPHA < 10, ALPHA, np.where(ALPHA < 20, 10, ALPHA - 10))
    found = plateau(ALPHA, np.exp(log_error), found=25.0)
    assert found["length"] == pytest.approx(10 + math.log(FALL), abs=0.2)
    assert 9.5 < found["entered"] <= 10 and found["height"] == pytest.approx(math.exp(-10), rel=1e-6)
    assert found["next"] == pytest.approx(math.log(FALL), abs=0.05)


def test_what_comes_after_the_teacher_is_found_is_no_plateau():
    log_error = -np.where(ALPHA < 10, ALPHA, np.where(ALPHA < 20, 10, ALPHA - 10))
    assert plateau(ALPHA, np.exp(log_error), found=9.0)["length"] == pytest.approx(math.log(FALL), rel=1e-6)


def test_a_teacher_that_is_never_found_has_no_plateau():
    assert all(np.isnan(value) for value in plateau(ALPHA, np.exp(-ALPHA), found=np.nan).values())


def test_errors_that_rounding_makes_negative_are_zero():
    error = np.array([1.0, 0.1, -1e-18])
    assert np.isfinite(passages(np.arange(3.0), error, np.inf)[1]).all()
