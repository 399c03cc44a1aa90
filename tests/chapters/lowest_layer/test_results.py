"""The stored sweeps of this chapter: today's code still computes them, and they are complete."""

import numpy as np
import pytest

from companion import place
from companion.chapters.lowest_layer import sweeps
from companion.experiments.multi_layer.spec import MultiLayer
from companion.runs.store import load_results
from companion.runs.sweeps import Sweep

STORED = place.PACKAGE.parent / "book" / "results"
SWEEPS = {sweep.name: sweep for sweep in vars(sweeps).values() if isinstance(sweep, Sweep)}
MEANS = ["mean_best_correlation", "mean_best_teacher"]


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_stored_sweep_is_reproduced_by_the_present_code(loss):
    """One seed of the smallest cell up to the second evaluation;
    later ones are chaotic in float32 on another processor.
    """
    tables, _ = load_results("dataset_size", STORED / "dataset_size")
    cells = sweeps.DATASET_SIZE.settings("laptop").cells()
    cell = next(c for c in cells if (c.loss, c.samples) == (loss, 5000) and 3 in c.seeds)
    again = MultiLayer(**{**cell.model_dump(), "seeds": (3,), "epochs": 2, "snapshots": (0, 2)}).run()
    stored = tables["layers"].query("seed == 3 and samples == 5000 and loss == @loss and epoch in (0, 2)")
    both = stored.merge(
        again["layers"], on=["epoch", "layer"], suffixes=("", "_again"), validate="one_to_one"
    )
    assert len(both) == 2 * 4
    for value in MEANS:
        np.testing.assert_allclose(both[value], both[f"{value}_again"], rtol=2e-2, err_msg=value)


@pytest.mark.parametrize("name", SWEEPS)
def test_the_stored_sweeps_are_complete(name):
    tables, facts = load_results(name, STORED / name)
    cells = SWEEPS[name].settings(facts["scale"]).cells()
    assert facts["scale"] == "laptop" and facts["cells"] == len(cells)
    assert len(tables["layers"]) == sum(len(c.seeds) * len(c.hidden) * len(c.snapshots) for c in cells)
    assert set(tables["runs"].status) == {"ok"}
    assert np.isfinite(tables["layers"][MEANS]).all(axis=None)


def test_the_stored_learning_rates_can_be_looked_up():
    stored = load_results("cross_entropy_rate", STORED / "cross_entropy_rate")[0]["layers"]
    assert set(stored.learning_rate) == set(sweeps.CROSS_ENTROPY_RATE.settings("laptop").learning_rates)
