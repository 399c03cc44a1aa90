"""How far SGD is from its equations, when it escapes and how fast, and what the flow keeps."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import digamma, gammaln, hyp2f1

from companion.chapters.quadratic_networks.studies import ESCAPED

SGD_WINDOW = (1e-2, 1e-1)  # of ||M||^2 / p: well above the starts of N = 1600, and before M bends Q much
ONE = ["input_dim", "teachers", "width", "seed"]  # what tells one student from another


def distance(runs: pd.DataFrame, column: str = "apart") -> pd.Series:
    """sqrt(N) times the root mean square over time of SGD minus its equations, a number per student."""
    squares = (runs[column] ** 2).groupby([runs[key] for key in ONE]).mean()
    return np.sqrt(squares * squares.index.get_level_values("input_dim"))


def slope(distances: pd.Series) -> pd.Series:
    """Slope of log distance against log N for each teachers, width and seed; sqrt(N) times it has slope 0."""
    logs = np.log(distances).unstack("input_dim")
    x = np.log(logs.columns.to_numpy(float))
    return logs.sub(logs.mean(axis=1), axis=0).mul(x - x.mean()).sum(axis=1) / ((x - x.mean()) ** 2).sum()


def crossing(runs: pd.DataFrame, column: str, level: float = ESCAPED) -> pd.Series:
    """First time at which a column passes a level, on a line in the logarithm, a number per student.

    NaN where it never does; a curve that begins above passes it when it begins.
    """

    ordered = runs.sort_values([*ONE, "time"], ignore_index=True)
    before = ordered.groupby(ONE)[["time", column]].shift()
    passed = ordered[ordered[column] >= level].drop_duplicates(ONE)
    below = before.loc[passed.index].fillna({"time": passed.time})
    part = np.log(level / below[column]) / np.log(passed[column] / below[column])
    found = passed.assign(at=below.time + part.fillna(0) * (passed.time - below.time)).set_index(ONE)
    return found["at"].reindex(pd.MultiIndex.from_frame(ordered[ONE].drop_duplicates()))


def escape_times(runs: pd.DataFrame) -> pd.DataFrame:
    """Escape of SGD and of its equations from the same start: a row per student, columns sgd and ode."""
    return pd.DataFrame({"sgd": crossing(runs, "share"), "ode": crossing(runs, "share_ode")}).reset_index()


def aligned(runs: pd.DataFrame, roll: int = 0) -> pd.DataFrame:
    """The runs of students that escape by SGD and by its equations, with the latter moved to escape together.

    roll        moves them by what the student so many rows further needs: what chance would do.
    returns     the runs with: escape (of SGD), moved (escape of SGD minus that of the equations),
                and share_aligned and loss_aligned, those of the equations moved; NaN outside of their times.
    """
    times = escape_times(runs).dropna()
    moved = np.roll(times.sgd - times.ode, roll)
    times = times.assign(escape=times.sgd, moved=moved).drop(columns=["sgd", "ode"])
    found = runs.merge(times, on=ONE).sort_values([*ONE, "time"], ignore_index=True)
    columns = {name: np.empty(len(found)) for name in ("share", "loss")}
    for _, one in found.groupby(ONE):
        earlier = one.time - one.moved.iloc[0]
        for name, values in columns.items():
            values[one.index] = np.interp(earlier, one.time, one[f"{name}_ode"], left=np.nan, right=np.nan)
    return found.assign(**{f"{name}_aligned": values for name, values in columns.items()})


def misfit(moved: pd.DataFrame) -> pd.DataFrame:
    """Root mean square of the share of SGD minus that of its equations, per student: bare, and aligned.

    moved       of :func:`aligned`; only times at which both have a value.
    """
    both = moved.dropna(subset="share_aligned")
    by = [both[key] for key in ONE]
    rms = lambda column: np.sqrt(((both.share - both[column]) ** 2).groupby(by).mean())
    return pd.DataFrame({"bare": rms("share_ode"), "aligned": rms("share_aligned")})


def growth(runs: pd.DataFrame, window: Sequence[float] = SGD_WINDOW, column: str = "share") -> pd.Series:
    """Rate at which ||M|| grows between two levels of ||M||^2 / p, a number per student."""
    low, high = (crossing(runs, column, level) for level in window)
    return np.log(window[1] / window[0]) / 2 / (high - low)


def on_width(growths: pd.Series) -> pd.Series:
    """Slope of log growth against log p for each seed: 0 if the rate does not depend on p."""
    logs = np.log(growths).unstack("width")
    x = np.log(logs.columns.to_numpy(float))
    return logs.sub(logs.mean(axis=1), axis=0).mul(x - x.mean()).sum(axis=1) / ((x - x.mean()) ** 2).sum()


def log_prefactor(escapes: pd.DataFrame) -> pd.Series:
    """ln A of each start, with escape time p* / (8 rate) ln(N / A); index width, input_dim, seed."""
    waited = 8 * escapes.rate * escapes.time / escapes.teachers
    found = np.log(escapes.input_dim) - waited
    return found.set_axis(pd.MultiIndex.from_frame(escapes[["width", "input_dim", "seed"]]))


def expected_log_prefactor(passages: pd.DataFrame) -> pd.Series:
    """Mean of ln A by theory, by width.

    Of ||M_0||^2 = chi^2_{p p*} / N the mean logarithm, less what norms lose before the plateau, less the
    passage.

    passages    width, teachers, passage: of :meth:`Escapes.run`.
    """
    of = passages.set_index("width")
    half = of.index.to_numpy() / 2
    return digamma(half * of.teachers) - np.log(half) - np.log(1 + 1 / half) - of.passage


def leads(runs: pd.DataFrame) -> pd.Series:
    """How much earlier than its equations SGD escapes, a number per student that escapes by both."""
    times = escape_times(runs).set_index(ONE)
    return (times.ode - times.sgd).dropna()


def expected_leads(passages: pd.DataFrame) -> pd.Series:
    """Mean of :func:`leads` by theory, by width."""
    of = passages.set_index("width")
    return np.log1p(of.noise) / (2 * of.growth)


def final_excess(runs: pd.DataFrame) -> pd.Series:
    """The excess of the solution that SGD has reached at the last time, a number per student."""
    return runs[runs.time == runs.time.max()].set_index(ONE).excess


def expected_excess(passages: pd.DataFrame) -> pd.Series:
    """Mean of :func:`final_excess` by theory for one teacher node, by width.

    1 - E cos of the angle between M_0 and M_0 with noise: Gaussian vectors of p entries, of correlation
    1 / sqrt(1 + noise).
    """
    noise = passages.set_index("width").noise
    p, r = noise.index.to_numpy(), 1 / np.sqrt(1 + noise)
    norms = np.exp(2 * (gammaln((p + 1) / 2) - gammaln(p / 2)))  # (E |g|)^2 / 2 of a Gaussian vector g
    return 1 - r * 2 / p * norms * hyp2f1(0.5, 0.5, p / 2 + 1, r**2)


def counted(spectra: pd.DataFrame, zero: float = 1e-9) -> pd.DataFrame:
    """Negative and zero eigenvalues of each Hessian, beside those that theory expects.

    returns     a row per width, teachers and point: negative, zeros, lowest; expected_negative, least (the
                lowest that is expected), and at solutions, else NaN, expected_zeros.
    """
    of = spectra.groupby(["width", "teachers", "point"]).eigenvalue
    found = pd.DataFrame(
        {
            "negative": of.agg(lambda values: (values < -zero).sum()),
            "zeros": of.agg(lambda values: (values.abs() <= zero).sum()),
            "lowest": of.min(),
            "dim": of.size(),
        }
    ).reset_index()
    p, p_star, plateau = found.width, found.teachers, found.point == "plateau"
    dim = found.dim / p
    return found.assign(
        expected_negative=np.where(plateau, p * p_star, 0),
        least=np.where(plateau, -4 / (p * p_star), 0.0),
        expected_zeros=np.where(plateau, np.nan, (p - p_star) * dim + p_star * (p_star - 1) / 2),
    )


def excess(endings: pd.DataFrame) -> pd.Series:
    """What the solution reached is farther than the closest, as a share of what a random one is."""
    return (endings.reached - endings.closest) / (endings.other - endings.closest)


def tail_misfit(tails: pd.DataFrame, responding: bool = True) -> pd.Series:
    """Size of ln(time^2 loss / limit) at the last time, mean over the wider students, a number per seed.

    responding  False: with the limit that would hold if the nodes in use did not respond to the others.
    """
    last = tails[(tails.time == tails.time.max()) & tails.limit.notna()]
    spare = last.width - last.teachers
    stiff = 1 if responding else 1 + spare / (1 + last.teachers / 2) / 2
    away = np.log(last.time**2 * last.loss / (last.limit * stiff)).abs()
    return away.groupby(last.seed).mean()


def off_equal(paths: pd.DataFrame) -> pd.DataFrame:
    """How far the overlaps of the rows end from 1 and -1: largest | |M_i| - 1 | of each student, by norms."""
    last = paths[paths.time == paths.time.max()]
    off = (last.overlap.abs() - 1).abs()
    return off.groupby([last.norms, last.seed]).max().unstack("norms")
