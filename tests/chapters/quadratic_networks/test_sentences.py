"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import pytest

from companion.chapters.quadratic_networks import plots, studies, sweeps
from companion.chapters.quadratic_networks.parameters import Parameters
from tests.sentences import Said, prose, unsaid

CHAPTER = "quadratic_networks"


@pytest.fixture(scope="module")
def evidence():
    return SimpleNamespace()


SAID = [
    Said("from the same overlaps (dashed), four starts each.", lambda of: plots.SHOWN == 4),
    Said("over twelve starts, a line per shape", lambda of: studies.Endings().seeds == 12),
    Said("over time, mean over five starts", lambda of: studies.Tails().seeds == 5),
    Said(
        "at three sizes $N$ and resumes", lambda of: len(sweeps.QUADRATIC.settings("laptop").input_dims) == 3
    ),
    Said("Times double", lambda of: Parameters(rate=0.05).random_start().horizon == 72),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
