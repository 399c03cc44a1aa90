"""What the chapter says in words, beside the queries that give it."""

import pytest

from companion import place
from companion.chapters.data_free import tables
from companion.chapters.data_free.claims import BARS
from companion.chapters.data_free.sweeps import REAL, REAL_LONG
from companion.pages import scorecard
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "data_free"
FOLDER = place.PACKAGE.parent / "book" / "results"


@pytest.fixture(scope="module")
def claims():
    """Claims of the stored page on digits, by what follows the chapter in their id, at the larger scale."""
    found = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("data-free/")]
    return {
        claim.id.removeprefix("data-free/").removesuffix("-digits"): claim
        for claim in found
        if claim.scale == "laptop" and claim.id.endswith("-digits")
    }


def stored(name: str, over_realization: float = 1.0, samples: int | None = None):
    """Of the students that saw most, or so much."""
    sweeps = {sweep: load_results(sweep, FOLDER / sweep)[0] for sweep in ("data_free", "data_free_long")}
    found = tables.together(sweeps, name)
    chosen = found[found.over_realization == over_realization]
    return tables.one(found, chosen.samples.max() if samples is None else samples, over_realization)


def reached(source: str, statistics: str, z: float = 1.0, evaluated: str = "recalibrated") -> float:
    return tables.reached(stored("accuracy", z), source, statistics)[evaluated].mean()


def rho(source: str, statistics: str, z: float = 1.0, layer: int = 1) -> float:
    return tables.levels(stored("units", z), source, statistics)[layer].mean()


def million(name: str):
    return tables.one(load_results("data_free_million", FOLDER / "data_free_million")[0][name])


def more_noise(where: str):
    """The claim on students of the most noise that were trained on a set of images."""
    wanted = f"data-free/close-more-noise-{where}"
    return next(claim for claim in scorecard.collect(BOOK) if claim.id == wanted)


def whatever_the_teacher_normalizes_with(claims) -> bool:
    return all(
        rho("noise", statistics, layer=layer) > rho("images", "stored", layer=layer) + 0.03
        for statistics in ("stored", "batch")
        for layer in (1, 2, 3)
    )


def on_cifar10(source: str, statistics: str) -> float:
    accuracy = load_results("data_free_cifar10", FOLDER / "data_free_cifar10")[0]["accuracy"]
    return tables.reached(accuracy, source, statistics).recalibrated.mean()


def rho_on_cifar10(layer: int) -> tuple[float, float]:
    units = load_results("data_free_cifar10", FOLDER / "data_free_cifar10")[0]["units"]
    noise, images = (
        tables.levels(units, *lesson)[layer].mean() for lesson in (("noise", "batch"), ("images", "stored"))
    )
    return noise, images


LARGER = REAL.settings("laptop")
QUARTER = 25_600  # of the inputs of the longest run


SAID = [
    Said("The repair is real.", lambda claims: reached("noise", "batch") > reached("noise", "stored") + 0.1),
    Said(
        "students that saw a hundred thousand inputs of noise reach an accuracy of <.2f> where teachers "
        "have <.2f> and students of their images <.2f>; labelled with stored statistics they reach <.2f>.",
        lambda claims: (
            reached("noise", "batch"),
            tables.teachers(stored("accuracy")).stored.mean(),
            reached("images", "stored"),
            reached("noise", "stored"),
        ),
    ),
    Said(
        "a hundred thousand inputs of noise",
        lambda claims: round(stored("accuracy").samples.max(), -5) == 100_000,
    ),
    Said(
        "**A million inputs** bring them within <.3f> of their teachers, and there the interval leaves "
        "nothing open",
        lambda claims: more_noise("digits").value if more_noise("digits").verdict == "holds" else None,
    ),
    Said("A million inputs", lambda claims: round(million("accuracy").samples.max(), -6) == 1_000_000),
    Said(
        "on digits, after a million inputs, nearly as well as the teacher",
        lambda claims: more_noise("digits").verdict == "holds",
    ),
    Said(
        "A million inputs of noise bring <.2f> to <.2f>.",
        lambda claims: (
            tables.levels(million("units"), "noise", "batch").mean().min(),
            tables.levels(million("units"), "noise", "batch").mean().max(),
        ),
    ),
    Said(
        "Four times as many inputs bring students of noise to <.3f> below their teachers, which seeds leave "
        "undecided.",
        lambda claims: (
            more_noise("cifar-10").value if more_noise("cifar-10").verdict == "undecided" else None
        ),
    ),
    Said(
        "Four times as many inputs",
        lambda claims: (
            REAL_LONG.settings("laptop").lengths[0] == 4 * LARGER.lengths[0]
            and REAL_LONG.settings("laptop").batch_size == LARGER.batch_size
        ),
    ),
    Said("*Close* is here an accuracy of at most <.2f> below the teacher's:", lambda claims: BARS["close"]),
    Said(
        "on average they are that close, and the interval over seeds leaves it open",
        lambda claims: (
            claims["close-noise"].verdict == "undecided" and claims["close-noise"].value < BARS["close"]
        ),
    ),
    Said(
        "with a quarter of the inputs they reach <.2f> and are not.",
        lambda claims: tables.reached(
            stored("accuracy", samples=QUARTER), "noise", "batch"
        ).recalibrated.mean(),
    ),
    Said(
        "with a quarter of the inputs",
        lambda claims: (
            4 * QUARTER == stored("accuracy").samples.max() == 4 * stored("accuracy", 2.0).samples.max()
        ),
    ),
    Said(
        "and are not.",
        lambda claims: (
            tables.gap(stored("accuracy", samples=QUARTER), "noise", "batch").min() > BARS["close"]
        ),
    ),
    Said(
        "Noise that has the images' covariance gives <.2f>", lambda claims: reached("matched noise", "stored")
    ),
    Said("and that is close.", lambda claims: claims["close-matched"].verdict == "holds"),
    Said("*consistent* is open as well", lambda claims: claims["consistent"].verdict == "undecided"),
    Said(
        "which alone are free of data, it reaches <.2f>, with those of the test batch, as the released code "
        "tests it, <.2f>.",
        lambda claims: (
            reached("noise", "batch", evaluated="stored"),
            reached("noise", "batch", evaluated="batch"),
        ),
    ),
    Said("it matters what a student normalizes with", lambda claims: claims["statistics"].low > 0),
    Said(
        "No student specializes fully in so short a training.",
        lambda claims: claims["specialized"].verdict == "fails",
    ),
    Said("in every layer**, whatever the teacher normalizes with", whatever_the_teacher_normalizes_with),
    Said(
        "<.2f> against <.2f> in the lowest layer and <.2f> against <.2f> in the top one; and students "
        "twice as wide, which saw a quarter as much, <.2f> against <.2f> in the lowest.",
        lambda claims: (
            rho("noise", "batch"),
            rho("images", "stored"),
            rho("noise", "batch", layer=3),
            rho("images", "stored", layer=3),
            rho("noise", "batch", 2.0),
            rho("images", "stored", 2.0),
        ),
    ),
    Said(
        "the claim on lower layers, which was turned round after a first look, and holds in the stored "
        "sweeps",
        lambda claims: claims["rho-lower"].verdict == "holds" and claims["rho-lower"].changed,
    ),
    Said(
        "On CIFAR-10 it is undecided.",
        lambda claims: (
            [claim.verdict for claim in scorecard.collect(BOOK) if claim.id == "data-free/rho-lower-cifar-10"]
            == ["undecided"]
        ),
    ),
    Said(
        "with teachers of <d>, <d> and <d> channels and a quarter of the inputs of the longest run",
        lambda claims: (
            LARGER.widths
            if LARGER.lengths[0] * LARGER.batch_size == QUARTER and LARGER.pool == 2 and LARGER.seeds == 5
            else None
        ),
    ),
    Said(
        "Teachers have <.2f> and students of their images <.2f>; students of noise reach <.2f> with batch "
        "statistics and <.2f> with stored ones, which is near guessing. Here noise with the images' "
        "covariance is no better, <.2f>,",
        lambda claims: (
            tables.teachers(
                load_results("data_free_cifar10", FOLDER / "data_free_cifar10")[0]["accuracy"]
            ).stored.mean(),
            on_cifar10("images", "stored"),
            on_cifar10("noise", "batch"),
            on_cifar10("noise", "stored"),
            on_cifar10("matched noise", "stored"),
        ),
    ),
    Said(
        "no better a copy: <.2f> against <.2f> in the lowest layer, <.2f> against <.2f> in the top one.",
        lambda claims: (*rho_on_cifar10(1), *rho_on_cifar10(3)),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_claims_do(said, claims):
    assert said.filled(claims) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(claims):
    assert unsaid(prose(CHAPTER), [said.filled(claims) for said in SAID]) == []
