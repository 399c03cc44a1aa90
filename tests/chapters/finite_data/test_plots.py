"""Pictures of the chapter on finite data: from tables, and with a word for what is missing."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest

from companion.chapters.finite_data import claims, plots, sweeps, tables
from companion.chapters.finite_data.parameters import Parameters
from companion.chapters.finite_data.tables import along, centre, needed, needed_along
from companion.experiments.two_layer.tables import outcome
from companion.pages import figures
from companion.pages.scorecard import Table
from tests.pictures import close, words  # noqa: F401 (a fixture)

TINY = dict(input_dim=6, outputs=3, seeds=2, sample_sizes=[60], sample_steps=10, over_realizations=[1.0, 2.0])


@pytest.mark.parametrize("exploding", [False, True])
def test_a_picture_says_when_members_diverged(exploding):
    spec = Parameters(**TINY, learning_rate=50.0 if exploding else 0.01)
    sweep = pd.concat([cell.run()["runs"] for cell in spec.sample_complexity().cells()], ignore_index=True)
    _, axes = figures.figure(1, 2)
    live = tables.over_epochs(sweep)
    shown = words(plots.sample_complexity(live, None, "last_correlation", axes[0]))
    assert ("diverged" in shown) == ("DIVERGED" in outcome(sweep)) == exploding
    if exploding:
        assert {claim.verdict for claim in claims.live_claims(live, spec)} == {"undecided"}


def test_a_claim_is_made_once():
    with pytest.raises(ValueError, match="claimed twice"):
        Table(
            [
                claim
                for _ in range(2)
                for claim in claims._aware_claims(
                    pd.DataFrame(
                        {
                            "samples": 60,
                            "seed": [1, 1],
                            "over_realization": 1.0,
                            "data": ["aware", "random"],
                            "train_loss": 0.0,
                            "eval_loss": 0.0,
                            "mean_best_correlation": 0.5,
                            "last_correlation": [0.9, 0.4],
                        }
                    ),
                    "quick",
                )
            ]
        )


def quick(*sweeps) -> list[pd.DataFrame]:
    """Last rows of tables like those of the sweeps, one seed after the other, correlations made up."""
    rng = np.random.default_rng(0)
    found = []
    for sweep in sweeps:
        cells = [cell.model_dump() for cell in sweep.scales["quick"].cells()]
        rows = pd.DataFrame(dict(cell, seed=seed, epoch=1) for cell in cells for seed in cell.pop("seeds"))
        found.append(rows.assign(mean_best_correlation=rng.uniform(0.85, 0.95, len(rows))))
    return found


def test_curves_and_samples_needed_have_a_line_per_kind_and_the_bound():
    middle = centre(sweeps.SAMPLES_NEEDED.scales["quick"].model_dump())
    (runs,) = quick(sweeps.SAMPLES_NEEDED)
    _, axes = figures.figure(2, 3)
    plots.learning_curves(along(runs, "input_dim", middle), 0.9, axes[0])
    plots.needed(needed_along(runs, middle, 0.9), axes[1])
    assert [len(ax.lines) for ax in axes[0]] == [3 + 1] * 3  # a line per input dimension, and the level
    labels = [ax.get_legend_handles_labels()[1] for ax in axes[1]]
    assert labels == [[name for name, *_ in plots.KINDS.values()] + ["growth of the bound"]] * 3


def test_augmented_data_and_laws_are_named():
    (runs,) = quick(sweeps.OTHER_INPUTS)
    at = runs[runs.input_dim == 10]
    _, axes = figures.figure(1, 2)
    plots.augmented(at, 0.9, axes[0])
    plots.laws(needed(runs[runs.input_dim == 20], ["input_dim", "law"], 0.9), axes[0, 1])
    assert axes[0, 0].get_legend_handles_labels()[1] == [
        "random data",
        "agnostic, steps of 1.5",
        "agnostic, steps of 0.034",
    ]
    assert {text.get_text() for text in axes[0, 1].get_yticklabels()} == {"gaussian", "mixture"}


def test_gradient_levels_leave_out_what_was_never_found():
    levels = pd.DataFrame(
        {"seed": [1, 1, 2, 2], "level": [0.1, 0.2] * 2, "gradient": [0.01, 0.02, 0.0, 0.04]}
    )
    _, axes = figures.figure(1, 1)
    plots.gradient_levels({"level": levels}, {"level": 1.0}, axes[0])
    middle = axes[0, 0].lines[-2].get_ydata()
    assert middle.tolist() == [0.01, 0.03]
    assert axes[0, 0].lines[-1].get_ydata().tolist() == [pytest.approx(0.015), pytest.approx(0.03)]


def test_sines_have_a_line_per_epoch_and_per_level():
    rows = [
        dict(seed=s, epoch=e, samples=n, sine=1 / n) for s in (1, 2) for e in (10, 100) for n in (20, 400)
    ]
    _, axes = figures.figure(1, 1)
    plots.sines(pd.DataFrame(rows), (0.1, 0.2), axes[0, 0])
    assert axes[0, 0].get_legend_handles_labels()[1] == ["1,000 steps", "10,000 steps"]
    assert len(axes[0, 0].lines) == 4


def test_a_correlation_of_one_is_drawn_where_float32_ends():
    students = pd.DataFrame(
        {"data": ["random", "aware"], "eval_loss": 1e-9, "mean_best_correlation": [0.9, 1]}
    )
    _, axes = figures.figure(1, 1)
    plots.generalization(students, axes[0, 0])
    places = [dots.get_offsets()[0, 0] for dots in axes[0, 0].collections]
    assert places == [pytest.approx(0.1), plots.FLOAT32]
