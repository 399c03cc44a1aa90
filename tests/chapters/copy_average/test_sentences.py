"""What the chapter on students with too few nodes says in words, each sentence beside its query."""

from types import SimpleNamespace

import pytest

from companion.chapters.copy_average import sweeps, tables
from companion.chapters.copy_average.levels import best_level
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "copy_average"


@pytest.fixture(scope="module")
def evidence():
    names = ("few_students", "copy_average_phases", "one_neuron")
    flows, lines, singles = (load_results(name, BOOK / "results" / name)[0] for name in names)
    runs, phases = tables.short(flows["runs"]), lines["phases"]
    line = tables.thresholds(phases)
    copies = phases[phases.family == "copies"].set_index(["k", "n"])
    return SimpleNamespace(
        settings=sweeps.FEW_STUDENTS.settings("laptop"),
        runs=runs,
        erf=runs[runs.activation == "erf"],
        relu=runs[runs.activation == "relu"],
        shares=tables.shares(flows["runs"]).set_index(["activation", "k", "n", "kind"]),
        ratios=tables.lowest(flows["runs"]).query("activation == 'relu' and n > 1").ratio,
        shapes=tables.shapes(flows["nodes"]).query("k == 8"),
        phases=phases,
        line=line,
        share=line.div(line.index, axis=0),
        copies=copies,
        singles=singles["levels"],
    )


def good(of):
    return (of.erf.status == "ok") & of.erf.kind.isin(["copies", "copy-average"])


def share(of, k, n, kind, activation="erf"):
    key = (activation, k, n, kind)
    return of.shares.share[key].sum() if key in of.shares.index else 0.0


def narrow_ends(of):
    narrow = of.erf[of.erf.n < 0.75 * of.erf.k]
    levels = [best_level(n, k) for n, k in zip(narrow.n, narrow.k)]
    return (narrow.kind == "copy-average").all() and (abs(narrow.loss - levels) < 1e-6).all()


def both_minima(of):
    at = of.phases[of.phases.k == 50].pivot(index="n", columns="family", values="curvature")
    return int((at > 0).all(axis=1).sum()), len(at)


def single_nodes(of):
    assert (abs(of.singles.free - of.singles.reduced) < 1e-8).all()
    by = of.singles.groupby("activation")[["reached", "starts"]].sum()
    smooth = by.loc[["erf", "tanh", "sigmoid", "softplus"]].sum()
    assert smooth.reached == smooth.starts and by.starts["relu"] == by.starts["leaky"]
    return len(of.singles), smooth.starts, by.starts["relu"], by.reached["relu"], by.reached["leaky"]


SAID = [
    Said(
        "<d> random starts at every width below teachers of 4, 6 and 8 nodes.",
        lambda of: of.settings.starts if of.settings.teachers == (4, 6, 8) else None,
    ),
    Said("Of the <d> erf starts, <d> end in one of the two ways.", lambda of: (len(of.erf), good(of).sum())),
    Said("Below three quarters of the teacher's width all of them end at", narrow_ends),
    Said(
        "none of <d> starts at $k=4$, <.2f> of them at $k=6$ and <.3f> at $k=8$ end as copies.",
        lambda of: (
            (of.settings.starts, share(of, 6, 5, "copies"), share(of, 8, 7, "copies"))
            if share(of, 4, 3, "copies") == 0
            else None
        ),
    ),
    Said(
        "With two too few at $k=8$ <.2f> do, though copy-average is the lower one there.",
        lambda of: share(of, 8, 6, "copies") if of.line.lower[8] > 6 else None,
    ),
    Said(
        "The other <d> starts were still moving at the time $10^7$",
        lambda of: (
            (~good(of)).sum()
            if (of.erf.status[~good(of)] == "moving").all() and (of.erf.time[~good(of)] > 1e7).all()
            else None
        ),
    ),
    Said(
        "the triangles of copies beside an average at angle 0, length 1 and weight 1",
        lambda of: (
            (
                of.shapes.query("kind == 'copy-average' and part == 'copy'")[["angle", "length", "outgoing"]]
                == [0, 1, 1]
            )
            .all()
            .all()
        ),
    ),
    Said("<d> starts each; the larger a dot", lambda of: of.settings.starts),
    Said(
        "The reduced minimum is the lowest level in all <d> stored cases. With erf, tanh, sigmoid and "
        "softplus all <d> free starts reach it. Of <d> starts, <d> do with ReLU and <d> with leaky ReLU",
        single_nodes,
    ),
    Said(
        "At $k=50$ copies are a minimum from $n=22$ on and the lower one from $n=38$; copy-average ceases to "
        "be a minimum at $n=45$.",
        lambda of: of.line.loc[50].tolist() == [22, 38, 45],
    ),
    Said("So for <d> widths, of <d>, there are both.", both_minima),
    Said(
        "the first lies between <.2f> and <.2f>, and the second between <.2f> and <.2f>.",
        lambda of: (
            of.share.minimum.min(),
            of.share.minimum.max(),
            of.share.lower.min(),
            of.share.lower.max(),
        ),
    ),
    Said(
        "At $n=25$ a copy has the length <.3f> and the outgoing weight <.3f>",
        lambda of: tuple(of.copies.loc[50, 25][["norm", "outgoing"]]),
    ),
    Said(
        "the lowest loss reached is <.2f> to <.2f> of the level of one node for the rest",
        lambda of: (of.ratios.min(), of.ratios.max()),
    ),
    Said(
        "Both kinds occur already at $n=4$, $k=6$, where erf knows only one.",
        lambda of: (
            min(share(of, 6, 4, kind, "relu") for kind in ("copies", "copy-average")) > 0.1
            and share(of, 6, 4, "copies") == 0
        ),
    ),
    Said(
        "Of <d> starts <d> have a node that is doomed by {prf:ref}`prop-doomed`, and all of these end short; "
        "of the others <d> do.",
        lambda of: (
            (len(of.relu), of.relu.doomed.sum(), of.relu.short[~of.relu.doomed].sum())
            if of.relu.short[of.relu.doomed].all()
            else None
        ),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
