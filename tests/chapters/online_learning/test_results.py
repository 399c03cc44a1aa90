"""The stored sweeps of this chapter: today's code still computes them."""

import numpy as np

from companion.chapters.online_learning.sweeps import SIZES
from companion.runs.store import load_results
from tests.sentences import BOOK


def test_sizes_are_computed_again():
    """The first two seeds at the smallest number of inputs."""
    cell = next(c for c in SIZES.settings("laptop").cells() if c.input_dim == 50)
    again = type(cell)(**{**cell.model_dump(), "seeds": 2}).run()["overlaps"]
    stored = load_results("committee_sizes", BOOK / "results" / "committee_sizes")[0]["overlaps"]
    keys = ["route", "seed", "alpha", "student", "teacher"]
    stored = stored[(stored.input_dim == 50) & (stored.seed <= 2)].set_index(keys).overlap
    again = again.set_index(keys).overlap
    assert len(again) == len(stored) == 2 * 3 * 41 * 4
    np.testing.assert_allclose(again, stored.loc[again.index], atol=1e-3)
