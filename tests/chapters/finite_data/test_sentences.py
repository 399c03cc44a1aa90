"""What the chapter says in words, beside the queries that give it."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from companion.chapters.finite_data import claims
from companion.chapters.finite_data.plots import FLOAT32
from companion.chapters.finite_data.small_gradient import undersampled
from companion.chapters.finite_data.studies import Observation, SmallGradient
from companion.chapters.finite_data.sweeps import GEOMETRIES, PAPER
from companion.chapters.finite_data.tables import (
    AWARE_READING,
    PUBLISHED_SEEDS,
    advantage,
    agreement,
    geometries,
    interpolating,
    loss_ratio,
    over_epochs,
)
from companion.pages.statistics import mean_interval, swapped, worst
from companion.runs.store import load_results
from tests.chapters.finite_data import needed_sentences
from tests.sentences import BOOK, Said, live, of_replicas, prose, unsaid

CHAPTER = "finite_data"
STUDY = SmallGradient()
VARIED = ("input_dims", "teacher_widths", "outputs", "slopes", "teacher_biases")


@pytest.fixture(scope="module")
def evidence():
    runs, facts = load_results("sample_complexity", BOOK / "results" / "sample_complexity")
    full = over_epochs(runs["runs"])
    published = pd.read_csv(BOOK / "reference" / "sample_complexity.csv")
    return SimpleNamespace(
        full=full,
        published=published,
        claims={claim.id: claim for claim in claims.paper_claims(full, published)},
        seconds=facts["seconds"],
        fitted=interpolating(runs["runs"], claims.FITTED),
        counts=load_results("geometries", BOOK / "results" / "geometries")[0]["counts"],
        hidden=live(Observation())["hidden"],
        undersampled=undersampled(range(STUDY.seeds), STUDY.input_dim),
        **needed_sentences.evidence(),
    )


def looser_from(factor: float) -> float:
    """q from which on the paper's form of the bound is the looser one, at the largest slope.

    At the smallest step that the gradient allows, the derived bound on the sine is factor * eta (K - 1) /
    ((1 - a) q) times what the paper multiplies by 5 K^{3/2}.
    """
    nodes = round(STUDY.teacher_width * (1 + STUDY.over_realization))
    density = 1 / (math.sqrt(2 * math.pi) * STUDY.std)
    return factor * density * (nodes - 1) / (1 - max(STUDY.slopes)) / (5 * nodes**1.5)


def farthest(of, *swap: float, value: str = "eval_loss") -> dict:
    """The largest distance of a curve, in units of what sampling alone gives."""
    published = swapped(of.published, "over_realization", *swap) if swap else of.published
    return worst(agreement(of.full, published, value))


def either_side(of) -> tuple[float, ...]:
    """Correlations with 5x and 10x swapped: the interval holds the bar."""
    found = farthest(of, 5, 10, value="mean_best_correlation")
    assert found["low"] < of.claims["finite-data/published-correlation"].at_most < found["high"]
    return found["value"], found["low"], found["high"]


def told(of, name: str, pair: str) -> bool:
    """The claim refuses its wrong alternative, these two curves swapped."""
    claim = of.claims[f"finite-data/published-{name}"]
    return claim.refuses and claim.wrong.name == f"published {pair} curves swapped"


def tilted(of) -> bool:
    """Up to d - 1 points: no gradient, wrong on new samples; from d on the gradient sees it."""
    few = of.undersampled.plane_points < STUDY.input_dim
    gradient, fresh = of.undersampled.gradient, of.undersampled.fresh_residual
    return gradient[few].max() < 1e-13 and fresh.min() > 0.1 and gradient[~few].min() > 0.1


def specialized(of):
    """The students of the full sweep that fit their samples, and are specialized."""
    return of.fitted[of.fitted.mean_best_correlation >= claims.SPECIALIZED]


def unspecialized(of):
    return of.fitted[of.fitted.mean_best_correlation < claims.UNSPECIALIZED]


def sizes(of) -> list[int]:
    return sorted(of.full.samples.unique())


def gain(of, samples: int) -> dict:
    """Correlation of aware minus random data after training."""
    return mean_interval(advantage(of.full, samples).groupby("seed").last_correlation.mean())


def behind(of, samples: int) -> dict:
    """Loss of aware over random data."""
    return mean_interval(loss_ratio(of.full, samples), "log")


def overtaken(of) -> tuple[int, int]:
    """Sizes from and to which random data have the lower loss, at each with the whole interval."""
    lower = [n for n in sizes(of) if behind(of, n)["low"] > 1]
    first = sizes(of).index(lower[0])
    run = [n for n, other in zip(sizes(of)[first:], lower) if n == other]
    return run[0], run[-1]


def on_average(of, value: str, step: int) -> pd.Series:
    """Mean over seeds of what students make of the hidden node at a step, by offset."""
    return of.hidden[of.hidden.step == step].groupby("offset")[value].mean()


SAID = [
    Said(
        "at the largest offset none is active at any of its points, up to a few in ten thousand.",
        lambda of: of.hidden.query("step == 0 and offset == offset.max()").share.max() < 1e-3,
    ),
    Said(
        "After some hundreds of SGD steps the hidden node is observed; from then on it is found, later than "
        "by students that observed it from the start.",
        lambda of: (
            (on_average(of, "share", 100) < claims.OBSERVED).iloc[-1]
            and (on_average(of, "share", 1000) > claims.OBSERVED).all()
            and on_average(of, "sine", 2154).is_monotonic_increasing
        ),
    ),
    Said(
        "Middle, three curves that rise from one half and from zero to more than four fifths. Right, three "
        "curves that fall to about zero one after the other, the farthest start last.",
        lambda of: (
            (on_average(of, "share", 0).round(1) == [0.5, 0, 0]).all()
            and (on_average(of, "share", Observation().steps) > 0.8).all()
            and (on_average(of, "sine", Observation().steps) < 0.1).all()
        ),
    ),
    Said(
        "The sweep below leaves this centre in one setting at a time",
        lambda of: (
            sum(len(getattr(GEOMETRIES.scales["laptop"], name)) - 1 for name in VARIED) + 1
            == len(geometries(of.counts))
        ),
    ),
    Said(
        "With <d> samples the correlation after training is <.2f> higher than with random data, with <d> it "
        "is <.2f> higher,",
        lambda of: (claims.FEW_SAMPLES, gain(of, claims.FEW_SAMPLES)["value"], 210, gain(of, 210)["value"]),
    ),
    Said(
        "and from <d> on there is no difference to speak of.",
        lambda of: next(
            size
            for size in sizes(of)
            if all(abs(gain(of, n)["value"]) < 0.01 for n in sizes(of) if n >= size)
        ),
    ),
    Said(
        "with <d> samples that of aware data is <.2f> times the loss of random data, but at every size from "
        "<d> to <d> random data have the lower one,",
        lambda of: (claims.FEW_SAMPLES, behind(of, claims.FEW_SAMPLES)["value"], *overtaken(of)),
    ),
    Said(
        "by the most at <d> samples, where the loss of aware data is <d> times as high",
        lambda of: (
            max(sizes(of), key=lambda n: behind(of, n)["value"]),
            round(max(behind(of, n)["value"] for n in sizes(of))),
        ),
    ),
    Said(
        "above $q\\approx$ <.2f> (aware) and <.2f> (agnostic)",
        # steps 4 and 8 sqrt(d) times max|g_k| / ((1 - a) |alpha_kj|); bounds 2 and 3 eta step (K - 1) / q
        lambda of: (looser_from(4 * 2), looser_from(8 * 3)),
    ),
    Said(
        "steps from <.3f> (aware) and <.2f> (agnostic) up",
        lambda of: (min(STUDY.aware_radii), min(STUDY.agnostic_radii)),
    ),
    Said("a student at 60° has zero gradient at every augmented sample although it is wrong", tilted),
    Said("gradients at 1e-15 for one to four plane points that jump at five", tilted),
    Said(
        "The full sweep, <d> seeds, <d> sizes, four over-realizations, <,d> SGD steps each",
        lambda of: (of.full.seed.nunique(), of.full.samples.nunique(), PAPER.epochs * PAPER.steps_per_epoch),
    ),
    Said("had both been means over <d> seeds of the same networks", lambda of: of.full.seed.nunique()),
    Said("Sample complexity at the paper's scale, <d> seeds", lambda of: of.full.seed.nunique()),
    Said(
        "simulated from our seeds alone: <.2f> for the correlations and <.2f> for the losses.",
        lambda of: tuple(
            of.claims[f"finite-data/published-{name}"].at_most for name in ("correlation", "loss")
        ),
    ),
    Said(
        "Undecided is what a faithful reproduction usually gets at it: where both sides are drawn "
        "from our own "
        "runs, <d> seeds each, the correlations hold in <d> of <d> draws and the losses in <d>",
        lambda of: (
            PUBLISHED_SEEDS,
            *of_replicas("finite-data/published-correlation", "finite-data/published-loss"),
        ),
    ),
    Said(
        "The evaluation loss stays undecided. Its 1x and 2x curves are told apart",
        lambda of: (
            of.claims["finite-data/published-loss"].verdict == "undecided" and told(of, "loss", "1x and 2x")
        ),
    ),
    Said(
        "that <d> seeds do not say on whose curve they lie: with the published 5x and 10x curves swapped, "
        "the largest distance is <.2f> times what sampling alone gives, where our own curves are at <.2f>.",
        lambda of: (of.full.seed.nunique(), farthest(of, 5, 10)["value"], farthest(of)["value"]),
    ),
    Said(
        "The correlations lie on the published ones, and do tell 2x from 5x, but not 5x from 10x",
        lambda of: (
            of.claims["finite-data/published-correlation"].verdict == "holds"
            and told(of, "correlation", "2x and 5x")
        ),
    ),
    Said(
        "these two are read to <.3f> only, and swapped they come out at <.2f>, from <.2f> to <.2f>, on both "
        "sides of the bar.",
        lambda of: (AWARE_READING, *either_side(of)),
    ),
    Said("fit them to a loss of 1e-6 and less", lambda of: claims.FITTED == 1e-6),
    Said(
        "the <,d> of them have evaluation losses from <.2g> to <.2g>, and the better the teacher's nodes are "
        "found, the smaller it is.",
        lambda of: (len(of.fitted), of.fitted.eval_loss.min(), of.fitted.eval_loss.max()),
    ),
    Said(
        "With a mean correlation of <.2f> and more none is above <.2g>, and below <.1f> none is below <.2g>, "
        "although these fit their samples better: the median of their training losses is <.2f> of that of "
        "the specialized.",
        lambda of: (
            claims.SPECIALIZED,
            specialized(of).eval_loss.max(),
            claims.UNSPECIALIZED,
            unspecialized(of).eval_loss.min(),
            unspecialized(of).train_loss.median() / specialized(of).train_loss.median(),
        ),
    ),
    Said(
        "every student of the full sweep that fits its training samples to a loss of 1e-6, against what its "
        "mean best-student correlation lacks to 1 (at least 1e-7, where float32 ends)",
        lambda of: claims.FITTED == 1e-6 and FLOAT32 == 1e-7,
    ),
    Said("(its cells took <.1f> hours one by one)", lambda of: of.seconds / 3600),
    *needed_sentences.SAID,
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
