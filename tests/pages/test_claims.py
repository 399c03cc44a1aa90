"""Claims: verdicts against bars, intervals over seeds, the way from a chapter's output to the scorecard."""

import json
import math

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from companion.pages import claims, scorecard, statistics
from companion.pages.claims import Claim
from companion.pages.statistics import interval

WORDS = dict(id="two/x", place="Theorem 1", sentence="x is large")


@pytest.mark.parametrize(
    ("low", "high", "bar", "verdict"),
    [
        (0.6, 0.8, {"at_least": 0.5}, "holds"),
        (0.6, 0.8, {"at_least": 0.6}, "holds"),  # touching the bar reaches it
        (0.6, 0.8, {"at_least": 0.7}, "undecided"),
        (0.6, 0.8, {"at_least": 0.9}, "fails"),
        (0.6, 0.8, {"at_most": 0.9}, "holds"),
        (0.6, 0.8, {"at_most": 0.8}, "holds"),
        (0.6, 0.8, {"at_most": 0.7}, "undecided"),
        (0.6, 0.8, {"at_most": 0.5}, "fails"),
    ],
)
def test_verdict_needs_the_whole_interval_on_one_side(low, high, bar, verdict):
    assert Claim(value=0.7, low=low, high=high, **bar, **WORDS).verdict == verdict


def test_an_exact_count_is_never_undecided():
    assert claims.count(0, at_most=0, **WORDS).verdict == "holds"
    assert claims.count(1, at_most=0, **WORDS).verdict == "fails"


@pytest.mark.parametrize("ends", [(math.nan,) * 3, (0.9, math.nan, math.nan)])
def test_a_missing_measurement_decides_nothing(ends):
    value, low, high = ends
    claim = Claim(value=value, low=low, high=high, at_least=0.5, **WORDS)
    assert claim.verdict == "undecided"
    assert "–" in claim.measured()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "one finite bar"),
        ({"at_least": 1, "at_most": 2}, "one finite bar"),
        ({"at_least": math.nan}, "one finite bar"),
        ({"at_least": 1, "scale": "big"}, "quick, laptop, paper, got 'big'"),
        ({"at_least": 1, "low": 3.0}, r"\[3.0, 2.0\] does not hold the value 2.0"),
    ],
)
def test_senseless_claims_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Claim(**{"value": 2.0, "low": 2.0, "high": 2.0, **WORDS, **wrong})


def test_interval_of_the_mean_agrees_with_normal_theory():
    data = np.random.default_rng(3).normal(5.0, 2.0, 400)
    value, low, high = interval(data, resamples=20_000)
    assert value == pytest.approx(data.mean())
    half = 1.96 * data.std() / 20
    assert (low, high) == pytest.approx((value - half, value + half), abs=0.1 * half)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12))
def test_interval_holds_the_value_and_stays_within_the_data(values):
    value, low, high = interval(values, np.median, resamples=50)
    assert min(values) <= low <= value <= high <= max(values)


def test_interval_depends_on_seed_and_level_only():
    data = np.random.default_rng(1).normal(size=12)
    assert interval(data, seed=4) == interval(data, seed=4) != interval(data, seed=5)
    narrow, wide = interval(data, level=0.5), interval(data, level=0.99)
    assert wide[1] < narrow[1] < narrow[2] < wide[2]
    with pytest.raises(ValueError, match=r"\(0, 1\), got 95"):
        interval(data, level=95)


def test_interval_of_too_little_says_so():
    assert interval([2.5])[0] == 2.5 and all(map(math.isnan, interval([2.5])[1:]))
    assert all(map(math.isnan, interval([])))
    assert all(map(math.isnan, interval([1.0, math.nan, 2.0])))


def test_measured_is_the_mean_over_seeds_as_a_claim_takes_it():
    claim = Claim(**statistics.measured(pd.Series([0.5, 0.7, 0.9])), at_least=0.1, **WORDS)
    assert claim.value == pytest.approx(0.7) and 0.5 <= claim.low <= 0.7 <= claim.high <= 0.9


def test_distance_by_hand():
    """Seeds measure 0 and 4, 2 and 4; published are 1 and 2: the means are |1 - 1| and |4 - 2| off."""
    ours = pd.DataFrame({"x": [1, 2, 1, 2], "seed": [0, 0, 1, 1], "y": [0.0, 4.0, 2.0, 4.0]})
    published = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1.0, 2.0, 5.0, math.nan]})
    found = statistics.distance(ours, published, ["x"], "y")
    assert found["value"] == pytest.approx(1.0)
    # one seed alone is 1 off at the first point and 2 at the second: no resampling is nearer than both seeds
    assert (found["low"], found["high"]) == pytest.approx((1.0, 1.5))
    assert found["note"] == "2 of 3 published points, 2 seeds"


def test_a_count_may_be_any_number_and_keeps_its_words():
    claim = claims.count(0.25, at_most=0.5, published=0.3, note="of 4", **WORDS)
    assert (claim.low, claim.value, claim.high) == (0.25, 0.25, 0.25) and claim.measured() == "0.25"
    assert (claim.published, claim.note, claim.bar) == (0.3, "of 4", "≤ 0.5")


def test_a_claim_survives_its_way_through_a_notebook():
    for claim in example():
        stored = json.loads(json.dumps(claims.to_json(claim), allow_nan=False))
        assert stored["verdict"] == claim.verdict
        assert repr(claims.from_json(stored)) == repr(claim)  # NaN is not equal to itself


def example() -> scorecard.Table:
    return scorecard.Table(
        [
            Claim(value=3e-15, low=1e-15, high=4e-15, at_most=1e-12, **WORDS),
            Claim(
                value=0.123456789,
                low=0.1,
                high=0.2,
                at_most=0.05,
                scale="paper",
                published=0.04,
                note="a < b",
                **WORDS,
            ),
            Claim(
                value=math.nan,
                low=math.nan,
                high=math.inf,
                at_least=1,
                id="two/y",
                place="§ 2",
                sentence="y & <z>",
            ),
        ]
    )


def test_text_is_the_same_on_every_machine():
    text = repr(example())
    assert "two/x  quick  holds      < 1e-09" in text  # rounding, whose digits differ between machines
    assert "0.12346 [0.1, 0.2]" in text and "≤ 0.05" in text
    assert text.endswith("3 claims: 1 hold, 1 fail, 1 undecided")


def test_html_shows_both_scales_and_escapes():
    html = example()._repr_html_()
    assert html.count("<tr>") == 2  # two claims, one of them at two scales
    assert "quick scale" in html and "paper scale" in html and "0.04" in html
    assert "y &amp; &lt;z&gt;" in html and "a &lt; b" in html
    assert "#fff" not in html and "white;" not in html  # colours come from the theme, so dark pages stay dark


def test_a_claim_is_made_once_per_scale():
    one = Claim(value=1, low=1, high=1, at_least=1, **WORDS)
    with pytest.raises(ValueError, match="claimed twice at the same scale: two/x"):
        scorecard.Table([one, one])


def test_scorecard_collects_what_chapters_store(tmp_path):
    data, metadata = example()._repr_mimebundle_()
    json.dumps(metadata, allow_nan=False)  # notebooks are strict JSON
    for name in ("b_chapter", "scorecard"):
        cell = new_code_cell("table", outputs=[new_output("execute_result", data=data, metadata=metadata)])
        nbformat.write(new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    found = scorecard.collect(tmp_path)  # its own copy is not collected: that would be each claim twice
    assert repr(found) == repr(example())
    assert [claim.id for claim in found] == ["two/x", "two/x", "two/y"]
    assert repr(scorecard.collect(tmp_path / "nothing")) == "0 claims: 0 hold, 0 fail, 0 undecided"
