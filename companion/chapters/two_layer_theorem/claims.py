"""What the chapter on two-layer networks claims about its tables, with bars and what they must refuse."""

import numpy as np
import pandas as pd

from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval

BARS = {
    "gradient_rule": 1e-12,  # float64: rounding of a few hundred operations
    "zero_gradient": 1e-12,
    "l_shape": 0.5,  # unmatched students keep at most half the fan-out of matched ones
}
UNMATCHED, MATCHED = 0.8, 0.95  # best-teacher correlations that make the two arms of the L


def exact_claims(rule: pd.DataFrame, summary: pd.DataFrame) -> list[Claim]:
    """Claims that hold up to rounding: gradient rule, critical point."""
    case = summary.set_index("case")
    return [
        Claim(
            **exact(rule.max_error.max()),
            id="two-layer/rule",
            place="lem-gradient-rule",
            at_most=BARS["gradient_rule"],
            wrong=Wrong(
                "without its constant unit, as in the code of Luck Matters; the smallest difference",
                **exact(rule.max_cropped.min()),
            ),
            sentence="The recursive rule is the gradient at every layer, for depths 2 to 5, "
            "leaky slopes and biases.",
        ),
        Claim(
            **exact(case.max_gradient["split copies"]),
            id="two-layer/critical",
            place="thm-specialization",
            at_most=BARS["zero_gradient"],
            wrong=Wrong(
                "the silent student given a fan-out",
                **exact(case.max_gradient["silent node given a fan-out"]),
            ),
            sentence="Split copies, a silent and a cancelling pair of students have zero gradient at "
            "every sample.",
        ),
    ]


def training_claims(students: pd.DataFrame) -> list[Claim]:
    """Claims about the live run."""
    wide = students[(students.over_realization > 1) & (students.polarity == min(students.polarity))]
    rng = np.random.default_rng(0)
    shuffled = wide.assign(
        best_correlation=wide.groupby("seed").best_correlation.transform(lambda rho: rng.permutation(rho))
    )
    return [
        Claim(
            **mean_interval(kept_fan_out(wide), "log"),
            id="two-layer/l-shape",
            place="obs-l-shape",
            at_most=BARS["l_shape"],
            wrong=Wrong(
                "correlations shuffled among the students", **mean_interval(kept_fan_out(shuffled), "log")
            ),
            sentence=f"Students below correlation {UNMATCHED} keep at most half the fan-out norm of "
            f"those above {MATCHED} (over-realized, lowest polarity; geometric mean over seeds with both).",
        )
    ]


def kept_fan_out(students: pd.DataFrame) -> pd.Series:
    """Mean fan-out norm of the unmatched over that of the matched students, a number per seed with both."""
    arm = np.select(
        [students.best_correlation < UNMATCHED, students.best_correlation > MATCHED],
        ["unmatched", "matched"],
        "between",
    )
    norms = students.groupby(["seed", arm]).fan_out_norm.mean().unstack()
    norms = norms.reindex(columns=["unmatched", "matched"]).dropna()
    return norms.unmatched / norms.matched
