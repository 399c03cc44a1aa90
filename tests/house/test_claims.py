"""Claims as the stored chapters show them: each has its place, and something wrong that its bar refuses."""

from importlib import import_module

import pytest

from companion import chapters
from companion.pages import notebooks, scorecard, statements
from tests.sentences import BOOK

CLAIMS = list(scorecard.collect(BOOK))
# from which on a point counts as a violation; the claim is about their number
COUNTED = {("finite_data", "zero_gradient"), ("lowest_layer", "kink")}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.id}-{claim.scale}")
def test_a_claim_names_something_wrong_that_its_bar_refuses(claim):
    assert claim.wrong is not None and claim.refuses


def test_every_statement_is_decided_or_says_why_not_and_every_claim_has_its_place():
    shown = notebooks.read(BOOK / f"{scorecard.MAP}.ipynb")
    assert statements.gaps(shown) == []
    placed = {claim.place for claim in CLAIMS}
    found = {s.label: s for s in statements.collect(BOOK).statements}
    assert placed <= set(found), "what the map shows is stored, and this is what it should show"
    assert all(found[label].figures for label in placed), "a reader finds the picture from the statement"


@pytest.mark.parametrize("chapter", chapters.names())
def test_a_bar_is_that_of_the_stored_claims(chapter):
    """Bars are fixed before the look: one that is moved, or unused, is noticed."""
    shown = scorecard.claims_in(notebooks.read(BOOK / f"{chapter}.ipynb"))
    bars = {bar for claim in shown for bar in (claim.at_least, claim.at_most)}
    rules = {name: bar for name, bar in bars_of(chapter).items() if (chapter, name) not in COUNTED}
    unused = {name: bar for name, bar in rules.items() if bar not in bars}
    assert not unused or awaited(chapter), unused


def bars_of(chapter: str) -> dict[str, float]:
    return import_module(f"companion.chapters.{chapter}.claims").BARS


def awaited(chapter: str) -> set[str]:
    """Sweeps of a chapter without stored tables, for which there may be bars already."""
    stored = {path.name for path in (BOOK / "results").iterdir()}
    module = import_module(f"companion.chapters.{chapter}.sweeps")
    return {name for name, sweep in chapters.sweeps().items() if sweep in vars(module).values()} - stored
