"""Verdicts on tables made by hand: what should hold does, and its opposite does not."""

import pandas as pd
import pytest

from companion.chapters.expand_and_cluster import claims
from tests.chapters.expand_and_cluster.hand_made import WIDTH, ends, recovered, students

TOLD = WIDTH, 1e-6


def test_parameters_are_judged_where_the_outputs_agree():
    table = pd.concat([recovered({"pi/6": 8}), recovered({}, 1, "relu", loss=1e-3, error=0.5)])
    claim = claims.parameter_claim(table, 1e-6, "quick")
    assert claim.verdict == "holds" and claim.refuses
    assert "20 of 21 teachers" in claim.note and "5 networks of the right width miss" in claim.note
    assert claims.parameter_claim(recovered({}, error=1e-3), 1e-6, "quick").verdict == "fails"


@pytest.mark.parametrize(
    "widths, verdicts", [({"pi/6": 8}, ["fails", "holds"]), ({"most whole": 4}, ["holds", "fails"])]
)
def test_rules_are_judged_by_the_teachers_that_come_back(widths, verdicts):
    made = claims.rule_claims(recovered(widths), students(0, 7), *TOLD, 1e-12, "laptop")
    assert [claim.verdict for claim in made] == verdicts
    assert [claim.place for claim in made] == ["obs-expand-published", "obs-expand-whole"]
    wrong = made[0].wrong
    assert wrong is not None and wrong.value == 0.5  # the first student of every other teacher


@pytest.mark.parametrize("worse, verdict", [("pi/6", "holds"), ("most whole", "fails")])
def test_rules_are_compared_on_the_teachers_where_they_differ(worse, verdict):
    claim = claims.better_claim(recovered({worse: 7}), *TOLD, "laptop")
    assert claim.verdict == verdict and claim.refuses == (verdict == "holds")


def test_rules_that_agree_leave_it_open():
    assert claims.better_claim(recovered({}), *TOLD, "laptop").verdict == "undecided"


@pytest.mark.parametrize("exact, verdict", [(1, "holds"), (6, "fails")])
def test_expansion_is_judged_by_the_students_that_get_stuck(exact, verdict):
    (claim,) = claims.expansion_claims(students(exact, 7), 1e-12, "laptop")
    assert claim.verdict == verdict and claim.refuses


@pytest.mark.parametrize("start, verdict", [(20, "holds"), (16, "undecided"), (5, "fails")])
def test_the_cut_before_strays_join_is_judged_by_fresh_teachers(start, verdict):
    looked_at = ends(0, 0, first=3, teachers=1)
    other = recovered({"pi/6": 8}, activation="relu")
    claim = claims.start_claim(pd.concat([looked_at, ends(start, 15)]), 21, other, 1e-6)
    assert claim.verdict == verdict and claim.refuses and "cut at the end 15 of 20" in claim.note
