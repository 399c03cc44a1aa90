"""What the chapter on multi-layer networks claims about its tables; the bars were fixed before the runs."""

import pandas as pd

from companion.chapters.lowest_layer.tables import by_size, last, lowest_first
from companion.pages.claims import Claim
from companion.pages.statistics import distances, exact, mean_interval, worst

BARS = {
    # error of the kink formula above which a point violates it; the second difference resolves 1e-8
    "kink": 1e-6,
    "violations": 0,
    "points": 1000,  # checked per slope, so that a wrong formula would be caught
    "shifted": 1e-9,  # |f* - f| and gradients of the depth-shifted student: rounding, with biases of 40
    "unaligned": 0.9,  # |cosine| that its lowest layer must stay below
    "first": 0.9,  # share of seeds in which layer 1 specializes first
    "enough": 0.99,  # teacher-mean correlation of layer 1 from 20,000 samples on
    "too_few": 0.9,  # the same at 5,000 samples stays below
    "few_live": 0.8,  # the same in the live run on few samples
    "orientation": 0.1,  # teacher mean minus student mean, layer 1, 20,000 samples
    "tuning": 0.02,  # what tuning the teacher on the evaluation samples changes
    "published": 1.5,  # distance of correlations in units of what sampling alone gives, every layer
}


def local_claims(kinks: pd.DataFrame, cases: pd.DataFrame) -> list[Claim]:
    """Why only the lowest layer: the local formula, and what a student may do above it."""
    shift = cases.set_index("case").loc["depth shift"]
    return [
        Claim(
            **exact((kinks.error > BARS["kink"]).sum()),
            id="lowest-layer/kink",
            place="multi-layer theorem",
            at_most=BARS["violations"],
            sentence="No point on a teacher hyperplane inside a cell violates the local kink formula "
            "(three-layer networks, ReLU and leaky, copies included).",
        ),
        Claim(
            **exact(kinks.groupby("slope").size().min()),
            id="lowest-layer/kink-points",
            place="multi-layer theorem",
            at_least=BARS["points"],
            sentence="The formula was checked at enough points per slope that a wrong one would be caught.",
        ),
        Claim(
            **exact(max(shift.max_error, shift.max_gradient)),
            id="lowest-layer/depth-shift",
            place="genericity",
            at_most=BARS["shifted"],
            sentence="A student whose second layer is the teacher's first has zero error and zero gradient "
            "at every sample and layer.",
        ),
        Claim(
            **exact(shift.cosine),
            id="lowest-layer/depth-shift-unaligned",
            place="genericity",
            at_most=BARS["unaligned"],
            sentence="In that student some lowest-layer teacher node has no aligned student: "
            "the theorem's genericity is needed.",
        ),
    ]


def live_claims(live: pd.DataFrame, few: pd.DataFrame, threshold: float) -> list[Claim]:
    """Claims about the live runs; tables ``layers`` of multi_layer.run."""
    failed = last(few[few.layer == 1]).set_index(["tuned_on", "seed"]).mean_best_correlation
    return [
        _first(live, threshold, "quick"),
        Claim(
            **mean_interval(failed["own"]),
            id="lowest-layer/few-samples",
            place="sample complexity",
            at_most=BARS["few_live"],
            sentence="On too few samples even the lowest layer stays unspecialized "
            "(its teacher-mean correlation).",
        ),
        Claim(
            **mean_interval((failed["own"] - failed["evaluation"]).abs()),
            id="lowest-layer/tuning",
            place="teacher's biases",
            at_most=BARS["tuning"],
            sentence="Tuning the teacher's biases on the evaluation samples, as released, instead of on "
            "samples of its own changes little (|difference| of that correlation, paired over seeds).",
        ),
    ]


def paper_claims(layers: pd.DataFrame, published: pd.DataFrame, threshold: float) -> list[Claim]:
    """Claims about the stored sweep over the size of the training set, over-realization 2."""
    mse = layers[layers.loss == "mse"]
    lowest = last(mse[mse.layer == 1]).set_index(["samples", "seed"])
    flipped = lowest.loc[20_000].mean_best_correlation - lowest.loc[20_000].mean_best_teacher
    reference = published[(published.loss == "mse") & (published.orientation == "teacher mean")].set_index(
        ["samples", "layer"]
    )
    sides: list[tuple] = [
        (5000, "too-few", "is not", "at_most", BARS["too_few"]),
        *((samples, "enough", "is", "at_least", BARS["enough"]) for samples in (20_000, 50_000)),
    ]
    return [
        _first(mse[mse.samples >= 20_000], threshold, "paper"),
        *(
            Claim(
                **mean_interval(lowest.loc[samples].mean_best_correlation),
                id=f"lowest-layer/{name}-{samples}",
                scale="paper",
                place="sample complexity",
                published=reference.correlation[samples, 1],
                **{side: bar},
                sentence=f"Layer 1 of a 2x student {verb} specialized with {samples:,} samples "
                "(teacher-mean correlation, MSE).",
            )
            for samples, name, verb, side, bar in sides
        ),
        Claim(
            **mean_interval(flipped),
            id="lowest-layer/orientation",
            place="released notebooks",
            scale="paper",
            at_least=BARS["orientation"],
            sentence="The orientation of the mean matters: over teacher nodes it says that layer 1 is "
            "recovered, over student nodes (a released notebook) it is much lower "
            "(difference at 20,000 samples).",
        ),
        *(
            _near(layers, published, loss, "student mean", name, f"{words}, 200 epochs")
            for loss, name, words in (
                ("mse", "mse", "squared error, 2x"),
                ("cross_entropy", "cross-entropy", "cross-entropy, 2x, rate .2"),
            )
        ),
    ]


def follow_up_claims(
    budget: pd.DataFrame, wider: pd.DataFrame, rates: pd.DataFrame, published: pd.DataFrame
) -> list[Claim]:
    """What further sweeps say about the differences.

    budget, wider, rates    tables ``layers`` of the sweeps equal_budget (longer runs), wider_students and
                            cross_entropy_rate (half the rate).
    """
    recovered = last(budget[budget.samples == 20_000]).groupby("seed").mean_best_correlation.min()
    half = rates[rates.learning_rate == 0.1]
    return [
        _near(
            budget,
            published,
            "mse",
            "teacher mean",
            "long",
            "squared error, 2x, 20 million samples seen, mean over teachers",
        ),
        Claim(
            **mean_interval(recovered),
            id="lowest-layer/all-layers-20000",
            place="sample complexity",
            scale="paper",
            published=1.0,
            at_least=BARS["enough"],
            sentence="With 20,000 samples, seen a thousand times, a 2x student recovers every layer "
            "(teacher-mean correlation of its worst layer, MSE).",
        ),
        _near(wider, published, "mse", "student mean", "wider", "squared error, 5x, 200 epochs"),
        _near(
            half,
            published,
            "cross_entropy",
            "student mean",
            "cross-entropy-half-rate",
            "cross-entropy, 2x, rate .1, 200 epochs",
        ),
    ]


def _first(layers: pd.DataFrame, threshold: float, scale: str) -> Claim:
    share = lowest_first(layers, threshold).groupby("seed").mean()
    return Claim(
        **mean_interval(share),
        id="lowest-layer/first",
        place="abstract",
        scale=scale,
        at_least=BARS["first"],
        sentence=f"The lowest layer reaches a teacher-mean correlation of {threshold:g} before every "
        "other layer (share of runs, paired within a run).",
    )


def _near(
    layers: pd.DataFrame, published: pd.DataFrame, loss: str, orientation: str, name: str, words: str
) -> Claim:
    """How far the correlations of all sizes and layers lie from the published ones."""
    ours, theirs = (
        t[(t.loss == loss) & (t.orientation == orientation)] for t in (by_size(layers), published)
    )
    keys = ["over_realization", "samples", "layer"]
    theirs = theirs.merge(ours[keys].drop_duplicates(), on=keys)
    return Claim(
        **worst(distances(ours, theirs, keys, "correlation", ["layer"], seeds=10)),
        id=f"lowest-layer/published-{name}",
        scale="paper",
        place="multi-layer sample complexity",
        at_most=BARS["published"],
        sentence=f"Our correlations lie on the published ones ({words}; "
        "every layer: mean distance over sizes, in units of what sampling alone gives).",
    )
