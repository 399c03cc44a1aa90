"""The stored sweep of this chapter: today's code still computes it, it is complete,
and holds every published point.
"""

import numpy as np
import pandas as pd
import pytest

from companion import place
from companion.chapters.finite_data.sweeps import PAPER
from companion.chapters.finite_data.tables import over_epochs
from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.store import load_results

BOOK = place.PACKAGE.parent / "book"
VALUES = ["train_loss", "eval_loss", "mean_best_correlation"]


@pytest.fixture(scope="module")
def runs():
    return load_results("sample_complexity", BOOK / "results" / "sample_complexity")[0]["runs"]


@pytest.mark.parametrize("data, samples", [("aware", 60), ("random", 195)])
def test_the_stored_sweep_is_reproduced_by_the_present_code(runs, data, samples):
    """One seed of one cell, up to the first evaluation; later ones are chaotic in float32 on another
    processor.
    """
    cells = [c for c in PAPER.cells() if (c.data, c.samples) == (data, samples)]
    cell = TwoLayer(**{**cells[0].model_dump(), "seeds": (7,), "epochs": 1, "snapshots": (0, 1)})
    stored = runs.query("seed == 7 and data == @data and samples == @samples and epoch <= 1")
    both = stored.merge(
        cell.run()["runs"], on=["over_realization", "epoch"], suffixes=("", "_again"), validate="one_to_one"
    )
    assert len(both) == 2 * len(cell.over_realizations)
    for value in VALUES:
        np.testing.assert_allclose(both[value], both[f"{value}_again"], rtol=2e-2, err_msg=value)


def test_the_stored_sweep_is_complete(runs):
    assert len(runs) == len(PAPER.cells()) * PAPER.seeds * len(PAPER.over_realizations) * (PAPER.epochs + 1)
    assert set(runs.status) == {"ok"} and np.isfinite(runs[VALUES]).all(axis=None)
    assert (
        runs.groupby(["data", "samples", "over_realization", "epoch"]).seed.nunique() == PAPER.seeds
    ).all()


def test_every_published_point_has_its_run(runs):
    published = pd.read_csv(BOOK / "reference" / "sample_complexity.csv")
    keys = ["data", "over_realization", "samples"]
    found = published.merge(over_epochs(runs)[keys].drop_duplicates(), on=keys)
    assert len(found) == len(published) == 208
