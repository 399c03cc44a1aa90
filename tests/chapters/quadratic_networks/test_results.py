"""The stored sweep of this chapter: today's code still computes it, and it is complete."""

import numpy as np

from companion import place
from companion.chapters.quadratic_networks import sweeps
from companion.runs.store import load_results

STORED = place.PACKAGE.parent / "book" / "results" / "quadratic"


def test_warm_starts_are_computed_again():
    """The first seeds of the smallest cell, for a while; float32, hence not to the last digit."""
    runs = load_results("quadratic", STORED)[0]["runs"]
    cell = next(c for c in sweeps.LAPTOP.cells() if c.input_dim == 200 and c.teachers == 2)
    again = type(cell)(**{**cell.model_dump(), "seeds": 2, "horizon": 4.0}).run()["runs"]
    kept = runs.query("input_dim == 200 and teachers == 2 and seed <= 2 and time <= 4")
    keys = ["width", "seed", "time"]
    kept, again = (table.sort_values(keys) for table in (kept, again))
    assert len(kept) == len(again)
    for column in ("loss", "loss_ode", "apart", "excess"):
        np.testing.assert_allclose(again[column], kept[column], rtol=1e-3, atol=1e-4)


def test_every_start_is_there_once():
    runs = load_results("quadratic", STORED)[0]["runs"]
    for cell in sweeps.LAPTOP.cells():
        here = runs[(runs.input_dim == cell.input_dim) & (runs.teachers == cell.teachers)]
        looks = round(cell.horizon / cell.interval) + 1
        assert len(here) == looks * cell.seeds * len(cell.widths)
        assert not here.duplicated(["width", "seed", "time"]).any() and np.isfinite(here.loss).all()
