"""What the chapter on finite data claims about its tables, with bars and what they must refuse."""

import pandas as pd

from companion.chapters.finite_data.parameters import Parameters
from companion.chapters.finite_data.tables import advantage, agreement, counts, scatter
from companion.pages.claims import Claim, Wrong, spelled
from companion.pages.statistics import RULE, exact, mean_interval, near, swapped, worst
from companion.runs.spec import Tables

BARS = {
    "zero_gradient": 1e-12,  # float64: rounding of a few hundred operations
    "violations": 0,
    "fooled": 1.0,  # the negative control must work for every seed
    "aware_gain": 0.2,  # in mean best-student correlation, at FEW_SAMPLES
}
FEW_SAMPLES = 60
TEN_TIMES = 10.0  # a premise that asks so much less of the gradient than the theorem


def premise_claims(study: Tables) -> list[Claim]:
    """Claims by counting: the finite-data theorems, and where they stop."""
    dots, control = scatter(study["pairs"]), study["undersampled"]
    dots = dots[dots.binds]
    above = lambda power: int((dots.sine > dots.bound * dots.ratio ** (power - 1)).sum())
    telling = counts(study["pairs"])
    weaker = counts(study["pairs"], TEN_TIMES)
    false = lambda table: (table.violations + table.angle_violations).sum()
    fooled = (control.gradient < BARS["zero_gradient"]) & control.premise & (control.sine > control.bound)
    by_points = fooled.groupby(control.plane_points).mean()
    return [
        Claim(
            **exact(false(telling)),
            id="finite-data/violations",
            place="thm-small-gradient",
            at_most=BARS["violations"],
            wrong=Wrong(f"a premise {TEN_TIMES:g} times weaker", **exact(false(weaker))),
            note=f"checked at {telling.telling_premises.sum():,} true premises with a bound below 1, "
            f"{telling.telling_premises.min():,} of the rarer theorem",
            sentence="No pair of teacher and observer with a true premise violates a conclusion of the "
            "finite-data theorems.",
        ),
        Claim(
            **exact(above(1)),
            id="finite-data/paper-form",
            place="main theorem",
            at_most=BARS["violations"],
            wrong=Wrong("an angle that falls like the square of the gradient", **exact(above(2))),
            changed="it was a part of the claim about violations, with nothing that it refuses",
            note=f"checked at {len(dots):,} dots, whose sine is at most "
            f"{(dots.sine / dots.bound).max():.2g} of the bound: a much smaller constant would pass, too",
            sentence="No teacher node exceeds the paper's form of the bound where the samples' steps are "
            "small enough for it.",
        ),
        Claim(
            **exact(by_points[control.plane_points.max() - 1]),
            id="finite-data/under-sampled",
            place="prop-few-points",
            at_least=BARS["fooled"],
            wrong=Wrong("one more point on the plane", **exact(by_points[control.plane_points.max()])),
            sentence="With only d − 1 points on the teacher plane the bound on the angle fails: "
            "a student at 60° has zero gradient and a true premise (share of the constructed networks).",
        ),
    ]


def live_claims(live: pd.DataFrame, spec: Parameters) -> list[Claim]:
    """Claims about the live run; sizes that the parameters left out make no claim."""
    return _aware_claims(live, "quick") if FEW_SAMPLES in spec.sample_sizes else []


def paper_claims(full: pd.DataFrame, published: pd.DataFrame) -> list[Claim]:
    """Claims about the stored sweep at the paper's scale, beside the published curves."""
    found = _aware_claims(full, "paper")
    for value, name, label, pair in (
        ("mean_best_correlation", "correlation", "best-student correlations", (2, 5)),
        ("eval_loss", "loss", "evaluation losses", (1, 2)),
    ):
        swap = lambda *pair, value=value: worst(
            agreement(full, swapped(published, "over_realization", *pair), value)
        )
        widest = spelled(Wrong("swap", **swap(5, 10)))
        found.append(
            Claim(
                **near(lambda measure, value=value: agreement(full, published, value, measure)),
                id=f"finite-data/published-{name}",
                place="obs-sample-complexity",
                scale="paper",
                wrong=Wrong(f"published {pair[0]}x and {pair[1]}x curves swapped", **swap(*pair)),
                changed=RULE,
                sentence=f"Our mean {label} lie on the published ones: no over-realization is farther from "
                "its own than sampling alone explains (largest mean distance, in units of what sampling "
                f"alone gives; 5x and 10x cannot be told apart: swapped, it is {widest}).",
            )
        )
    return found


def _aware_claims(table: pd.DataFrame, scale: str) -> list[Claim]:
    gain = lambda samples: mean_interval(advantage(table, samples).groupby("seed").last_correlation.mean())
    most = table.samples.max()
    return [
        Claim(
            **gain(FEW_SAMPLES),
            id="finite-data/aware",
            place="obs-sample-complexity",
            scale=scale,
            at_least=BARS["aware_gain"],
            wrong=Wrong(f"the same difference with {most} samples", **gain(most)),
            changed="8 seeds, as 4 left what must not pass undecided"
            if scale == "quick"
            else "the bar was fixed half an hour after the sweep had started",
            sentence=f"With {FEW_SAMPLES} samples, teacher-aware data give a higher mean "
            "best-student correlation than random data "
            "(last epoch; difference, paired over seeds, mean over over-realizations).",
        )
    ]
