"""Claims as the stored chapters show them: each names something wrong that its bar refuses."""

import pytest

from companion.pages import scorecard
from tests.sentences import BOOK

CLAIMS = list(scorecard.collect(BOOK))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.id}-{claim.scale}")
def test_a_claim_names_something_wrong_that_its_bar_refuses(claim):
    assert claim.wrong is not None and claim.refuses
