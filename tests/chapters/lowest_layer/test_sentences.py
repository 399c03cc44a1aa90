"""What the chapter says in words, beside the queries that give it."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.lowest_layer import claims, perfect_students, studies, sweeps, tables
from companion.experiments.multi_layer.run import start
from companion.experiments.multi_layer.spec import MultiLayer
from companion.pages import scorecard
from companion.pages.statistics import mean_interval, multiples, share_interval, swapped, worst
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, live, one_line, prose, unsaid
from ts_core.gradients import mean_beta
from ts_core.networks import Network, forward

CHAPTER = "lowest_layer"
SWEEPS = (
    "dataset_size",
    "wider_students",
    "equal_budget",
    "cross_entropy_rate",
    "deep_l_shape",
    "depth",
    "deep_slopes",
)
MILLION = 1_000_000


def leaky(of, samples: int) -> pd.DataFrame:
    """Layers of the sweep of slopes at one size of the training set."""
    return of.stored["deep_slopes"]["layers"].query("samples == @samples")


@pytest.fixture(scope="module")
def evidence():
    stored = {name: load_results(name, BOOK / "results" / name)[0] for name in SWEEPS}
    published = pd.read_csv(BOOK / "reference" / "multilayer_correlation.csv")
    published = published[published.over_realization.isin((2, 5))]
    released = pd.read_csv(BOOK / "reference" / "released_code_cross_entropy.csv")
    first, wider = (stored[name]["layers"] for name in ("dataset_size", "wider_students"))
    budget = stored["equal_budget"]["layers"]
    series = lambda loss, orientation: published[
        (published.loss == loss) & (published.orientation == orientation)
    ]
    student_means = series("mse", "student mean")
    half = stored["cross_entropy_rate"]["layers"].query("learning_rate == .1")
    entropy = first[first.loss == "cross_entropy"]
    found = [
        *claims.sweep_claims(first, published, 0.95),
        *claims.follow_up_claims(budget, wider, published),
        claims.released_claim(entropy, half, released),
    ]
    both = tables.by_size(pd.concat([first, wider])).groupby(
        ["loss", "over_realization", "orientation", "samples", "layer"]
    )
    nodes = tables.arms(stored["deep_l_shape"]["students"])
    return SimpleNamespace(
        stored=stored,
        published=published,
        means=both.correlation.mean(),
        runs=pd.concat([stored[name]["runs"] for name in SWEEPS[:2]]).query("epoch == 200"),
        near=tables.agreement(first, student_means).set_index("runs"),
        near_wide=tables.agreement(wider, student_means).set_index("runs"),
        student_means=student_means,
        # (samples, layer) over the epochs, and how far from the published
        budget=budget.groupby(["samples", "epoch", "layer"]).mean_best_correlation.mean(),
        long=tables.agreement(budget, series("mse", "teacher mean"), by=["samples", "layer"]).set_index(
            ["samples", "layer"]
        ),
        crossed=tables.first_reached(budget, 0.95).xs(20_000, level="samples"),
        entropy=entropy,
        released=released,
        code=tables.code_agreement(entropy, released),
        # ratios of faithful reproductions
        faithful={
            "Dec 5": tables.agreement(first, student_means[student_means.runs == "Dec 5"], measure=multiples),
            "released": tables.code_agreement(entropy, released, measure=multiples),
        },
        # over teacher nodes, of layer 1: a row per seed and a column per size
        lowest={
            ratio: tables.final_by(table[table.loss == "mse"], "samples")
            for ratio, table in ((2, first), (5, wider))
        },
        two_layer=load_results("fan_out", BOOK / "results" / "fan_out")[0]["students"].query(
            "teacher_width == 10 and over_realization == 5"
        ),
        quick={c.id: c for c in scorecard.collect(BOOK) if c.scale == "quick"},
        # over teacher nodes, (depth, samples) and a column per layer
        depth=tables.last(stored["depth"]["layers"])
        .groupby(["depth", "samples", "layer"])
        .mean_best_correlation.mean()
        .unstack(),
        nodes=nodes,
        final=nodes.query("over_realization == 2 and epoch == 200"),
        claims={(claim.id, claim.scale): claim for claim in found},
        swapped_wider=tables.agreement(
            wider, swapped(student_means[student_means.runs == "Dec 5"], "layer", 2, 3)
        ),
        inside=live(studies.CellTriples()),
        cases=perfect_students.summary(
            [
                perfect_students.signed_splits(),
                perfect_students.depth_shift(),
                perfect_students.depth_shift(lift=0.0),
            ]
        ).set_index("case"),
    )


def teacher_of_the_authors(of):
    """Nine weights times a row's scale, rows of norm 1, half of the samples, standardized outputs."""
    cell = MultiLayer(seeds=(1, 2), hidden=(10, 15), outputs=12, samples=64, eval_samples=64)
    teacher = start(cell)[0]
    inputs = torch.randn(2, 20_000, 20, dtype=torch.float64, generator=torch.manual_seed(0)) * cell.data_std
    z, f = forward(teacher, inputs)
    fan_in = teacher.weights[0][..., :-1]
    levels = (fan_in / fan_in.abs().amax(-1, keepdim=True)).unique()  # a quarter, a half, three quarters, 1
    return (
        all(torch.allclose(w[..., :-1].norm(dim=-1), torch.ones(1).double()) for w in teacher.weights[:-1])
        and len(levels) <= 2 * 9 + 1
        and all(abs((layer > 0).double().mean() - 0.5) < 0.02 for layer in z[:-1])
        and abs(f[-1].std(1).mean() - 1) < 0.05
    )


def scale_cancels(of):
    """Half a node's fan-in, twice its fan-out: same network, twice the sensitivity, same contribution."""
    cell = MultiLayer(seeds=(1,), hidden=(10, 15), outputs=12, samples=64, eval_samples=64)
    _, student, _, x = start(cell)
    weights = [w.clone() for w in student.weights]
    weights[0][:, 3] /= 2
    weights[1][:, :, 3] *= 2
    scaled = Network(tuple(weights), student.activation)
    root_beta, contribution = (
        [measure(net)[0, 3].item() for net in (student, scaled)]
        for measure in (
            lambda net: mean_beta(net, x)[0][0].sqrt(),
            lambda net: mean_beta(net, x)[0][0].sqrt() * forward(net, x)[1][0].std(1),
        )
    )
    same = torch.allclose(forward(student, x)[1][-1], forward(scaled, x)[1][-1])
    return same and np.allclose(
        [root_beta[1], contribution[1]], [2 * root_beta[0], contribution[0]], rtol=1e-9
    )


def beta_is_constant_at_the_top(of):
    """Over samples, in a network of two hidden layers; of the lower one it is not."""
    cell = MultiLayer(seeds=(1,), hidden=(10, 15), outputs=12, samples=64, eval_samples=64)
    _, student, _, x = start(cell)
    one, all_of_them = mean_beta(student, x[:, :1]), mean_beta(student, x)
    same = [torch.allclose(one[0][layer], all_of_them[0][layer]) for layer in (0, 1)]
    return same == [False, True]


def rise_from_the_start(of):
    mse = of.stored["dataset_size"]["layers"].query("loss == 'mse'")
    curves = mse.groupby(["samples", "layer", "epoch"]).mean_best_correlation.mean().unstack()
    return (curves[1] > curves[0]).all()


def apart(of):
    """The two published series of student means, squared error, 2x, at the sizes that both have."""
    of_two = of.student_means[of.student_means.over_realization == 2]
    pair = of_two.pivot(index=["samples", "layer"], columns="runs", values="correlation").dropna()
    return (pair["Dec 1"] - pair["Dec 5"]).abs()


def lowest_ahead(of):
    means = of.means.xs("teacher mean", level="orientation").unstack("layer")
    short = means[means.index.get_level_values("samples") <= 20_000]
    return (short[1] > short.drop(columns=1).max(axis=1) + 0.05).all()


def followed(of):
    means = of.means["mse", 2.0, "teacher mean"].unstack("layer")[[2, 3, 4]]
    return (means.loc[20_000] < 0.7).all() and (means.loc[50_000] > 0.999).all()


def wider_fits_better(of):
    """Lower training loss, and lower correlation of the lowest layer, at all three sizes."""
    mse = of.runs[of.runs.loss == "mse"].groupby(["over_realization", "samples"]).train_loss.median()
    layer = of.means["mse"].xs(("teacher mean", 1), level=("orientation", "layer"))
    return all((table[5.0] < table[2.0].loc[table[5.0].index]).all() for table in (mse, layer))


def looked_at(of, samples, millions):
    """Our mean curves at the look nearest to so many million samples seen."""
    curves = of.budget[samples].unstack("layer")
    seen = curves.index * samples / MILLION
    return curves.iloc[np.abs(seen - millions).argmin()]


def late(of):
    """Layers 3 and 4 end above .99 and have not passed .62 and .72 by the middle of the run."""
    curves = of.budget[20_000].unstack("layer")
    middle = curves[curves.index <= 500].iloc[-1]
    return (curves.loc[1000] > 0.99).all() and middle[3] < 0.62 and middle[4] < 0.72


def entropy_at(of, table, epoch=200, samples=20_000):
    chosen = table[(table.samples == samples) & (table.epoch == epoch)]
    return tuple(chosen.groupby("layer").mean_best_teacher.mean())


def published_entropy(of, samples=20_000):
    chosen = of.published[(of.published.loss == "cross_entropy") & (of.published.samples == samples)]
    return tuple(chosen.sort_values("layer").correlation)


def nearest_epoch(of, samples):
    """Largest distance over the layers from the published means of cross-entropy where it is least; epoch."""
    ours = of.entropy[of.entropy.samples == samples].groupby(["epoch", "layer"]).mean_best_teacher.mean()
    apart = (ours.unstack("layer") - published_entropy(of, samples)).abs().max(axis=1)
    return apart.min(), apart.idxmin()


def rise_and_decay(of):
    """Ours and the released code's: a peak by epoch 3, then down, but for epochs 20 to 30."""
    for table in (of.entropy[of.entropy.samples >= 20_000], of.released):
        means = table.groupby(["samples", "layer", "epoch"]).mean_best_teacher.mean()
        for (_, layer), curve in means.groupby(["samples", "layer"]):
            curve = curve.droplevel(["samples", "layer"])
            if layer > 1 and not (
                curve.idxmax() <= 3
                and curve[2] > curve[10] > curve[20]
                and -0.002 < curve[30] - curve[20] < 0.025
                and curve.iloc[-1] < curve[30] - 0.01
            ):
                return False
            if layer == 1 and curve.iloc[-1] < 0.95 * curve.max():
                return False
    return True


def loss_grows(of):
    runs = of.stored["dataset_size"]["runs"].query("loss == 'cross_entropy' and samples >= 20_000")
    ours = runs.groupby(["samples", "epoch"]).eval_loss.median().unstack()
    theirs = of.released.groupby(["samples", "epoch"]).eval_loss.first().unstack()
    return all((t.ffill(axis=1).iloc[:, -1] > 1.2 * t.min(axis=1)).all() for t in (ours, theirs))


def at_rate(of, rate):
    return entropy_at(of, of.stored["cross_entropy_rate"]["layers"].query("learning_rate == @rate"))


def decay_less(of):
    return all(
        theirs > ours
        for rate in (0.1, 0.05)
        for theirs, ours in list(zip(at_rate(of, rate), entropy_at(of, of.entropy)))[1:]
    )


def lowest_at_rate(of, rate):
    half = of.stored["cross_entropy_rate"]["layers"].query("learning_rate == @rate")
    return entropy_at(of, half, samples=50_000)[0]


def curves_of_sizes(of):
    """What the figure's description says of squared error and cross-entropy."""
    means = of.means.xs(2.0, level="over_realization").unstack("samples")
    mse, entropy = means.loc["mse"], means.loc["cross_entropy"]
    rises = lambda table: (table.diff(axis=1).iloc[:, 1:] > -0.001).all(axis=1)
    return (
        rises(mse).all()
        and (entropy < mse).all(axis=None)
        and rises(entropy).groupby("layer").all().tolist() == [True, False, False, False]
    )


def curves_of_losses(of):
    final = of.runs[of.runs.over_realization == 2].groupby(["loss", "samples"]).eval_loss.median()
    return final["mse", 20_000] > 100 * final["mse", 50_000] and (final["cross_entropy"].idxmin() == 50_000)


def curves_of_the_budget(of):
    last = lambda samples: of.budget[samples].unstack("layer").iloc[[-5, -1]].diff().iloc[-1]
    rising = of.budget[20_000].unstack("layer").diff().dropna()
    return (
        (last(5000).abs() < 0.02).all()
        and last(10_000)[1] > 0.015
        and last(10_000).drop(1).max() < 0.01
        and (rising[2] > 0).all()
        and (of.budget[20_000].unstack("layer").iloc[-1] > 0.99).all()
        and (looked_at(of, 50_000, 8) > 0.99).all()
    )


def middle_is_worst(of):
    short = of.depth.query("(depth == 4 and samples < 10_000) or (depth == 6 and samples < 100_000)")
    return all(
        row.dropna().iloc[-1] > row.dropna().iloc[1:-1].min() and row.idxmin() not in (1, len(row.dropna()))
        for _, row in short.iterrows()
    )


def deeper_is_lower(of):
    """Layer by layer, at every number of samples, but for what is above .99 in both."""
    pairs = [
        (of.depth.loc[(shallow, samples)], of.depth.loc[(deep, samples)])
        for shallow, deep in ((2, 4), (4, 6))
        for samples in of.depth.index.unique("samples")
    ]
    return all(((deep < shallow) | (deep > 0.99))[shallow.notna()].all() for shallow, deep in pairs)


def lowest_leads(of):
    longer = of.depth[of.depth.index.get_level_values("samples") >= 3000]
    return (longer[1] > longer.drop(columns=1).max(axis=1) - 1e-4).all()


def arm(of, layer, name):
    """Nodes of an arm of the 2x student after training."""
    return of.final[(of.final.layer == layer) & (of.final.arm == name)]


def wide_nodes(of, layer, epoch):
    return of.nodes.query("over_realization == 10 and layer == @layer and epoch == @epoch")


def recovered_everywhere(of):
    last = tables.last(of.stored["deep_l_shape"]["layers"]).query("over_realization == 2")
    return len(last) == 4 and (last.mean_best_correlation > 0.99).all() and set(last.samples) == {50_000}


def arm_grows(of):
    """None above .95 at the start; most of those of layer 1 by epoch 20, almost none of the others."""
    narrow = of.nodes[of.nodes.over_realization == 2]
    matched = narrow.assign(matched=narrow.arm == "matched").groupby(["epoch", "layer"]).matched.mean()
    others = matched[20].drop(1)
    return (
        (matched[0] == 0).all()
        and matched[20, 1] > 0.5
        and (others < 0.02).all()
        and (matched[200] > 0.5).all()
    )


def floor_height(of):
    """About half as high as the arm, most in the lowest layer, where one node lies above all."""
    height = [
        arm(of, layer, "unmatched").root_beta.mean() / arm(of, layer, "matched").root_beta.mean()
        for layer in (1, 2, 3, 4)
    ]
    return all(0.4 < share < 0.8 for share in height) and open_gate(of)


def open_share(of, name):
    """H over beta: on how much of its sensitivity a node is active."""
    return (of.final.root_h / of.final.root_beta)[of.final.arm == name] ** 2


def three_floors(of):
    low = [arm(of, layer, "unmatched").root_beta.mean() for layer in (1, 2, 3, 4)]
    foot = [arm(of, layer, "matched").root_beta.quantile(0.1) for layer in (1, 2, 3, 4)]
    closed = of.final[of.final.arm == "unmatched"].assign(share=open_share(of, "unmatched"))
    apart = (
        closed[closed.share < 0.01].best_correlation.max(),
        closed[closed.share > 0.1].best_correlation.min(),
    )
    high = closed.contribution > 0.2 * closed.layer.map(of.final.groupby("layer").contribution.max())
    return (
        all(0.5 < a / b < 2 for a, b in zip(low, foot))
        and apart[0] < 0.2 < apart[1]
        and set(closed.layer[high]) == {3, 4}
        and high.sum() < 8
    )


def fan_out_share(of, polarity):
    """Of two-layer students: mean fan-out norm of the unmatched over that of the matched."""
    nodes = of.two_layer[of.two_layer.polarity == polarity]
    unmatched, matched = (
        nodes.fan_out_norm[kept].mean()
        for kept in (nodes.best_correlation < tables.UNMATCHED, nodes.best_correlation > tables.MATCHED)
    )
    return unmatched / matched


def open_gate(of):
    """The node of layer 1 with the largest sensitivity is unmatched, and its gate never closes."""
    lowest = of.final[of.final.layer == 1]
    highest = lowest.loc[lowest.root_beta.idxmax()]
    return highest.arm == "unmatched" and np.isclose(highest.root_h, highest.root_beta, rtol=1e-6)


def contribution_separates(of):
    """Better than sensitivity, with and without the gate, in every layer."""
    shares = tables.separation(of.final, ["root_beta", "root_h", "contribution"])
    return (shares.contribution > shares[["root_beta", "root_h"]].max(axis=1)).all()


def near_published(of):
    """Claims whose bars the rule for published curves and the released code gives."""
    return [c for (name, _), c in of.claims.items() if "published" in name or "released" in name]


def verdict(of, name):
    return of.claims[f"lowest-layer/{name}", "laptop"].verdict


def cells_of(of, layers: int, width: int) -> pd.DataFrame:
    """Random networks of one shape, a row per seed."""
    found = of.inside["cells"]
    return found[(found.layers == layers) & (found.width == width)]


def triples_of(of, name: str) -> int:
    return int(of.inside["counts"][name].sum())


SAID = [
    Said(
        "(ReLU ones down to a loss of <.0e>) and checked at nine levels of the loss.",
        lambda of: (
            of.inside["counts"].query("slope == 0").lowest_loss.min()
            if studies.CellTriples().checkpoints == 9
            else None
        ),
    ),
    Said(
        "None of <,d> true premises is violated. With the overlap of a point in *another* cell <,d> would "
        "be, and of triples that are in no single cell <,d>.",
        lambda of: (
            triples_of(of, "premises") + triples_of(of, "violations"),
            triples_of(of, "other_violations"),
            triples_of(of, "crossing_violations"),
        ),
    ),
    Said(
        "With <d> teacher nodes in each of <d> hidden layers <d> samples meet <d> cells; with <d> nodes and "
        "<d> layers all <d> lie in cells of their own, and <.2f> of the triples inside one.",
        lambda of: (
            *(2, 2, studies.CellTriples().samples, cells_of(of, 2, 2).cells.mean()),
            *(16, 4, cells_of(of, 4, 16).cells.min(), cells_of(of, 4, 16).inside.mean()),
        ),
    ),
    Said(
        "the released loader keeps the last, smaller batch of an epoch (<d> steps at <,d> samples), ours "
        "leaves it out (<d> steps)",
        lambda of: (
            -(-20_000 // MultiLayer().batch_size),
            20_000,
            MultiLayer(samples=20_000).steps_per_epoch,
        ),
    ),
    Said(
        "weights from nine values, rows of norm 1, biases shifted so that every hidden node is active on "
        "half of the samples, outputs standardized, so that predicting nothing has loss 1",
        teacher_of_the_authors,
    ),
    Said(
        "The **lowest layer** specializes first, long before any other, in each of the 5 seeds.",
        lambda of: (
            of.quick["lowest-layer/first"].note.startswith("5 of 5 seeds")
            and of.quick["lowest-layer/head-start"].verdict == "holds"
        ),
    ),
    Said(
        "The layers above it rise from the first epoch on, but slowly, and not bottom up: those next to the "
        "outputs keep up with those in the middle.",
        # of the same at the paper's widths
        lambda of: verdict(of, "not-bottom-up") == "holds" and rise_from_the_start(of),
    ),
    Said("which in a deep network only the highest hidden layer has", beta_is_constant_at_the_top),
    Said(
        "whose first layer has no boundary in the box",
        lambda of: (
            forward(perfect_students.depth_shift().student, perfect_students.depth_shift().x)[0][0] > 0
        ).all(),
    ),
    Said(
        "The first two students have zero error and zero gradient.",
        lambda of: (of.cases[["max_error", "max_gradient"]].iloc[:2] < 1e-9).all(axis=None),
    ),
    Said(
        "In the second the lowest layer is *not* aligned (`cosine`, `layer_1`). The third shows that this "
        "takes care: without the lift that keeps the first layer always on, its second cannot undo it.",
        lambda of: (
            of.cases.loc["depth shift", ["cosine", "layer_1"]].max() < 0.9
            and of.cases.loc["depth shift, not lifted", ["max_error", "max_gradient"]].min() > 1
            and of.cases.layer_2["depth shift, not lifted"] < 0.9
        ),
    ),
    Said(
        "its lowest layer is aligned (cosine 1), its second layer only in what it computes (correlation "
        "1), with twice as many fan-in weights",
        lambda of: (
            of.cases.loc["signed splits", ["cosine", "layer_2"]].min() > 1 - 1e-5
            and perfect_students.signed_splits().student.weights[1].shape[-1] == 2 * 4 + 1
        ),
    ),
    Said(
        "Teacher 50-75-100-125, students two and five times as wide, both losses for the narrower, 200 "
        "epochs, <d> seeds (the published means have <d>, and sizes up to a million",
        lambda of: (of.runs.seed.nunique(), tables.PUBLISHED_SEEDS),
    ),
    Said(
        "Teacher 50-75-100-125, students two and five times as wide, both losses for the narrower, 200 "
        "epochs",
        lambda of: (
            sweeps.WIDTHS == (50, 75, 100, 125)
            and set(of.runs[of.runs.loss == "cross_entropy"].over_realization) == {2.0}
            and set(of.runs[of.runs.loss == "mse"].over_realization) == {2.0, 5.0}
            and of.published.samples.max() == MILLION
        ),
    ),
    Said(
        "with more students than teachers it may stay below 1 even when every teacher node is found",
        lambda of: (
            of.means["mse", 2.0, "teacher mean", 50_000].min() > 0.999
            and of.means["mse", 2.0, "student mean", 50_000].max() < 0.9
        ),
    ),
    Said("against the number of training samples after 200 epochs", lambda of: set(of.runs.epoch) == {200}),
    Said("with squared error the curves rise with the number of samples".capitalize(), curves_of_sizes),
    Said(
        "Squared error of standardized outputs: 1 is what predicting nothing gives.", teacher_of_the_authors
    ),
    Said("that of cross-entropy is lowest at fifty thousand", curves_of_losses),
    Said(
        "our student means lie <.3f> from those of the main published series (December 5) on average for the "
        "2x student, and at most <.3f>. That is <.2f> times what sampling alone gives, <.3f>: few faithful "
        "reproductions are as far off (<.2f> of them), and five seeds leave it undecided (claims below). For "
        "the 5x student it is <.3f> on average and at most <.3f>.",
        lambda of: (
            *of.near.loc["Dec 5", ["distance", "largest", "ratio", "sampling"]],
            np.mean(of.faithful["Dec 5"] >= of.near.ratio["Dec 5"]),
            *of.near_wide.loc["Dec 5", ["distance", "largest"]],
        ),
    ),
    Said(
        "and five seeds leave it undecided",
        lambda of: verdict(of, "published-mse-dec-5") == "undecided" and of.runs.seed.nunique() == 5,
    ),
    Said("those of the main published series (December 5)", lambda of: "Dec 5" in of.near.index),
    Said(
        "They lie up to <.3f> from the means of December 1, a series with the same printed settings that "
        "is itself up to <.3f> away from the other.",
        lambda of: (of.near.largest["Dec 1"], apart(of).max()),
    ),
    Said("from the means of December 1,", lambda of: "Dec 1" in of.near.index),
    Said(
        "Of the <d> published points of these widths only <d> can be compared: the others have larger "
        "training sets than ours of the same width.",
        lambda of: (len(of.student_means), of.near.points.sum() + of.near_wide.points.sum()),
    ),
    Said(
        "Over teacher nodes the lowest layer is ahead at every size up to 20,000; between 20,000 and 50,000 "
        "samples the layers above follow.",
        lambda of: lowest_ahead(of) and followed(of),
    ),
    Said(
        "A five times wider student ends with a lower training loss and recovers *less* of the lowest layer "
        "in the same number of epochs",
        wider_fits_better,
    ),
    Said(
        "in the same number of epochs: by <.2f> [<.2f>, <.2f>], <.2f> [<.2f>, <.2f>] and <.2f> "
        "[<.2f>, <.2f>] "
        "at 5,000, 10,000 and 20,000 samples.",
        lambda of: tuple(
            number
            for samples in (5000, 10_000, 20_000)
            for number in mean_interval(of.lowest[2][samples] - of.lowest[5][samples]).values()
        ),
    ),
    Said(
        "With few samples the training loss is lower than the evaluation loss",
        lambda of: (of.runs.query("samples < 50_000").eval("train_loss < eval_loss")).all(),
    ),
    Said("Is 20,000 samples too few for the upper layers, or 200 epochs too short?", followed),
    Said(
        "gave every run the same 20 million samples seen",
        lambda of: (
            (of.stored["equal_budget"]["layers"].eval("epoch * samples").max() == 20 * MILLION)
            and (of.published.runs == tables.PRINTED).any()
        ),
    ),
    Said(
        "published, after 20 million samples seen.",
        lambda of: sweeps.EQUAL_BUDGET.settings("laptop").samples_seen == 20 * MILLION,
    ),
    Said(
        "With 5,000 samples all curves flatten, with 10,000 that of layer 1 keeps rising slowly; with "
        "20,000 layer 1 is at 1 early, layer 2 rises throughout, layers 3 and 4 follow late, and all end "
        "at 1; with 50,000 they do so earlier.",
        curves_of_the_budget,
    ),
    Said(
        "Seen a thousand times, 20,000 samples recover **every** layer, as published.",
        lambda of: verdict(of, "all-layers-20000") == "holds",
    ),
    Said(
        "Layer 1 is first seen above .95 after <.1f> to <.1f> million samples.",
        lambda of: tuple(of.crossed[1].agg(["min", "max"]) * 20_000 / MILLION),
    ),
    Said("Layer 1 is first seen above .95 after", lambda of: np.isfinite(of.crossed[1]).all()),
    Said(
        "Layer 2 rises throughout: from <.2f> after <.1f> million to <.2f> after <.1f> and <.2f> "
        "after <.1f>, "
        "while layers 3 and 4 have come to <.2f> and <.2f>;",
        lambda of: (
            *(
                number
                for millions in (1.2, 4, 11)
                for look in [looked_at(of, 20_000, millions)]
                for number in (look[2], look.name * 20_000 / MILLION)
            ),
            *looked_at(of, 20_000, 11)[[3, 4]],
        ),
    ),
    Said(
        "Layer 2 rises throughout",
        lambda of: (of.budget[20_000].unstack("layer")[2].diff().dropna() > 0).all(),
    ),
    Said("layers 3 and 4 have come to", late),
    Said("only in the second half of the run do these catch up.", late),
    Said(
        "With 5,000 and 10,000 samples the same budget does not recover even layer 1 (<.2f> and <.2f>), "
        "and at 5,000 its curve has flattened (<.3f> after a fifth of the run).",
        lambda of: (
            of.budget[5000].unstack("layer")[1].iloc[-1],
            of.budget[10_000].unstack("layer")[1].iloc[-1],
            looked_at(of, 5000, 4)[1],
        ),
    ),
    Said(
        "The published levels of layers 2 to 4 are met within <.3f> at every size, and those of layer 1 "
        "where it is recovered; at 5,000 and 10,000 samples ours is <.2f> lower.",
        lambda of: (
            of.long.drop(index=1, level="layer").distance.max(),
            of.long.distance.loc[[(5000, 1), (10_000, 1)]].mean(),
        ),
    ),
    Said(
        "and those of layer 1 where it is recovered",
        lambda of: of.long.distance.loc[[(20_000, 1), (50_000, 1)]].max() < 1e-3,
    ),
    Said(
        "After 200 epochs on 20,000 samples our student means are <.3f>, <.3f>, <.3f> and <.3f>, from "
        "layer 1 up;",
        lambda of: entropy_at(of, of.entropy),
    ),
    Said("the published ones are <.3f>, <.3f>, <.3f> and <.3f>.", published_entropy),
    Said(
        "gives <.3f>, <.3f>, <.3f> and <.3f>: near ours, far from the published ones.",
        lambda of: entropy_at(of, of.released),
    ),
    Said(
        "near ours, far from the published ones.",
        lambda of: (
            of.claims["lowest-layer/released-code", "laptop"].value < 1.5
            and verdict(of, "published-cross-entropy") == "fails"
        ),
    ),
    Said(
        "they are <.3f> apart on average, where sampling alone gives <.3f>: <.2f> of faithful reproductions "
        "are as far off (claims below).",
        lambda of: (
            *np.average(of.code[["distance", "sampling"]], axis=0, weights=of.code.points),
            np.mean(of.faithful["released"] >= of.code.ratio.max()),
        ),
    ),
    Said(
        "on 20,000 samples our means pass within <.2f> of the published ones, at epoch <d>, but on 50,000 at "
        "no epoch within <.2f>.",
        lambda of: (*nearest_epoch(of, 20_000), math.floor(100 * nearest_epoch(of, 50_000)[0]) / 100),
    ),
    Said(
        "What both show: layers 2 to 4 rise within the first epochs and *decay* afterwards, but for a "
        "pause where the rate is halved, while the evaluation loss grows.",
        lambda of: rise_and_decay(of) and loss_grows(of),
    ),
    Said("with .1 or .05 the upper layers decay less, but", decay_less),
    Said(
        "but on 50,000 samples layer 1 ends at <.2f> or <.2f> (ours <.2f>, published <.2f>).",
        lambda of: (
            lowest_at_rate(of, 0.1),
            lowest_at_rate(of, 0.05),
            entropy_at(of, of.entropy, samples=50_000)[0],
            published_entropy(of, 50_000)[0],
        ),
    ),
    Said(
        "(the one on 50,000 samples was stopped early)",
        lambda of: of.released.groupby("samples").epoch.max().to_dict() == {20_000: 200, 50_000: 90},
    ),
    Said(
        "Layer 1 rises and stays; layers 2 to 4 rise within the first epochs and then decay.", rise_and_decay
    ),
    Said(
        "the dashed published levels lie above the ends of both",
        lambda of: all(
            np.greater(
                published_entropy(of, samples),
                np.maximum(
                    entropy_at(of, of.entropy, 200, samples),
                    entropy_at(
                        of, of.released, of.released[of.released.samples == samples].epoch.max(), samples
                    ),
                ),
            ).all()
            for samples in (20_000, 50_000)
        ),
    ),
    Said("The table gives our values at epoch 200.", lambda of: set(of.runs.epoch) == {200}),
    Said("on 50,000 samples, until every layer is recovered", recovered_everywhere),
    Said(
        "at epoch 0 a flat cloud at low correlation; with training an arm at correlation 1 grows, first "
        "in layer 1.",
        arm_grows,
    ),
    Said("which lies about half as high and in layer 1 has one node above the whole arm", floor_height),
    Said(
        "those of 5x students (m = 10) end with a mean fan-out norm of <.2f> times that of the "
        "matched ones at "
        "$p=0$, and of <.2f> times at $p=2.5$.",
        lambda of: (fan_out_share(of, 0), fan_out_share(of, 2.5)),
    ),
    Said("nodes without a partner (best correlation below .8) end with", lambda of: tables.UNMATCHED == 0.8),
    Said(
        "end with <.2f> on average and those with one (above .95) with <.2f>; the highest of that layer, "
        "<.2f>, has no partner.",
        lambda of: (
            arm(of, 1, "unmatched").root_beta.mean(),
            arm(of, 1, "matched").root_beta.mean(),
            arm(of, 1, "unmatched").root_beta.max(),
        ),
    ),
    Said("and those with one (above .95) with", lambda of: tables.MATCHED == 0.95),
    Said(
        "it vanishes for <d> of the <d> unmatched nodes of all layers, which are hardly ever active, but "
        "not for the <d> that nearly always are, such as the highest: in the lowest layer it is <.2f> "
        "against <.2f>.",
        lambda of: (
            (open_share(of, "unmatched") < 0.01).sum(),
            len(open_share(of, "unmatched")),
            (open_share(of, "unmatched") > 0.8).sum(),
            arm(of, 1, "unmatched").root_h.mean(),
            arm(of, 1, "matched").root_h.mean(),
        ),
    ),
    Said("that nearly always are, such as the highest", open_gate),
    Said(
        "a node may have its fan-in halved and its fan-out doubled and compute the same, but its "
        "sensitivity doubles. Multiplied by the standard deviation of what the node puts out, the "
        "sensitivity becomes a *contribution* in which scale cancels",
        scale_cancels,
    ),
    Said(
        "on average <.3f>, <.2f>, <.2f> and <.2f> of what matched ones do, from layer 1 up.",
        lambda of: tuple(
            arm(of, layer, "unmatched").contribution.mean() / arm(of, layer, "matched").contribution.mean()
            for layer in (1, 2, 3, 4)
        ),
    ),
    Said(
        "on average .005, .03, .12 and .05 of what matched ones do, from layer 1 up.", contribution_separates
    ),
    Said(
        "in the first the floor of unmatched nodes is about as high as the lower part of the arm at "
        "correlation 1; in the second its nodes of the lowest correlations drop to 0 and the others stay; "
        "in the third all lie near 0, but for a few nodes of the upper two layers.",
        three_floors,
    ),
    Said(
        "The released figure has a student ten times as wide, 200,000 samples and 100 epochs.",
        lambda of: sweeps.DEEP_L_SHAPE.settings("laptop").students[0][:2] == (10.0, 200_000),
    ),
    Said(
        "with <d> of <d> nodes above .95; of the <,d> of the highest layer, <d> lie above .8 and only <d> "
        "of them above .95.",
        lambda of: (
            (wide_nodes(of, 1, 10).arm == "matched").sum(),
            len(wide_nodes(of, 1, 10)),
            len(wide_nodes(of, 4, 10)),
            (wide_nodes(of, 4, 10).arm != "unmatched").sum(),
            (wide_nodes(of, 4, 10).arm == "matched").sum(),
        ),
    ),
    Said(
        "lie above .8 and only 1 of them above .95.",
        lambda of: (tables.UNMATCHED, tables.MATCHED) == (0.8, 0.95),
    ),
    Said(
        "One stored figure of the authors' has a clean L in every layer by then; the settings of "
        "its run are not "
        "recorded",
        lambda of: (
            "a clean L in every layer by epoch 10. The settings of its run are not recorded"
            in one_line((BOOK / "reference" / "README.md").read_text())
        ),
    ),
    Said(
        "few nodes reach correlation 1 by epoch 10",
        lambda of: (of.nodes.query("over_realization == 10 and epoch == 10").arm == "matched").mean() < 0.02,
    ),
    Said(
        "deep leaky students (10-15-20-25, four times as wide, <d> seeds, <d> epochs)",
        lambda of: (
            of.stored["deep_slopes"]["layers"].seed.nunique(),
            of.stored["deep_slopes"]["layers"].epoch.max(),
        ),
    ),
    Said(
        "(10-15-20-25, four times as wide",
        lambda of: (
            sweeps.DEEP_SLOPES.settings("laptop").hidden == (10, 15, 20, 25)
            and sweeps.DEEP_SLOPES.settings("laptop").over_realization == 4
        ),
    ),
    Said(
        "With 20,000 samples the lowest layer is recovered at every slope, and first",
        lambda of: (
            tables.final_by(leaky(of, 20_000), "slope").min().min() > 0.99
            and all(tables.is_first(part, 0.95).all() for _, part in leaky(of, 20_000).groupby("slope"))
        ),
    ),
    Said(
        "it gets above .95 after <.1f>, <.1f> and <.1f> epochs at slopes 0, .1 and .3",
        lambda of: tuple(
            tables.first_reached(part, 0.95)[1].mean() for _, part in leaky(of, 20_000).groupby("slope")
        ),
    ),
    Said(
        "at slopes 0, .1 and .3",
        lambda of: list(of.stored["deep_slopes"]["layers"].slope.unique()) == [0, 0.1, 0.3],
    ),
    Said(
        "With 1,000 samples it is not recovered at any slope",
        lambda of: tables.final_by(leaky(of, 1000), "slope").mean().max() < 0.8,
    ),
    Said(
        "narrow teachers (15 nodes per layer) with 2, 4 and 6 hidden layers and students four times as wide",
        lambda of: (
            sweeps.DEPTH.settings("laptop").width == 15
            and set(of.depth.index.unique("depth")) == {2, 4, 6}
            and sweeps.DEPTH.settings("laptop").over_realization == 4
        ),
    ),
    Said(
        "From 3,000 samples on the lowest layer is ahead, and where not all are near 1 each layer "
        "of a deeper "
        "student is below the same layer, counted from the input, of a shallower one",
        lambda of: lowest_leads(of) and deeper_is_lower(of),
    ),
    Said(
        "3,000 samples recover both layers of the shallowest student, 10,000 all four of the next, and "
        "30,000 leave the deepest at <.2f> in its worst layer.",
        lambda of: of.depth.loc[(6, 30_000)].min(),
    ),
    Said(
        "3,000 samples recover both layers of the shallowest student, 10,000 all four of the next",
        lambda of: of.depth.loc[(2, 3000)].min() > 0.95 and of.depth.loc[(4, 10_000)].min() > 0.95,
    ),
    Said("Where samples run short, the layers in the middle are worst", middle_is_worst),
    Said(
        "Teacher-mean correlation after 100 epochs",
        lambda of: of.stored["depth"]["layers"].epoch.max() == 100,
    ),
    Said(
        "except where a claim says what was changed after a look; that of `all-layers-20000`",
        lambda of: not of.claims["lowest-layer/all-layers-20000", "laptop"].changed,
    ),
    Said(
        "Here it lies between <.2f> and <.2f>.",
        lambda of: (min(c.at_most for c in near_published(of)), max(c.at_most for c in near_published(of))),
    ),
    Said(
        "with published layers 2 and 3 swapped the distance is <.2f> times what sampling alone gives, from "
        "<.2f> up, so that what this bar refuses is the curves of 2x.",
        lambda of: (worst(of.swapped_wider)["value"], worst(of.swapped_wider)["low"]),
    ),
    Said(
        "so that what this bar refuses is the curves of 2x",
        lambda of: (
            worst(of.swapped_wider)["low"] < of.claims["lowest-layer/published-wider", "laptop"].at_most
            and of.claims["lowest-layer/published-wider", "laptop"].refuses
        ),
    ),
    Said("the exact interval of 5 of 5 starts at <.2f>.", lambda of: share_interval(5, 5)["low"]),
    Said("the exact interval of 5 of 5 starts", lambda of: of.runs.seed.nunique() == 5),
    Said(
        "That layer 1 is first is therefore undecided, and how far it is ahead is not.",
        lambda of: verdict(of, "first") == "undecided" and verdict(of, "head-start") == "holds",
    ),
    Said(
        "The published levels and the released code stay undecided or fail",
        lambda of: (
            {c.verdict for c in near_published(of)} == {"undecided", "fails"}
            and verdict(of, "released-code") == "undecided"
        ),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
