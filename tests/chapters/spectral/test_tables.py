"""Counts and jumps on tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.spectral import tables

RUN = dict(method="spectral", problem="three layers", width=4, teacher_width=2)


def units(sizes: dict[int, list[float]], **changes) -> pd.DataFrame:
    """Students by seed; step 0 has all nodes alike."""
    rows = [
        RUN
        | dict(seed=seed, step=step, unit=unit, size=size if step else 1.0, balance=0.0, status="ok")
        | changes
        for seed, row in sizes.items()
        for step in (0, 100)
        for unit, size in enumerate(row)
    ]
    return pd.DataFrame(rows)


def kept(errors: dict[int, list[float]], **changes) -> pd.DataFrame:
    rows = [
        RUN | dict(seed=seed, kept=number, error=error, status="ok") | changes
        for seed, row in errors.items()
        for number, error in enumerate(row)
    ]
    return pd.DataFrame(rows)


def test_survivors_are_counted_above_a_share_of_the_largest():
    table = units({1: [1, 0.3, 0.04, 0], 2: [1, 0.06, 0.06, 0.06]})
    counted = tables.survivors(table, 0.05)
    assert counted[counted.step == 0].nodes.tolist() == [4, 4]
    ends = tables.at_the_end(counted)
    assert ends.nodes.tolist() == [2, 4] and ends.excess.tolist() == [0, 2]
    assert tables.at_the_end(tables.survivors(table, 0.1)).excess.tolist() == [0, -1]
    row = tables.found(table, 0.05).iloc[0]
    assert (row.share, row.nodes, row.students) == (0.5, 3, 2)


@pytest.mark.parametrize("alive", [0.0, 1.0])
def test_a_share_outside_its_range_is_refused(alive):
    with pytest.raises(ValueError, match=f"alive must lie in \\(0, 1\\), got {alive:g}"):
        tables.survivors(units({1: [1, 1, 1, 1]}), alive)


def test_students_that_diverged_are_left_out():
    broken = units({3: [np.nan] * 4}, status="diverged")
    both = pd.concat([units({1: [1, 1, 0, 0]}), broken])
    assert set(tables.survivors(both, 0.05).seed) == {1}
    assert set(tables.cuts(pd.concat([kept({1: [1] * 5}), kept({3: [1] * 5}, status="diverged")])).seed) == {
        1
    }


def test_jumps_by_hand():
    row = tables.jumps(kept({1: [8.0, 4.0, 0.4, 0.2, 0.1]})).iloc[0]
    assert row[["jump", "above", "rest"]].tolist() == [10.0, 2.0, 4.0]
    assert tables.cuts(kept({1: [1] * 5})).beyond.tolist() == [-2, -1, 0, 1, 2]


def test_a_student_of_the_teachers_width_has_nothing_above():
    assert np.isnan(tables.jumps(kept({1: [3.0, 2, 1]}, width=2)).above.iloc[0])
