"""What the chapter says in words, beside the queries that give it."""

import re
from types import SimpleNamespace

import pytest

from companion.chapters.robustness.claims import SCENARIOS
from companion.chapters.robustness.parameters import Parameters
from companion.chapters.robustness.sweeps import ROBUSTNESS
from companion.chapters.robustness.tables import attack_losses, by_layer, on_images, shares_of
from companion.pages import scorecard
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "robustness"
PILOTS = 1001  # the first seed that bars were fixed on


@pytest.fixture(scope="module")
def evidence():
    """Claims of the stored page, by id and scale."""
    of_chapter = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("robustness/")]
    stored = {
        name: load_results(name, BOOK / "results" / name)[0]
        for name in ("robustness", "robustness_moved", "robustness_images")
    }
    return SimpleNamespace(
        runs=stored["robustness"]["runs"].query("method != 'start'"),
        losses=attack_losses(stored["robustness"]["attacks"], 0.5).free,
        pictures=stored["robustness_images"],
        shares=shares_of(stored["robustness_moved"]["moved"]).mean(),
        claims={(claim.id.removeprefix("robustness/"), claim.scale): claim for claim in of_chapter},
        quick=Parameters(),
        laptop=ROBUSTNESS.scales["laptop"],
    )


def holds(of, *names: str, scale: str = "quick") -> bool:
    return all(of.claims[name, scale].verdict == "holds" for name in names)


def weakest(of) -> float:
    return max(of.claims[f"ranks-{method.replace(' ', '-')}", "laptop"].value for method in SCENARIOS)


def lift(of, inputs: str) -> list[float]:
    """By layer, how far correlations of students of images lie above the standard ones under attack."""
    layers = of.pictures["layers"]
    mean = lambda method, moved: by_layer(layers, method, moved, inputs).mean()
    return list(mean("adversarial", layers.moved.max()) - mean("standard", 0.0))


SAID = [
    Said(
        "Students that were trained under attack lose least to attacks, and random moves of the same length "
        "help little",
        lambda of: (
            holds(of, "images-attacked", scale="laptop")
            and of.claims["images-attacked", "laptop"].wrong.value < 1.2
        ),
    ),
    Said(
        "On the images themselves the correlations differ little; on *white noise*, which shows them in "
        "every direction, each layer of a student trained under attack is clearly more specialized.",
        lambda of: (
            holds(of, "images-layers", scale="laptop")
            and max(lift(of, "images")) < 0.1 < min(lift(of, "white noise"))
        ),
    ),
    Said(
        "Over the five ways to train, the better a student's correlations on white noise, the less an attack "
        "adds.",
        lambda of: (
            holds(of, "images-ranks", scale="laptop")
            and len(on_images(**of.pictures, inputs="images").groupby(["method", "moved"])) == 5
        ),
    ),
    Said(
        "their students agree with them more often than they are right",
        lambda of: (of.pictures["students"].agreement > of.pictures["students"].accuracy).all(),
    ),
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
        "isotropic ones help nearly as much as those that do nothing else. Steps along teacher nodes leave "
        "it as far as isotropic ones, and help less",
        lambda of: (
            of.shares["isotropic"] < 3 * of.shares["outside S"] < 0.1 * of.shares["along teacher nodes"]
        ),
    ),
    Said(
        "outside of $S$ there are twice as many directions as there are teacher nodes",
        lambda of: of.quick.input_dim - of.quick.rank == 2 * of.quick.teacher_width,
    ),
    Said(
        "The stored sweeps say so with more seeds and longer training.",
        lambda of: holds(of, "inside", "gap", "noise-teaches", "layers", scale="laptop"),
    ),
    Said(
        "Over all <d> students of a seed the rank correlation is <.2f> on average and <.2f> in the weakest "
        "seed",
        lambda of: (
            len(of.runs) // of.runs.seed.nunique(),
            of.claims["ranks", "laptop"].value,
            float(re.search(r"weakest seed (-[\d.]+)", of.claims["ranks", "laptop"].note)[1]),
        ),
    ),
    Said("within each of the published scenarios it is <.2f> or stronger on average", lambda of: weakest(of)),
    Said(
        "With the fixed label it is <.2f>, of the other sign",
        lambda of: of.claims["ranks", "laptop"].wrong.value,
    ),
    Said(
        "makes the least robust students at every noise ratio, less robust than standard training does",
        lambda of: (
            set(of.losses.groupby(["noise", "method"]).mean().unstack().drop(columns="start").idxmax(axis=1))
            == {"confidence-calibrated"}
        ),
    ),
    Said(
        "(mean cosine <.2f>)",
        lambda of: of.runs.query("method == 'confidence-calibrated' and noise == 0").cos_out.mean(),
    ),
    Said(
        "*Robust features do not reproduce.*",
        lambda of: of.claims["robust-features", "laptop"].verdict == "fails",
    ),
    Said(
        "by a factor of <.1f> in the loss under attack without noise",
        lambda of: float(of.claims["robust-features", "laptop"].note.rpartition(" ")[2]),
    ),
    Said(
        "standard features leave <.2f> of what robust features leave",
        lambda of: of.claims["robust-features", "laptop"].value,
    ),
    Said(
        "What the few live seeds leave undecided the sweeps decide.",
        lambda of: all(
            of.claims[name, "laptop"].verdict != "undecided"
            for (name, scale), claim in of.claims.items()
            if scale == "quick" and claim.verdict == "undecided"
        ),
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
