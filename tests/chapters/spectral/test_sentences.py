"""What the chapter says in words, beside the queries that give it."""

from tests.sentences import prose, unsaid

CHAPTER = "spectral"
SAID: list = []


def test_no_number_stands_in_the_text_without_its_query():
    assert unsaid(prose(CHAPTER), [said.filled(None) for said in SAID]) == []
