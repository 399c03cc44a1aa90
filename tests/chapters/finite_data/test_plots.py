"""Pictures of the chapter on finite data: from tables, and with a word for what is missing."""

import matplotlib

matplotlib.use("agg")

import pandas as pd
import pytest

from companion.chapters.finite_data import claims, plots, tables
from companion.chapters.finite_data.parameters import Parameters
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
