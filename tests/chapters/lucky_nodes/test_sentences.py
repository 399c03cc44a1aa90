"""What the chapter says in words, beside the queries that give it."""

import re
from collections.abc import Iterable
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

from companion.chapters.lucky_nodes import claims, regularization, tables
from companion.chapters.lucky_nodes.parameters import Parameters
from companion.chapters.lucky_nodes.sweeps import FAN_OUT_DECAY, RANKS
from companion.pages import scorecard
from companion.pages.statistics import mean_interval
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, live, prose, unsaid

CHAPTER = "lucky_nodes"


@pytest.fixture(scope="module")
def evidence():
    """Claims of the stored page, by id and scale."""
    notebook = nbformat.read(BOOK / f"{CHAPTER}.ipynb", as_version=4)
    of_chapter = [claim for claim in scorecard.collect(BOOK) if claim.id.startswith("lucky/")]
    return SimpleNamespace(
        claims={(claim.id, claim.scale): claim for claim in of_chapter},
        notebook=notebook,
        quick=Parameters(),
        laptop=RANKS.scales["laptop"],
        curve=pd.read_csv(BOOK / "reference" / "lucky_correlation.csv"),
        biases=pd.read_csv(BOOK / "reference" / "batchnorm_bias.csv"),
    )


def stored_layers(sweep: str) -> pd.DataFrame:
    return load_results(sweep, BOOK / "results" / sweep)[0]["layers"]


def lift_by_norm(epoch: int | None = None) -> pd.Series:
    """By layer, mean correlation with batch normalization behind the ReLU minus without it."""
    found = stored_layers("lucky_norm")
    at = found[found.epoch == (found.epoch.max() if epoch is None else epoch)]
    mean = at.pivot_table(index="layer", columns="norm", values="correlation")
    (without,) = (name for name in mean if name == "none")
    return mean.drop(columns=without).squeeze() - mean[without]


def lift_by_width(last: bool) -> pd.Series:
    """Mean correlation of tenfold minus exact students, by kind of network, before training or after."""
    found = stored_layers("lucky_images")
    at = found[found.epoch == (found.epoch.max() if last else 0)]
    mean = at.pivot_table(index="network", columns="over_realization", values="correlation")
    return mean[10.0] - mean[1.0]


def widest_used() -> pd.DataFrame:
    """How students of the greatest width ended that were trained for long."""
    found = load_results("lucky_width", BOOK / "results" / "lucky_width")[0]["used"]
    return found[(found.step == found.step.max()) & (found.over_realization == found.over_realization.max())]


def gain(ratio: float, **variant: str) -> dict:
    """Final correlation of a variant minus that of plain students, mean over layers, paired over seeds."""
    found = stored_layers("lucky_ranks")
    last = found[(found.epoch == found.epoch.max()) & (found.over_realization == ratio)]
    mean = last.groupby(["start", "data", "seed"]).correlation.mean()
    chosen = dict(start="random", data="finite") | variant
    return mean_interval((mean[chosen["start"], chosen["data"]] - mean["random", "finite"]).dropna())


def plain_students() -> pd.DataFrame:
    """Correlations, losses and motion in the end of students with random starts and finite data."""
    found = stored_layers("lucky_ranks").query("start == 'random' and data == 'finite'")
    return found[found.epoch == found.epoch.max()]


def moved_by_width() -> pd.DataFrame:
    """How far weights have moved over their length at the start, by layer and over-realization."""
    return plain_students().pivot_table(index="layer", columns="over_realization", values="moved")


def loss_by_width(ratio: float) -> float:
    """By how much the mean evaluation loss of students of a width is above that of 5x."""
    loss = plain_students().groupby("over_realization").eval_loss.mean()
    return loss[ratio] - loss[5.0]


def decay_distances() -> pd.DataFrame:
    """Every published fan-out norm with its distance from ours, the farthest first."""
    norms = load_results("lucky_decay", BOOK / "results" / "lucky_decay")[0]["norms"]
    published = pd.read_csv(BOOK / "reference" / "lucky_fan_outs.csv")
    return tables.panel_distance(norms, published).sort_values("distance", ascending=False)


def lone_dot() -> tuple[float, float, float]:
    """The farthest published norm, and those before and after it in its curve."""
    keys = ["over_realization", "start", "node"]
    found = decay_distances()
    far = found.iloc[0]
    assert (far.over_realization, far.start, far.node) == (2.0, "[1, 0.3]", "matched")
    curve = found[(found[keys] == far[keys]).all(axis=1)].sort_values("iteration")
    assert len(curve) == 3 and curve.iteration.iloc[1] == far.iteration
    before, _, after = curve.norm
    return far.norm, before, after


def left_over() -> tuple[float, float]:
    """Smallest and largest mean norm of the losers from a random start in the end, by width."""
    norms = load_results("lucky_decay", BOOK / "results" / "lucky_decay")[0]["norms"]
    roles = tables.by_role(norms[(norms.gradient == "exact") & (norms.start == "random")])
    last = roles[(roles.step == roles.step.max()) & (roles.role == "loser")]
    means = last.groupby("over_realization").norm.mean()
    return means.min(), means.max()


def stored_biases(table: str) -> pd.DataFrame:
    return load_results("lucky_biases", BOOK / "results" / "lucky_biases")[0][table]


def overlap(norm: str) -> float:
    """Mean share of two channels of the four layers that are active together after training."""
    gates = stored_biases("gates").query("trained and shape == 'convolutional'")
    return gates[gates.norm == norm].overlap.mean()


def top_overlaps() -> pd.Series:
    """Mean overlap in the top layer of each of the deep shapes after training."""
    gates = tables.with_place(stored_biases("gates")).query("trained and place == 1")
    return gates[gates["shape"] != "convolutional"].groupby("shape").overlap.mean()


def negative(shallow: bool) -> pd.Series:
    """Percent of negative biases by layer of the four layers, or by shape and layer of the others."""
    signs = tables.bias_signs(stored_biases("biases"))
    chosen = signs[(signs["shape"] == "convolutional") == shallow]
    return chosen.groupby(["shape", "place"]).negative.mean()


def laptop(of, name: str):
    return of.claims[f"lucky/{name}", "laptop"]


SAID = [
    Said(
        "began at rank <.0f> %, those of the next at <.0f> %; in the upper two layers at <.0f> and <.0f> %",
        lambda of: tuple(laptop(of, f"rank-layer-{layer}").value for layer in (1, 2, 3, 4)),
    ),
    Said(
        "(the published trial: <.0f> and <.0f> %). All were lucky.",
        lambda of: (
            tuple(laptop(of, f"rank-layer-{layer}").published for layer in (3, 4))
            if all(laptop(of, f"rank-layer-{layer}").verdict == "holds" for layer in (1, 2, 3, 4))
            else (-1, -1)
        ),
    ),
    Said(
        "after it the later winners stand at <.1f> % on average",
        lambda of: laptop(of, "decided").value if laptop(of, "decided").verdict == "holds" else -1,
    ),
    Said(
        "Of <d> published norms all but one lie within <.2f> of ours",
        lambda of: (len(decay_distances()), decay_distances().distance.iloc[1]),
    ),
    Said(
        "a matched node's <.2f> at 2x and [1, 0.3], stands between <.2f> before it and <.2f> after it",
        lambda of: lone_dot(),
    ),
    Said(
        "end at <.3f> of the winners' norm from a start near the teacher and at <.2f> from a random one",
        lambda of: (laptop(of, "decay").value, laptop(of, "decay-random").value),
    ),
    Said(
        "they still have a norm of <.2f> to <.2f> after <,d> steps",
        lambda of: (*left_over(), FAN_OUT_DECAY.scales["paper"].steps),
    ),
    Said(
        "at $\\lambda_{\\min}$ or faster in <d> of <d> students",
        lambda of: (
            round(laptop(of, "slowest-mode").value * (n := int(laptop(of, "slowest-mode").note.split()[0]))),
            n,
        ),
    ),
    Said(
        "not for long (test accuracy <.2f> to <.2f>)",
        lambda of: tuple(
            float(found) for found in re.findall(r"\d\.\d+", laptop(of, "negative-biases").note)
        ),
    ),
    Said(
        "Whether most biases are negative is undecided: <.0f> % are, <d> % clearly",
        lambda of: (
            (claim := laptop(of, "negative-biases")).value,
            int(re.search(r"(\d+) %", claim.note)[1]),
        ),
    ),
    Said(
        "Whether most biases are negative is undecided",
        lambda of: laptop(of, "negative-biases").verdict == "undecided",
    ),
    Said(
        "in the top layer of every shape and throughout the shallow one, and not in the lower layers",
        lambda of: (
            (deep := negative(shallow=False))[deep.index.get_level_values("place") == 1].min() > 80
            and negative(shallow=True).min() > 60
            and deep[deep.index.get_level_values("place") < 0.5].max() < 50
        ),
    ),
    Said(
        "active together in <.2f> of the cases; over all shapes it is <.2f>, hardly less than two",
        lambda of: (overlap("before"), laptop(of, "gates").value),
    ),
    Said("hardly less than two independent halves", lambda of: laptop(of, "gates").verdict == "undecided"),
    Said(
        "in the top layer of some of the deep ones it is more, although nearly all biases are negative there",
        lambda of: (top_overlaps() > 0.3).sum() > 1 and top_overlaps().min() < 0.25,
    ),
    Said("without it the same four layers end at <.2f>", lambda of: overlap("none")),
    Said("takes ranks from <d> samples", lambda of: claims.FEW),
    Said(
        "they come out <.1f> points higher than ranks from <,d>",
        lambda of: (laptop(of, "few-samples").value, max(of.laptop.eval_samples)),
    ),
    Said("the paper understates luck", lambda of: laptop(of, "few-samples").verdict == "holds"),
    Said("the correlation of layer <d> falls again", lambda of: falls_again(of.curve)),
    Said(
        "and with <d> students in the place of one trial",
        lambda of: {ratio: seeds for ratio, seeds, _ in of.laptop.students}[10.0],
    ),
    Said(
        "from 1x to 5x it rises by <.2f>, and at 20x it is <.2f> below that of 5x again",
        lambda of: ((claim := laptop(of, "too-wide-20x")).wrong.value, -claim.value),
    ),
    Said("and so it does in ours", lambda of: laptop(of, "too-wide-20x").verdict == "holds"),
    Said("too few for a verdict", lambda of: laptop(of, "too-wide-50x").verdict == "undecided"),
    Said("the evaluation loss of 20x students is the lower one", lambda of: loss_by_width(20.0) < 0),
    Said(
        "They get there with less motion",
        lambda of: (moved_by_width().diff(axis=1).loc[:, 2.0:20.0] < 0).all(axis=None),
    ),
    Said(
        "20x students end <.2f> higher and 50x students, few as they are, <.2f>; 5x students gain <.2f>",
        lambda of: (
            laptop(of, "halved-20x").value,
            laptop(of, "halved-50x").value,
            laptop(of, "halved-20x").wrong.value,
        ),
    ),
    Said("An intervention says the same", lambda of: laptop(of, "halved-20x").verdict == "holds"),
    Said(
        "gains <.2f> (mean over layers), about six times what fresh samples bring, <.2f>",
        lambda of: (*[given["value"] for given in (gain(1.0, start="same sign"), gain(1.0, data="fresh"))],),
    ),
    Said(
        "about six times what fresh samples bring",
        lambda of: (
            5.5 < gain(1.0, start="same sign")["value"] / gain(1.0, data="fresh")["value"] < 6.5
            and min(gain(1.0, start="same sign")["low"], gain(1.0, data="fresh")["low"]) > 0
        ),
    ),
    Said(
        "it ends where the plain one does",
        lambda of: -0.05 < gain(5.0, start="negated")["low"] < 0 < gain(5.0, start="negated")["high"] < 0.05,
    ),
    Said(
        "the whole student is <.2f> ahead of as many random nodes of it",
        lambda of: float(re.search(r"\d\.\d+", laptop(of, "ticket").note)[0]),
    ),
    Said(
        "its winners from their initial weights are <.2f> ahead, and a new draw of their size is <.2f>",
        lambda of: (laptop(of, "ticket").value, laptop(of, "ticket").wrong.value),
    ),
    Said("**The winners' start is no winning ticket.**", lambda of: laptop(of, "ticket").verdict == "fails"),
    Said(
        "the winners are <.2f> ahead, and whether that passes our bar is undecided",
        lambda of: laptop(of, "late-ticket").value,
    ),
    Said("whether that passes our bar", lambda of: laptop(of, "late-ticket").verdict == "undecided"),
    Said("they overlap <.1f> times as much", lambda of: laptop(of, "overlaps").value),
    Said(
        "is several times as large as those with other teacher nodes",
        lambda of: laptop(of, "overlaps").verdict == "holds" and laptop(of, "overlaps").low > 3,
    ),
    Said(
        "the less often two nodes are active together, the closer each comes",
        lambda of: (
            (claim := of.claims["lucky/overlap-hinders", "quick"]).verdict == "holds" and claim.refuses
        ),
    ),
    Said(
        "costs from the first epoch on, and more above the lowest layer",
        lambda of: lift_by_norm(1).max() < 0 and lift_by_norm()[2:].max() < lift_by_norm()[1] < 0,
    ),
    Said(
        "What width gives is there before training already, more of it than at the end",
        lambda of: (lift_by_width(last=False) > lift_by_width(last=True)).all(),
    ),
    Said(
        "the separated update never points uphill, yet it is not close",
        lambda of: (claim := of.claims["lucky/separation", "quick"]).verdict == "fails" and claim.value > 0.5,
    ),
    Said(
        "more layers make it worse in the lowest one",
        lambda of: shallow_and_deep(of)[0] > shallow_and_deep(of)[1] + 0.05,
    ),
    Said(
        "The separation of expectations fails its bar",
        lambda of: of.claims["lucky/separation", "quick"].verdict == "fails",
    ),
    Said(
        "From such a start they fade", lambda of: of.claims["lucky/decay-begins", "quick"].verdict == "holds"
    ),
    Said(
        "From a **random start** they hardly do",
        lambda of: of.claims["lucky/decay-begins", "quick"].wrong.value > 0.8,
    ),
    Said(
        "winners of the lowest layer began in front; higher up luck at the very start counts for less",
        lambda of: lowest_first(
            of.claims[f"lucky/rank-layer-{layer}", "quick"].value for layer in (1, 2, 3, 4)
        ),
    ),
    Said(
        "The percentages of VGG-<d>, <d> and <d> stand nowhere; only the sentence does.",
        lambda of: tuple(n for n in (11, 13, 16, 19) if f"vgg{n}_bn" not in set(of.biases.network)),
    ),
    Said(
        "In most layers of the published networks most biases are negative",
        lambda of: ((of.biases.percent_negative > 50).groupby(of.biases.network).mean() > 0.5).all(),
    ),
    Said("cosine above <.2f>", lambda of: regularization.COPY),
    Said("after <d> epochs against over-realization", lambda of: of.laptop.epochs),
    Said("the weights of a layer have moved after <d> epochs", lambda of: of.laptop.epochs),
    Said("best-student correlation of layer <d> against epochs, from starts", lambda of: 2),
    Said(
        "after it the others have fallen behind, most in the lower two layers",
        lambda of: max(left(of)[:2]) < min(left(of)[2:]) and max(left(of)) < 0.9,
    ),
    Said(
        "overlap two to three times as much with their own teacher nodes as with others",
        lambda of: 2 < of.claims["lucky/overlaps", "quick"].value < 3,
    ),
    Said(
        "A start ten times as large refuses it.",
        lambda of: regularization.LARGE == 10 and of.claims["lucky/kinds", "quick"].refuses,
    ),
    Said(
        "this holds up to <d> times the teacher's width, where the path norm is <.2f> times the teacher's",
        lambda of: (
            widest_used().over_realization.iloc[0],
            of.claims["lucky/path-norm", "laptop"].value
            if {of.claims[f"lucky/{name}", "laptop"].verdict for name in ("path-norm", "kinds")} == {"holds"}
            else None,
        ),
    ),
    Said(
        "large starts diverge there, whatever the decay",
        lambda of: set(widest_used().query("start == 'large'").status) == {"diverged"},
    ),
]


def held(of, scale: str, *names: str) -> bool:
    return {of.claims[f"lucky/{name}", scale].verdict for name in names} == {"holds"}


MESSAGES = [  # of the figures
    Said(
        "**The relation is exact if all biases are kept; separated means point elsewhere.**",
        lambda of: (
            held(of, "quick", "relation") and of.claims["lucky/separation", "quick"].verdict == "fails"
        ),
    ),
    Said(
        "**Angles vanish, the closer the faster, and overlaps hinder.**",
        lambda of: held(of, "quick", "matched-exponential", "rich-get-richer", "overlap-hinders"),
    ),
    Said(
        "**The others' fan-outs vanish, but for those of duplicates.**",
        lambda of: held(of, "quick", "frozen") and of.claims["lucky/frozen", "quick"].refuses,
    ),
    Said(
        "**Losers fade from a start near the teacher, and hardly from a random one.**",
        lambda of: (
            held(of, "quick", "decay-begins") and of.claims["lucky/decay-begins", "quick"].wrong.value > 0.8
        ),
    ),
    Said(
        "**Our norms lie on the published ones, all but one.**",
        lambda of: (far := decay_distances().distance).iloc[0] > 0.5 and far.iloc[1] < 0.1,
    ),
    Said(
        "**Losers fall at the rate of the slowest mode or faster, with few exceptions.**",
        lambda of: 0.9 < (modes().fall >= modes().slowest).mean() < 1,
    ),
    Said("**The winners of the lowest layer began in front.**", lambda of: held(of, "quick", "rank-layer-1")),
    Said("**Luck is decided within the first epoch.**", lambda of: held(of, "laptop", "decided")),
    Said(
        "**Wider students match more, until too much width hurts.**",
        lambda of: (
            held(of, "laptop", "too-wide-20x") and (means := mean_by_width())[5.0].gt(means[1.0]).all()
        ),
    ),
    Said("**A wide student is held back by its start.**", lambda of: held(of, "laptop", "halved-20x")),
    Said(
        "**Batch normalization behind the ReLU costs, and more so in the end.**",
        lambda of: lift_by_norm().mean() < lift_by_norm(1).mean() < 0,
    ),
    Said(
        "**On images, too, luck is decided within the first epoch.**",
        lambda of: held(of, "laptop", "decided-convolutional", "decided-fully-connected"),
    ),
    Said(
        "**What width gives is there before training.**",
        lambda of: (lift_by_width(last=False) > lift_by_width(last=True)).all(),
    ),
    Said(
        "**After training the other students have fallen behind the winners.**",
        lambda of: max(left(of)) < 0.9,
    ),
    Said(
        "**On average no part of the student gets as far as the whole.**",
        lambda of: (
            tables.worth((deep := live(of.quick.deep()))["tickets"], deep["layers"]).mean().idxmax()
            == "the whole student"
        ),
    ),
    Said("**The winners' start is no winning ticket.**", lambda of: laptop(of, "ticket").verdict == "fails"),
    Said(
        "**From a small start the path norm stays near the teacher's.**",
        lambda of: held(of, "quick", "path-norm"),
    ),
    Said(
        "**Small starts stay near the teacher's path norm at every width.**",
        lambda of: small_starts().max() < claims.BARS["used"],
    ),
    Said(
        "**Normalization takes the gradient off its input; most published biases are negative.**",
        lambda of: held(of, "quick", "projection") and (of.biases.percent_negative > 50).mean() > 0.5,
    ),
    Said(
        "**Few biases are clearly negative, and two channels overlap hardly less than by chance.**",
        lambda of: (
            int(re.search(r"(\d+) %", laptop(of, "negative-biases").note)[1]) < 25
            and 0.2 < laptop(of, "gates").value < 0.25
        ),
    ),
]


def modes() -> pd.DataFrame:
    found = load_results("lucky_decay", BOOK / "results" / "lucky_decay")[0]["modes"]
    return found[found.gradient == "exact"]


def mean_by_width() -> pd.DataFrame:
    """Final mean correlation of plain students, a row per layer and a column per over-realization."""
    found = stored_layers("lucky_ranks").query("start == 'random' and data == 'finite'")
    last = found[found.epoch == found.epoch.max()]
    return last.pivot_table(index="layer", columns="over_realization", values="correlation")


def small_starts() -> pd.Series:
    """Mean final path norm over the teacher's by width, from small starts without weight decay."""
    found = load_results("lucky_width", BOOK / "results" / "lucky_width")[0]["used"]
    last = found[found.step == found.step.max()].query("start == 'small' and weight_decay == 0")
    assert set(last.status) == {"ok"}
    return last.groupby("over_realization").path_norm.mean()


def falls_again(curve: pd.DataFrame) -> int:
    """The layer whose published correlation in the end is highest at 5x, of those printed there."""
    last = curve[curve.layer == 2].sort_values("epoch").groupby("over_realization").correlation.last()
    assert last.idxmax() == 5 and last[50.0] < last[5.0]
    return 2


def shallow_and_deep(of) -> tuple[float, float]:
    """Mean cosines of the lowest layer, of the shallowest and the deepest networks."""
    note = of.claims["lucky/separation", "quick"].note
    deep, shallow, _ = map(float, re.findall(r"\d\.\d+", note))
    return shallow, deep


def left(of) -> list[float]:
    """What students that won nothing overlap with themselves, over a winner, by layer."""
    return [float(found) for found in re.findall(r": (\d\.\d+)", of.claims["lucky/overlaps", "quick"].note)]


def lowest_first(values: Iterable[float]) -> bool:
    lowest, *others = values
    return lowest < min(others)


@pytest.mark.parametrize("said", [*SAID, *MESSAGES], ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
