"""Clusters at either end of the stretch at which most are whole."""

import numpy as np

from companion.chapters.expand_and_cluster.clustering import MOST, clusters
from companion.chapters.expand_and_cluster.ends import averaged, both, ends
from companion.chapters.expand_and_cluster.recovery import Pool, recovery
from companion.chapters.expand_and_cluster.studies import Recovery
from companion.chapters.expand_and_cluster.sweeps import CUTS, RECOVERY

SMALL = Recovery(teachers=(3, 4), input_dim=2, teacher_width=2, students=4, samples=80, steps=120, tuning=40)


def pool() -> Pool:
    """Three students with copies of two neurons; the first has a stray near its first copy."""
    g = np.random.default_rng(0)
    twins = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    noise = 1e-9 * g.standard_normal((3, 2, 3))
    rows = np.concatenate([np.vstack([twins + noise[k], [9.0 + k, 0, 0]]) for k in range(3)])
    rows[2] = [1, 0.3, 0]
    return Pool(rows, np.array([0.0, 1e-20, 1e-20]))


def test_a_stray_is_in_at_the_end_and_not_at_the_start():
    found = both(pool())
    assert [set(of) for of in found["start"]] == [{0, 3, 6}, {1, 4, 7}]
    assert {0, 2, 3, 6} in [set(of) for of in found["end"]]
    assert averaged(pool(), found["start"]) == 2 and averaged(pool(), found["end"]) == 3
    assert both(Pool(pool().rows[:3], np.zeros(1))) == {"start": [], "end": []}


def test_the_end_is_where_the_rule_cuts():
    rule = [set(of) for of in clusters(pool().rows, 3, MOST, 0.5)]
    assert [set(of) for of in both(pool())["end"]] == rule


def test_a_row_for_every_teacher_and_cut_and_the_end_is_the_rules():
    found, rule = ends(SMALL)["ends"], recovery(SMALL)["recovered"].query("rule == 'most whole'")
    assert sorted(found.cut) == ["end", "end", "start", "start"] and set(found.activation) == {"tanh"}
    end, rule = found[found.cut == "end"].set_index("teacher"), rule.set_index("teacher")
    assert end.width.to_dict() == rule.width.to_dict()
    assert ((end.error < 1e-6) == (rule.error < 1e-6)).all()


def test_fresh_teachers_are_those_that_no_other_sweep_has():
    spec = CUTS.scales["laptop"]
    told = [teacher for cell in spec.cells() for teacher in cell.recovery.teachers]
    assert sorted(told) == [*spec.stuck, *range(spec.first, spec.first + spec.teachers)]
    assert max(t for cell in RECOVERY.scales["laptop"].cells() for t in cell.teachers) < spec.first
