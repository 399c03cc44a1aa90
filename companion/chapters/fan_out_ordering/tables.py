"""Which teacher nodes are specialized first and how often; losses on a log scale."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from companion.pages.statistics import distances, mean_interval
from companion.runs.spec import Tables

PUBLISHED_SEEDS = 32
# largest errors of reading the published losses, as their README names them: from this epoch on and before,
# and there at polarities up to this, where the curves fall most steeply
FIRST_CLEAR_EPOCH, READING, EARLY_READING = 5, 0.02, 0.1
STEEP_POLARITY, STEEP_READING = 0.5, 0.2
CURVES = ["polarity", "over_realization", "epoch"]
# what a teacher node's norm depends on
TEACHER = ["seed", "data", "samples", "teacher_width", "polarity", "teacher"]


def with_norms(tables: Tables) -> Tables:
    """The sweep with the fan-out norm of every teacher node in its table ``teachers``.

    Stored tables now hold each norm once, in ``teacher_norms``; those of a new run need no change.
    """
    if "teacher_norms" not in tables:
        return tables
    norms = tables["teacher_norms"]
    teachers = tables["teachers"].merge(norms, how="left", on=TEACHER, validate="many_to_one")
    return {name: table for name, table in tables.items() if name != "teacher_norms"} | {"teachers": teachers}


def first_specialized(teachers: pd.DataFrame, threshold: float = 0.95) -> pd.DataFrame:
    """First evaluated epoch at which a student correlates above ``threshold`` with each teacher; else NaN.

    teachers    the table of that name of two_layer.run.
    columns     teacher_width, polarity, over_realization, seed, teacher: fan_out_norm, first_epoch.
    raises      ValueError for a threshold outside (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1), got {threshold}")
    keys = [k for k in ("teacher_width", "polarity", "over_realization", "seed", "teacher") if k in teachers]
    reached = teachers.epoch.where(teachers.best_correlation > threshold).astype(float)
    groups = teachers.assign(first_epoch=reached).groupby(keys)
    return groups.agg(
        fan_out_norm=("fan_out_norm", "first"), first_epoch=("first_epoch", "min")
    ).reset_index()


def ordering(first: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlation of fan-out norm with first epoch over the teachers of each seed.

    -1 is strong first. Ties share their mean rank; teachers that never specialize tie for the last rank.

    columns     keys of ``first`` but teacher; spearman (NaN when all teachers tie), specialized (fraction).
    """
    keys = [name for name in first.columns if name not in ("teacher", "fan_out_norm", "first_epoch")]
    groups = first.assign(last=first.first_epoch.fillna(np.inf)).groupby(keys)
    ranks = groups[["fan_out_norm", "last"]].rank()
    centred = ranks - ranks.groupby([first[k] for k in keys]).transform("mean")
    terms = (
        first[keys]
        .assign(
            xy=centred.fan_out_norm * centred["last"],
            xx=centred.fan_out_norm**2,
            yy=centred["last"] ** 2,
            specialized=first.first_epoch.notna().astype(float),
        )
        .groupby(keys)
        .mean()
    )
    spearman = (terms.xy / (terms.xx * terms.yy).pow(0.5)).where(terms.xx * terms.yy > 0).clip(-1, 1)
    return terms[["specialized"]].assign(spearman=spearman).reset_index()


def levels_when_found(levels: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Gradient level and overlap of each teacher node at the first record with a correlation above threshold.

    levels      the table of that name of the cell GradientLevels.
    returns     one row per seed and teacher node that is found, and observed by then.
    raises      ValueError for a threshold outside (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1), got {threshold}")
    found = levels[levels.best_correlation > threshold].sort_values("epoch")
    return found.drop_duplicates(["seed", "teacher"]).dropna().sort_values(["seed", "teacher"])


def steepness(found: pd.DataFrame) -> pd.Series:
    """Slope of log level against log overlap over the teacher nodes of each seed; NaN for fewer than 3.

    1 if nodes are found at levels in proportion to their overlap, 0 if all are found at one level.
    """
    logs = np.log(found[["level", "overlap"]]).groupby(found.seed)
    slope = lambda of: np.polyfit(of.overlap, of.level, 1)[0] if len(of) > 2 else np.nan
    return pd.Series({seed: slope(of) for seed, of in logs}, dtype=float)


def success_rate(teachers: pd.DataFrame, threshold: float, epochs: tuple[int, ...]) -> pd.DataFrame:
    """Share of seeds in which a student correlates above ``threshold`` with each teacher node, in [0, 1].

    teachers    the table of that name of two_layer.run.
    returns     one row per teacher_width, polarity, over_realization, epoch and teacher (0 = strongest).
    """
    shown = teachers[teachers.epoch.isin(epochs)]
    keys = ["teacher_width", "polarity", "over_realization", "epoch", "teacher"]
    # not the diverged
    hit = (shown.best_correlation > threshold).where(shown.best_correlation.notna()).astype(float)
    return shown.assign(success_rate=hit).groupby(keys).success_rate.mean().reset_index()


def loss_curves(runs: pd.DataFrame) -> pd.DataFrame:
    """log10 of the evaluation loss of every run that did not diverge.

    Losses of 0 are set to the smallest float32.
    """
    shown = runs[runs.status == "ok"]
    return shown.assign(
        log10_eval_loss=np.log10(shown.eval_loss.astype(float).clip(lower=np.finfo("float32").tiny))
    )


def lead(runs: pd.DataFrame, wide: float, narrow: float = 1.0) -> pd.DataFrame:
    """log10 of the evaluation loss of a narrow student minus that of a wide one, paired over seeds.

    returns     a row per teacher_width, polarity and epoch after the start, a column per seed; above 0 the
                wider student generalizes better.
    """
    loss = loss_curves(runs[runs.epoch > 0]).pivot_table(
        index=["teacher_width", "polarity", "epoch"],
        columns=["over_realization", "seed"],
        values="log10_eval_loss",
    )
    return loss[narrow] - loss[wide]


def where_wider_is_better(lead: pd.DataFrame) -> pd.DataFrame:
    """Mean lead with its interval over seeds, and whether it is decided, a row per row of :func:`lead`."""
    found = pd.DataFrame([mean_interval(seeds) for seeds in lead.to_numpy()], index=lead.index)
    return found.assign(decided=(found.low > 0) | (found.high < 0)).reset_index()


def success_agreement(teachers: pd.DataFrame, rates: pd.DataFrame, measure: Callable = distances) -> Any:
    """How far our success rates lie from the published ones: a row per over-realization.

    Their threshold is .95. All polarities, epochs and teacher nodes together, but for saturated points.
    ``measure`` may be another one of :mod:`statistics` with the arguments of ``distances``.
    """
    hits = teachers.assign(success_rate=(teachers.best_correlation > 0.95).astype(float))
    keys, by = [*CURVES, "teacher"], ["over_realization"]
    return measure(hits, rates, keys, "success_rate", by, seeds=PUBLISHED_SEEDS, shares=True)


def loss_agreement(
    runs: pd.DataFrame,
    losses: pd.DataFrame,
    by: Sequence[str] = ("over_realization",),
    measure: Callable = distances,
) -> Any:
    """How far our mean log10 losses lie from the published ones: a row per curve.

    All that the published figure shows, which ends at a loss of 1e-8. ``by`` says what is one curve, and
    ``measure`` is as in :func:`success_agreement`.
    """
    read = losses.assign(reading=reading_error(losses))
    return measure(loss_curves(runs), read, CURVES, "log10_eval_loss", by, seeds=PUBLISHED_SEEDS)


def reading_error(losses: pd.DataFrame) -> np.ndarray:
    """Largest error of reading each published log10 loss."""
    early = np.where(losses.polarity <= STEEP_POLARITY, STEEP_READING, EARLY_READING)
    return np.where(losses.epoch < FIRST_CLEAR_EPOCH, early, READING)


WINDOW = 1.25  # factor in time on either side of an event within which a look is near it
DRAWS = 200  # of permuted events


def falls_near_events(looks: pd.DataFrame, nodes: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """How much of the fall of the log loss happens near events, a row per seed and polarity.

    An event is the first look at which a teacher node correlates above ``threshold``. Near is within a factor
    WINDOW of its time; windows that overlap count once.

    looks, nodes    of the sweep of stages.
    returns     events; share, of the fall of the log loss from the first look to the last; permuted, the mean
                share near as many looks drawn at random (the looks are even on a log scale).
    """
    rng = np.random.default_rng(0)
    first = nodes[nodes.rho > threshold].groupby(["seed", "polarity", "teacher"]).step.min()
    rows = []
    for (seed, polarity), curve in looks.sort_values("step").groupby(["seed", "polarity"]):
        curve = curve[curve.step > 0]
        step, loss = curve.step.to_numpy(float), np.log(curve.eval_loss.to_numpy(float))
        middle, fall = np.sqrt(step[1:] * step[:-1]), loss[:-1] - loss[1:]
        events = first[seed, polarity].unique() if (seed, polarity) in first.index else []
        if len(events):
            drawn = [rng.choice(step, len(events), replace=False) for _ in range(DRAWS)]
            apart = np.abs(np.log(middle / np.array([events, *drawn])[:, :, None]))
            share = ((apart < np.log(WINDOW)).any(1) * fall).sum(1) / fall.sum()
            rows.append(
                dict(
                    seed=seed,
                    polarity=polarity,
                    events=len(events),
                    share=share[0],
                    permuted=share[1:].mean(),
                )
            )
    return pd.DataFrame(rows)


def nearest_part(looks: pd.DataFrame) -> pd.DataFrame:
    """How often a student that has found some nodes is nearest to the teacher's part with its strongest ones.

    Of the looks at which some but not all nodes are found, a row per polarity, seed and number found: shares
    in which it is nearer to the strongest ones than to every other part with as many nodes, and than to the
    whole, and ``both``.
    """
    others = looks.to_strongest < looks.to_others
    whole = looks.to_strongest < looks.to_whole
    said = looks.assign(others=others, whole=whole, both=others & whole)
    partial = said[(looks.found > 0) & looks.to_others.notna()]
    return partial.groupby(["polarity", "seed", "found"])[["others", "whole", "both"]].mean().reset_index()


def beside_jax(measured: pd.DataFrame) -> pd.DataFrame:
    """Processor time of a step by student nodes: of the ensemble, of JAX, their ratio, shares of the peak.

    measured    of ``benchmarks/jitted.py``: engine, nodes, cpu (microseconds per network), peak_share.
    """
    kinds = measured.assign(engine=measured.engine.str.split().str[0])
    cpu, share = (kinds.pivot(index="nodes", columns="engine", values=name) for name in ("cpu", "peak_share"))
    columns = {"ensemble": cpu.ensemble, "JAX": cpu.JAX, "JAX / ensemble": cpu.JAX / cpu.ensemble}
    return pd.DataFrame(columns | {"peak share": share.ensemble, "of JAX": share.JAX})
