"""Claims of the chapter on CIFAR-10, by hand: they hold, fail, and stay undecided."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.cifar10.claims import claims_about


def made_up(gain: float) -> dict:
    """Tables in which 2x correlates ``gain`` more than 1x in both layers and is as much more accurate."""
    keys = [dict(seed=s, over_realization=r) for s in (1, 2, 3) for r in (1.0, 2.0)]
    size = lambda k: (k["over_realization"] - 1) * gain + 0.001 * k["seed"]
    runs = pd.DataFrame(
        [dict(k, test_accuracy=0.7 + size(k), test_agreement=0.9, selected=True) for k in keys]
    )
    units = pd.DataFrame(
        [dict(k, epoch=5, layer=l, best_correlation=0.9 - 0.1 * l + size(k)) for k in keys for l in (1, 2)]
    )
    epochs = pd.DataFrame([dict(phase="tuning", selected=True, test_accuracy=0.71)])
    return dict(runs=runs, units=units, epochs=epochs, images=pd.DataFrame([dict(dataset="cifar10")]))


def test_claims_by_hand():
    published = pd.DataFrame(
        {
            "over_realization": [1, 1, 2, 2],
            "layer": [1, 2] * 2,
            "epoch": 100,
            "mean_best_correlation": [0.7, 0.5, 0.8, 0.7],
            "mean_test_accuracy": [0.85, 0.85, 0.86, 0.86],
            "teacher_accuracy": 0.8609,
        }
    )
    found = {claim.id: claim for claim in claims_about(made_up(0.05), published, "laptop")}
    assert len(found) == 7
    # every pair agrees: no resample differs, and the bootstrap has nothing to say
    assert {id: c.verdict for id, c in found.items() if c.verdict != "holds"} == {
        "cifar10/together": "undecided"
    }
    assert found["cifar10/gain-layer-2"].value == pytest.approx(0.05) and found[
        "cifar10/gain-layer-2"
    ].published == pytest.approx(0.2)
    assert found["cifar10/lowest"].value == pytest.approx(0.1) and found[
        "cifar10/lowest"
    ].published == pytest.approx(0.15)
    assert found["cifar10/gap"].value == pytest.approx(0.71 - 0.75 - 0.002) and found[
        "cifar10/gap"
    ].published == pytest.approx(0.0009)
    assert found["cifar10/together"].value == 1 and found["cifar10/selection"].value == 0
    worse = {claim.id: claim.verdict for claim in claims_about(made_up(-0.05), published, "laptop")}
    assert worse["cifar10/gain-layer-1"] == worse["cifar10/accuracy-gain"] == worse["cifar10/gap"] == "fails"
    broken = made_up(0.05)
    broken["units"].loc[0, "best_correlation"] = np.nan
    found = {claim.id: claim.verdict for claim in claims_about(broken, published, "laptop")}
    assert found["cifar10/gain-layer-1"] == found["cifar10/together"] == "undecided"
