"""What the chapter says in words, beside the queries that give it."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from companion.chapters.cifar10 import claims, tables
from companion.chapters.cifar10.parameters import Parameters
from companion.chapters.cifar10.sweeps import LAPTOP, PAPER
from companion.datasets import patches
from companion.datasets.download import SIZE
from companion.pages import scorecard
from companion.pages.statistics import LEVEL, bca_coverage, mean_interval, student_t
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, one_line, prose, unsaid

CHAPTER = "cifar10"
STORED = BOOK / "results" / "cifar10"


@pytest.fixture(scope="module")
def evidence():
    found, facts = load_results("cifar10", STORED)
    published = pd.read_csv(BOOK / "reference" / "cifar10_correlation.csv")
    layers, theirs = tables.by_layer(found["units"]), published.assign(seed=0)
    made = claims.claims_about(found, published, "laptop")
    last = layers.epoch.max()
    return SimpleNamespace(
        tables=found,
        facts=facts,
        published=published,
        readme=(BOOK / "reference" / "README.md").read_text(),
        outcomes=tables.outcomes(found),
        teacher=tables.teacher_accuracy(found["epochs"]),
        # ((seed, over_realization), layer)
        start=tables.levels(layers, 0),
        end=tables.levels(layers, last),
        rise=tables.training(layers),
        their_rise=tables.training(theirs),
        # ours minus theirs, (over_realization, layer)
        above={epoch: apart(layers, theirs, last, epoch) for epoch in (last, published.epoch.max())},
        claims={claim.id.removeprefix("cifar10/"): claim for claim in made},
        quick=[c for c in scorecard.collect(BOOK) if c.id.startswith("cifar10/") and c.scale == "quick"],
    )


def apart(layers, theirs, last, epoch):
    ours = tables.levels(layers, last).groupby("over_realization").mean()
    return ours - tables.levels(theirs, epoch).groupby("over_realization").mean()


def interval(of, id):
    claim = of.claims[id]
    return claim.value, claim.low, claim.high


def counted(of, verdict):
    return [claim.verdict for claim in of.claims.values()].count(verdict)


def undecided(of, *ids):
    return all(of.claims[id].verdict == "undecided" for id in ids)


def lead(of, layer, ratio):
    """By how much a layer leads all others at the end, a number per seed."""
    return claims.margin(of.end, layer).xs(ratio, level="over_realization")


def rises(table, ratio):
    """What training did to layer 1, and to the others at least and at most; means over seeds."""
    mean = table.xs(ratio, level="over_realization").mean()
    return mean[1], mean.drop(1).min(), mean.drop(1).max()


def scales_differ(of):
    """What training did to the layers, on the scales of correlations, of z and of what was missing to 1."""
    rises = [of.rise, np.arctanh(of.end) - np.arctanh(of.start), of.rise / (1 - of.start)]
    means = [rise.groupby("over_realization").mean() for rise in rises]
    narrow = [mean.loc[1] for mean in means[1:]]
    return all((mean.idxmax(axis=1) == 4).all() for mean in means) and all(
        rise[1] > rise[[2, 3]].max() for rise in narrow
    )


def swapped_gains(of):
    """Verdicts at the bar of the gain if the widths had been swapped, by layer."""
    gain = -claims.widening(of.rise)
    found = {layer: mean_interval(gain[layer]) for layer in gain}
    return [
        "fails"
        if f["high"] < claims.BARS["gain"]
        else "undecided"
        if f["low"] < claims.BARS["gain"]
        else "holds"
        for f in found.values()
    ]


def second(of, ratio):
    """By how much more training raises layer 2 than layer 1, with its interval over seeds."""
    rise = of.rise.xs(ratio, level="over_realization")
    found = mean_interval(rise[2] - rise[1])
    assert found["low"] < 0  # which may be chance
    return found["value"], found["low"], found["high"]


def published_ends(of):
    last = of.published[of.published.epoch == of.published.epoch.max()]
    table = last.pivot(index="over_realization", columns="layer", values="mean_best_correlation")
    return (table.idxmax(axis=1) == 1).all() and (table.loc[2] > table.loc[1]).all()


def split(of, same):
    found = claims.pairs(of.outcomes)
    agree = found.agree[found.same_width == same]
    return len(agree), agree.sum()


def share_by_start(of):
    """Share of pairs that would agree if the correlations were those of the untrained students."""
    untrained = of.outcomes.assign(mean_best_correlation=of.start.mean(axis=1))
    return claims.pairs(untrained).agree.mean()


def released_pruning():
    """Channels that stay connected if weights of (channel, position) are read as (position, channel).

    And those that would if they were read as they are.
    """
    channels, side = 64, 32 - 2 * 4
    kept = channels - int(PAPER.prune[-1] * channels)
    read_as = np.arange(channels * side**2) % channels  # the channel that a weight is taken for
    return len(set(np.flatnonzero(read_as < kept) // side**2)), kept


def ahead(of):
    """2x students are ahead of all 1x students in both, and two of them ahead of the teacher."""
    wide, narrow = (of.outcomes.xs(ratio, level="over_realization") for ratio in (2.0, 1.0))
    columns = ["mean_best_correlation", "test_accuracy"]
    above = [(students.test_accuracy > of.teacher).sum() for students in (wide, narrow)]
    return (wide[columns].min() > narrow[columns].max()).all() and above == [2, 0] and len(wide) == 3


SAID = [
    Said("patches of ten photographs that come with scikit-image", lambda of: len(patches.NAMES) == 10),
    Said(
        "the quick scale averages their pixels two by two",
        lambda of: Parameters().pool == 2 and LAPTOP.pool == 1,
    ),
    Said(
        "The stored tables of the section on all images are always CIFAR-10's: its <,d> images and "
        "their labels",
        lambda of: of.facts["spec"]["images"] + of.facts["spec"]["test_images"],
    ),
    Said(
        "no checksum is the same; the fingerprint is in their table `images`",
        lambda of: (
            of.tables["images"].dataset.tolist() == ["cifar10"]
            and not of.tables["images"].official[0]
            and len(of.tables["images"].fingerprint[0]) == 16
        ),
    ),
    Said(
        "Four 3 × 3 convolutions without padding",
        lambda of: (
            of.tables["weights"].parameter.value_counts()["convs.0.weight"] == 12 * 3 * 3 * 3
            and len(LAPTOP.prune) == 4
        ),
    ),
    Said("all of its <d> channels stay connected, where <d> were meant to", lambda of: released_pruning()),
    Said(
        "(scaled by one number to standard deviation 1, which changes no decision)",
        # a student that knows nothing errs by about the variance of the outputs
        lambda of: of.tables["runs"].query("epoch == 0").test_loss.between(0.9, 1.2).all(),
    ),
    Said(
        "Epoch 0 matters when reading {numref}`fig-layers`: the best of more random channels correlates more "
        "before anything is learned. What training did is the last epoch minus epoch 0",
        lambda of: (claims.widening(of.start).mean() > 0).all(),
    ),
    Said("Three rows of 3 by 3 colour patches", lambda of: of.tables["filters"].row.nunique() == 3),
    Said("already the best of the random filters correlates", lambda of: of.start[1].min() > 0.4),
    Said("All <,d> images", lambda of: of.facts["spec"]["images"]),
    Said("The laptop scale, not the paper's", lambda of: of.facts["scale"] == "laptop"),
    Said(
        "<,d> images train, <,d> select, <,d> test; a teacher of <d>-<d>-<d>-<d> channels pruned to "
        "<d>-<d>-<d>-<d>, which takes its test accuracy from <.3f> to <.3f>; three students 1x and three 2x, "
        "<d> epochs each.",
        lambda of: (
            LAPTOP.images - LAPTOP.validation_images,
            LAPTOP.validation_images,
            LAPTOP.test_images,
            *tables.widths(of.tables["channels"]).before,
            *tables.widths(of.tables["channels"]).after,
            tables.teacher_accuracy(of.tables["epochs"], "training"),
            of.teacher,
            of.tables["runs"].epoch.max(),
        ),
    ),
    Said(
        "three students 1x and three 2x",
        lambda of: of.outcomes.groupby("over_realization").size().to_dict() == {1: 3, 2: 3},
    ),
    Said(
        "another teacher, 64-64-64-64 channels, *not pruned*",
        lambda of: "four 3 × 3 convolutions of 64 channels, teacher *not pruned*" in of.readme,
    ),
    Said(
        "<.2f> % accurate, and of <d> epochs, of which {numref}`fig-laptop` has room for the first <d>",
        lambda of: (
            100 * of.published.teacher_accuracy.iloc[0],
            of.published.epoch.max(),
            of.tables["runs"].epoch.max(),
        ),
    ),
    Said(
        "averages over trials, whose number is not recorded, of the best correlation with each of the 64 "
        "teacher filters",
        lambda of: (
            "How many trials there are is not recorded." in one_line(of.readme)
            and "averaged over all 64 teacher filters and over trials" in one_line(of.readme)
        ),
    ),
    Said(
        "published, un-pruned teacher of 64 channels, the first <d> of their <d> epochs.",
        lambda of: (of.tables["runs"].epoch.max(), of.published.epoch.max()),
    ),
    Said(
        "Four panels of curves that rise from epoch 0, with open dots. In the fourth the 2x curve climbs "
        "highest, far above its dots.",
        lambda of: (
            (of.rise > 0).all(axis=None)
            and of.end.groupby("over_realization").mean().stack().idxmax() == (2, 4)
            and of.above[20].stack().idxmax() == (2, 4)
        ),
    ),
    Said(
        "the three dots of the 2x students lie to the right of and above those of the three 1x students; two "
        "of them lie above the dashed line, and no 1x student does.",
        ahead,
    ),
    Said(
        "Training raises the correlation of every layer in each of the six students.",
        lambda of: len(of.rise) == 6 and (of.rise > 0).all(axis=None),
    ),
    Said(
        "In the wider ones it raises the upper layers more: by <.2f> [<.2f>, <.2f>] more in layer 2, "
        "<.2f> [<.2f>, <.2f>] in layer 3 and <.2f> [<.2f>, <.2f>] in layer 4. In the lowest layer it adds "
        "<.2f> [<.2f>, <.2f>]",
        lambda of: tuple(n for layer in (2, 3, 4, 1) for n in interval(of, f"gain-layer-{layer}")),
    ),
    Said(
        "there the 2x students lead by <.2f> at the end, and did by <.2f> before they had learned anything",
        lambda of: (claims.widening(of.end)[1].mean(), claims.widening(of.start)[1].mean()),
    ),
    Said("and this claim is undecided", lambda of: undecided(of, "gain-layer-1")),
    Said(
        "The lowest layer has the highest correlation *before* training, by <.2f> [<.2f>, <.2f>].",
        lambda of: tuple(mean_interval(claims.per_seed(claims.margin(of.start))).values()),
    ),
    Said(
        "Training raises it least: by <.2f> in the 1x students (the other layers by <.2f> to <.2f>; layer "
        "2 by only <.2f> [<.2f>, <.2f>] more, which may be chance) and by <.2f> in the 2x students "
        "(<.2f> to <.2f>).",
        lambda of: (*rises(of.rise, 1.0), *second(of, 1.0), *rises(of.rise, 2.0)),
    ),
    Said(
        "In the published curves it does so too: by <.2f> (<.2f> to <.2f>) and by <.2f> (<.2f> to <.2f>) in "
        "<d> epochs.",
        lambda of: (*rises(of.their_rise, 1.0), *rises(of.their_rise, 2.0), of.published.epoch.max()),
    ),
    Said(
        "Training raises it least",
        lambda of: all(
            low < least
            for low, least, _ in (
                rises(table, ratio) for table in (of.rise, of.their_rise) for ratio in (1, 2)
            )
        ),
    ),
    Said(
        "on Fisher's $z$, and as a share of what was missing to 1, layer 1 of the 1x students "
        "rises more than "
        "layers 2 and 3. The top layer rises most on all three scales",
        lambda of: scales_differ(of),
    ),
    Said(
        "and so *the lowest layer specializes most* fails if it means what training did. If it means the "
        "correlation in the end it is undecided",
        lambda of: of.claims["lowest-training"].verdict == "fails" and undecided(of, "lowest"),
    ),
    Said(
        "the lowest layer still leads in the three 1x students, by <.2f> to <.2f>, as published, but in the "
        "three 2x students the top layer has passed it, by <.2f> to <.2f>,",
        lambda of: (lead(of, 1, 1).min(), lead(of, 1, 1).max(), lead(of, 4, 2).min(), lead(of, 4, 2).max()),
    ),
    Said(
        "and the published curves do not show that.",
        lambda of: (
            of.published[of.published.epoch == 100]
            .pivot(index="over_realization", columns="layer", values="mean_best_correlation")
            .idxmax(axis=1)
            .eq(1)
            .all()
        ),
    ),
    Said(
        "with the widths swapped the bar would refuse layers 2 to 4, and at layer 1 three seeds would leave "
        "that open, too.",
        lambda of: swapped_gains(of) == ["undecided", "fails", "fails", "fails"],
    ),
    Said(
        "whose gain is 0 by construction",
        lambda of: all(of.claims[f"gain-layer-{layer}"].wrong.value == 0 for layer in range(1, 5)),
    ),
    Said(
        "whose teacher is not pruned, correlations end highest in the lowest layer, and higher in the wider "
        "students.",
        lambda of: published_ends(of),
    ),
    Said("Our top layer has five channels", lambda of: tables.widths(of.tables["channels"]).after[4] == 5),
    Said(
        "After <d> epochs our correlations are up to <.2f> above the published ones of the same epoch "
        "(layer 4, 2x); from those of epoch <d> they are up to <.2f> away there, and up to <.2f> in the "
        "other layers and students.",
        lambda of: (
            of.tables["runs"].epoch.max(),
            of.above[20].max(axis=None),
            of.published.epoch.max(),
            of.above[100].loc[2, 4],
            of.above[100].abs().stack().drop((2, 4)).max(),
        ),
    ),
    Said(
        "The 2x students are <.3f> [<.3f>, <.3f>] more accurate than the 1x students, where <.3f> is "
        "published: undecided.",
        lambda of: (*interval(of, "accuracy-gain"), of.claims["accuracy-gain"].published),
    ),
    Said(
        "The 2x students come close to the teacher (<.3f> [<.3f>, <.3f>] below it), but the bar on that does "
        "not tell widths apart: 1x students pass it too, <.3f> below the teacher.",
        lambda of: (*interval(of, "gap"), of.outcomes.gap.unstack()[1.0].mean()),
    ),
    Said(
        "the bar on that does not tell widths apart: 1x students pass it too",
        lambda of: (
            mean_interval(of.outcomes.gap.unstack()[1.0])["high"] < claims.BARS["gap"]
            and of.claims["gap"].verdict == "holds"
        ),
    ),
    Said(
        "That correlation and accuracy are higher together is undecided as well",
        lambda of: undecided(of, "together", "accuracy-gain"),
    ),
    Said(
        "of the <d> pairs of a 1x and a 2x student, <d> agree; of the <d> pairs of equally wide students "
        "<d> do, where a lot gives <d>.",
        lambda of: (*split(of, False), *split(of, True), split(of, True)[0] / 2),
    ),
    Said(
        "With the correlations of the *untrained* students the share of all pairs would be <.2f>, not much "
        "below <.2f>.",
        lambda of: (share_by_start(of), of.claims["together"].value),
    ),
    Said(
        "At that scale <d> claims hold, <d> fails and <d> are undecided",
        lambda of: tuple(counted(of, verdict) for verdict in ("holds", "fails", "undecided")),
    ),
    Said(
        "for the reasons above",
        lambda of: (
            undecided(of, "gain-layer-1", "lowest", "accuracy-gain", "together")
            and counted(of, "undecided") == 4
            and of.claims["lowest-training"].verdict == "fails"
        ),
    ),
    Said(
        "with its tables in view, says so",
        lambda of: (
            {id for id, claim in of.claims.items() if claim.changed}
            == {"rises", *(f"gain-layer-{layer}" for layer in range(1, 5))} | {"lowest", "lowest-training"}
        ),
    ),
    Said(
        "Student's t reaches <.1f> standard deviations to both sides of a mean of three",
        lambda of: student_t(of.outcomes.index.unique("seed").size) / np.sqrt(3),
    ),
    Said(
        "a bootstrap (of the shares of pairs, which have no better interval) covers <d> % of normal means "
        "instead of 95 %",
        lambda of: round(100 * bca_coverage(3)),
    ),
    Said("instead of 95 %", lambda of: LEVEL == 0.95),
    Said(
        "the top layer has four channels, and one of them is a quarter of its correlation",
        lambda of: Parameters().width - int(Parameters().prune[-1] * Parameters().width) == 4,
    ),
    Said(
        "So most of its verdicts are undecided",
        lambda of: 2 * sum(claim.verdict == "undecided" for claim in of.quick) > len(of.quick),
    ),
    Said("# <d> MB, verified; then this page runs on CIFAR-10", lambda of: round(SIZE / 1e6)),
    Said("# its cells took <.1f> hours one by one", lambda of: of.facts["seconds"] / 3600),
    Said("(<d> channels, <d> epochs, 1x, 2x and 5x)", lambda of: (PAPER.width, PAPER.student_epochs)),
    Said("the sizes of the paper", lambda of: PAPER.over_realizations == (1, 2, 5)),
    Said(
        "because the paper's are printed nowhere",
        lambda of: "100 epochs; batch size and rates not printed" in of.readme,
    ),
    Said(
        "asks for a GPU and was not run",
        lambda of: json.loads((STORED / "meta.json").read_text())["scale"] == "laptop",
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
