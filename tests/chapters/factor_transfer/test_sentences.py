"""What the chapter says in words, beside the queries that give it."""

import pytest

from companion.chapters.factor_transfer import tables
from companion.chapters.factor_transfer.studies import SIDES
from companion.chapters.factor_transfer.sweeps import TRANSFERS
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "factor_transfer"
PAPER = dict(layers=56, epochs=164)  # of the residual network on CIFAR-10


def stored(name: str):
    return load_results(CHAPTER, BOOK / "results" / CHAPTER)[0][name]


def mean(method: str) -> float:
    return tables.by_method(stored("students"))[method].mean()


def verdicts() -> list[str]:
    return list(tables.leads(stored("students")).verdict)


def own(method: str) -> float:
    return tables.own_minus_another(stored("layers"), method).mean()


SAID = [
    Said(
        "their students reach <.3f>, those of labels alone <.3f>.",
        lambda larger: (mean("factors"), mean("labels")),
    ),
    Said(
        "without a paraphrase, reach <.3f>, and soft labels <.3f>;",
        lambda larger: (mean("hints"), mean("soft labels")),
    ),
    Said(
        "factors are behind in <d> of <d> and tied in <d>.",
        lambda larger: (verdicts().count("behind"), len(verdicts()), verdicts().count("tie")),
    ),
    Said(
        "teaches nothing that labels alone do not (<.3f>).",
        lambda larger: mean("factors, as printed") if mean("factors, as printed") < mean("labels") else None,
    ),
    Said(
        "match their own teacher by <.3f> more than another one, those of hints, the largest difference, by "
        "<.3f>.",
        lambda larger: (own("factors"), own("hints")),
    ),
    Said(
        "those of hints, the largest difference",
        lambda larger: own("hints") == max(own(method) for method in stored("layers").method.unique()),
    ),
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
