"""What the chapter on students with too few nodes says in words, each sentence beside its query."""

from types import SimpleNamespace

import pytest

from companion.chapters.copy_average.parameters import Parameters
from tests.sentences import Said, prose, unsaid

CHAPTER = "copy_average"


@pytest.fixture(scope="module")
def evidence():
    return SimpleNamespace(quick=Parameters())


SAID: list[Said] = []


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
