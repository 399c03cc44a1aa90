"""What the chapter on recovering networks claims, with bars and what they must refuse."""

import pandas as pd

from companion.chapters.expand_and_cluster.tables import RULES, by_cut, outcomes, success
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval, share_interval

BARS = {
    "recovered": 0.75,
    "perfect": 0.5,
    "better": 0.5,
}  # shares: of teachers, of students, of disagreements


def parameter_claim(recovered: pd.DataFrame, precise: float, scale: str) -> Claim:
    """All parameters, wherever a rule finds the width and the fine-tuned network the outputs."""
    tuned = recovered[recovered.error.notna()]
    perfect = tuned[tuned.loss < precise**2]
    teachers = lambda of: len(of[["activation", "teacher"]].drop_duplicates())
    return Claim(
        **exact(perfect.error.max()),
        id="expand/parameters",
        place="thm-expand",
        scale=scale,
        at_most=precise,
        wrong=Wrong("held against another teacher", **exact(perfect.error_other.min())),
        note=f"{teachers(perfect)} of {teachers(recovered)} teachers; before fine-tuning up to "
        f"{perfect.collapsed.max():.2g}; {len(tuned) - len(perfect)} networks of the right width miss the "
        "outputs",
        sentence="A fine-tuned network of the teacher's width that gives the teacher's outputs has its "
        "parameters (largest error of any, up to order, signs and scales).",
    )


def rule_claims(
    recovered: pd.DataFrame, students: pd.DataFrame, width: int, precise: float, zero: float, scale: str
) -> list[Claim]:
    """How many teachers come back by the published rule and by the whole clusters, for each activation."""
    told = outcomes(recovered, width, precise)
    alone = success(students, zero).query("size == 'exact'")
    made = []
    for activation, of in told.groupby("activation", sort=False):
        first = alone[alone.activation == activation]["first"]
        lone = share_interval(int(first.sum()), len(first))
        for rule, name in (("pi/6", "published"), ("most whole", "whole")):
            by = of[of.rule == rule]
            made.append(
                Claim(
                    **share_interval(int(by.exact.sum()), len(by)),
                    id=f"expand/{name}-{activation}",
                    place=f"obs-expand-{name}",
                    scale=scale,
                    at_least=BARS["recovered"],
                    wrong=Wrong("one student of the teacher's size", **lone),
                    note=f"too many neurons for {(by.excess > 0).sum()} teachers, too few for "
                    f"{(by.excess < 0).sum()}",
                    sentence=f"With {RULES[rule]} most teachers come back exactly, {activation} (share of "
                    "teachers).",
                )
            )
    return made


def better_claim(recovered: pd.DataFrame, width: int, precise: float, scale: str) -> Claim:
    """The two rules on the same students."""
    told = outcomes(recovered, width, precise)
    exact_by = told.pivot_table(
        index=["activation", "teacher"], columns="rule", values="exact", aggfunc="first"
    )
    whole, published = (exact_by[rule].astype(bool) for rule in ("most whole", "pi/6"))
    wins, losses = int((whole & ~published).sum()), int((published & ~whole).sum())
    return Claim(
        **share_interval(wins, wins + losses),
        id="expand/better",
        place="obs-expand-whole",
        scale=scale,
        at_least=BARS["better"],
        wrong=Wrong("the rules swapped", **share_interval(losses, wins + losses)),
        note=f"{wins} teachers by whole clusters only, {losses} by the published rule only, "
        f"of {len(exact_by)}",
        sentence="Where only one of the two rules recovers a teacher, it is the one that asks for a neuron "
        "of every student (share of such teachers).",
    )


def start_claim(ends: pd.DataFrame, fresh: int, recovered: pd.DataFrame, precise: float) -> Claim:
    """Fresh ReLU teachers, by whole clusters before anything joins them.

    ends        table of the sweep ``recovery_cuts``;  fresh  the first teacher that nobody had looked at.
    recovered   table of the sweep ``recovery``.
    """
    found = by_cut(ends[ends.teacher >= fresh], precise)
    published = recovered[(recovered.rule == "pi/6") & (recovered.activation == "relu")]
    return Claim(
        **share_interval(int(found.start.sum()), len(found)),
        id="expand/whole-relu-start",
        place="obs-expand-whole",
        scale="laptop",
        at_least=BARS["recovered"],
        wrong=Wrong(RULES["pi/6"], **share_interval(int((published.error < precise).sum()), len(published))),
        note=f"cut at the end {found.end.sum()} of {len(found)}; {(found.start & ~found.end).sum()} by the "
        f"start only, {(found.end & ~found.start).sum()} by the end only",
        sentence="Cut at the start of the stretch, the most whole clusters bring most fresh ReLU teachers "
        "back exactly (share of teachers).",
    )


def expansion_claims(students: pd.DataFrame, zero: float, scale: str) -> list[Claim]:
    """Why to expand at all, for each activation."""
    found = success(students, zero)
    made = []
    for activation in dict.fromkeys(students.activation):
        of = found[found.activation == activation]
        share = lambda size: mean_interval(of[of["size"] == size].share)
        made.append(
            Claim(
                **share("exact"),
                id=f"expand/exact-{activation}",
                place="obs-expand-exact",
                scale=scale,
                at_most=BARS["perfect"],
                wrong=Wrong("expanded students", **share("expanded")),
                note=f"{(of[of['size'] == 'exact'].share == 0).sum()} of {of.teacher.nunique()} teachers are "
                "found by none",
                sentence=f"Most students of the teacher's own size are stuck, {activation} (share that reach "
                "zero loss, mean over teachers).",
            )
        )
    return made
