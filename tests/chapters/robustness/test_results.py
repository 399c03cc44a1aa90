"""The stored sweep: one of its students, computed again."""

import numpy as np
import pytest

from companion.chapters.robustness.studies import Students
from companion.chapters.robustness.sweeps import ROBUSTNESS
from companion.runs.store import load_results
from tests.sentences import BOOK


def test_a_student_of_the_stored_sweep_is_the_same_today():
    tables, _ = load_results("robustness", BOOK / "results" / "robustness")
    cell = ROBUSTNESS.scales["laptop"].into(Students, seeds=(1,), noises=(0.0,), method="standard")
    again = cell.run()
    keys = ["method", "noise", "seed"]
    of = lambda table: table.query("seed == 1 and noise == 0 and method in ['standard', 'start']")
    stored, now = (of(table).set_index(keys).sort_index() for table in (tables["runs"], again["runs"]))
    for column in ("cos_in", "rho_in", "rho_full"):  # of cos_out rounding decides which copy is the best one
        np.testing.assert_allclose(now[column], stored[column], atol=0.02)
    wanted = tables["attacks"].query("attack == 'free' and radius == 0.5")
    found = again["attacks"].query("attack == 'free' and radius == 0.5")
    stored, now = (of(table).set_index(keys).sort_index().loss for table in (wanted, found))
    assert list(now) == pytest.approx(list(stored), rel=0.05)
