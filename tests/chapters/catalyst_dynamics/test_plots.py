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
    runs = pd.DataFrame(
        {"polarity": 0.0, "seed": 1, "over_realization": [1.0, 0.4], "sample_gradient": [1e-5, 1.0]}
    )
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


def test_medians_of_every_polarity_and_what_starts_see():
    runs = pd.DataFrame(
        {
            "polarity": [0.0, 0.0, 1.0, 1.0],
            "over_realization": [1.0, 2.0] * 2,
            "time": [10.0, 5.0, 100.0, np.nan],
        }
    )
    _, axes = figures.figure(1, 3)
    plots.waiting_by_polarity(runs, axes[0, 0])
    assert [line.get_ydata().tolist() for line in axes[0, 0].lines] == [[10, 5], [100]]
    events = pd.DataFrame(
        {
            "over_realization": [1.0, 2.0] * 2,
            "share": [0.5, 0.5, np.nan, np.nan],
            "found": 3,
            "of": 4,
            "chance": 0.7,
        }
    )
    plots.chances(events, axes[0, 1])
    labels = [text.get_text() for text in axes[0, 1].get_legend().get_texts()]
    assert labels == ["50% observed", "faced"]
    shares = pd.DataFrame(
        {"over_realization": [1.0, 2.0] * 2, "faced": [True, True, False, False]}
        | {"value": [0.1, 0.0, 0.2, 0.1], "low": [-0.1, 0.0, 0.1, 0.0], "high": [0.2, 0.1, 0.3, 0.2]}
    )
    plots.stuck_by_faces(shares, axes[0, 2])
    assert len(axes[0, 2].containers) == 2


def test_noisy_angles_have_a_line_per_law_and_the_bound():
    nodes = pd.DataFrame(
        {"law": ["gaussian", "wave"] * 4, "noise": np.repeat([1e-3, 1e-2], 4), "fan_out": 1.0}
        | {"sine": np.repeat([1e-3, 1e-2], 4), "bound": [0.1, np.nan] * 4}
    )
    tilted = pd.DataFrame({"sine": [0.01], "bound": [0.04]})
    _, axes = figures.figure(1, 2)
    plots.noisy(nodes, axes[0, 0])
    plots.guaranteed(nodes, tilted, axes[0, 1])
    assert [line.get_label() for line in axes[0, 0].lines] == ["gaussian", "wave", "in proportion"]
    diagonal = axes[0, 1].lines[-1]
    np.testing.assert_allclose(diagonal.get_xdata(), diagonal.get_ydata())
    assert diagonal.get_xdata()[-1] == 1
