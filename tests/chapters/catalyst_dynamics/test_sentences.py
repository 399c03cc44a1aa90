"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import numpy as np
import pytest

from companion.chapters.catalyst_dynamics import claims, tables
from companion.chapters.catalyst_dynamics.parameters import Parameters
from companion.chapters.catalyst_dynamics.studies import Faces, Fates, Tilted
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, live, prose, unsaid

CHAPTER = "catalyst_dynamics"
HORIZON = Parameters().horizon


@pytest.fixture(scope="module")
def evidence():
    stored = {
        name: load_results(name, BOOK / "results" / name)[0]
        for name in ("fates", "few_samples", "long_time", "noisy_recovery")
    }
    full = tables.phase_map(stored["fates"]["runs"])
    nodes = tables.missing(stored["fates"]["teachers"].query("overlap == 0"))
    seen = live(Faces())
    return SimpleNamespace(
        noisy=stored["noisy_recovery"]["nodes"],
        tilted=live(Tilted())["tilted"],
        chances=seen["chances"],
        faces=tables.by_faces(full, seen["starts"]),
        full=full,
        narrow=tables.narrow(stored["fates"]["runs"]),
        shares=tables.shares(full, HORIZON).set_index(tables.SETTING),
        failures=tables.failures(full, HORIZON).set_index(tables.SETTING),
        first=nodes[nodes.missing].drop_duplicates([*tables.SETTING, "seed"]),
        nodes=nodes,
        medians=full[full.polarity == 1].groupby("over_realization").time.median(),
        covered=stored["few_samples"]["runs"].groupby(["over_realization", "train_samples"]).covered.mean(),
        starts=stored["few_samples"]["runs"].seed.nunique(),
        long=stored["long_time"]["runs"],
    )


def stuck(of, ratio):
    return of.shares.stuck.xs(ratio, level="over_realization")


def held(of):
    """Share of first missing nodes with a student that points against them; the cosines of the others."""
    against = of.first.mirror < claims.AGAINST
    others = of.first.mirror[~against]
    return against.mean(), claims.AGAINST, others.min(), others.max()


def verdict(of, name):
    made = [*claims.long_time(of.long), *claims.mirror(of.nodes, "laptop")]
    return next(claim.verdict for claim in made if claim.id == f"catalyst/{name}")


def tightness(of):
    """Sine over bound: of trained students the largest, of built ones the smallest."""
    return tables.noisy_shares(of.noisy).max(), (of.tilted.sine / of.tilted.bound).min()


def noisy(of):
    """Claims about noisy labels by name."""
    return {claim.id.partition("/noisy-")[2]: claim for claim in claims.noisy(of.noisy, of.tilted)}


def of_nodes(of):
    """Nodes that follow the noise, and all: of every law and seed."""
    key = ["law", "seed", "teacher"]
    return tuple(len(nodes[key].drop_duplicates()) for nodes in (tables.that_follow(of.noisy), of.noisy))


def moved(of):
    """Geometric mean of the angle at a hundred times the smallest noise over that there, of the others."""
    others = of.noisy.drop(tables.that_follow(of.noisy).index)
    wide = others.pivot_table(index=["law", "seed", "teacher"], columns="noise", values="sine")
    return np.exp(np.log(wide[1e-2] / wide[1e-4]).mean())


def without(of):
    """Exponents of the nodes that follow the noise, all laws and seeds together."""
    x = np.log(tables.that_follow(of.noisy)[["noise", "fan_out", "sine"]].to_numpy())
    return tuple(np.linalg.lstsq(np.column_stack([x[:, :2], np.ones(len(x))]), x[:, 2], rcond=None)[0][:2])


def event(of, ratio, share=None):
    """Share found and chance in closed form: of nodes observed to more than a share, or faced."""
    kind = of.chances.share.isna() if share is None else of.chances.share == share
    row = of.chances[kind & (of.chances.over_realization == ratio)].iloc[0]
    return row.found / row.of, row.chance


def faced(of, ratio):
    """Share of the starts whose teacher nodes are all faced."""
    return of.faces[of.faces.over_realization == ratio].faced.mean()


def stuck_of(of, faced):
    """Share of the 1x starts that is stuck, mean over polarities."""
    return of.faces[(of.faces.over_realization == 1) & (of.faces.faced == faced)].stuck.mean()


def spare(of):
    """Stuck starts with students to spare: those with a node that nobody faces, and all."""
    few = of.faces[(of.faces.over_realization > 1) & (of.faces.stuck > 0)]
    return (~few.faced).sum(), len(few)


def slow(of):
    """Median time until the gradient is small: a row per width, a column per polarity."""
    return of.long.groupby(["over_realization", "polarity"]).time.median().unstack()


SAID = [
    Said(
        "With as many students as teacher nodes it vanishes there, too, in all <d> starts.",
        lambda of: (
            of.narrow[(of.narrow.over_realization == 1) & (of.narrow.sample_gradient < 1e-4)].shape[0],
        ),
    ),
    Said(
        "as many students as teacher nodes it vanishes there, too, in all",
        lambda of: (of.narrow[of.narrow.over_realization == 1].sample_gradient < 1e-4).all(),
    ),
    Said(
        "no start aligns more than <d>, <d> and <d> of the five teacher nodes, and the largest gradient at a "
        "sample stays above <.2f>.",
        lambda of: (
            *of.narrow[of.narrow.over_realization < 1].groupby("over_realization").aligned.max(),
            of.narrow[of.narrow.over_realization < 1].sample_gradient.min(),
        ),
    ),
    Said(
        "some student of five sees half with probability <.2f>. Scarce are students that *face* the node: at "
        "$n=m$ a share of <.2f> of the nodes is faced, <.2f> by {eq}`eq-faced`, and all five of them in "
        "<.2f> of the starts.",
        lambda of: (event(of, 1, 0.5)[1], *event(of, 1), faced(of, 1)),
    ),
    Said(
        "Where all are faced, a share of <.2f> of the 1x starts is stuck, and <.2f> where some node is not.",
        lambda of: (stuck_of(of, True), stuck_of(of, False)),
    ),
    Said("to spare all <d> starts that get stuck have a node that nobody faces", lambda of: spare(of)[0]),
    Said("to spare all 12 starts that get stuck", lambda of: spare(of)[0] == spare(of)[1]),
    Said(
        "the claim that this is so for three in four is undecided",
        lambda of: claims.faces(of.faces)[0].verdict == "undecided" and claims.BARS["unfaced"] == 0.75,
    ),
    Said(
        "at twice the width <.2f> of the starts have such a node, and none is stuck.",
        lambda of: 1 - faced(of, 2),
    ),
    Said(
        "have such a node, and none is stuck",
        lambda of: (of.faces[of.faces.over_realization == 2].stuck == 0).all(),
    ),
    Said(
        "The sine of the angle that is left grows like the noise to the power of <.2f>, and falls like the "
        "fan-out norm to the power of <.2f>, from <.2f> to <.2f>: that this is in inverse proportion is "
        "undecided.",
        lambda of: (
            noisy(of)["noise"].value,
            *(getattr(noisy(of)["fan-out"], end) for end in ("value", "low", "high")),
        ),
    ),
    Said("is in inverse proportion is undecided", lambda of: noisy(of)["fan-out"].verdict == "undecided"),
    Said(
        "<d> of the <d> nodes stay more than <.3f> away at the smallest noise, and hardly nearer or farther "
        "at a hundred times as much",
        lambda of: (of_nodes(of)[1] - of_nodes(of)[0], of_nodes(of)[1], tables.STAYS),
    ),
    Said("and hardly nearer or farther at a hundred times as much", lambda of: 0.3 < moved(of) < 3),
    Said("Without them the powers are <.2f> and <.2f>.", without),
    Said(
        "Under no law is the angle larger than <.2f> times that under Gaussian noise",
        lambda of: noisy(of)["laws"].high,
    ),
    Said("no angle is more than <.3f> of its bound, where one that is built for it has <.2f>", tightness),
    Said("other nodes, $K-1=<d>$ here,", lambda of: 12 - 1),
    Said("dots of <d> random starts", lambda of: Faces().seeds),
    Said("max |g$_k$(x)| over <d> samples", lambda of: Fates().samples),
    Said(
        "At $n=m$ a share of <.2f> to <.2f> of the starts is stuck",
        lambda of: (stuck(of, 1).min(), stuck(of, 1).max()),
    ),
    Said(
        "of all <,d> starts with twice as many students as teacher nodes or more, none is",
        lambda of: len(of.full[of.full.over_realization >= 2]),
    ),
    Said(
        "none is, and each of them covers the teacher in the end.",
        lambda of: set(of.full[of.full.over_realization >= 2].outcome) == {"covered"},
    ),
    Said("at $n/m=1.2$ the share is <.2f> at most", lambda of: stuck(of, 1.2).max()),
    Said(
        "at $p=2$ a share of <.2f> of the 1x starts is still moving after <,d> units of time",
        lambda of: (of.shares.moving[2, 1], Fates().limit),
    ),
    Said("<d> random starts in every square", lambda of: of.shares.starts.min()),
    Said(
        "At $p=1$, <d> of the <d> failures of the 1x student are only late, and <d> are for ever; at $p=0$ "
        "all <d> are for ever.",
        lambda of: (*of.failures.loc[(1, 1), ["later", "failed", "stuck"]], of.failures.stuck[0, 1]),
    ),
    Said(
        "and 39 are for ever; at $p=0$ all 22 are for ever.",
        lambda of: of.failures.stuck[0, 1] == of.failures.failed[0, 1] and not of.failures.moving[1, 1],
    ),
    Said(
        "in <d> of the stuck 1x starts the strongest node is the one that is missing, or among those",
        lambda of: of.failures.xs(1.0, level="over_realization").without_strongest.sum(),
    ),
    Said(
        "a share of <.2f> of the first missing nodes have a student whose cosine with them is below <.1f>. "
        "In the others several students share the work: their cosines are between <.1f> and <.2f>.",
        held,
    ),
    Said("As far as our bar goes this is undecided", lambda of: verdict(of, "mirror") == "undecided"),
    Said(
        "about half of their strength or more mirrored",
        lambda of: of.nodes[of.nodes.missing].mirrored.min() > 0.4,
    ),
    Said(
        "at $p=1$ the median time falls from <.1f> at $n=m$ to <.1f> at twice the width and <.1f> at four "
        "times; 16 times the width still gains, but little: <.1f>.",
        lambda of: tuple(of.medians[[1, 2, 4, 16]]),
    ),
    Said(
        "On <d> samples the 2x student covers the teacher from a share of <.2f> of the starts, and the 1x "
        "student from <.2f> of them on <,d> samples",
        lambda of: (32, of.covered[2, 32], of.covered[1, 1024], 1024),
    ),
    Said("On 16 samples no width helps.", lambda of: of.covered.xs(16, level=1).max() < 0.15),
    Said("Share of <d> starts that cover all five teacher nodes", lambda of: of.starts),
    Said(
        "about in inverse proportion where it gets there; the claim on that is undecided.",
        lambda of: verdict(of, "long-time") == "undecided",
    ),
    Said(
        "The time of a 4x student is much the same at every polarity, and longer than that of the 1x student "
        "where all nodes are strong",
        lambda of: (
            slow(of).loc[4].max() < 1.5 * slow(of).loc[4].min() and slow(of)[0][4] > 2 * slow(of)[0][1]
        ),
    ),
    Said(
        "at $p=2$ a share of only <.2f> of the 1x starts has covered the teacher when it falls below it",
        lambda of: of.long[(of.long.polarity == 2) & (of.long.over_realization == 1)].covered.mean(),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
