"""The chapter on fan-out ordering: its tables by hand, and its stored sweep against the present code."""

import numpy as np
import pandas as pd
import pytest

from ts_core import store
from ts_core.experiments import fan_out, fan_out_claims, fan_out_ordering, two_layer

TEACHERS = pd.DataFrame({
    "teacher_width": 2, "polarity": 1.0, "over_realization": 1.0, "seed": [1, 1, 2, 2] * 2, "epoch": [5] * 4 + [100] * 4,
    "teacher": [0, 1] * 4, "best_correlation": [0.99, 0.2, 0.96, 0.94, 0.99, 0.97, 0.5, 0.96], "fan_out_norm": [4.0, 2.0] * 4,
})


def test_success_rates_by_hand():
    rates = fan_out_ordering.success_rate(TEACHERS, 0.95, (5, 100)).set_index(["epoch", "teacher"]).success_rate
    assert rates.to_dict() == {(5, 0): 1.0, (5, 1): 0.0, (100, 0): 0.5, (100, 1): 1.0}
    assert set(fan_out_ordering.success_rate(TEACHERS, 0.95, (5,)).epoch) == {5}


def test_a_loss_of_zero_stays_finite_and_a_diverged_run_stays_out():
    runs = pd.DataFrame({"status": ["ok", "ok", "diverged"], "eval_loss": [1e-3, 0.0, np.nan]})
    curves = fan_out_ordering.loss_curves(runs).log10_eval_loss
    assert len(curves) == 2 and curves.iloc[0] == pytest.approx(-3) and np.isfinite(curves.iloc[1])


def test_a_start_that_never_covers_counts_with_the_horizon():
    times = pd.DataFrame({"seed": [1, 1, 2, 2], "over_realization": [1.0, 4.0] * 2, "time": [np.nan, 12.0, 40.0, 10.0]})
    claim = fan_out_claims.covering(times, 120.0)
    assert claim.value == pytest.approx((12 / 120 + 10 / 40) / 2) and claim.verdict == "holds"


def test_the_distance_to_published_curves_by_hand():
    rates = pd.DataFrame({"polarity": 1.0, "over_realization": 1.0, "epoch": 100, "teacher": [0, 1], "success_rate": [1.0, 0.5]})
    losses = pd.DataFrame({"polarity": 1.0, "over_realization": 1.0, "epoch": [100], "log10_eval_loss": [-2.0]})
    runs = pd.DataFrame({"polarity": 1.0, "over_realization": 1.0, "epoch": 100, "seed": [1, 2], "status": "ok",
                         "eval_loss": [1e-3, 1e-4]})
    success, loss = fan_out_claims.published(TEACHERS, runs, rates, losses)
    assert success.value == pytest.approx((0.5 + 0.5) / 2) and success.verdict != "holds"
    assert loss.value == pytest.approx(1.5)


def test_the_stored_sweep_is_reproduced_by_the_present_code():
    """One seed of the widest cell up to the first evaluation; later ones are chaotic in float32 on another processor."""
    tables, facts = store.load_results("fan_out")
    spec = fan_out.FanOut(**{**facts["spec"], "teacher_widths": (10,), "seeds": 1, "epochs": 1, "snapshots": (0, 1)})
    again = two_layer.run(spec.cells()[0])
    keys = ["teacher_width", "seed", "polarity", "over_realization", "epoch"]
    both = tables["runs"].merge(again["runs"], on=keys, suffixes=("", "_again"), validate="one_to_one")
    assert len(both) == 6 * 4 * 2
    for value in ("train_loss", "eval_loss", "mean_best_correlation"):
        np.testing.assert_allclose(both[value], both[f"{value}_again"], rtol=2e-2, err_msg=value)


def test_the_stored_sweep_is_complete():
    tables, facts = store.load_results("fan_out")
    spec = fan_out.PAPER
    assert facts["cells"] == len(spec.cells()) == 24 and facts["spec"] == spec.model_dump(mode="json")
    runs = tables["runs"]
    assert set(runs.status) == {"ok"} and len(runs) == 3 * spec.seeds * 6 * 4 * len(spec.snapshots)
    assert (runs.groupby(["teacher_width", "polarity", "over_realization", "epoch"]).seed.nunique() == 32).all()
    assert len(tables["teachers"]) == (5 + 10 + 20) * 32 * 6 * 4 * 17
    assert len(tables["students"]) == (5 + 10 + 20) * 18 * 32 * 6
