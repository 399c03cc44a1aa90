"""Claims as the stored chapters show them: each has its place, and something wrong that its bar refuses."""

import pytest

from companion.pages import notebooks, scorecard, statements
from tests.sentences import BOOK

CLAIMS = list(scorecard.collect(BOOK))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.id}-{claim.scale}")
def test_a_claim_names_something_wrong_that_its_bar_refuses(claim):
    assert claim.wrong is not None and claim.refuses


def test_every_statement_is_decided_or_says_why_not_and_every_claim_has_its_place():
    shown = notebooks.read(BOOK / f"{statements.MAP}.ipynb")
    assert statements.gaps(shown) == []
    placed = {claim.place for claim in CLAIMS}
    found = {s.label: s for s in statements.collect(BOOK).statements}
    assert placed <= set(found), "what the map shows is stored, and this is what it should show"
    assert all(found[label].figures for label in placed), "a reader finds the picture from the statement"
