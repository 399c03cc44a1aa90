"""Today's code still computes the stored numbers: one student of the sweep again, alone."""

import numpy as np

from companion.chapters.pruning.sweeps import PRUNING
from companion.runs.store import load_results
from tests.sentences import BOOK

KEYS = ["k", "method", "reweighted"]


def test_a_student_is_what_the_sweep_stored():
    tables, _ = load_results("pruning", BOOK / "results" / "pruning")
    cells = PRUNING.settings("laptop").cells()
    cell = next(c for c in cells if c.over_realization == 1.5 and c.start == "even")
    seed = cell.seeds[2]
    again = type(cell)(**cell.model_dump() | dict(seeds=(seed,))).run()["errors"]
    stored = tables["errors"]
    mine = stored[(stored[["start", "over_realization", "noise"]] == ["even", 1.5, 0.0]).all(axis=1)]
    mine = mine[mine.seed == seed].sort_values(KEYS)
    assert len(mine) == len(again) > 10
    assert np.allclose(mine.error, again.sort_values(KEYS).error, rtol=0.05)
    other = stored[(stored.start == "even") & (stored.over_realization == 1.5) & (stored.seed == seed + 1)]
    assert not np.allclose(mine.error, other.sort_values(KEYS).error, rtol=0.5)
