"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import numpy as np
import pytest

from companion.chapters.quadratic_networks import plots, studies, sweeps, tables
from companion.chapters.quadratic_networks.parameters import Parameters
from companion.pages.statistics import mean_interval
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, prose, unsaid

CHAPTER = "quadratic_networks"


@pytest.fixture(scope="module")
def evidence():
    sgd = load_results("quadratic", BOOK / "results" / "quadratic")[0]["runs"]
    near, far = sgd[sgd.overlap > 0], sgd[sgd.overlap == 0]
    fits = np.log(tables.misfit(tables.aligned(far))).groupby("input_dim").mean()
    by_seed = tables.leads(far).groupby(["seed", "width"]).mean().groupby("seed").mean()
    return SimpleNamespace(
        slope=mean_interval(tables.slope(tables.distance(near)) - 0.5)["value"],
        fits=np.exp(fits),
        farther=tables.final_excess(far).xs(1, level="width") > 1,
        passages=studies.Escapes(input_dims=(1000,), seeds=1).run()["passages"],
        lead=mean_interval(by_seed),
        far=far,
    )


def saved(dim):
    """Share of the expected escape time that eight nodes save beside one."""
    passages = studies.Escapes(widths=(1, 8), input_dims=(1000,), seeds=1).run()["passages"]
    expected = tables.expected_log_prefactor(passages)
    return (expected[8] - expected[1]) / (np.log(dim) - expected[1])


def gain(teachers):
    """Expected ln A of eight nodes over that of two."""
    cell = studies.Escapes(widths=(2, 8), teachers=teachers, input_dims=(1000,), seeds=1)
    expected = tables.expected_log_prefactor(cell.run()["passages"])
    return expected[8] - expected[2]


SAID = [
    Said("from the same overlaps (dashed), four starts each.", lambda of: plots.SHOWN == 4),
    Said("over twelve starts, a line per shape", lambda of: studies.Endings().seeds == 12),
    Said("over time, mean over five starts", lambda of: studies.Tails().seeds == 5),
    Said(
        "repeats the warm and random starts at three sizes $N$ each",
        lambda of: len(sweeps.LAPTOP.input_dims) == 3 == len(sweeps.LAPTOP.warm_dims),
    ),
    Said("save a share of <.2f> of the wait at $N=10^6$", lambda of: saved(1e6)),
    Said("and the less the larger $N$ is.", lambda of: saved(1e6) < saved(1e5) < saved(1e4)),
    Said("like $N^{-.53}$", lambda of: round(of.slope, 2) == -0.53),
    Said(
        "is <.3f> at $N=200$ and still <.3f> at $N=1600$; once aligned it falls from <.3f> to <.3f>.",
        lambda of: (*of.fits.bare[[200, 1600]], *of.fits.aligned[[200, 1600]]),
    ),
    Said(
        "in <d> of <d> starts, where theory has a share of <.2f>.",
        lambda of: (of.farther.sum(), len(of.farther), np.arctan(of.passages.noise[0] ** 0.5) / np.pi),
    ),
    Said(
        "is <.2f> in the mean over all starts (from <.2f> to <.2f>), and <.2f> by theory",
        lambda of: (*of.lead.values(), tables.expected_leads(of.passages).mean()),
    ),
    Said(
        "hence a little below that of the plateau, for SGD as for its equations.",
        lambda of: [
            (
                tables.growth(of.far[of.far.input_dim == 1600], column=column)
                .groupby("width")
                .mean()
                .to_numpy()
                < of.passages.growth
            ).all()
            for column in ("share", "share_ode")
        ],
    ),
    Said("from sixteen random starts", lambda of: studies.Paths().seeds == 16),
    Said(
        "With two teacher nodes the prefactor grows with $p$ about as much, "
        "{numref}`fig-quadratic-prefactor`: from two student nodes to eight $\\ln A$ is expected to gain "
        "<.2f>, and <.2f> with one teacher node.",
        lambda of: (gain(2), gain(1)),
    ),
    Said("Times double", lambda of: Parameters(rate=0.05).random_start().horizon == 72),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
