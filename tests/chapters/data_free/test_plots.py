"""Pictures and tables of the chapter on distillation from noise."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest

from companion.chapters.data_free import plots, tables
from companion.pages import figures
from tests.chapters.data_free import hand_made
from tests.pictures import close  # noqa: F401 (a fixture)


def test_a_bar_per_lesson_and_statistics():
    _, axes = figures.figure(1, 1)
    ax = plots.bars(hand_made.accuracy(), axes[0, 0])
    heights = [bar.get_height() for bar in ax.patches]
    assert len(heights) == 12 and heights[0] == pytest.approx(0.4, abs=0.01)
    assert len(ax.figure.legends[0].get_texts()) == 4


def test_shifts_and_ranked_labels():
    _, axes = figures.figure(1, 2)
    labels = hand_made.labels()
    left, right = plots.shifts(hand_made.shift(), tables.ranked(labels), axes[0])
    assert len(left.lines) == 3 * 6 + 1 and len(right.lines) == 3
    first, flat = (line.get_ydata() for line in right.lines[:2])
    assert first[0] == pytest.approx(0.82, abs=0.01) and np.ptp(flat) < 0.02 and (np.diff(first) <= 0).all()


def test_correlations_and_lengths():
    _, axes = figures.figure(1, 2)
    left, _ = plots.correlations(hand_made.units(), axes[0])
    assert [len(line.get_xdata()) for line in left.lines[:2]] == [3, 3]
    _, axes = figures.figure(1, 1)
    both = pd.concat([hand_made.accuracy(), hand_made.accuracy(samples=1000, noise_batch=0.9)])
    ax = plots.lengths(both, axes[0, 0])
    assert ax.get_xscale() == "log" and len(ax.figure.legends[0].get_texts()) == 5


def test_tables_are_plain_means():
    both = pd.concat([hand_made.accuracy(), hand_made.accuracy(samples=1000, noise_batch=0.5)])
    longest = tables.one(both)
    assert set(longest.samples) == {1000}
    assert tables.gap(longest, "noise", "batch").mean() == pytest.approx(0.46, abs=0.01)
    assert tables.advantage(longest, "batch", "stored").mean() == pytest.approx(0.1, abs=0.01)
    assert tables.apart(pd.Series([1.0, 2.0, 6.0])).tolist() == [3.0, 1.5, 4.5]
    even = tables.evenness(hand_made.labels(stored=0.1), "noise")
    assert np.allclose(even, 1, atol=1e-3)
    assert tables.evenness(hand_made.labels(), "noise").stored.mean() < 0.6
    found = tables.summary(longest, hand_made.units())
    assert found.shape == (4, 6) and found.loc[("noise", "batch"), "rho, layer 3"] == pytest.approx(
        0.95, abs=0.01
    )
