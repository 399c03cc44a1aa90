"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import pytest

from companion.chapters.expand_and_cluster import tables
from companion.chapters.expand_and_cluster.parameters import Parameters
from companion.chapters.expand_and_cluster.sweeps import CUTS
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "expand_and_cluster"


@pytest.fixture(scope="module")
def evidence():
    stored, facts = load_results("recovery", BOOK / "results" / "recovery")
    told = tables.outcomes(stored["recovered"], 5, Parameters().precise)
    success = tables.success(stored["students"], Parameters().zero)
    deep = load_results("recovery_chains", BOOK / "results" / "recovery_chains")[0]
    return SimpleNamespace(
        told=told,
        exact=success[success["size"] == "exact"],
        spec=facts["spec"],
        deep=deep["recovered"].set_index("teacher"),
        layers=deep["layers"].set_index(["layer", "teacher"]),
        cuts=tables.by_cut(
            load_results("recovery_cuts", BOOK / "results" / "recovery_cuts")[0]["ends"], Parameters().precise
        ),
        first=CUTS.settings("laptop").first,
    )


def by(of, rule: str, activation: str | None = None):
    """Outcomes of a rule, of one activation or all."""
    return of.told[(of.told.rule == rule) & (activation is None or of.told.activation == activation)]


def found_by_none(of, activation: str) -> int:
    return int((of.exact[of.exact.activation == activation].share == 0).sum())


def lost_in_the_lowest_layer(of) -> bool:
    """Both teachers that do not come back, one by its width; nothing that lies above them is perfect."""
    lost = of.deep.index[of.deep.error.isna()]
    lowest, above = (of.layers.loc[layer].loc[lost] for layer in (1, 2))
    missing = sorted(lowest.teacher_width - lowest.width)
    return missing == [0, 1] and (above.perfect == 0).all()


SAID = [
    Said(
        "have taken in stray neurons of the best student by then, <d> and <d> of them, and fine-tuning from "
        "such means gets stuck. **Cut at the start of the stretch instead, both come back**",
        lambda of: tuple(of.cuts[of.cuts.start & ~of.cuts.end & (of.cuts.index < of.first)].strays),
    ),
    Said(
        "the sweep has <d> fresh ReLU teachers, with the bar as it was: by the start of the stretch all <d> "
        "come back, by its end <d>.",
        lambda of: (
            (of.cuts.index >= of.first).sum(),
            of.cuts.start[of.cuts.index >= of.first].sum(),
            of.cuts.end[of.cuts.index >= of.first].sum(),
        ),
    ),
    Said(
        "for six tanh teachers of two hidden layers, of three and two neurons. **Four come back**, to the "
        "bottom of double precision.",
        lambda of: (
            len(of.deep) == 6
            and of.deep.error.notna().sum() == 4
            and of.deep.error.max() < 1e-15
            and set(zip(of.layers.index.get_level_values("layer"), of.layers.teacher_width))
            == {(1, 3), (2, 2)}
        ),
    ),
    Said(
        "one misses a neuron there, and one has the right width there, presumably with a wrong neuron; no "
        "student above either reaches zero loss.",
        lost_in_the_lowest_layer,
    ),
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
