"""What the chapter on fan-out ordering claims about its tables; the bars were fixed before the runs."""

import pandas as pd

from companion.chapters.fan_out_ordering.tables import first_specialized, loss_curves, ordering
from companion.pages.claims import Claim
from companion.pages.statistics import distance, measured

BARS = {
    "spearman": -0.6,  # of fan-out norm with first specialized epoch
    "gain": 0.05,  # in success rate, 5x over 1x, p >= 1
    "tail": -1.0,  # log10 of the final loss, 1x minus 5x, p = 0
    "cover": 0.5,  # time until all teachers are covered, 4x over 1x
    "published_success": 0.05,  # mean distance of success rates
    "published_loss": 0.3,  # mean distance of log10 losses
}


def strong_first(teachers: pd.DataFrame, threshold: float, scale: str) -> list[Claim]:
    """One claim per polarity above 0: Spearman correlation per seed, mean over over-realizations.

    Ties are averaged.
    """
    ranks = ordering(first_specialized(teachers, threshold))
    return [
        Claim(
            **measured(group.groupby("seed").spearman.mean()),
            id=f"fan-out/strong-first-p{p:g}",
            place="abstract",
            scale=scale,
            at_most=BARS["spearman"],
            sentence=f"Teacher nodes with large fan-out norm are specialized first, p = {p:g} "
            "(Spearman correlation of norm and first epoch).",
        )
        for p, group in ranks[ranks.polarity > 0].groupby("polarity")
    ]


def over_realization(teachers: pd.DataFrame, runs: pd.DataFrame, threshold: float) -> list[Claim]:
    """What 5x buys over 1x in the sweep at the paper's scale, paired over seeds."""
    last = teachers[(teachers.epoch == teachers.epoch.max()) & (teachers.polarity >= 1)]
    hit = (
        last.assign(hit=last.best_correlation > threshold)
        .groupby(["seed", "over_realization"])
        .hit.mean()
        .unstack()
    )
    final = loss_curves(runs[(runs.epoch == runs.epoch.max()) & (runs.polarity == 0)])
    loss = final.pivot_table(index="seed", columns="over_realization", values="log10_eval_loss")
    return [
        Claim(
            **measured(hit[5.0] - hit[1.0]),
            id="fan-out/over-realization",
            place="success-rate figure",
            scale="paper",
            at_least=BARS["gain"],
            sentence="At p ≥ 1, a 5x student specializes more teacher nodes than a 1x student "
            "(difference in success rate after 100 epochs, paired over seeds).",
        ),
        Claim(
            **measured(loss[1.0] - loss[5.0]),
            id="fan-out/exact-tail",
            place="loss-curve figure",
            scale="paper",
            at_most=BARS["tail"],
            sentence="At p = 0 the 1x student wins the tail: lower final loss than 5x "
            "(difference of log10, paired over seeds).",
        ),
    ]


def published(
    teachers: pd.DataFrame, runs: pd.DataFrame, rates: pd.DataFrame, losses: pd.DataFrame
) -> list[Claim]:
    """Distance of our mean curves from the published ones; the published success threshold is .95."""
    hits = teachers.assign(success_rate=(teachers.best_correlation > 0.95).astype(float))
    keys = ["polarity", "over_realization", "epoch"]
    return [
        Claim(
            **distance(hits, rates, [*keys, "teacher"], "success_rate"),
            id="fan-out/published-success",
            scale="paper",
            place="success-rate figure",
            at_most=BARS["published_success"],
            sentence="Our success rates lie on the published ones (mean absolute distance over all points).",
        ),
        Claim(
            **distance(loss_curves(runs), losses, keys, "log10_eval_loss"),
            id="fan-out/published-loss",
            scale="paper",
            place="loss-curve figure",
            at_most=BARS["published_loss"],
            sentence="Our log10 evaluation losses lie on the published ones "
            "(mean absolute distance over all points).",
        ),
    ]


def covering(times: pd.DataFrame, horizon: float) -> Claim:
    """What over-realization buys in the population flow.

    A start that never covers all teachers counts as the horizon.
    """
    wide = times.pivot(index="seed", columns="over_realization", values="time").fillna(horizon)
    few, many = wide.columns[0], wide.columns[wide.columns >= 4][0]
    return Claim(
        **measured(wide[many] / wide[few]),
        id="fan-out/cover-time",
        place="dynamics",
        at_most=BARS["cover"],
        note=f"{len(wide)} random starts",
        sentence=f"A {many:g}x student covers all teachers in a fraction of the time of a {few:g}x student "
        "(population flow, paired over starts; one that never gets there counts with the length "
        "of the run, which understates the gain).",
    )
