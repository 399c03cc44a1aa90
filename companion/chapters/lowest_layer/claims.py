"""What the chapter on multi-layer networks claims about its tables, with bars and what they must refuse."""

from typing import Any

import numpy as np
import pandas as pd

from companion.chapters.lowest_layer.tables import (
    agreement,
    code_agreement,
    final_by,
    floor_over_arm,
    head_start,
    is_first,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import RULE, exact, mean_interval, near, share_interval, swapped, worst

BARS = {
    # error of the kink formula above which a point violates it; the second difference resolves 1e-8
    "kink": 1e-6,
    "violations": 0,
    "shifted": 1e-9,  # |f* - f| and gradients of the depth-shifted student: rounding, with biases of 40
    "unaligned": 0.9,  # |cosine| that its lowest layer must stay below
    "floor": 0.6,  # sensitivity of the unmatched nodes over that of the matched
    "floor_contribution": 0.3,  # the same of their contributions
    "first": 0.9,  # share of seeds in which layer 1 specializes first
    "head_start": 0.5,  # its epochs over those of the next layer
    "not_bottom_up": 0.0,  # correlation of layer 4 minus that of layer 3
    "enough": 0.99,  # teacher-mean correlation of layer 1 from 20,000 samples on
    "too_few": 0.9,  # the same at 5,000 samples stays below
    "few_live": 0.8,  # the same in the live run on few samples
    "orientation": 0.1,  # teacher mean minus student mean, layer 1, 20,000 samples
    "tuning": 0.02,  # what tuning the teacher on the evaluation samples changes
}
UNTIL_SURE = 36  # seeds, all of them agreeing, whose exact interval starts at the bar of "first"


def local_claims(kinks: pd.DataFrame, cases: pd.DataFrame) -> list[Claim]:
    """Why only the lowest layer: the local formula, and what a student may do above it."""
    case = cases.set_index("case")
    shift, unlifted = case.loc["depth shift"], case.loc["depth shift, not lifted"]
    pair = kinks.groupby(["seed", "slope", "teacher", "student"])
    averaged = (pair.formula.transform("mean") - kinks.numerical).abs()
    points = kinks.groupby("slope").size()
    return [
        Claim(
            **exact((kinks.error > BARS["kink"]).sum()),
            id="lowest-layer/kink",
            place="thm-lowest-layer",
            at_most=BARS["violations"],
            wrong=Wrong(
                "overlaps averaged over the cells, as in two layers", **exact((averaged > BARS["kink"]).sum())
            ),
            note=f"checked at {points.sum():,} points, {points.min():,} of the rarer slope",
            sentence="No point on a teacher hyperplane inside a cell violates the local kink formula "
            "(three-layer networks, ReLU and leaky, copies included).",
        ),
        Claim(
            **exact(max(shift.max_error, shift.max_gradient)),
            id="lowest-layer/depth-shift",
            place="prop-depth-shift",
            at_most=BARS["shifted"],
            wrong=Wrong(
                "its first layer is not lifted above 0, the error",
                **exact(min(unlifted.max_error, unlifted.max_gradient)),
            ),
            sentence="A student whose second layer is the teacher's first has zero error and zero gradient "
            "at every sample and layer.",
        ),
        Claim(
            **exact(shift.cosine),
            id="lowest-layer/depth-shift-unaligned",
            place="prop-depth-shift",
            at_most=BARS["unaligned"],
            wrong=Wrong("the student of split copies", **exact(case.cosine["signed splits"])),
            sentence="In that student some lowest-layer teacher node has no aligned student: "
            "the theorem's genericity is needed.",
        ),
    ]


def cell_claims(counts: pd.DataFrame) -> list[Claim]:
    """The small-gradient theorem inside cells of the upper gates; ``counts`` of CellTriples."""
    premises, inside = counts.premises.sum(), counts.inside.sum() / counts.triples.sum()
    return [
        Claim(
            **exact(counts.violations.sum()),
            id="lowest-layer/cell-premises",
            place="thm-lowest-layer",
            at_most=BARS["violations"],
            wrong=Wrong("A of a point in another cell", **exact(counts.other_violations.sum())),
            note=f"{premises:,} true premises; {inside:.2f} of the triples are inside one cell, and "
            f"{counts.crossing_violations.sum():,} of the others would violate it",
            sentence="Inside a cell of the upper gates no triple with a true premise violates it: "
            "where the gradient of an active student is too small for a teacher's kink, another node's "
            "boundary lies within the step (three-layer students, ReLU and leaky).",
        )
    ]


def l_shape_claims(students: pd.DataFrame) -> list[Claim]:
    """The L-shape of deep students over seeds; table ``students`` of the live run."""
    last = students[students.epoch == students.epoch.max()]
    lowest, highest = (last[last.layer == layer] for layer in (1, last.layer.max()))
    shared: dict[str, Any] = dict(
        place="obs-deep-l-shape",
        changed="the claim, its bar included, was written when the numbers had been seen",
    )
    of = lambda table, value: mean_interval(floor_over_arm(table, value), "log")
    return [
        Claim(
            **of(lowest, "root_beta"),
            id="lowest-layer/l-shape",
            at_most=BARS["floor"],
            wrong=Wrong("the same in the highest layer", **of(highest, "root_beta")),
            sentence="The L-shape of the lowest layer: nodes without a partner have a lower sensitivity than "
            "those with one (ratio of means per seed, geometric mean over seeds).",
            **shared,
        ),
        Claim(
            **of(lowest, "contribution"),
            id="lowest-layer/l-shape-contribution",
            at_most=BARS["floor_contribution"],
            wrong=Wrong("their sensitivity alone", **of(lowest, "root_beta")),
            sentence="Told by the contribution, which no scale of a node changes, it is clearer: what nodes "
            "of the lowest layer without a partner contribute, over what those with one do.",
            **shared,
        ),
    ]


def live_claims(live: pd.DataFrame, few: pd.DataFrame, threshold: float) -> list[Claim]:
    """Claims about the live runs; tables ``layers`` of multi_layer.run."""
    failed = final_by(few, "tuned_on")
    own, released = failed["own"], failed["evaluation"]
    start = few[(few.epoch == 0) & (few.layer == 1)].mean_best_correlation.mean()
    # every other seed's student in place of the seed's own
    others = [(own[seed] - released.drop(seed)).abs().mean() for seed in own.index]
    return [
        *_first(live, threshold, "quick"),
        Claim(
            **mean_interval(own, "correlation"),
            id="lowest-layer/few-samples",
            place="obs-multi-layer-size",
            at_most=BARS["few_live"],
            wrong=Wrong(
                f"{live.samples.max():,} samples",
                **mean_interval(final_by(live, "samples")[live.samples.max()], "correlation"),
            ),
            note=f"before training it is {start:.2f}",
            sentence="On too few samples even the lowest layer stays unspecialized "
            "(its teacher-mean correlation).",
        ),
        Claim(
            **mean_interval((own - released).abs(), "log"),
            id="lowest-layer/tuning",
            place="obs-multi-layer-size",
            at_most=BARS["tuning"],
            wrong=Wrong("between different seeds", **mean_interval(others, "log")),
            sentence="Tuning the teacher's biases on the evaluation samples, as released, instead of on "
            "samples of its own changes little (|difference| of that correlation, paired over seeds, "
            "geometric mean).",
        ),
    ]


def sweep_claims(layers: pd.DataFrame, published: pd.DataFrame, threshold: float) -> list[Claim]:
    """Claims about the stored sweep over the size of the training set, over-realization 2."""
    mse = layers[layers.loss == "mse"]
    lowest = final_by(mse, "samples")
    start = mse[(mse.epoch == 0) & (mse.layer == 1)].mean_best_correlation.mean()
    sides: list[tuple] = [
        (5000, 50_000, "too-few", "is not", "at_most", BARS["too_few"]),
        *((samples, 10_000, "enough", "is", "at_least", BARS["enough"]) for samples in (20_000, 50_000)),
    ]
    return [
        *_first(mse[mse.samples >= 20_000], threshold, "laptop"),
        *_not_bottom_up(mse[mse.samples == 20_000]),
        *(
            Claim(
                **mean_interval(lowest[samples], "correlation"),
                id=f"lowest-layer/{name}-{samples}",
                scale="laptop",
                place="obs-multi-layer-size",
                **{side: bar},
                wrong=Wrong(f"{other:,} samples", **mean_interval(lowest[other], "correlation")),
                note=f"before training it is {start:.2f}",
                sentence=f"Layer 1 of a 2x student {verb} specialized with {samples:,} samples "
                "(teacher-mean correlation, MSE, 200 epochs).",
            )
            for samples, other, name, verb, side, bar in sides
        ),
        _orientation(mse[mse.samples == 20_000]),
        *_near(layers, published, "mse", "student mean", "mse", "squared error, 2x, ours of 200 epochs"),
        *_near(
            layers,
            published,
            "cross_entropy",
            "student mean",
            "cross-entropy",
            "cross-entropy, 2x, released settings",
        ),
    ]


def leaky_claims(layers: pd.DataFrame, threshold: float) -> list[Claim]:
    """Leaky students of leaky teachers; table ``layers`` of the sweep of slopes."""
    leaky = layers[layers.slope > 0]
    few, many = leaky.samples.min(), leaky.samples.max()
    enough = leaky[leaky.samples == many]
    claims = []
    for slope, of in leaky.groupby("slope"):
        lowest = final_by(of, "samples")
        start = of[(of.epoch == 0) & (of.layer == 1)].mean_best_correlation.mean()
        claims.append(
            Claim(
                **mean_interval(lowest[many], "correlation"),
                id=f"lowest-layer/leaky-{slope:g}",
                scale="laptop",
                place="thm-lowest-layer",
                at_least=BARS["enough"],
                wrong=Wrong(f"{few:,} samples", **mean_interval(lowest[few], "correlation")),
                note=f"before training it is {start:.2f}",
                sentence=f"Layer 1 of a 4x student is specialized in Leaky ReLU networks of slope {slope:g} "
                f"with {many:,} samples, too (teacher-mean correlation).",
            )
        )
    ahead, third_ahead = (
        pd.concat([np.log(head_start(of, threshold, layer)) for _, of in enough.groupby("slope")])
        .groupby("seed")
        .mean()
        .pipe(np.exp)
        for layer in (1, 3)
    )
    return [
        *claims,
        Claim(
            **mean_interval(ahead, "log"),
            id="lowest-layer/leaky-head-start",
            scale="laptop",
            place="obs-lowest-first",
            at_most=BARS["head_start"],
            changed="the wrong alternative was layer 2, which ten seeds neither refuse nor pass",
            wrong=Wrong("layer 3 against the one above it", **mean_interval(third_ahead, "log")),
            sentence="There, too, it takes a fraction of the epochs of the next layer to a correlation "
            f"of {threshold:g} (geometric mean over slopes; one value per seed).",
        ),
    ]


def follow_up_claims(budget: pd.DataFrame, wider: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """What further sweeps say about the differences.

    budget, wider    tables ``layers`` of the sweeps equal_budget (longer runs) and wider_students.
    """
    worst_layer = lambda samples: final_by(budget, "samples", of=None)[samples]
    theirs = published[(published.orientation == "teacher mean") & (published.samples == 20_000)]
    return [
        *_near(
            budget,
            published,
            "mse",
            "teacher mean",
            "long",
            "squared error, 2x, 20 million samples seen, mean over teachers",
        ),
        Claim(
            **mean_interval(worst_layer(20_000), "correlation"),
            id="lowest-layer/all-layers-20000",
            place="obs-multi-layer-size",
            scale="laptop",
            published=theirs.correlation.min(),
            at_least=BARS["enough"],
            wrong=Wrong("10,000 samples, as many seen", **mean_interval(worst_layer(10_000), "correlation")),
            sentence="With 20,000 samples, seen a thousand times, a 2x student recovers every layer "
            "(teacher-mean correlation of its worst layer, MSE).",
        ),
        *_near(
            wider,
            published,
            "mse",
            "student mean",
            "wider",
            "squared error, 5x, ours of 200 epochs",
            mistake=("over_realization", 2, 5),  # layers 2 and 3 of 5x cannot be told apart by 5 seeds
        ),
    ]


def released_claim(layers: pd.DataFrame, half_rate: pd.DataFrame, released: pd.DataFrame) -> Claim:
    """Whether our cross-entropy runs are those of the released code.

    layers, half_rate    tables ``layers`` at the released rate and at half of it; released: one run a size.
    """
    return Claim(
        **near(
            lambda measure: code_agreement(layers, released, measure=measure), "points of the released runs"
        ),
        id="lowest-layer/released-code",
        place="obs-multi-layer-size",
        scale="laptop",
        wrong=Wrong("our runs at half the rate", **worst(code_agreement(half_rate, released))),
        changed=f"the claim was written when the curves had been seen, with a bar of 3; {RULE}",
        sentence="With cross-entropy our student means are those of the released code at its released "
        "settings: at no size is its run farther from our mean curves than sampling alone explains (largest "
        "mean distance, in units of what sampling alone gives).",
    )


def _first(layers: pd.DataFrame, threshold: float, scale: str) -> list[Claim]:
    """Whether the lowest layer is first, and how far ahead it is; a number per seed."""
    first, second = (is_first(layers, threshold, layer).groupby("seed").min() for layer in (1, 2))
    ahead, next_ahead = (
        np.exp(np.log(head_start(layers, threshold, layer)).groupby("seed").mean()) for layer in (1, 2)
    )
    share = lambda seeds: share_interval(int(seeds.sum()), len(seeds))
    return [
        Claim(
            **share(first),
            id="lowest-layer/first",
            place="obs-lowest-first",
            scale=scale,
            at_least=BARS["first"],
            wrong=Wrong("layer 2 in its place", **share(second)),
            changed="runs were counted, though those of one seed share a teacher",
            note=f"{first.sum():.0f} of {len(first)} seeds; {UNTIL_SURE} of {UNTIL_SURE} would decide",
            sentence=f"The lowest layer reaches a teacher-mean correlation of {threshold:g} before every "
            "other layer (share of seeds in which it does so at every size).",
        ),
        Claim(
            **mean_interval(ahead, "log"),
            id="lowest-layer/head-start",
            place="obs-lowest-first",
            scale=scale,
            at_most=BARS["head_start"],
            wrong=Wrong("layer 2 against those above it", **mean_interval(next_ahead, "log")),
            changed="the claim, its bar included, was written when the curves had been seen",
            sentence="It takes a fraction of the epochs of the next layer to get there (geometric mean; a "
            "layer that never does counts with the length of the run, which understates the lead).",
        ),
    ]


def _not_bottom_up(layers: pd.DataFrame) -> list[Claim]:
    def lead(epoch: int) -> pd.Series:
        found = layers[layers.epoch == epoch].pivot(
            index="seed", columns="layer", values="mean_best_correlation"
        )
        return found[4] - found[3]

    return [
        Claim(
            **mean_interval(lead(layers.epoch.max())),
            id="lowest-layer/not-bottom-up",
            place="obs-lowest-first",
            scale="laptop",
            at_least=BARS["not_bottom_up"],
            wrong=Wrong("before training", **mean_interval(lead(0))),
            changed="the claim, its bar included, was written when the curves had been seen",
            sentence="Above the lowest layer the order is not bottom up: with 20,000 samples layer 4 is "
            "ahead of layer 3 after 200 epochs (difference of teacher-mean correlations, paired over seeds).",
        )
    ]


def _orientation(layers: pd.DataFrame) -> Claim:
    def apart(epoch: int) -> pd.Series:
        found = layers[(layers.epoch == epoch) & (layers.layer == 1)].set_index("seed")
        return found.mean_best_correlation - found.mean_best_teacher

    return Claim(
        **mean_interval(apart(layers.epoch.max())),
        id="lowest-layer/orientation",
        place="obs-multi-layer-size",
        scale="laptop",
        at_least=BARS["orientation"],
        wrong=Wrong("before training", **mean_interval(apart(0))),
        sentence="The orientation of the mean matters: over teacher nodes it says that layer 1 is "
        "recovered, over student nodes (a released notebook) it is much lower "
        "(difference at 20,000 samples, paired over seeds).",
    )


def _near(
    layers: pd.DataFrame,
    published: pd.DataFrame,
    loss: str,
    orientation: str,
    name: str,
    words: str,
    mistake: tuple[str, float, float] = ("layer", 2, 3),
) -> list[Claim]:
    """How far the correlations of all sizes and layers lie from the published ones: a claim per series.

    mistake     a column and the two values of it whose published curves are exchanged: what must not pass.
    """
    alike = published[(published.loss == loss) & (published.orientation == orientation)]
    ran = alike[alike.over_realization.isin(layers.over_realization)].runs.unique()
    column, one, other = mistake
    kind = "layers {:g} and {:g}" if column == "layer" else "{:g}x and {:g}x curves"
    measured = lambda curve: lambda measure: agreement(layers, curve, measure=measure)
    claims = []
    for series in sorted(ran):
        curve = alike[alike.runs == series]
        claims.append(
            Claim(
                **near(measured(curve)),
                id=f"lowest-layer/published-{name}" + f"-{series.lower().replace(' ', '-')}" * (len(ran) > 1),
                scale="laptop",
                place="obs-multi-layer-size",
                wrong=Wrong(
                    f"published {kind.format(one, other)} swapped",
                    **worst(agreement(layers, swapped(curve, *mistake))),
                ),
                changed=f"both published series were scored as one; {RULE}",
                sentence=f"Our correlations lie on the published ones ({words}; series of {series}; mean "
                "distance over layers and the sizes that we ran, in units of what sampling alone gives).",
            )
        )
    return claims
