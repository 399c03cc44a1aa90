"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import numpy as np
import pytest

from companion.chapters.spectral import claims, tables
from companion.chapters.spectral.parameters import Parameters
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "spectral"


@pytest.fixture(scope="module")
def evidence():
    stored = load_results("spectral", BOOK / "results" / "spectral")[0]
    counted = tables.survivors(stored["units"], Parameters().alive)
    ends = tables.at_the_end(counted)
    spectral = claims.method(ends, "spectral")
    whole = stored["kept"][stored["kept"].kept == stored["kept"].width]
    return SimpleNamespace(
        counted=claims.method(counted, "spectral"),
        spectral=spectral.merge(whole[[*tables.RUN, "error"]], on=tables.RUN),
    )


def exactly(students, teacher: int) -> tuple[int, int]:
    of = students[students.teacher_width == teacher]
    return (of.excess == 0).sum(), len(of)


def rank_correlation(of, teacher: int) -> float:
    """Of survivors and error, mean over the student's widths."""
    rows = of.spectral[of.spectral.teacher_width == teacher]
    by_width = [
        group[["excess", "error"]].corr(method="spearman").iloc[0, 1] for _, group in rows.groupby("width")
    ]
    return float(np.mean(by_width))


SAID = [
    Said(
        "in a minority of seeds only do most students keep exactly $m$ nodes",
        lambda of: ((of.spectral.excess == 0).groupby(of.spectral.seed).mean() > 0.5).mean() < 0.5,
    ),
    Said(
        "over all teachers the widest students keep <.1f> nodes more than the narrowest",
        lambda of: of.spectral.groupby("width").nodes.mean().iloc[[0, -1]].diff().iloc[-1],
    ),
    Said(
        "exactly $m$ nodes survive in <d> of <d> students of teachers of three nodes, in <d> of <d> of five, "
        "and in <d> of <d> of eight",
        lambda of: tuple(number for m in (3, 5, 8) for number in exactly(of.spectral, m)),
    ),
    Said(
        "where the median student that has room keeps <g> too many",
        lambda of: of.spectral.query("teacher_width == 8 and width > 10").excess.median(),
    ),
    Said(
        "<,d> steps of Adam against our <,d>",
        lambda of: (10_000 * 2000 // 300, of.counted.step.max()),  # samples, epochs and batches of the paper
    ),
    Said(
        "those with more survivors have the larger error with all nodes kept (rank correlation <.2f>, "
        "mean over widths)",
        lambda of: rank_correlation(of, 8),
    ),
    Said("Among those of three nodes it is not so (<.2f>)", lambda of: rank_correlation(of, 3)),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
