"""Pictures of the chapter on the catalyst."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.catalyst_dynamics import plots
from companion.pages import figures
from tests.pictures import close  # noqa: F401 (a fixture)


def test_the_phase_map_has_a_number_in_every_square_and_large_polarity_on_top():
    shares = pd.DataFrame(
        {"polarity": [0.0, 0.0, 1.0, 1.0], "over_realization": [1.0, 2.0] * 2, "stuck": [0.1, 0.0, 0.25, 1.0]}
    )
    _, axes = figures.figure(1, 1)
    plots.phase_map(shares, {"stuck": "stuck for ever"}, axes[:, 0])
    ax = axes[0, 0]
    assert [text.get_text() for text in ax.texts] == [".25", "1.00", ".10", ".00"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "1",
        "0",
    ] and ax.get_title() == "stuck for ever"


def test_widths_stand_in_their_order():
    times = pd.DataFrame({"over_realization": [16.0, 2.0, 1.0] * 3, "seed": 1, "time": np.arange(1.0, 10.0)})
    _, axes = figures.figure(1, 1)
    plots.waiting(times, axes[0, 0])
    assert [label.get_text() for label in axes[0, 0].get_xticklabels()] == ["1", "2", "16"]
    runs = pd.DataFrame({"polarity": 0.0, "over_realization": [1.0, 0.4], "sample_gradient": [1e-5, 1.0]})
    _, axes = figures.figure(1, 1)
    plots.narrow(runs, 0.01, axes[0, 0])
    assert [label.get_text() for label in axes[0, 0].get_xticklabels()] == ["0.4", "1"]


def test_a_column_for_each_fate():
    rows = [
        dict(fate=fate, seed=seed, time=time, teacher=j, learned=0.5, strength=1.0)
        for seed, fate in enumerate(("in time", "later", "never"))
        for time in (0.0, 1.0, 10.0)
        for j in (0, 1)
    ]
    curves = pd.DataFrame(rows)
    states = curves.drop(columns=["teacher"]).assign(gradient=1e-3, loss=1e-2)
    _, axes = figures.figure(2, 3)
    plots.three_starts(curves, states, 5.0, axes)
    assert [ax.get_title() for ax in axes[0]] == ["covered in time", "covered later", "stuck: never"]
    labels = [text.get_text() for text in axes[0, 0].figure.legends[0].get_texts()]
    assert labels == ["teacher node 1", "teacher node 2", "largest derivative", "loss J"]


def test_long_times_have_the_diagonal_and_a_median_per_width():
    runs = pd.DataFrame(
        {
            "over_realization": [1.0, 1.0, 4.0, 4.0],
            "weakest": [3.0, 0.3] * 2,
            "time": [30.0, 300.0, 90.0, 90.0],
        }
    )
    _, axes = figures.figure(1, 1)
    plots.long_time(runs, axes[0, 0])
    *_, diagonal = axes[0, 0].lines
    np.testing.assert_allclose(diagonal.get_ydata(), [30, 300])
    assert len(axes[0, 0].lines) == 3
