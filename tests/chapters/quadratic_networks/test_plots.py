"""Pictures of the chapter on quadratic networks, from runs that take a moment."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest

from companion.chapters.quadratic_networks import plots, studies, tables
from companion.chapters.quadratic_networks.sweeps import Sizes
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (one is a fixture)


@pytest.fixture(scope="module")
def runs():
    cells = Sizes(warm_dims=(30, 60), warm_widths=(2,), input_dims=(30, 60), widths=(2,), seeds=5).cells()
    return pd.concat([cell.run()["runs"] for cell in cells], ignore_index=True)


@pytest.fixture(scope="module")
def flows():
    return studies.Escapes(widths=(1, 2), input_dims=(10_000, 100_000), seeds=4).run()


def test_escape_is_at_zero_of_the_aligned_panel(runs):
    random = runs[(runs.overlap == 0) & (runs.width == 2) & (runs.input_dim == 60)]
    moved = tables.aligned(random)
    _, axes = figures.figure(1, 3)
    plots.overlay(runs[(runs.overlap > 0) & (runs.width == 2)], moved, axes[0])
    at_escape = [
        np.interp(0, line.get_xdata(), line.get_ydata())
        for line in axes[0, 2].lines[:-1]
        if line.get_linestyle() == "--"
    ]
    assert np.nanstd(at_escape) < 0.1
    assert len(axes[0, 1].lines) == 2 * min(plots.SHOWN, moved.seed.nunique()) + 1


def test_the_lines_of_theory_lie_where_theory_says(flows):
    _, axes = figures.figure(1, 3)
    plots.escapes(flows["escapes"], flows["passages"], axes[0])
    theory = next(line for line in axes[0, 1].lines if line.get_label() == "4η₀/p*, theory")
    np.testing.assert_allclose(theory.get_ydata(), 0.4)
    fixed = next(line for line in axes[0, 1].lines if line.get_label() == "at fixed η")
    np.testing.assert_allclose(fixed.get_ydata(), [0.4, 0.2])
    labels = [text.get_text() for text in axes[0, 0].get_legend().get_texts()]
    assert labels == ["p = 1", "p = 2"]


def test_where_flows_end():
    ends = studies.Endings(shapes=((1, 1), (2, 1)), input_dim=50, seeds=3, others=20).run()
    _, axes = figures.figure(1, 2)
    plots.geometry(ends["kept"], ends["endings"], 1e-8, axes[0])
    assert [label.get_text() for label in axes[0, 1].get_xticklabels()] == ["1, 1", "2, 1"]


def test_counts_stand_in_the_panels_of_spectra():
    spectra = studies.Curvature(shapes=((2, 1),), input_dim=6).run()["spectra"]
    _, axes = figures.figure(2, 1)
    plots.spectra(spectra, axes)
    assert "2 negative" in words(axes) and "0 negative\n6 zero of 12" in words(axes)


def test_what_is_below_the_floor_is_not_drawn():
    tails = studies.Tails(shapes=((1, 1), (2, 1)), input_dim=100, seeds=2, horizon=120.0).run()["tails"]
    _, axes = figures.figure(1, 2)
    plots.tails(tails, 1e-4, axes[0])
    assert min(line.get_ydata().min() for line in axes[0, 0].lines) >= 1e-4
    assert len(axes[0, 1].lines) == 2  # one curve has a limit; and the limit


def test_a_group_for_each_n_at_a_finite_rate(runs, flows):
    _, axes = figures.figure(1, 3)
    plots.finite_rate(runs[runs.overlap > 0], runs[runs.overlap == 0], flows["passages"], axes[0])
    labels = axes[0, 2].get_legend_handles_labels()[1]
    assert {"SGD, N = 30", "SGD, N = 60", "theory", "closest solution"} == set(labels)
