"""What the chapter says in words, beside the queries that give it."""

import pytest

from companion.chapters.factor_transfer.studies import SIDES
from companion.chapters.factor_transfer.sweeps import TRANSFERS
from tests.sentences import Said, prose, unsaid

CHAPTER = "factor_transfer"
PAPER = dict(layers=56, epochs=164)  # of the residual network on CIFAR-10

SAID = [
    Said(
        "teachers of <d>, <d> and <d> channels trained on <,d> images, students of half and of a quarter of "
        "the channels on a tenth, three tenths and all of them",
        lambda larger: (*larger.widths, larger.images),
    ),
    Said(
        "students of half and of a quarter of the channels on a tenth, three tenths and all of them, five "
        "seeds, each with a teacher of its own",
        lambda larger: (
            larger.divisors == (2, 4)
            and [of / larger.images for of in larger.labels] == [0.1, 0.3, 1]
            and larger.seeds == 5,
        ),
    ),
    Said("a residual network of <d> layers and trains for <d> epochs", lambda larger: tuple(PAPER.values())),
    Said("on digits of <d> × <d> pixels", lambda larger: (SIDES["digits"],) * 2),
]


@pytest.fixture(scope="module")
def evidence():
    return TRANSFERS.settings("laptop")


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_settings_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
