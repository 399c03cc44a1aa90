"""Claims of the chapter on CIFAR-10, by hand: they hold, fail, and stay undecided."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.cifar10 import claims
from companion.chapters.cifar10.claims import claims_about

START = {1: 0.5, 2: 0.2}


def made_up(gain: float) -> dict:
    """Tables of 1x and 2x: training adds .1 to both layers, ``gain`` more in 2x, and as much accuracy."""
    keys = [dict(seed=s, over_realization=r) for s in (1, 2, 3) for r in (1.0, 2.0)]
    size = lambda k: (k["over_realization"] - 1) * gain + 0.001 * k["seed"]
    runs = pd.DataFrame(
        [
            dict(k, epoch=e, test_accuracy=a, test_agreement=0.9, selected=e == 5)
            for k in keys
            for e, a in ((0, 0.1), (1, 0.4), (5, 0.7 + size(k)))
        ]
    )
    units = pd.DataFrame(
        [
            dict(k, epoch=e, layer=l, best_correlation=START[l] + more)
            for k in keys
            for l in START
            for e, more in ((0, 0.0), (5, 0.1 + size(k)))
        ]
    )
    epochs = pd.DataFrame([dict(phase="tuning", selected=True, test_accuracy=0.71)])
    return dict(runs=runs, units=units, epochs=epochs, images=pd.DataFrame([dict(dataset="cifar10")]))


@pytest.fixture
def published():
    found = pd.DataFrame(
        {
            "over_realization": [1, 1, 2, 2] * 2,
            "layer": [1, 2] * 4,
            "epoch": [0] * 4 + [100] * 4,
            "mean_best_correlation": [0.5, 0.2, 0.5, 0.3, 0.7, 0.5, 0.8, 0.7],
        }
    )
    accuracy = found.over_realization.map({1: 0.85, 2: 0.86})
    return found.assign(mean_test_accuracy=accuracy, teacher_accuracy=0.8609)


def by_id(*args) -> dict:
    return {claim.id.removeprefix("cifar10/"): claim for claim in claims_about(*args)}


def test_claims_by_hand(published):
    found = by_id(made_up(0.05), published, "laptop")
    value = {id: pytest.approx(claim.value) for id, claim in found.items()}
    assert value == {
        "rises": 0.127,
        "gain-layer-1": 0.05,
        "gain-layer-2": 0.05,
        "lowest": 0.3,
        "lowest-training": 0.0,
        "gap": 0.71 - 0.752,
        "accuracy-gain": 0.05,
        "together": 1.0,
        "selection": 0.0,
    }
    theirs = {id: claim.published for id, claim in found.items()}
    assert theirs == pytest.approx(
        {
            "rises": 0.25,
            "gain-layer-1": 0.1,
            "gain-layer-2": 0.1,
            "lowest": 0.15,
            "lowest-training": -0.1,
            "gap": 0.0009,
            "accuracy-gain": 0.01,
            "together": None,
            "selection": None,
        }
    )
    # every pair agrees: no resample differs, and the bootstrap has nothing to say
    assert found["together"].verdict == "undecided"


def test_the_wrong_alternatives_by_hand(published):
    wrong = {id: claim.wrong for id, claim in by_id(made_up(0.05), published, "laptop").items()}
    assert wrong["rises"].value == wrong["gain-layer-1"].value == 0
    assert wrong["gap"].value == pytest.approx(0.71 - 0.4)
    assert wrong["accuracy-gain"].value == pytest.approx(0.4 - 0.702)
    # trained epochs of .4 and .752 or .702: the mean of both lies half of the difference below the best
    assert wrong["selection"].value == pytest.approx((0.352 + 0.302) / 4)


def test_students_that_are_only_wider_before_training_gain_nothing(published):
    """What the last epoch alone would have called a gain of a fifth."""
    tables = made_up(0.0)
    wide = tables["units"].over_realization == 2
    tables["units"].loc[wide, "best_correlation"] += 0.2
    found = by_id(tables, published, "laptop")
    assert found["gain-layer-1"].value == pytest.approx(0) and found["gain-layer-1"].verdict == "fails"


def test_a_worse_student_fails(published):
    worse = {id: claim.verdict for id, claim in by_id(made_up(-0.05), published, "laptop").items()}
    assert worse["gain-layer-1"] == worse["accuracy-gain"] == worse["gap"] == "fails"


def test_a_missing_number_decides_nothing(published):
    broken = made_up(0.05)
    broken["units"].loc[1, "best_correlation"] = np.nan
    found = {id: claim.verdict for id, claim in by_id(broken, published, "laptop").items()}
    assert found["gain-layer-1"] == found["together"] == found["lowest"] == "undecided"


def test_other_widths_have_no_published_number(published):
    tables = made_up(0.05)
    for name in ("runs", "units"):
        tables[name] = tables[name].replace({"over_realization": {2.0: 3.0}})
    found = by_id(tables, published, "quick")
    assert found["gain-layer-1"].published is None and found["accuracy-gain"].published is None


def test_the_margin_of_a_layer_drawn_by_lot():
    rho = pd.DataFrame({1: [0.9], 2: [0.5], 3: [0.6]})
    assert claims.margin(rho).tolist() == pytest.approx([0.3])
    assert claims.by_lot(rho).tolist() == pytest.approx([(0.3 - 0.4 - 0.3) / 3])


def test_pairs_by_hand():
    """1x students .1 and .2 are .5 and .6 accurate, the 2x one, .3, is .4: one pair of three agrees."""
    found = pd.DataFrame(
        {"mean_best_correlation": [0.1, 0.2, 0.3], "test_accuracy": [0.5, 0.6, 0.4]},
        index=pd.MultiIndex.from_tuples([(1, 1.0), (2, 1.0), (1, 2.0)], names=["seed", "over_realization"]),
    )
    pairs = claims.pairs(found)
    assert pairs.same_width.tolist() == [True, False, False]
    assert pairs.agree.tolist() == [True, False, False]
