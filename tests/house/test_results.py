"""Committed results: what the stored sweeps say is what the code still computes, and refusals of foreign tables."""

import numpy as np
import pandas as pd
import pytest

from ts_core import store
from ts_core.experiments import (
    cifar10, cross_entropy_rate, dataset_size, deep_l_shape, depth, equal_budget, multi_layer, sample_complexity, two_layer,
    wider_students,
)

VALUES = ["train_loss", "eval_loss", "mean_best_correlation"]


@pytest.fixture(scope="module")
def sweep():
    return store.load_results("sample_complexity")


@pytest.mark.parametrize("data, samples", [("aware", 60), ("random", 195)])
def test_the_stored_sweep_is_reproduced_by_the_present_code(sweep, data, samples):
    """One seed of one cell, up to the first evaluation; later ones are chaotic in float32 on another processor."""
    cells = [c for c in sample_complexity.PAPER.cells() if (c.data, c.samples) == (data, samples)]
    cell = two_layer.Cell(**{**cells[0].model_dump(), "seeds": (7,), "epochs": 1, "snapshots": (0, 1)})
    stored = sweep[0]["runs"].query("seed == 7 and data == @data and samples == @samples and epoch <= 1")
    again = two_layer.run(cell)["runs"]
    both = stored.merge(again, on=["over_realization", "epoch"], suffixes=("", "_again"), validate="one_to_one")
    assert len(both) == 2 * len(cell.over_realizations)
    for value in VALUES:
        np.testing.assert_allclose(both[value], both[f"{value}_again"], rtol=2e-2, err_msg=value)


def test_the_stored_sweep_is_complete(sweep):
    tables, facts = sweep
    spec = sample_complexity.PAPER
    cells = spec.cells()
    assert facts["cells"] == len(cells) and facts["spec"] == spec.model_dump(mode="json")
    runs = tables["runs"]
    assert len(runs) == len(cells) * spec.seeds * len(spec.over_realizations) * (spec.epochs + 1)
    assert set(runs.status) == {"ok"} and np.isfinite(runs[VALUES]).all(axis=None)
    assert (runs.groupby(["data", "samples", "over_realization", "epoch"]).seed.nunique() == spec.seeds).all()


def test_every_published_point_has_its_run(sweep):
    published = pd.read_csv(store.COMMITTED.parent / "reference" / "sample_complexity.csv")
    keys = ["data", "over_realization", "samples"]
    found = published.merge(sample_complexity.over_epochs(sweep[0]["runs"])[keys].drop_duplicates(), on=keys)
    assert len(found) == len(published) == 208


def test_minima_over_epochs_by_hand():
    runs = pd.DataFrame({
        "seed": 1, "data": "aware", "samples": 30, "over_realization": 1.0, "epoch": [0, 1, 2, 3], "status": "ok",
        "train_loss": [0.0, 3.0, 1.0, 2.0], "eval_loss": [0.1, 5.0, 4.0, 6.0], "mean_best_correlation": [0.1, 0.9, 0.7, 0.8],
    })
    row = sample_complexity.over_epochs(runs).iloc[0]
    assert (row.train_loss, row.eval_loss, row.mean_best_correlation, row.last_correlation) == (1.0, 4.0, 0.7, 0.8)
    both = sample_complexity.over_epochs(pd.concat([runs, runs.assign(data="random", mean_best_correlation=0.5)]))
    gain = sample_complexity.advantage(both, 30).iloc[0]
    assert gain.last_correlation == pytest.approx(0.3) and gain.mean_best_correlation == pytest.approx(0.2)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_stored_multi_layer_sweep_is_reproduced_by_the_present_code(loss):
    """One seed of the smallest cell up to the second evaluation; later ones are chaotic in float32 on another processor."""
    tables, _ = store.load_results("dataset_size")
    cell = next(c for c in dataset_size.PAPER.cells() if (c.loss, c.samples) == (loss, 5000) and 3 in c.seeds)
    again = multi_layer.run(multi_layer.Cell(**{**cell.model_dump(), "seeds": (3,), "epochs": 2, "snapshots": (0, 2)}))
    stored = tables["layers"].query("seed == 3 and samples == 5000 and loss == @loss and epoch in (0, 2)")
    both = stored.merge(again["layers"], on=["epoch", "layer"], suffixes=("", "_again"), validate="one_to_one")
    assert len(both) == 2 * 4
    for value in ("mean_best_correlation", "mean_best_teacher"):
        np.testing.assert_allclose(both[value], both[f"{value}_again"], rtol=2e-2, err_msg=value)


@pytest.mark.parametrize("sweep, module", [
    ("dataset_size", dataset_size), ("wider_students", wider_students), ("equal_budget", equal_budget),
    ("cross_entropy_rate", cross_entropy_rate), ("depth", depth), ("deep_l_shape", deep_l_shape),
])
def test_the_stored_multi_layer_sweeps_are_complete(sweep, module):
    tables, facts = store.load_results(sweep)
    cells = module.PAPER.cells()
    assert facts["cells"] == len(cells) and facts["spec"] == module.PAPER.model_dump(mode="json")
    assert len(tables["layers"]) == sum(len(c.seeds) * len(c.hidden) * len(c.snapshots) for c in cells)
    assert set(tables["runs"].status) == {"ok"}
    assert np.isfinite(tables["layers"][["mean_best_correlation", "mean_best_teacher"]]).all(axis=None)


def test_the_stored_learning_rates_can_be_looked_up():
    stored = store.load_results("cross_entropy_rate")[0]["layers"]
    assert set(stored.learning_rate) == set(cross_entropy_rate.PAPER.learning_rates)


def test_the_stored_convolutional_run_is_complete():
    """At the laptop scale; the images are not part of the project, so nothing is trained again here."""
    tables, facts = store.load_results("cifar10")
    spec = cifar10.LAPTOP
    assert facts["scale"] == "laptop" and facts["spec"] == spec.model_dump(mode="json")
    students, epochs = spec.seeds * len(spec.over_realizations), spec.student_epochs + 1
    assert len(tables["runs"]) == students * epochs and set(tables["runs"].status) == {"ok"}
    assert tables["runs"].groupby(["seed", "over_realization"]).selected.sum().eq(1).all()
    active = [spec.width - int(share * spec.width) for share in spec.prune]
    assert tables["channels"].groupby("layer").active.sum().tolist() == active
    assert len(tables["units"]) == students * epochs * sum(active)
    assert tables["units"].best_correlation.between(-1, 1).all()
