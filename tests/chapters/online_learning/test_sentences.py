"""What the chapter says in words, beside the queries that give it."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.online_learning import tables
from companion.chapters.online_learning.claims import length
from companion.chapters.online_learning.order_parameters import velocity
from companion.chapters.online_learning.parameters import Parameters
from companion.chapters.online_learning.passages import FALL
from companion.chapters.online_learning.plateau import at_rate, error_at_small_rate, symmetric
from companion.chapters.online_learning.sweeps import COLDER_PLATEAUS, LARGEST, OVER_REALIZED
from companion.chapters.online_learning.tables import distance, final
from companion.pages.scorecard import collect
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "online_learning"


@pytest.fixture(scope="module")
def evidence():
    return {
        claim.id: claim
        for claim in collect(BOOK)
        if claim.id.startswith("online/") and claim.scale == "quick"
    }


def relaxation(rate: float, beta: float) -> float:
    """Slowest rate at which q, c and r of alike students come to rest at their plateau."""
    there = at_rate(2, rate, beta)
    now = np.array([there.q, there.c, there.r])

    def moves(x: np.ndarray) -> np.ndarray:
        dq, dr, _ = velocity(symmetric(2, *x.tolist(), x[2].item()), rate, beta=beta)
        return np.array([dq[0, 0], dq[0, 1], dr[0, 0]])

    step = 1e-5 * np.eye(3)
    jacobian = np.stack([(moves(now + h) - moves(now - h)) / 2e-5 for h in step], axis=1)
    return float(-np.linalg.eigvals(jacobian).real.max())


def far(route: str) -> tuple[float, ...]:
    """Mean distance of SGD by number of inputs in the stored sweep, in units of 1 / sqrt N."""
    overlaps = load_results("committee_sizes", BOOK / "results" / "committee_sizes")[0]["overlaps"]
    mean = distance(overlaps, route).groupby("input_dim").distance.mean()
    return tuple(mean[[50, 200, 800, 3200]])


def grown(kind: str) -> float:
    """Mean final error at K = 8 over that at K = 2 in the stored sweep."""
    name = "over_realized_committees"
    last = final(load_results(name, BOOK / "results" / name)[0]["errors"])
    mean = last[last.kind == kind].groupby("student_width").error.mean()
    return mean[8] / mean[2]


def asked():
    """The table of plateau lengths, and what of it is no exception."""
    name = "committee_plateaus"
    table = tables.lengths(load_results(name, BOOK / "results" / name)[0]["plateaus"])
    return table, table.drop(tables.exceptions(table).index)


def shortest():
    best = tables.shortest(asked()[0]).set_index("scenario")
    return best.loc[[f"K = {k}, M = {k}" for k in (2, 3, 5)]]


def off_the_equations() -> tuple[float, ...]:
    """Mean |log| of plateau lengths over the equations': at all rates, at the largest, and by 1 / eta."""
    name = "committee_plateaus"
    plateaus = load_results(name, BOOK / "results" / name)[0]["plateaus"]
    of, claim = tables.against_equations(plateaus), length(plateaus)
    return of.off.abs().groupby(of.seed).mean().mean(), claim.value, claim.wrong.value


def first_exceptions() -> tuple[float, ...]:
    """The least rate that is an exception, by scenario; from there on all are."""
    table, kept = asked()
    off = tables.exceptions(table).groupby("scenario").learning_rate.min()
    below = kept.groupby("scenario").learning_rate.max()[off.index]
    assert (below < off).all() and len(off) == 4
    return tuple(off[["K = 2, M = 2, noisy labels", "K = 4, M = 2", "K = 3, M = 3", "K = 5, M = 5"]].round(3))


def speeds():
    names = ("committee_plateaus", "colder_plateaus")
    stored = [load_results(name, BOOK / "results" / name)[0]["plateaus"] for name in names]
    of = tables.speed_ups(pd.concat(stored)).groupby(["width", "learning_rate"]).speed_up
    return np.exp(of.agg(lambda v: np.log(v).mean()))[of.size() >= tables.FEWEST]


SAID = [
    Said(
        "give its wait up to a mean $|\\log|$ of <.2f>, and of <.2f> at the largest rate of each width, "
        "where a length like $1/\\eta$ would be off by <.2f>.",
        lambda of: off_the_equations(),
    ),
    Said(
        "The shortest median plateau grows from <d> in $\\alpha$ for $K=M=2$ to <d> and <d> for $K=M=3$ and "
        "$5$, that is from <,d> to <,d> and <,d> steps at $N=100$.",
        lambda of: (*shortest().alpha.round(), *shortest().steps.round()),
    ),
    Said(
        "eight rates up to divergence and twenty starts each",
        lambda of: asked()[0].groupby("scenario").size().eq(8).all() and asked()[0].starts.eq(20).all(),
    ),
    Said("error by a factor of 1.5 is the plateau", lambda of: FALL == 1.5),
    Said(
        "There is no rate at which the rule can be asked and fails: the least mean ratio, without the warm "
        "start, is <.1f>.",
        lambda of: asked()[1].query("~scenario.str.contains('warm')").ratio.min(),
    ),
    Said(
        "noisy labels from $\\eta=1.04$ on, soft committees of four nodes from <.2f> on, $K=M=3$ at <.2f>, "
        "beyond the largest stable rate, and $K=M=5$ from <.2f> on, below it.",
        lambda of: first_exceptions()[1:] if round(first_exceptions()[0], 2) == 1.04 else (),
    ),
    Said(
        "$K=M=3$ at 1.70, beyond the largest stable rate, and $K=M=5$ from .91 on, below it.",
        lambda of: LARGEST[3] < 1.70 and LARGEST[5] > 0.91,
    ),
    Said(
        "At small rates the plateau of SGD is about as much shorter for five nodes as for two",
        lambda of: abs(np.log(speeds()[5].iloc[0] / speeds()[2].iloc[0])) < 0.1,
    ),
    Said(
        "the gain is gone before the largest rate",
        lambda of: [speeds()[width].iloc[-1] < 1.1 for width in (2, 3, 5)],
    ),
    Said("for two nodes gradient descent is faster beyond it", lambda of: speeds()[2].iloc[-1] < 0.8),
    Said("means over eight starts", lambda of: OVER_REALIZED.settings("laptop").seeds == 8),
    Said("by SGD, paired over twenty starts", lambda of: COLDER_PLATEAUS.settings("laptop").seeds == 20),
    Said(
        "from $K=2$ to $K=8$ the mean final error of soft committees grows <.1f>-fold, and that of students "
        "that train both layers falls to <.2f> of what it was.",
        lambda of: (grown("soft committee"), grown("both layers")),
    ),
    Said(
        "With 50, 200, 800 and 3,200 inputs the overlaps of SGD are, on average, <.2f>, <.2f>, <.2f> and "
        "<.2f> times",
        lambda of: far("ODE"),
    ),
    Said("from those of the gradient flow <.2f>, <.2f>, <.2f> and <.2f> times.", lambda of: far("flow")),
    Said(
        "the gradient flow without them waits at a third of the height.",
        lambda of: 0.3 < error_at_small_rate(2) / at_rate(2, Parameters().learning_rate).error < 0.37,
    ),
    Said(
        "The escape fails its bar by one point of four: at $\\beta=2$ and the larger learning rate students "
        "approach the plateau more slowly than they leave it",
        lambda of: (
            of["online/plateau-escape"].verdict == "fails"
            and relaxation(1.5, 2.0) < at_rate(2, 1.5, 2.0).escape / 2
        ),
    ),
    Said(
        "That training both layers pays nothing for width fails at the quick scale",
        lambda of: of["online/both-wider"].verdict == "fails",
    ),
    Said(
        "{numref}`fig-online-width` lies above that.",
        lambda of: of["online/soft-wider"].low > (2 + 2 / 3**0.5) / (2 / 3**0.5),
    ),
    Said("Those of a soft committee stay afloat.", lambda of: of["online/cancel"].verdict == "holds"),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
