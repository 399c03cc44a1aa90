"""What the chapter on two-layer networks claims about its tables; the bars were fixed before the runs."""

import numpy as np
import pandas as pd

from companion.chapters.two_layer_theorem.parameters import Parameters
from companion.chapters.two_layer_theorem.tables import advantage, counts, scatter
from companion.pages.claims import Claim, count
from companion.pages.statistics import distance, measured
from companion.runs.spec import Tables

BARS = {
    "gradient_rule": 1e-12,  # float64: rounding of a few hundred operations
    "zero_gradient": 1e-12,
    "spoiled_gradient": 1.0,  # the counter-check must be far from zero
    "violations": 0,
    "premises": 300,  # enough true premises that a wrong theorem would be caught
    "fooled": 1.0,  # the negative control must work for every seed
    "l_shape": 0.5,  # unmatched students keep at most half the fan-out of matched ones
    "aware_gain": 0.2,  # in mean best-student correlation, at FEW_SAMPLES
    "published_correlation": 0.05,  # mean distance of the curves
    "published_loss": 0.01,
}
FEW_SAMPLES = 60
UNMATCHED, MATCHED = 0.8, 0.95  # best-teacher correlations that make the two arms of the L


def exact_claims(rule: pd.DataFrame, summary: pd.DataFrame, study: Tables) -> list[Claim]:
    """Claims that hold up to rounding or by counting: gradient rule, critical point, finite-data theorems."""
    telling, dots = counts(study["pairs"]), scatter(study["pairs"])
    above = int((dots.sine > dots.bound)[dots.bound < 1].sum())
    violated = telling.violations.sum() + telling.angle_violations.sum() + above
    control = study["undersampled"]
    few = control[control.plane_points == control.plane_points.max() - 1]
    fooled = few[(few.gradient < BARS["zero_gradient"]) & few.premise & (few.sine > few.bound)]
    case = summary.set_index("case")
    return [
        count(
            rule.max_error.max(),
            id="two-layer/rule",
            place="Lemma 1",
            at_most=BARS["gradient_rule"],
            sentence="The recursive rule is the gradient at every layer, for depths 2 to 5, "
            "leaky slopes and biases.",
        ),
        count(
            case.max_gradient["split copies"],
            id="two-layer/critical",
            place="zero-gradient theorem",
            at_most=BARS["zero_gradient"],
            sentence="Split copies, a silent and a cancelling pair of students have zero gradient at "
            "every sample.",
        ),
        count(
            case.max_gradient["silent node given a fan-out"],
            id="two-layer/counter-check",
            place="zero-gradient theorem",
            at_least=BARS["spoiled_gradient"],
            sentence="An unspecialized student with a fan-out weight destroys the critical point.",
        ),
        count(
            violated,
            id="two-layer/violations",
            place="main theorem",
            at_most=BARS["violations"],
            sentence="No pair of teacher and observer with a true premise violates a conclusion of the "
            "finite-data theorems, and no teacher node exceeds the paper's form of the bound.",
        ),
        count(
            telling.telling_premises.min(),
            id="two-layer/premises",
            place="main theorem",
            at_least=BARS["premises"],
            sentence="For each theorem, the premise is true and its bound below 1 often enough that the "
            "check could have failed.",
        ),
        count(
            len(fooled) / len(few),
            id="two-layer/under-sampled",
            place="main theorem",
            at_least=BARS["fooled"],
            sentence="With only d − 1 points on the teacher plane the conclusion fails: "
            "a student at 60° has zero gradient and a true premise (share of seeds).",
        ),
    ]


def training_claims(students: pd.DataFrame, live: pd.DataFrame, spec: Parameters) -> list[Claim]:
    """Claims about the live runs; an experiment that the parameters left out makes no claim."""
    wide = students[(students.over_realization > 1) & (students.polarity == min(students.polarity))]
    arms = wide.assign(
        arm=np.select(
            [wide.best_correlation < UNMATCHED, wide.best_correlation > MATCHED],
            ["unmatched", "matched"],
            "between",
        )
    )
    norms = (
        arms.groupby(["seed", "arm"])
        .fan_out_norm.mean()
        .unstack()
        .reindex(columns=["unmatched", "matched"])
        .dropna()
    )
    found = [
        Claim(
            **measured(norms.unmatched / norms.matched),
            id="two-layer/l-shape",
            place="L-shape figure",
            at_most=BARS["l_shape"],
            sentence=f"Students below correlation {UNMATCHED} keep a small share of the fan-out norm of "
            f"those above {MATCHED} (over-realized, lowest polarity).",
        )
    ]
    if FEW_SAMPLES in spec.sample_sizes:
        found += _aware_claims(live, "quick")
    return found


def paper_claims(full: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """Claims about the stored sweep at the paper's scale, beside the published curves."""
    loss, correlation = (
        Claim(
            **distance(full, published, ["data", "over_realization", "samples"], value),
            id=f"two-layer/published-{name}",
            place="sample-complexity figure",
            scale="paper",
            at_most=BARS[f"published_{name}"],
            sentence=f"Our mean {label} curves lie on the published ones "
            "(mean absolute distance over all points).",
        )
        for value, name, label in (
            ("eval_loss", "loss", "evaluation-loss"),
            ("mean_best_correlation", "correlation", "best-student correlation"),
        )
    )
    return [*_aware_claims(full, "paper"), correlation, loss]


def _aware_claims(table: pd.DataFrame, scale: str) -> list[Claim]:
    gain = advantage(table, FEW_SAMPLES).groupby("seed").last_correlation.mean()
    return [
        Claim(
            **measured(gain),
            id="two-layer/aware",
            place="sample-complexity figure",
            scale=scale,
            at_least=BARS["aware_gain"],
            sentence=f"With {FEW_SAMPLES} samples, teacher-aware data give a higher mean "
            "best-student correlation than random data "
            "(difference, paired over seeds, mean over over-realizations).",
        )
    ]
