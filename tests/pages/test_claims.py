"""Claims: verdicts against bars, intervals over seeds, the way from a chapter's output to the scorecard."""

import json
import math

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.pages import claims, scorecard
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact

WORDS = dict(id="two/x", place="Theorem 1", sentence="x is large")


def ends(low: float, high: float) -> dict:
    return {"value": (low + high) / 2, "low": low, "high": high}


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
    assert Claim(**exact(0), at_most=0, **WORDS).verdict == "holds"
    assert Claim(**exact(1), at_most=0, **WORDS).verdict == "fails"


@pytest.mark.parametrize("ends", [(math.nan,) * 3, (0.9, math.nan, math.nan)])
def test_a_missing_measurement_decides_nothing(ends):
    value, low, high = ends
    claim = Claim(value=value, low=low, high=high, at_least=0.5, **WORDS)
    assert claim.verdict == "undecided"
    assert "–" in claim.measured()


@pytest.mark.parametrize("missing", ["value", "low", "high"])
@pytest.mark.parametrize(
    "bar", [dict(at_least=0.5), dict(at_most=1.5), dict(at_least=1.5), dict(at_most=0.5)]
)
def test_an_interval_with_an_end_missing_decides_nothing(missing, bar):
    """Also where the other end lies on one side of the bar: the missing one could lie on the other."""
    assert (
        Claim(**dict(value=1.0, low=0.9, high=1.1) | {missing: math.nan}, **bar, **WORDS).verdict
        == "undecided"
    )


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


def test_a_bar_that_lets_a_wrong_alternative_pass_refuses_nothing():
    made = lambda **wrong: Claim(**ends(0.7, 0.8), at_least=0.5, wrong=Wrong("shuffled", **wrong), **WORDS)
    assert made(**ends(0.1, 0.4)).refuses
    assert not made(**ends(0.1, 0.6)).refuses  # the whole interval has to be on the wrong side
    assert not made(**exact(math.nan)).refuses and not made(**exact(0.6)).refuses
    assert not Claim(**ends(0.7, 0.8), at_least=0.5, **WORDS).refuses  # none is named


def test_a_count_may_be_any_number_and_keeps_its_words():
    claim = Claim(**exact(0.25), at_most=0.5, published=0.3, note="of 4", **WORDS)
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
            Claim(
                value=3e-15,
                low=1e-15,
                high=4e-15,
                at_most=1e-12,
                wrong=Wrong("x < 0", **exact(2e-10)),
                changed="the bar, after it failed",
                **WORDS,
            ),
            Claim(
                value=0.123456789,
                low=0.1,
                high=0.2,
                at_most=0.05,
                scale="paper",
                published=0.04,
                note="a < b",
                wrong=Wrong("swapped", 0.04, math.nan, math.inf),
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
    assert "≤ 1e-12  refuses < 1e-09: x < 0" in text and "does not refuse 0.04 [–, inf]: swapped" in text
    assert text.endswith(
        "quick scale: 1 hold, 0 fail, 1 undecided · paper scale: 0 hold, 1 fail, 0 undecided"
    )


def test_html_shows_both_scales_and_escapes():
    html = example()._repr_html_()
    assert html.count("<tr id=") == 2  # two claims, one of them at two scales
    assert (
        '<tr id="claim-two-y" data-verdicts="undecided">' in html
        and '<span class="claim-place">§ 2</span> · two/y' in html
    )
    assert "quick scale" in html and "paper scale" in html and "published 0.04" in html
    assert "y &amp; &lt;z&gt;" in html and "a &lt; b" in html and "refuses 2e-10: x &lt; 0" in html
    assert html.count("changed after a look: the bar, after it failed") == 1
    assert "#fff" not in html and "white;" not in html  # colours come from the theme, so dark pages stay dark


def test_a_claim_is_made_once_per_scale():
    one = Claim(value=1, low=1, high=1, at_least=1, **WORDS)
    with pytest.raises(ValueError, match="claimed twice at the same scale: two/x"):
        scorecard.Table([one, one])


def chapter(folder, name, title, table):
    data, metadata = table._repr_mimebundle_()
    json.dumps(metadata, allow_nan=False)  # notebooks are strict JSON
    output = new_output("execute_result", data=data, metadata=metadata)
    cells = [new_markdown_cell(f"(ch:x)=\n# {title}\n"), new_code_cell("table", outputs=[output])]
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def book(tmp_path):
    """Two chapters, the later of their names first, and a scorecard of them."""
    folder = tmp_path / "book"
    folder.mkdir()
    other = Claim(value=1, low=1, high=1, at_least=2, **WORDS | {"id": "one/z"})
    for name, title, table in (
        ("b_chapter", "Two & more", example()),
        ("a_chapter", "One", scorecard.Table([other])),
        ("scorecard", "Scorecard", example()),
    ):
        chapter(folder, name, title, table)
    names = ("b_chapter", "a_chapter", "scorecard")
    toc = "".join(f"      - file: book/{name}\n" for name in names[1:])
    (tmp_path / "_toc.yml").write_text(f"root: book/b_chapter\nparts:\n  - chapters:\n{toc}")
    return folder


def test_scorecard_collects_what_chapters_store_in_reading_order(book):
    found = scorecard.collect(book)  # its own copy is not collected: that would be each claim twice
    assert [claim.id for claim in found] == ["two/x", "two/x", "two/y", "one/z"]
    assert repr(scorecard.Table(found.claims[:3])) == repr(example())
    assert [(c.name, c.title, c.claims) for c in found.chapters] == [
        ("b_chapter", "Two & more", 3),
        ("a_chapter", "One", 1),
    ]


def test_the_scorecard_has_a_body_per_chapter_whose_rows_lead_to_those_of_the_chapter(book):
    card = scorecard.collect(book)
    bodies = card.html().split("<tbody")[1:]
    assert ['data-chapter="Two &amp; more"' in bodies[0], 'data-chapter="One"' in bodies[1]] == [True, True]
    assert [body.count("<tr id=") for body in bodies] == [2, 1]
    assert '<a href="b_chapter.html#claim-two-y">two/y</a>' in bodies[0]
    assert 'data-verdicts="holds fails"' in bodies[0] and 'data-verdicts="fails"' in bodies[1]
    assert all(body.count("<td") == 3 * body.count("<tr id=") for body in bodies)  # claim, quick, paper
    assert 'href="b_chapter.html#' not in example().html()  # a chapter's own table leads nowhere


def test_claims_at_the_defaults_stand_on_the_scorecard_in_the_same_order(book):
    data, metadata = scorecard.collect(book)._repr_mimebundle_()
    notebook = {"cells": [{"outputs": [{"data": data, "metadata": metadata}]}]}
    before = data["text/html"]
    scorecard.show_beside(notebook, [])
    assert data["text/html"] == before
    scorecard.show_beside(notebook, [Claim(value=5, low=5, high=5, at_least=2, **WORDS | {"id": "one/z"})])
    assert "at the defaults" in data["text/html"].split("<tbody")[2]
