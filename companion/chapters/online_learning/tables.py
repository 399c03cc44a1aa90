"""What the numbers of online learning say: tables in, tables out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def distance(overlaps: pd.DataFrame, limit: str) -> pd.DataFrame:
    """How far SGD's overlaps R lie from those of a limit, in units of 1 / sqrt N.

    limit       a route of the table ``overlaps``: ODE, or flow.
    returns     a row per input_dim and seed: distance, the root mean square over times and pairs of nodes.
    """
    keys = ["input_dim", "seed", "alpha", "student", "teacher"]
    wide = overlaps.pivot(index=keys, columns="route", values="overlap")
    square = (wide["SGD"] - wide[limit]).pow(2).groupby(["input_dim", "seed"]).mean()
    return np.sqrt(square * square.index.get_level_values("input_dim")).rename("distance").reset_index()


def off_on_the_way(
    errors: pd.DataFrame, limit: str, above: float = 0.025, law: str = "ODE", keys: Sequence[str] = ("seed",)
) -> pd.Series:
    """Mean |log| of SGD's error over that of a limit, per seed, while the law's error is above a level.

    After that a small shift in time is a large ratio.
    keys        columns that tell the runs apart.
    """
    keys = list(keys)
    wide = errors[errors.alpha > 0].pivot(index=[*keys, "alpha"], columns="route", values="error")
    before = wide[law].groupby(keys).cummin() > above
    return np.log(wide["SGD"] / wide[limit]).abs()[before].groupby(keys).mean()


def off_the_flow(errors: pd.DataFrame) -> pd.Series:
    """The same of ReLU committees, whose only law is the gradient flow, per learning_rate and seed."""
    return off_on_the_way(errors, "flow", law="flow", keys=("learning_rate", "seed"))


def fall_with_size(distances: pd.DataFrame) -> pd.Series:
    """Exponent of the plain distance as a power of N, per seed: -1/2 where it is of order 1 / sqrt N."""
    logs = np.log(distances.pivot(index="seed", columns="input_dim", values="distance"))
    size = np.log(logs.columns.to_numpy(dtype=float))
    return pd.Series(np.polyfit(size, logs.to_numpy().T, 1)[0] - 0.5, index=logs.index)


def best_rates(theory: pd.DataFrame) -> pd.DataFrame:
    """The learning rate of the fastest escape for each width and beta: a row of ``theory`` each."""
    return theory.loc[theory.groupby(["width", "beta"]).escape.idxmax()]


def final(errors: pd.DataFrame) -> pd.DataFrame:
    """The error at the end of every run, with its ``kind``: soft committee, or both layers."""
    last = errors[errors.alpha == errors.alpha.max()]
    return with_kind(last)


def partners(students: pd.DataFrame) -> pd.Series:
    """Least cosine of surplus student nodes with another student node, a mean per kind, width and seed.

    The surplus nodes are those farthest from the teacher nodes; none where K = M.
    """
    keys = ["kind", "student_width", "seed"]
    place = students.groupby(keys).cosine.rank(method="first")
    surplus = students[place <= students.student_width - students.teacher_width]
    return surplus.groupby(keys).partner.mean()


def moments(overlaps: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Overlaps R ``(student, teacher)`` of one student network at four moments, by name and alpha.

    The start; the last time at which their largest difference is below half of what it ends with (leaving),
    and half of that time (plateau); the end.
    overlaps    of one run and route, from alpha = 0.
    """
    path = overlaps.pivot(index="alpha", columns=["student", "teacher"], values="overlap")
    spread = path.max(axis=1) - path.min(axis=1)
    leaving = spread.index[spread < spread.iloc[-1] / 2].max()
    plateau = path.index[np.searchsorted(path.index, leaving / 2)]
    at = {"start": path.index[0], "plateau": plateau, "leaving": leaving, "end": path.index[-1]}
    return {f"{name}, α = {when:g}": path.loc[when].unstack("teacher") for name, when in at.items()}


FADED = 0.1  # of |v| ||w||, where a teacher node has 1


def surplus_fates(students: pd.DataFrame) -> pd.DataFrame:
    """What becomes of the nodes beyond the teacher's number, K > M: shares of them per kind, width and seed.

    faded       contribute less than FADED;  sharing  more, at cosine .95 or more with a teacher node that has
                another such student;  other  the rest.
    """
    keys = ["kind", "student_width", "seed"]
    wide = students[students.student_width > students.teacher_width]
    size = wide.fan_out.abs() * wide.norm
    counts = pd.DataFrame(
        {
            "faded": (size < FADED).groupby([wide[key] for key in keys]).sum(),
            "on": ((size >= FADED) & (wide.cosine >= 0.95)).groupby([wide[key] for key in keys]).sum(),
            "spare": (wide.student_width - wide.teacher_width).groupby([wide[key] for key in keys]).first(),
        }
    )
    taken = (
        wide[(size >= FADED) & (wide.cosine >= 0.95)].groupby(keys).teacher.nunique().reindex(counts.index)
    ).fillna(0)
    shares = pd.DataFrame({"faded": counts.faded, "sharing": counts.on - taken}).div(counts.spare, axis=0)
    return shares.assign(other=1 - shares.faded - shares.sharing).reset_index()


def with_kind(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column ``kind``: how the output weights are trained, and from where."""
    both = np.where(table.fan_out_spread < 0.5, "both layers", "both layers, random fan-outs")
    return table.assign(kind=np.where(table.fan_out_rate > 0, both, "soft committee"))


def first_order(width: float, learning_rate: float, noise: float, teacher_width: int = 2) -> float:
    """Final error that noisy labels leave to a soft committee of K = ``width`` at small rates.

    The surplus nodes rest near 0. Derived here, eta sigma^2 / 2 pi (K - M + M / sqrt 3); that it is linear in
    K - M is published.
    source      Goldt et al. (2019).
    """
    return learning_rate * noise**2 / (2 * np.pi) * (width - teacher_width + teacher_width / 3**0.5)


def plateau_at(theory: pd.DataFrame, learning_rate: float) -> float:
    """Error on the plateau at beta = 1 and a learning rate, linear between the rates of ``theory``."""
    line = theory[(theory.beta == 1) & (theory.width == theory.width.min())].dropna(subset="error")
    return float(np.interp(learning_rate, line.learning_rate, line.error)) if len(line) else np.nan


def pauses(plateaus: pd.DataFrame) -> pd.DataFrame:
    """Starts by SGD that find their teacher, with ``scenario`` and the ``ratio`` of length to next fall."""
    of = named(plateaus[plateaus.route == "SGD"].dropna(subset=["found", "length", "next"]))
    return of.assign(ratio=of.length / of.next)


def named(of: pd.DataFrame) -> pd.DataFrame:
    """With a column ``scenario``: the setting of each row in words."""
    name = "K = " + of.student_width.astype(str) + ", M = " + of.teacher_width.astype(str)
    for words, which in (
        (", noisy labels", of.noise > 0),
        (", both layers", of.fan_out_rate > 0),
        (", β = 2", of.beta == 2),
        (", warm start", of.start_overlap > 0.5),
    ):
        name = name.where(~which, name + words)
    return of.assign(scenario=name)


def lengths(plateaus: pd.DataFrame) -> pd.DataFrame:
    """By scenario and learning rate, of SGD: whether the rule of a pause can be asked, and its answer.

    returns     a row each: scenario, learning_rate, starts, found (starts that find their teacher), measured
                (those whose next fall is seen, too), alpha and steps (median length of the plateau), ratio
                (geometric mean of length over next fall; NaN for none).
    """
    of = named(plateaus[plateaus.route == "SGD"])
    of = of.assign(steps=of.length * of.input_dim, log=np.log(of.length / of.next))
    by = of.groupby(["scenario", "learning_rate"])
    counts = by.agg(starts=("seed", "size"), found=("found", "count"), measured=("log", "count"))
    medians = by[["length", "steps"]].median().rename(columns={"length": "alpha"})
    return counts.join(medians).assign(ratio=np.exp(by.log.mean())).reset_index()


FEWEST = 10  # starts that a mean is taken of


def against_equations(plateaus: pd.DataFrame) -> pd.DataFrame:
    """Plateau of SGD beside that of the equations from its own start: a row per width, rate and seed.

    K = M soft committees from random starts with clean labels, at rates that are no exception.
    columns     off, the log of the ratio of lengths; off_small, the same if the equations' lengths went like
                1 / eta from the smallest rate on.
    """
    plain = (plateaus.noise == 0) & (plateaus.fan_out_rate == 0) & (plateaus.start_overlap == 0)
    equal = (plateaus.beta == 1) & (plateaus.student_width == plateaus.teacher_width)
    keys = ["teacher_width", "learning_rate", "seed"]
    wide = plateaus[plain & equal].pivot(index=keys, columns="route", values="length").dropna().reset_index()
    starts = wide.groupby(keys[:2]).seed.transform("size")
    least = wide.groupby("teacher_width").learning_rate.transform("min")
    first = wide[wide.learning_rate == least].set_index(["teacher_width", "seed"]).ODE.rename("first")
    small = wide.join(first, on=["teacher_width", "seed"])["first"] * least / wide.learning_rate
    found = wide.assign(off=np.log(wide.SGD / wide.ODE), off_small=np.log(wide.SGD / small))
    return found[starts >= FEWEST].dropna()


def exceptions(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of :func:`lengths` at which the rule cannot be asked of enough starts."""
    return table[table.measured < FEWEST]


def shortest(table: pd.DataFrame) -> pd.DataFrame:
    """The row of :func:`lengths` with the shortest plateau of each scenario, exceptions left out."""
    asked = table.drop(exceptions(table).index)
    return asked.loc[asked.groupby("scenario").alpha.idxmin()]


def speed_ups(plateaus: pd.DataFrame) -> pd.DataFrame:
    """Plateau of SGD at beta = 1 over that at 2, from the same start: a row per width, rate and seed.

    plateaus    K = M soft committees from random starts with clean labels are kept, nothing else.
    """
    plain = (plateaus.noise == 0) & (plateaus.fan_out_rate == 0) & (plateaus.start_overlap == 0)
    of = plateaus[plain & (plateaus.route == "SGD") & (plateaus.student_width == plateaus.teacher_width)]
    keys = ["teacher_width", "learning_rate", "seed"]
    wide = of.pivot(index=keys, columns="beta", values="length")
    found = (wide[1.0] / wide[2.0]).rename("speed_up").dropna().reset_index()
    return found.rename(columns={"teacher_width": "width"})


def expected_speed_ups(theory: pd.DataFrame) -> pd.DataFrame:
    """The same by the linearized equations: escape rate at beta = 2 over that at 1; NaN without a plateau.

    theory      the rates of the two are linearly interpolated.
    """
    tables = []
    for width, of in theory.groupby("width"):
        one, two = (of[of.beta == beta].sort_values("learning_rate") for beta in (1.0, 2.0))
        rate = one.learning_rate.to_numpy()
        # a NaN among the neighbours stays one
        colder = np.interp(rate, two.learning_rate, two.escape, left=np.nan, right=np.nan)
        tables.append(pd.DataFrame(dict(width=width, learning_rate=rate, speed_up=colder / one.escape)))
    return pd.concat(tables, ignore_index=True)


def speed_up_at_small_rates(width: float) -> float:
    """Its limit as the learning rate goes to 0, 4 ((2K + 1) / (2K + 4))^(3/2)."""
    return 4 * ((2 * width + 1) / (2 * width + 4)) ** 1.5
