"""What the chapter on two-layer networks claims about its tables, with bars and what they must refuse."""

import numpy as np
import pandas as pd

from companion.chapters.two_layer_theorem import tables
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval
from companion.runs.spec import Tables

BARS = {
    "gradient_rule": 1e-12,  # float64: rounding of a few hundred operations
    "zero_gradient": 1e-12,
    "moved": 1e-6,  # distance that SGD goes, relative to the weights
    "pruned": 0.01,  # change of the output by pruning, relative to the teacher's output
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


def critical_claims(trained: Tables) -> list[Claim]:
    """Claims about students at zero gradient: SGD stays where they interpolate; pruning changes nothing."""
    learned = lambda table: table[(table.over_realization > 1) & (table.noise == 0)]
    moved, pruned = trained["moved"], learned(trained["pruned"])
    last = moved[moved.step == moved.step.max()]
    by_seed = lambda table, value: mean_interval(table.groupby("seed")[value].mean())
    sizes = tables.pruning(pruned, trained["gradients"])
    resting = learned(tables.at_rest(trained["gradients"])).at_rest
    return [
        Claim(
            **by_seed(learned(last), "distance"),
            id="two-layer/interpolation",
            place="thm-interpolation",
            at_most=BARS["moved"],
            wrong=Wrong(
                "labels with noise, which no student fits", **by_seed(last[last.noise > 0], "distance")
            ),
            note=f"single gradients have vanished for {resting.sum()} of {len(resting)} students",
            sentence="Over-realized students at zero gradient of all samples together interpolate, and SGD "
            f"stays there: in {last.step.max():,} steps it moves them by no more than this share of their "
            "weights (mean over seeds).",
        ),
        Claim(
            **by_seed(pruned, "change"),
            id="two-layer/pruning",
            place="thm-prunable",
            at_most=BARS["pruned"],
            wrong=Wrong("copies left out, all but the strongest", **by_seed(pruned, "change_unmerged")),
            note="nodes before and after, by over-realization: "
            + "; ".join(f"{row.nodes} and {row.kept:g}" for row in sizes.itertuples()),
            sentence="At zero gradient copies can be merged and all other nodes left out: an over-realized "
            "student has as many nodes as its teacher then, and on new samples nearly the same output "
            "(root mean square change, relative to the teacher's output; mean over seeds).",
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
