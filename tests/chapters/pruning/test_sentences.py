"""What the chapter says in words, beside the queries that give it."""

import re

import numpy as np
import pandas as pd
import pytest

from companion import place
from companion.chapters.pruning import closed_forms, tables
from companion.chapters.pruning.sweeps import PRUNING_IMAGES
from companion.pages import scorecard
from companion.pages.statistics import mean_interval
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "pruning"


STORED = place.PACKAGE.parent / "book" / "results" / CHAPTER


@pytest.fixture(scope="module")
def claims():
    """Claims of the stored page, by what follows the chapter in their id, at the quick scale."""
    found = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("pruning/")]
    return {
        claim.id.removeprefix("pruning/"): claim
        for claim in found
        if claim.scale == "quick" or claim.id.endswith("sign-map") or "/cifar10-" in claim.id
    }


def verdicts(**expected: str):
    """Whether claims have these verdicts; underscores are hyphens."""
    return lambda claims: all(claims[name.replace("_", "-")].verdict == v for name, v in expected.items())


def by_k(claim) -> list[float]:
    """The ratios that the note of a claim lists."""
    return [float(ratio) for ratio in re.findall(r"\d+: (\d+\.\d+)", claim.note)]


def by_share(claim) -> list[float]:
    """The mean differences of accuracies that the note of a claim lists, the smallest share first."""
    return [float(value) for value in re.findall(r": ([+-]\d\.\d+)", claim.note)]


def stored(**of) -> pd.DataFrame:
    """Errors of the students of the stored sweep with these settings."""
    errors = load_results(CHAPTER, STORED)[0]["errors"]
    return errors[(errors[list(of)] == pd.Series(of)).all(axis=1)]


def of_noise(noise: float) -> float:
    """Error of the merged student of m nodes over the student's own."""
    chosen = stored(start="even", noise=noise, over_realization=3.0)
    return mean_interval(tables.over_own(chosen, "merging", reweighted=True)[2], "log")["value"]


def on_cifar10() -> pd.DataFrame:
    return load_results("pruning_images", STORED.parent / "pruning_images")[0]["accuracies"]


def merging_ratios() -> pd.DataFrame:
    """Geometric means of the merged student's error over its own, a row per z, a column per noise."""
    table = load_results("merging", STORED.parent / "merging")[0]["merged"]
    logs = np.log(table.error / table.own).groupby([table.over_realization, table.noise]).mean()
    return np.exp(logs).unstack()


def most_at_the_fan_out(claims) -> bool:
    return (merging_ratios().idxmax(axis=1) == 4).all()


def edges_over_nodes(noise: float) -> dict:
    chosen = stored(start="even", noise=noise, over_realization=3.0)
    return mean_interval(tables.ratio(chosen, "random edges", "DPP nodes")[1], "log")


def on_the_map() -> pd.DataFrame:
    """Measured and expected log2 ratio of nodes over edges, by over-realization and share."""
    found = tables.edges_win(stored())
    kept, z = found.kept, found.over_realization
    ratio = closed_forms.dpp_nodes(kept, z, 2) / closed_forms.random_edges(kept, z)
    found["formula"] = np.log2(ratio)
    return found[found.formula.abs() > 0.1]


def nearly_all_up_to_four(claims) -> bool:
    few = on_the_map().query("over_realization <= 4")
    return len(few) > 8 and ((few.edges_win > 0) != (few.formula > 0)).sum() <= 1


def against_the_sign(claims) -> bool:
    large = on_the_map().query("over_realization == 6 and kept > .7")
    return len(large) > 2 and (large.edges_win > 0.1).all() and (large.formula < 0).all()


SAID = [
    Said("With up to four copies they nearly all take the side of the map.", nearly_all_up_to_four),
    Said("**random edges win at large shares, too, against the sign of the formula**", against_the_sign),
    Said("the claim on the map fails", lambda claims: claims["sign-map"].verdict == "fails"),
    Said(
        "at $z=6$ and even fan-outs, DPP nodes err <.2f> times as much as uniform ones",
        lambda claims: mean_interval(
            tables.ratio(stored(start="even", over_realization=6.0), "DPP nodes", "uniform nodes")[11], "log"
        )["value"],
    ),
    Said(
        "with noise as large as one, random edges beat DPP nodes at the smallest share",
        lambda claims: all(edges_over_nodes(noise)["high"] < 1 for noise in (1.0, 2.0, 4.0)),
    ),
    Said(
        "ratios of <.2f>, <.2f> and <.2f> at noise of standard deviation <d>, <d> and <d>",
        lambda claims: (*map(of_noise, (1.0, 2.0, 4.0)), 1, 2, 4),
    ),
    Said("What merging adds is most at noise as large as a fan-out", most_at_the_fan_out),
    Said(
        "at most <.2f> of the student's own error at six copies",
        lambda claims: merging_ratios().max().max() - 1,
    ),
    Said("err *less* than the student itself, <.2f> of it", lambda claims: merging_ratios().loc[6.0, 16.0]),
    Said(
        "The claim that it would double the error there fails",
        lambda claims: merging_ratios()[16.0].max() < 2,
    ),
    Said(
        "lies on the simulations that are stored with that code, too",
        verdicts(published_random_edges="holds", published_dpp_edges="holds", published_dpp_nodes="holds"),
    ),
    Said(
        "From even fan-outs DPP nodes beat uniform ones",
        verdicts(diverse_even="holds", diverse_at_every_k_even="holds"),
    ),
    Said(
        "from the released start they do so near $k=m$, and at the largest $k$ they are *worse than chance*",
        lambda claims: (
            claims["diverse-drawn"].verdict == "holds"
            and claims["diverse-at-every-k-drawn"].verdict == "fails"
            and by_k(claims["diverse-drawn"])[-1] > 1.05
        ),
    ),
    Said(
        "**Nodes of large $|v|\\,\\norm w$ beat it at every $k$ from either start**",
        lambda claims: all(
            claims[f"important-{start}"].verdict == "fails" and min(by_k(claims[f"important-{start}"])) > 1
            for start in ("even", "drawn")
        ),
    ),
    Said("The first half does not reproduce at the paper's over-realization", verdicts(random_edges="fails")),
    Said(
        "The second half holds against nodes and random edges, and not against the obvious baseline: the "
        "largest weights of each node err less at every share",
        verdicts(dpp_edges="holds", magnitude_edges="holds"),
    ),
    Said(
        "the merged student stays near the student itself",
        lambda claims: claims["merging-free-even"].value < 2.5,
    ),
    Said("errs more than ten times as much", verdicts(merging="holds")),
    Said(
        "**DPP edges beat DPP nodes and random edges at every share. Random edges do not beat DPP nodes at "
        "any**",
        lambda claims: (
            claims["digits-dpp-edges"].verdict == "holds"
            and max(by_share(claims["digits-random-edges"])) < 0
            and max(by_share(claims["digits-random-edges-fitted"])) < 0
        ),
    ),
    Said(
        "at a fifth of the parameters they are <.2f> behind, both fitted",
        lambda claims: -by_share(claims["digits-random-edges-fitted"])[0],
    ),
    Said(
        "against uniform nodes the differences lie within <.2f> at every share",
        lambda claims: (
            0.01
            if max(map(abs, by_share(claims["digits-diverse"]) + by_share(claims["digits-diverse-fitted"])))
            < 0.01
            else np.nan
        ),
    ),
    Said(
        "the most important nodes beat them at every share",
        lambda claims: max(by_share(claims["digits-important"])) < 0,
    ),
    Said(
        "Against magnitude DPP edges lose at small shares and tie at large ones",
        lambda claims: (
            min(by_share(claims["digits-magnitude-edges"])[:2]) > 0.005
            and max(map(abs, by_share(claims["digits-magnitude-edges"])[2:])) < 0.003
        ),
    ),
    Said(
        "at a fifth of the nodes it is <.3f> ahead of the best node pruning",
        lambda claims: claims["digits-merging-to-few"].value,
    ),
    Said("at four fifths it costs nothing that one could measure", verdicts(digits_free="holds")),
    Said(
        "averaged over blocks of four by four, test accuracy <.2f>)", lambda claims: on_cifar10().own.mean()
    ),
    Said("averaged over blocks of four by four,", lambda claims: PRUNING_IMAGES.settings("laptop").pool == 4),
    Said(
        "with fitted weights **random edges do beat DPP nodes**, at every share, and DPP edges still beat "
        "both. The largest weights beat DPP edges at every share.",
        verdicts(
            cifar10_random_edges_fitted="holds", cifar10_dpp_edges="holds", cifar10_magnitude_edges="holds"
        ),
    ),
    Said(
        "Diversity of nodes again buys nothing, and the most important nodes are better at every share. "
        "Merging is level with the best node pruning.",
        verdicts(cifar10_diverse="undecided", cifar10_important="fails", cifar10_merging="undecided"),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_claims_do(said, claims):
    assert said.filled(claims) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(claims):
    assert unsaid(prose(CHAPTER), [said.filled(claims) for said in SAID]) == []
