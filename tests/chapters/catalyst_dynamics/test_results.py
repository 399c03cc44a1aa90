"""The stored sweeps of this chapter: today's code still computes them, and they are complete."""

import numpy as np
import pytest

from companion import place
from companion.chapters.catalyst_dynamics import sweeps
from companion.runs.store import load_results

STORED = place.PACKAGE.parent / "book" / "results"


@pytest.fixture(scope="module")
def stored():
    return {
        name: load_results(name, STORED / name)[0]["runs"] for name in ("fates", "few_samples", "long_time")
    }


def test_fates_are_computed_again(stored):
    """The first starts of a cell in which some are stuck, at one polarity."""
    cell = next(c for c in sweeps.LAPTOP.cells() if c.over_realization == 1 and not c.to_rest)
    again = type(cell)(**{**cell.model_dump(), "seeds": 5, "polarities": (1.0,)}).run()["runs"]
    runs = stored["fates"].query("overlap == 0 and over_realization == 1 and polarity == 1 and seed <= 5")
    assert again.outcome.tolist() == runs.outcome.tolist() and set(again.outcome) == {"covered", "stuck"}
    np.testing.assert_allclose(again.time, runs.time, rtol=0.02)


def test_few_samples_are_computed_again(stored):
    cell = sweeps.FEW_SAMPLES.settings("laptop").cells()[0]
    again = type(cell)(**{**cell.model_dump(), "seeds": 2, "over_realizations": (1.0,)}).run()["runs"]
    runs = stored["few_samples"].query("train_samples == 16 and over_realization == 1 and seed <= 2")
    assert again.learned.tolist() == runs.learned.tolist()
    np.testing.assert_allclose(again.share_loss, runs.share_loss, rtol=0.05)


def test_long_times_are_computed_again(stored):
    cell = next(c for c in sweeps.LONG_TIME.settings("laptop").cells() if c.over_realization == 2)
    again = type(cell)(**{**cell.model_dump(), "seeds": 3}).run()["runs"]
    runs = stored["long_time"].query("over_realization == 2 and polarity == @cell.polarity and seed <= 3")
    assert again.time.tolist() == runs.time.tolist()


def test_every_start_is_there_once(stored):
    full = sweeps.LAPTOP
    wide = stored["fates"].query("overlap == 0")
    assert len(wide) == len(full.over_realizations) * len(full.polarities) * full.seeds
    assert len(stored["fates"]) - len(wide) == len(full.narrow) * len(sweeps.NARROW_POLARITIES) * full.seeds
    assert set(wide.outcome) == {"covered", "stuck", "moving"}
    stuck = wide[wide.outcome == "stuck"]
    assert (stuck.gradient <= 1e-6).all() and (stuck.curvature >= -1e-4).all() and (stuck.loss > 1e-3).all()
