"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import pytest

from companion.chapters.robustness.parameters import Parameters
from companion.chapters.robustness.sweeps import ROBUSTNESS
from companion.pages import scorecard
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "robustness"
PILOTS = 1001  # the first seed that bars were fixed on


@pytest.fixture(scope="module")
def evidence():
    """Claims of the stored page, by id and scale."""
    of_chapter = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("robustness/")]
    return SimpleNamespace(
        claims={(claim.id.removeprefix("robustness/"), claim.scale): claim for claim in of_chapter},
        quick=Parameters(),
        laptop=ROBUSTNESS.scales["laptop"],
    )


def holds(of, *names: str, scale: str = "quick") -> bool:
    return all(of.claims[name, scale].verdict == "holds" for name in names)


SAID = [
    Said("Inside they agree.", lambda of: holds(of, "inside")),
    Said(
        "Outside they agree as far as training has shown it to them: not at all without noise",
        lambda of: (
            holds(of, "gap", "noise-teaches") and of.claims["noise-teaches", "quick"].wrong.value < 0.2
        ),
    ),
    Said(
        "So with SGD the outside of a student is the draw that it began with, and with Adam, the usual "
        "optimizer, what a leak has made of it",
        lambda of: holds(of, "frozen", "frozen-axes"),
    ),
    Said(
        "A *free* attack goes almost entirely outside without being told to.", lambda of: holds(of, "share")
    ),
    Said(
        "Confined to $S$, at the same size, it gains next to nothing; confined to the outside it loses "
        "hardly anything.",
        lambda of: holds(of, "confined") and of.claims["confined", "quick"].wrong.value > 0.9,
    ),
    Said(
        "With those of *another* teacher node it has.",
        lambda of: of.claims["repaired", "quick"].wrong.value > 0.5,
    ),
    Said(
        "Steps inside $S$ teach nothing that helps",
        lambda of: of.claims["augmentation", "quick"].wrong.low > 0.8,
    ),
    Said(
        "from <d> on, which no table of the book has",
        lambda of: PILOTS if max(of.quick.seeds, of.laptop.seeds) < PILOTS else None,
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
