"""What the page says in words, beside the queries that give it."""

from types import SimpleNamespace

import pandas as pd
import pytest

from tests.playground.page import ROOT
from tests.sentences import Said, one_line, unsaid

TEXT = one_line((ROOT / "book" / "playground.md").read_text().replace("\n(", "\n\n("))


@pytest.fixture(scope="module")
def of():
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "playground.csv")
    by = dict(list(table.groupby("preset")))
    held = lambda preset: (by[preset].holds.sum(), len(by[preset]))
    return SimpleNamespace(by=by, held=held)


SAID = [
    Said("It was run for <d> seeds", lambda of: len(of.by["leaky"])),
    Said("The strongest was the first in <d> of <d> seeds.", lambda of: of.held("strong-first")),
    Said("teacher 1 is the strongest, 5 the weakest", lambda of: True),
    Said(
        "It stayed so for 20,000 steps in <d> of <d> seeds, and for 50,000 in <d>.",
        lambda of: (*of.held("unobserved"), (of.by["unobserved"].found_later == 2).sum()),
    ),
    Said(
        "The exception is the seed that the page starts with",
        lambda of: of.by["unobserved"].query("found_later == 3").seed.tolist() == [1],
    ),
    Said("All students start looking away from teacher 1", lambda of: True),
    Said(
        "By step 20,000 the wide one had found more in <d> of <d> seeds, <.1f> of 5 on average where the "
        "narrow one found <.1f>.",
        lambda of: (
            *of.held("catalyst"),
            of.by["catalyst"].found.mean(),
            of.by["catalyst"].found_before.mean(),
        ),
    ),
    Said(
        "In <d> of <d> seeds a teacher node was missing while the loss on the samples was a tenth or less",
        lambda of: of.held("few-samples"),
    ),
    Said("most teacher lines lie bare", lambda of: of.by["few-samples"].found.max() <= 2),
    Said("The button gives 4,000 samples", lambda of: True),
    Said("students went back to them in <d> of <d> seeds", lambda of: of.held("anti-parallel")),
    Said(
        "by step 30,000 all three were found in <d> of <d> seeds. Without a slope, from the same start, they "
        "were in <d>, so that all went as told in <d>.",
        lambda of: (
            (of.by["leaky"].found == 3).sum(),
            len(of.by["leaky"]),
            (of.by["leaky"].found_before == 3).sum(),
            of.held("leaky")[0],
        ),
    ),
    Said(
        "By step 30,000 there were some to remove in <d> of <d> seeds, and the loss without them was below "
        "1e-4 in <d> of <d>;",
        lambda of: ((of.by["pruning"].removed > 0).sum(), len(of.by["pruning"]), *of.held("pruning")),
    ),
    Said("with a slope of .2", lambda of: True),
    Said(
        "By step 30,000 students could be fused in <d> of <d> seeds, <.1f> of 30 on average, and the loss "
        "was below 1e-4",
        lambda of: (*of.held("merging"), of.by["merging"].removed.mean()),
    ),
    Said(
        "By step 20,000 a teacher node was missing, and the loss at least ten times that of the wide "
        "student, in <d> of <d> seeds",
        lambda of: of.held("too-few-nodes"),
    ),
    Said(
        "By step 20,000 not one weight of the second input had changed, and the loss on the samples was a "
        "tenth or less of that on the square, in <d> of <d> seeds",
        lambda of: of.held("data-on-a-line"),
    ),
    Said("when mark 1 stands left of all others", lambda of: True),
    Said("When badge 1 is filled", lambda of: True),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_is_so(said, of):
    assert said.filled(of) in TEXT


def test_no_number_stands_in_the_text_without_its_query(of):
    assert unsaid(TEXT, [said.filled(of) for said in SAID]) == []
