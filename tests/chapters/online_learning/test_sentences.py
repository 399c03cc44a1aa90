"""What the chapter says in words, beside the queries that give it."""

import numpy as np
import pytest

from companion.chapters.online_learning.order_parameters import velocity
from companion.chapters.online_learning.parameters import Parameters
from companion.chapters.online_learning.plateau import at_rate, error_at_small_rate, symmetric
from companion.chapters.online_learning.tables import distance
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


SAID = [
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
