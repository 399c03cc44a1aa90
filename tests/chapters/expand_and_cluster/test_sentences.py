"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import pytest

from companion.chapters.expand_and_cluster import tables
from companion.chapters.expand_and_cluster.parameters import Parameters
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "expand_and_cluster"


@pytest.fixture(scope="module")
def evidence():
    stored, facts = load_results("recovery", BOOK / "results" / "recovery")
    told = tables.outcomes(stored["recovered"], 5, Parameters().precise)
    success = tables.success(stored["students"], Parameters().zero)
    return SimpleNamespace(told=told, exact=success[success["size"] == "exact"], spec=facts["spec"])


def by(of, rule: str, activation: str | None = None):
    """Outcomes of a rule, of one activation or all."""
    return of.told[(of.told.rule == rule) & (activation is None or of.told.activation == activation)]


def found_by_none(of, activation: str) -> int:
    return int((of.exact[of.exact.activation == activation].share == 0).sum())


SAID = [
    Said(
        "has <d> fresh ones, <d> of each activation, five neurons wide, with eight expanded students",
        lambda of: (len(by(of, "most whole")), of.spec["teachers"]),
    ),
    Said("eight expanded students and eight of", lambda of: of.spec["students"] == 8),
    Said(
        "<d>, <d> and <d> of the <d> tanh, sigmoid and ReLU teachers are found by *none* of eight",
        lambda of: (*(found_by_none(of, name) for name in ("tanh", "sigmoid", "relu")), of.spec["teachers"]),
    ),
    Said(
        "The published rule does well with tanh and sigmoid, where it errs by keeping too much",
        lambda of: all(
            by(of, "pi/6", name).exact.mean() > 0.8 and (by(of, "pi/6", name).excess >= 0).all()
            for name in ("tanh", "sigmoid")
        ),
    ),
    Said(
        "it keeps too many neurons for <d> of <d> teachers",
        lambda of: ((by(of, "pi/6", "relu").excess > 0).sum(), len(by(of, "pi/6", "relu"))),
    ),
    Said(
        "a median of three too many, and no teacher comes back",
        lambda of: by(of, "pi/6", "relu").excess.median() == 3 and not by(of, "pi/6", "relu").exact.any(),
    ),
    Said(
        "too few for <d> of <d> teachers",
        lambda of: ((by(of, "pi/18", "relu").excess < 0).sum(), len(by(of, "pi/18", "relu"))),
    ),
    Said("give the right *width* for all <d> teachers", lambda of: (by(of, "most whole").excess == 0).sum()),
    Said(
        "Two ReLU teachers still do not come back",
        lambda of: (
            (~by(of, "most whole", "relu").exact).sum() == 2 and (~by(of, "most whole").exact).sum() == 2
        ),
    ),
    Said("loses true neurons (<d> teachers)", lambda of: (by(of, "pi/6, every student").excess < 0).sum()),
    Said(
        "of the number of whole clusters (<d> teachers)",
        lambda of: (by(of, "longest plateau").excess < 0).sum(),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
