"""What the chapter says in words, beside the queries that give it."""

import re

import pytest

from companion.chapters.factor_transfer import claims, tables
from companion.chapters.factor_transfer.studies import SIDES
from companion.chapters.factor_transfer.sweeps import EVERY_LABEL, TRANSFERS
from companion.pages import scorecard
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "factor_transfer"
PAPER = dict(layers=56, epochs=164)  # of the residual network on CIFAR-10


def stored(name: str):
    return load_results(CHAPTER, BOOK / "results" / CHAPTER)[0][name]


def mean(method: str) -> float:
    return tables.by_method(stored("students"))[method].mean()


def every_label():
    return load_results("factor_transfer_all", BOOK / "results" / "factor_transfer_all")[0]["students"]


def verdicts() -> list[str]:
    return list(tables.leads(stored("students")).verdict)


def own(method: str, layer: int | None = None) -> float:
    return tables.own_minus_another(stored("layers"), method, layer).mean()


LIVE = {claim.id: claim for claim in scorecard.collect(BOOK) if claim.scale == "quick"}


def live(claim: str, what: str) -> dict[str, float]:
    """Numbers by method in the note of a claim of the live run, behind these words."""
    part = next(part for part in LIVE[claim].note.split("; ") if part.startswith(f"{what}: "))
    found = re.findall(r"([a-z][a-z, ]*?) (-?\d+\.\d+)", part.removeprefix(f"{what}: "))
    return {name.removeprefix(", "): float(value) for name, value in found}


def behind_the_labels(method: str) -> float:
    means = live("factor/best-baseline", "means")
    return means["labels"] - means[method]


def projection() -> float:
    return float(LIVE["factor/reconstruction"].note.split()[-1])


def matched(what: str) -> dict[str, float]:
    """Numbers by method in the table that is the note on channels, live run, below this heading."""
    heads, rows = LIVE["factor/specialization"].note.split(": ")
    at = heads.split(" / ").index(what)
    found = re.findall(r"([a-z][a-z, ]*) (-?\d[^;]*)", rows)
    return {name: float(numbers.split(" / ")[at]) for name, numbers in found}


def added_to_either() -> dict[str, float]:
    """The less of what training adds to the match with the own and with another teacher, live run."""
    one, other = (matched(what) for what in ("training adds, own teacher", "another"))
    return {method: min(one[method], other[method]) for method in one}


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
    Said(
        "In the live run factors do not beat the others: the best of these are soft labels, and there is a "
        "tie, also with the labels alone.",
        lambda larger: (
            "over soft labels (tie)" in LIVE["factor/best-baseline"].note
            and LIVE["factor/labels"].low < 0 < LIVE["factor/labels"].high
        ),
    ),
    Said(
        "*Attention* and the loss *as printed* are far behind.",
        lambda larger: min(map(behind_the_labels, ("attention", "factors, as printed"))) > 0.1,
    ),
    Said(
        "in these few steps they do not: the projection has the smaller error, also in the measure that the "
        "paraphraser minimizes.",
        lambda larger: (
            projection() < LIVE["factor/reconstruction"].low and LIVE["factor/linear"].verdict == "fails"
        ),
    ),
    Said(
        "match those of another teacher no worse than those of their own, and so do those of all others",
        lambda larger: (
            max(matched("top layer").values()) < claims.BARS["own"]
            and LIVE["factor/specialization"].verdict == "fails"
        ),
    ),
    Said(
        "but for the printed loss, training raises the match with *either* teacher.",
        lambda larger: all(
            (gain > 0) == (name != "factors, as printed") for name, gain in added_to_either().items()
        ),
    ),
    Said(
        "In the middle layer, which attention transfer compares as well, its students lie nearer to their "
        "own teacher",
        lambda larger: (
            max(of := matched("middle layer"), key=of.__getitem__) == "attention"
            and of["attention"] > claims.BARS["own"]
        ),
    ),
    Said(
        "Hints and attention bring students of middle layers nearer to their own teacher; factors hardly do.",
        lambda larger: min(own("hints", 2), own("attention", 2)) > 2 * own("factors", 2) > -0.05,
    ),
    Said("on digits of <d> × <d> pixels", lambda larger: (SIDES["digits"],) * 2),
    Said(
        "With all <,d> of them, each seen about once by students of a quarter of the channels",
        lambda _: (
            every_label().labels.unique()[0]
            if list(every_label().divisor.unique()) == [4]
            and 1 <= (all_ := EVERY_LABEL.settings("laptop")).steps * all_.batch_size / 50_000 < 1.1
            else None
        ),
    ),
    Said(
        "factors and hints tie, at <.3f> both, before soft labels with <.3f> and labels alone with <.3f>.",
        lambda _: (
            tuple(tables.methods(every_label()).value[["factors", "soft labels", "labels"]])
            if tables.leads(every_label()).verdict.tolist() == ["tie"]
            and tables.leads(every_label()).best.tolist() == ["hints"]
            and abs(tables.methods(every_label()).value[["factors", "hints"]].diff().iloc[1]) < 0.0005
            else None
        ),
    ),
    Said(
        "All labels bring factors level with hints, not ahead of them.",
        lambda _: (
            mean("hints") - mean("factors") > 0.01 and tables.leads(every_label()).verdict.tolist() == ["tie"]
        ),
    ),
]


@pytest.fixture(scope="module")
def evidence():
    return TRANSFERS.settings("laptop")


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_settings_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
