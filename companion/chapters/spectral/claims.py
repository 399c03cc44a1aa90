"""What the chapter on the spectral parametrization claims, with bars and what they must refuse."""

from typing import Any

import pandas as pd

from companion.chapters.spectral.tables import at_the_end, jumps, survivors
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval, share_interval, within

BARS = {
    "identity": 1e-14,  # relative, float64
    "balance": 0.1,  # of the two penalties of a survivor, 0 in balance, 1 if there is only one
    "share": 0.5,  # of students, or of seeds: the median one
    "spread": 1.0,  # nodes: what the widest student has more than the narrowest
    "jump": 10.0,  # ratio of errors, one node less than the teacher's over as many
}


def identity_claims(errors: pd.DataFrame) -> list[Claim]:
    """The parametrization and its penalty, exactly."""
    shared: dict[str, Any] = dict(at_most=BARS["identity"], note=f"{len(errors)} random layers, float64")
    return [
        Claim(
            **exact(errors.block.max()),
            **shared,
            id="spectral/block",
            place="def-spectral",
            wrong=Wrong("eigenvalues added", **exact(errors.added.min())),
            sentence="The weights are the lower left block of ΦΛΦ⁻¹ (largest relative error of a layer).",
        ),
        Claim(
            **exact(errors.penalty.max()),
            **shared,
            id="spectral/group-lasso",
            place="prop-group-lasso",
            wrong=Wrong("the ridge of eigenvalues 1", **exact(errors.ridge.min())),
            sentence="The least L2 penalty of spectral coordinates is 2√(ab) Σ‖wᵢ‖ (largest relative "
            "distance from a numerical minimization over the eigenvalues).",
        ),
        Claim(
            **exact(errors.curvature.max()),
            **shared,
            changed="errors were in units of a + b, which rounding exceeds where ‖g‖ is a hundred times that",
            id="spectral/threshold",
            place="prop-threshold",
            wrong=Wrong("half the pull", **exact(errors.halved.min())),
            sentence="The least curvature at a node of zeros is a + b − √((a − b)² + ‖g‖²), which is 0 at "
            "‖g‖ = 2√(ab) (largest distance from an eigenvalue of the Hessian, relative to its norm).",
        ),
    ]


def method(table: pd.DataFrame, name: str, problem: str = "three layers") -> pd.DataFrame:
    """The rows of one method on one problem."""
    return table[(table.method == name) & (table.problem == problem)]


def balance_claim(units: pd.DataFrame, alive: float, scale: str) -> Claim:
    """Survivors end where the penalty is the least."""
    rows = method(units, "spectral")
    rows = rows[(rows.status == "ok") & (rows["size"] > alive)]
    off = lambda of: within(mean_interval(of.balance.abs().groupby(of.seed).mean()), 0, 1)
    return Claim(
        **off(at_the_end(rows)),
        id="spectral/balance",
        place="prop-group-lasso",
        scale=scale,
        at_most=BARS["balance"],
        wrong=Wrong("the same before training", **off(rows[rows.step == 0])),
        changed="the live run had a = b, where the start is almost balanced" if scale == "quick" else "",
        sentence="In trained students the two penalties of a surviving node are in balance "
        "(|aλ² − b‖φ‖²| / (aλ² + b‖φ‖²), mean over nodes, interval over seeds).",
    )


def size_claims(units: pd.DataFrame, kept: pd.DataFrame, alive: float, scale: str) -> list[Claim]:
    """The teacher's size is found, whatever the student's, and it is where errors jump."""
    ends = at_the_end(survivors(units, alive))
    spectral, direct = (method(ends, name) for name in ("spectral", "direct"))
    last = {name: method(jumps(kept), name) for name in ("spectral", "direct")}
    jump = lambda name, what="jump": mean_interval(last[name].groupby("seed")[what].agg(_geometric), "log")
    each = spectral.groupby("teacher_width").excess.agg(lambda excess: (excess == 0).mean())
    return [
        Claim(
            **_found(spectral),
            id="spectral/size",
            place="obs-size",
            scale=scale,
            at_least=BARS["share"],
            wrong=Wrong("direct training", **_found(direct)),
            changed="it was the mean share of students with Student's interval, which ends above 1",
            note="exactly: "
            + "; ".join(f"{rate:.2f} of those of a teacher of {m} nodes" for m, rate in each.items()),
            sentence="Spectral students keep exactly the teacher's number of nodes (share of seeds of which "
            "most students do, widths of both taken together).",
        ),
        Claim(
            **_spread(spectral),
            id="spectral/any-width",
            place="obs-size",
            scale=scale,
            at_most=BARS["spread"],
            wrong=Wrong("direct training", **_spread(direct)),
            sentence="How many nodes survive does not depend on the student's width (survivors of the widest "
            "minus those of the narrowest, paired over seeds).",
        ),
        Claim(
            **jump("spectral"),
            id="spectral/jump",
            place="obs-jump",
            scale=scale,
            at_least=BARS["jump"],
            wrong=Wrong("one step above: as many over one more", **jump("spectral", "above")),
            changed="the wrong alternative was direct training, which varies too much to be refused",
            note=f"direct training {jump('direct')['value']:.3g}; all nodes beyond the teacher's number "
            f"together gain a factor of {last['spectral'].rest.median():.3g} (median)",
            sentence="The test error jumps where a spectral student keeps one node less than the teacher has "
            "(over that with as many, geometric mean over students).",
        ),
    ]


def _found(ends: pd.DataFrame) -> dict:
    most = (ends.excess == 0).groupby(ends.seed).mean() > 0.5
    return share_interval(int(most.sum()), len(most))


def _geometric(values: pd.Series) -> float:
    return mean_interval(values, "log")["value"]


def _spread(ends: pd.DataFrame) -> dict:
    nodes = ends.pivot_table(index="seed", columns="width", values="nodes")
    return mean_interval(nodes[nodes.columns.max()] - nodes[nodes.columns.min()])


def fan_out_claim(units: pd.DataFrame, alive: float, scale: str) -> Claim:
    """What the implicit regularization of the main chapters leaves."""
    ends = at_the_end(survivors(units, alive))
    plain = method(ends, "plain", "two layers")
    return Claim(
        **_share_left(plain),
        id="spectral/fan-out",
        place="obs-fan-out",
        scale=scale,
        at_least=BARS["share"],
        wrong=Wrong("spectral students", **_share_left(method(ends, "spectral"))),
        sentence="Without a penalty most surplus nodes survive: fan-out decay from a random start does not "
        "show the teacher's size (share of the student's surplus nodes that survive, mean over students).",
    )


def _share_left(ends: pd.DataFrame) -> dict:
    surplus = ends.width - ends.teacher_width
    return mean_interval((ends.excess / surplus)[surplus > 0].groupby(ends.seed).mean())


def mechanism_claim(units: pd.DataFrame, alive: float, scale: str) -> Claim:
    """The explanation at work: the same penalty without spectral coordinates."""
    ends = at_the_end(survivors(units, alive))
    twins = method(ends, "group lasso")
    direct = method(ends, "direct")
    direct = direct[direct.width.isin(twins.width)]
    return Claim(
        **_share_left(twins),
        id="spectral/mechanism",
        place="prop-group-lasso",
        scale=scale,
        at_most=1 - BARS["share"],
        wrong=Wrong("direct training with a ridge", **_share_left(direct)),
        sentence="A group lasso on plain weights removes surplus nodes as well (share of them that survive).",
    )
