"""What the chapter says in words, beside the queries that give it."""

import pytest

from companion import place
from companion.chapters.data_free import tables
from companion.chapters.data_free.claims import BARS
from companion.pages import scorecard
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "data_free"
FOLDER = place.PACKAGE.parent / "book" / "results" / CHAPTER


@pytest.fixture(scope="module")
def claims():
    """Claims of the stored page on digits, by what follows the chapter in their id, at the larger scale."""
    found = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("data_free/")]
    return {
        claim.id.removeprefix("data_free/").removesuffix("-digits"): claim
        for claim in found
        if claim.scale == "laptop" and claim.id.endswith("-digits")
    }


def stored(name: str, over_realization: float = 1.0):
    found = load_results(CHAPTER, FOLDER)[0][name]
    return tables.one(found, found.samples.max(), over_realization)


def reached(source: str, statistics: str, z: float = 1.0, evaluated: str = "recalibrated") -> float:
    return tables.reached(stored("accuracy", z), source, statistics)[evaluated].mean()


def rho(source: str, statistics: str, z: float = 1.0, layer: int = 1) -> float:
    return tables.levels(stored("units", z), source, statistics)[layer].mean()


def whatever_the_teacher_normalizes_with(claims) -> bool:
    return all(
        rho("noise", statistics, z, layer) > rho("images", "stored", z, layer) + 0.05
        for statistics in ("stored", "batch")
        for z in (1.0, 2.0)
        for layer in (1, 2)
    )


def all_alike_at_the_top(claims) -> bool:
    return all(abs(rho("noise", "batch", z, 3) - rho("images", "stored", z, 3)) < 0.06 for z in (1.0, 2.0))


def mostly_the_covariance(claims) -> bool:
    noise, matched, images = (
        reached(*lesson) for lesson in (("noise", "batch"), ("matched noise", "stored"), ("images", "stored"))
    )
    return matched - noise > images - matched > 0


SAID = [
    Said("The repair is real and the gap stays.", lambda claims: claims["batch"].low > 0),
    Said("students that saw most noise reach an accuracy of <.2f>", lambda claims: reached("noise", "batch")),
    Said(
        "where teachers have <.2f> and students of their images <.2f>; labelled with stored statistics they "
        "reach <.2f>.",
        lambda claims: (
            tables.teachers(stored("accuracy")).stored.mean(),
            reached("images", "stored"),
            reached("noise", "stored"),
        ),
    ),
    Said(
        "*Close* is here an accuracy of at most .03 below the teacher's: students of the "
        "teacher's width fail",
        lambda claims: claims["close-noise"].verdict == "fails" and BARS["close"] == 0.03,
    ),
    Said(
        "students of twice the width have <.2f> and leave it open.",
        lambda claims: reached("noise", "batch", 2.0),
    ),
    Said(
        "mostly the covariance: noise that has it gives <.2f>.",
        lambda claims: reached("matched noise", "stored"),
    ),
    Said("What is missing between noise and images is mostly the covariance", mostly_the_covariance),
    Said(
        "From seed to seed these students differ by little.",
        lambda claims: claims["consistent"].verdict == "holds",
    ),
    Said(
        "which alone are free of data, they reach <.2f>, with those of the test batch, as the released code "
        "tests them, <.2f>.",
        lambda claims: (
            reached("noise", "batch", evaluated="stored"),
            reached("noise", "batch", evaluated="batch"),
        ),
    ),
    Said(
        "No student specializes fully in so short a training.",
        lambda claims: claims["specialized"].verdict == "fails",
    ),
    Said("whatever the teacher normalizes with", whatever_the_teacher_normalizes_with),
    Said(
        "in the stored sweep <.2f> against <.2f> in the lowest layer, and twice as wide <.2f> against <.2f>.",
        lambda claims: (
            rho("noise", "batch"),
            rho("images", "stored"),
            rho("noise", "batch", 2.0),
            rho("images", "stored", 2.0),
        ),
    ),
    Said("At the top they are alike.", all_alike_at_the_top),
    Said(
        "the claim on lower layers, which was turned round after a first look, and holds in the stored sweep",
        lambda claims: claims["rho-lower"].verdict == "holds" and claims["rho-lower"].changed,
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_claims_do(said, claims):
    assert said.filled(claims) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(claims):
    assert unsaid(prose(CHAPTER), [said.filled(claims) for said in SAID]) == []
