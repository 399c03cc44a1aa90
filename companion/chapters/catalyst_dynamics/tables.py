"""What becomes of random starts: shares by outcome, times of coverage, single starts worth a picture."""

import numpy as np
import pandas as pd

from companion.pages.statistics import mean_interval, share_interval

SETTING = ["polarity", "over_realization"]
TIMES = [*SETTING, "seed", "time"]


def phase_map(runs: pd.DataFrame) -> pd.DataFrame:
    """The starts whose teachers have orthogonal fan-outs; the others are those of :func:`narrow`."""
    return runs[runs.overlap == 0].drop(columns="overlap")


def narrow(runs: pd.DataFrame) -> pd.DataFrame:
    """The starts that were followed until they rest, with fan-outs that overlap."""
    return runs[runs.overlap > 0]


def shares(runs: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """Shares of the starts of each polarity and over-realization.

    columns     starts (number), covered (ever), in_time (covered by the horizon), stuck, moving.
    """
    flags = runs[SETTING].assign(
        in_time=runs.time <= horizon,  # False for NaN
        **{outcome: runs.outcome == outcome for outcome in ("covered", "stuck", "moving")},
    )
    groups = flags.groupby(SETTING)
    return groups.mean().assign(starts=groups.size()).reset_index()


def failures(runs: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """What becomes of the starts that are not covered by the horizon.

    columns     per polarity and over-realization: failed, later (covered after it), stuck, moving (numbers);
                without_strongest, stuck starts that lack the strongest teacher node.
    """
    failed = runs[~(runs.time <= horizon)]
    flags = failed[SETTING].assign(
        failed=1,
        later=failed.outcome == "covered",
        stuck=failed.outcome == "stuck",
        moving=failed.outcome == "moving",
        without_strongest=(failed.outcome == "stuck") & ~failed.strongest,
    )
    return flags.groupby(SETTING).sum().astype(int).reset_index()


def three_starts(curves: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """Single starts for a picture: the first that is covered in time, the first later, the first never.

    curves      of :meth:`Examples.run`.
    returns     the rows of those found, with a column ``fate``: in time, later, never.
    """
    half = curves.groupby(["seed", "time"]).learned.min().gt(0.5)
    times = half[half].reset_index().groupby("seed").time.min().reindex(curves.seed.unique())
    kinds = np.select([times <= horizon, times.notna()], ["in time", "later"], "never")
    first = {
        kind: int(times.index[kinds == kind][0]) for kind in ("in time", "later", "never") if kind in kinds
    }
    found = [curves[curves.seed == seed].assign(fate=kind) for kind, seed in first.items()]
    return pd.concat(found, ignore_index=True)


def of_starts(states: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The states of the starts that :func:`three_starts` chose, with their ``fate``."""
    return states.merge(chosen[["seed", "fate"]].drop_duplicates(), on="seed")


def missing(teachers: pd.DataFrame) -> pd.DataFrame:
    """Teacher nodes of stuck starts with a column ``missing``: learned to less than half their strength."""
    return teachers.assign(missing=teachers.learned <= 0.5)


def cover_times(runs: pd.DataFrame, polarity: float) -> pd.DataFrame:
    """Time of coverage of every start of a polarity that gets there: over_realization, seed, time."""
    shown = runs[(runs.polarity == polarity) & runs.time.notna()]
    return shown[["over_realization", "seed", "time"]]


def deviation_from_flow(curves: pd.DataFrame, delay: float = 1.0) -> pd.Series:
    """Largest distance of SGD from the flow, per seed, in units of the strongest teacher's strength.

    delay       factor by which the flow's clock is wrong; 1 for the right one.
    """
    wide = curves[curves.start == "random"].pivot(
        index=["seed", "teacher", "time"], columns="route", values="learned"
    )
    keys = ["seed", "teacher"]
    apart = {
        key: np.abs(group.SGD - np.interp(delay * time, time, group.flow)).max()
        for key, group in wide.groupby(level=keys)
        for time in [group.index.get_level_values("time").to_numpy()]
    }
    found = pd.Series(apart).rename_axis(keys).groupby("seed").max()
    return found / curves.strength.max()


def delays(half: pd.DataFrame) -> pd.Series:
    """Slope of log half-time over log(1 / strength), per seed: 1 where the delay is inversely proportional.

    half        half-times of the flow from random starts; those that were not reached are left out.
    """
    flow = half[(half.route == "flow") & half.half_time.notna()]
    slope = lambda group: np.polyfit(-np.log(group.strength), np.log(group.half_time), 1)[0]
    return pd.Series({seed: slope(group) for seed, group in flow.groupby("seed")}, name="slope")


def share_covered(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of the starts on each number of samples that cover the teacher, with its exact interval."""
    groups = runs.groupby(["over_realization", "train_samples"]).covered
    found = [share_interval(int(group.sum()), len(group)) for _, group in groups]
    return groups.size().rename("starts").reset_index().assign(**pd.DataFrame(found).to_dict("list"))


def steepness(runs: pd.DataFrame, strength: str) -> pd.Series:
    """Slope of log time over log(1 / strength) across polarities, per seed; 1 in inverse proportion.

    strength    "weakest" or "mean", columns of :meth:`Convergence.run`; seeds that miss the level at some
                polarity are left out.
    """
    wide = runs.pivot(index="seed", columns="polarity", values="time").dropna()
    x = -np.log(runs.groupby("polarity")[strength].first().loc[wide.columns])
    return pd.Series(np.polyfit(x, np.log(wide.T), 1)[0], wide.index, name="slope")


def noise_exponents(nodes: pd.DataFrame) -> pd.DataFrame:
    """Exponents of the angle in the size of the noise and in the fan-out norm; a row per seed.

    Least squares of the logarithms over the levels and teacher nodes of a law and seed; mean over the laws.
    """

    def exponents(group: pd.DataFrame) -> pd.Series:
        x = np.column_stack([np.ones(len(group)), np.log(group.noise), np.log(group.fan_out)])
        _, noise, fan_out = np.linalg.lstsq(x, np.log(group.sine), rcond=None)[0]
        return pd.Series({"noise": noise, "fan_out": fan_out})

    found = {key: exponents(group) for key, group in nodes.groupby(["law", "seed"])}
    return pd.DataFrame(found).T.rename_axis(["law", "seed"]).groupby("seed").mean()


def over_gaussian(nodes: pd.DataFrame, times: float = 1.0) -> pd.DataFrame:
    """Angles under each law over those under Gaussian noise; a row per seed, a column per law.

    Geometric means over levels and teacher nodes.

    times       then of Gaussian noise so many times as large over Gaussian noise, where both are there.
    """
    key = ["seed", "noise", "teacher"]
    sines = nodes.assign(noise=nodes.noise.round(9), log=np.log(nodes.sine))
    usual = sines[sines.law == "gaussian"].set_index(key).log
    if times != 1:
        sines = sines[sines.law == "gaussian"].assign(noise=(sines.noise / times).round(9))
    others = sines[(sines.law != "gaussian") | (times != 1)].join(usual.rename("usual"), on=key, how="inner")
    return np.exp(others.assign(log=others.log - others.usual).groupby(["seed", "law"]).log.mean().unstack())


def noisy_shares(nodes: pd.DataFrame) -> pd.Series:
    """The angle as a share of what is guaranteed, of every node of which anything is."""
    return (nodes.sine / nodes.bound).dropna()


def by_faces(runs: pd.DataFrame, starts: pd.DataFrame) -> pd.DataFrame:
    """Share of the polarities at which a start is stuck: a row per over-realization and start, with faced."""
    stuck = (runs.outcome == "stuck").groupby([runs.over_realization, runs.seed]).mean().rename("stuck")
    return starts.join(stuck, on=["over_realization", "seed"], how="inner")


def stuck_by_faces(found: pd.DataFrame) -> pd.DataFrame:
    """Mean of :func:`by_faces` with its interval over starts: a row per over-realization and faced."""
    groups = found.groupby(["over_realization", "faced"]).stuck
    rows = [dict(zip(("over_realization", "faced"), key)) | mean_interval(group) for key, group in groups]
    return pd.DataFrame(rows).assign(starts=groups.size().to_numpy())
