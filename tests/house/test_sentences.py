"""The tool that holds a chapter's words to its tables."""

import pytest

from tests.sentences import Said, unsaid


def test_numbers_are_filled_in_as_the_book_prints_them():
    said = Said(
        "from <.2f> to <.1f>, <,d> steps of <d>, <.0e>", lambda of: (of["low"], -0.26, 1e5, 3.0, 1e-12)
    )
    assert said.filled({"low": 0.123}) == "from .12 to −.3, 100,000 steps of 3, 1e−12"


def test_a_sentence_that_is_not_true_or_not_answered_fails():
    Said("strong ones first", lambda of: of > 1).filled(2)
    with pytest.raises(AssertionError, match="not so: strong ones first"):
        Said("strong ones first", lambda of: of > 1).filled(1)
    with pytest.raises(AssertionError, match="2 marks, 1 numbers"):
        Said("<d> of <d>", lambda of: 3).filled(None)


def test_numbers_without_an_entry_are_found_and_names_are_not():
    text = "A 10x student, 95 % ($p=1.5$, m = 20, `-p 7`), finds 8 of 9 nodes; −.25 and 1e-12 are left."
    left = unsaid(text, ["finds 8 of 9 nodes"])
    assert len(left) == 2 and "−.25" in left[0] and "1e-12" in left[1]
    assert unsaid(text, ["finds 8 of 9 nodes", "−.25 and 1e-12"]) == []
