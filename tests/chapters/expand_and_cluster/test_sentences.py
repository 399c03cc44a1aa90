"""What the chapter says in words, beside the queries that give it."""

from tests.sentences import prose, unsaid

CHAPTER = "expand_and_cluster"


def test_no_number_stands_in_the_text_without_its_query():
    assert unsaid(prose(CHAPTER), []) == []
