"""What the chapter on online learning claims about its tables, with bars and what they must refuse."""

from typing import Any

import numpy as np
import pandas as pd

from companion.chapters.online_learning.tables import (
    FEWEST,
    against_equations,
    best_rates,
    distance,
    fall_with_size,
    final,
    off_on_the_way,
    off_the_flow,
    partners,
    surplus_fates,
    with_kind,
)
from companion.chapters.online_learning.tables import pauses as found_pauses
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval, within

BARS = {
    "limit": 0.1,  # |log| of SGD's error over that of the equations, at N = 1000
    "exponent": -0.4,  # of that distance as a power of N; -1/2 is expected
    "height": 0.05,  # |log| of the error on the plateau over its prediction
    "escape": 0.05,  # |log| of the growth rate over its prediction
    "beta": 1.2,  # of the best escape rates, beta = 2 over 1
    "length": 0.4,  # |log| of the plateau's length over that of the equations, at N = 100
    "pause": 1.5,  # length of the slowest fall over that of the next
    "cancel": -0.9,  # cosine of surplus nodes with each other
    "faded": 0.75,  # share of surplus nodes that fade
    "wider": 1.5,  # of the final errors, K = 4 over K = 2
}


def limit(errors: pd.DataFrame) -> Claim:
    """SGD's error is that of the equations, up to what so many inputs leave; a gradient flow's is not."""
    to = lambda route: mean_interval(off_on_the_way(errors, route))
    return Claim(
        **to("ODE"),
        id="online/limit",
        place="thm-order-parameters",
        at_most=BARS["limit"] * np.sqrt(1000 / errors.input_dim.iloc[0]),
        wrong=Wrong("the same equations without the terms in η²", **to("flow")),
        changed="first it was the distance of R to the end of the run, which at so few inputs is mostly a "
        "shift of the time of escape, and refused nothing",
        sentence="SGD on one fresh sample per step has the error of the order-parameter equations that start "
        "from its own overlaps, up to a tenth at N = 1000 and √(1000/N) as much at fewer (mean |log| of "
        "the ratio while the error is above .025).",
    )


def wide(errors: pd.DataFrame) -> Claim:
    """The same where the student is wider than its teacher, both layers are trained and labels are noisy."""
    to = lambda route: mean_interval(off_on_the_way(errors, route))
    k, m = errors.student_width.iloc[0], errors.teacher_width.iloc[0]
    return Claim(
        **to("ODE"),
        id="online/wide-limit",
        place="thm-order-parameters",
        at_most=BARS["limit"] * np.sqrt(1000 / errors.input_dim.iloc[0]),
        wrong=Wrong("the same equations without the terms in η²", **to("flow")),
        changed="the bar is that of K = M, taken over after a look at four starts",
        sentence=f"So it is where students are wider than their teacher (K = {k}, M = {m}), labels noisy "
        "and both layers trained.",
    )


def rectified(rest: pd.DataFrame) -> list[Claim]:
    """Plateau and escape of ReLU committees in the flow."""
    off = lambda column, by: exact(np.abs(np.log(rest[column] / rest[f"{column}_{by}"])).max())
    said = {
        "height": ("error", "The error on the plateau of ReLU committees is that of students at an angle"),
        "escape": ("escape", "ReLU students leave their plateau at the growth rate of that fixed point"),
    }
    widths = ", ".join(map(str, rest.width))
    return [
        Claim(
            **off(column, "theory"),
            id=f"online/relu-{name}",
            place="prop-relu-plateau",
            at_most=BARS[name],
            wrong=Wrong("identical students", **off(column, "alike")),
            note="the gradient flow, which no seed moves; bars of the erf committees",
            sentence=f"{sentence} (largest |log| of measured over predicted, K = M = {widths}).",
        )
        for name, (column, sentence) in said.items()
    ]


def rectified_limit(errors: pd.DataFrame) -> Claim:
    """SGD of ReLU committees comes to the flow as the rate falls."""
    off = off_the_flow(errors)
    rates = sorted(errors.learning_rate.unique())
    return Claim(
        **mean_interval(off[rates[0]]),
        id="online/relu-limit",
        place="prop-relu-plateau",
        scale="laptop",
        at_most=BARS["limit"],
        wrong=Wrong(f"η = {rates[-1]:g}", **mean_interval(off[rates[-1]])),
        changed="the rates were chosen after a look at four starts at N = 200",
        sentence=f"ReLU committees that learn by SGD at η = {rates[0]:g} have the error of the gradient flow "
        "from their own overlaps (mean |log| of the ratio while the error is above .025).",
    )


def start_decides(students: pd.DataFrame) -> Claim:
    """Where output weights begin decides what becomes of surplus nodes."""
    found = surplus_fates(with_kind(students))
    wide = found[found.student_width >= 4]
    share = lambda kind: within(mean_interval(wide[wide.kind == kind].groupby("seed").faded.mean()), 0, 1)
    return Claim(
        **share("both layers, random fan-outs"),
        id="online/start-decides",
        place="obs-start-decides",
        scale="laptop",
        at_least=BARS["faded"],
        wrong=Wrong("output weights that begin near 1", **share("both layers")),
        changed="level and bar were set beside the stored table",
        sentence="Where both layers are trained from output weights v ~ N(0, 1), most surplus nodes fade "
        "(share of them with |v| ‖w‖ below a tenth of a teacher node's, K = 4 and more, M = 2, mean "
        "over starts).",
    )


def sizes(overlaps: pd.DataFrame) -> Claim:
    """The distance falls like 1 / sqrt N."""
    to = lambda route: mean_interval(fall_with_size(distance(overlaps, route)))
    return Claim(
        **to("ODE"),
        id="online/sizes",
        place="thm-order-parameters",
        scale="laptop",
        at_most=BARS["exponent"],
        wrong=Wrong("the same equations without the terms in η²", **to("flow")),
        sentence="The distance of SGD from the equations vanishes as the number of inputs grows (exponent of "
        "N, fitted for each seed; −1/2 is expected).",
    )


def plateau(escapes: pd.DataFrame) -> list[Claim]:
    """Height of the plateau and rate of the escape at finite rates; the worst of all rates and beta."""
    off = lambda column, route: np.abs(np.log(escapes[column] / escapes[f"{column}_{route}"]))
    said = {
        "height": ("error", "The error on the plateau is that of the symmetric fixed point with q > c"),
        "escape": ("escape", "Students leave the plateau at the growth rate of that fixed point"),
    }
    return [
        Claim(
            **exact(off(column, "theory").max()),
            id=f"online/plateau-{name}",
            place="prop-symmetric-plateau",
            at_most=BARS[name],
            wrong=Wrong("the formula for small rates", **exact(off(column, "small").max())),
            changed="the rate is measured later than at first, once the start is forgotten",
            note=f"the full equations at {len(escapes)} pairs of η and β, which no seed moves",
            sentence=f"{sentence} (largest |log| of measured over predicted, K = M = 2).",
        )
        for name, (column, sentence) in said.items()
    ]


def adaptive(theory: pd.DataFrame) -> Claim:
    """What a colder gate buys, each at its own best rate."""
    best = best_rates(theory).set_index("beta").escape
    gain = lambda beta: exact(best.get(beta, np.nan) / best.get(1.0, np.nan))
    return Claim(
        **gain(2.0),
        id="online/adaptive",
        place="prop-adaptive",
        at_least=BARS["beta"],
        wrong=Wrong("β = 4", **gain(4.0)),
        note="by the linearized equations, over the grid of rates that have a plateau; no seed moves it",
        sentence="Adaptive back-propagation at β = 2 leaves the plateau faster than gradient descent, each "
        "at its best learning rate (ratio of escape rates, K = M = 2).",
    )


def colder(measured: pd.DataFrame) -> Claim:
    """A colder gate shortens the plateau of SGD at small rates, for every width."""
    counts = measured.groupby(["width", "learning_rate"]).speed_up.transform("size")
    of = measured[counts >= FEWEST].groupby(["width", "learning_rate"]).speed_up
    means = pd.DataFrame({key: mean_interval(values, "log") for key, values in of}).T
    first, last = (getattr(means.groupby(level=0), which)() for which in ("first", "last"))
    return Claim(
        **first.min().to_dict(),
        id="online/colder",
        place="prop-adaptive",
        scale="laptop",
        at_least=BARS["beta"],
        wrong=Wrong("at the largest rates", **last.max().to_dict()),
        changed="the widths and rates were chosen before, that rates differ so much was seen after",
        note=f"K = M = {', '.join(map(str, first.index))}, each at the smallest rate with both "
        "gates; the least of means, lower and upper ends",
        sentence="At small learning rates the plateau of SGD is shorter with β = 2 than with gradient "
        "descent (ratio of lengths from the same start).",
    )


def cancel(students: pd.DataFrame, width: int, scale: str) -> Claim:
    """Surplus nodes of a soft committee point against each other."""
    of = partners(students)
    mean = lambda kind: mean_interval(of[kind][width])
    return Claim(
        **mean("soft committee"),
        id="online/cancel",
        place="obs-cancel",
        scale=scale,
        at_most=BARS["cancel"],
        wrong=Wrong("both layers trained", **mean("both layers")),
        sentence="The surplus nodes of a soft committee cancel in pairs (their least cosine with another "
        f"student node, mean over starts of the equations, K = {width}, M = 2).",
    )


def too_wide(errors: pd.DataFrame, scale: str) -> list[Claim]:
    """With noisy labels a soft committee pays for nodes to spare; one that trains both layers does not."""
    of = final(errors).pivot(index=["kind", "seed"], columns="student_width", values="error")
    ratio = lambda kind: mean_interval(of[4][kind] / of[2][kind], "log")
    soft, both = ratio("soft committee"), ratio("both layers")
    shared: dict[str, Any] = dict(place="obs-second-layer", scale=scale)
    how = "(final error at K = 4 over that at K = 2, M = 2, paired over starts of the equations)"
    return [
        Claim(
            **soft,
            **shared,
            id="online/soft-wider",
            at_least=BARS["wider"],
            wrong=Wrong("both layers trained", **both),
            sentence=f"With noisy labels the final error of a soft committee grows with its width {how}.",
        ),
        Claim(
            **both,
            **shared,
            id="online/both-wider",
            at_most=1.0,
            wrong=Wrong("the soft committee", **soft),
            sentence=f"Where both layers are trained, it does not grow {how}.",
        ),
    ]


def pauses(plateaus: pd.DataFrame) -> Claim:
    """The error pauses in every scenario and at every rate at which most starts find their teacher."""
    of = found_pauses(plateaus)
    cells = of.groupby(["scenario", "learning_rate"]).ratio
    each = pd.DataFrame([mean_interval(ratios, "log") for _, ratios in cells if len(ratios) >= 10])
    named = pd.Series([name for (name, _), ratios in cells if len(ratios) >= 10])
    warm = named.str.contains("warm")
    return Claim(
        **each[~warm].min().to_dict(),
        id="online/pause",
        place="prop-symmetric-plateau",
        scale="laptop",
        at_least=BARS["pause"],
        wrong=Wrong("students that start at the teacher", **each[warm].max().to_dict()),
        changed="the bar was set after a look at a few starts of three scenarios",
        note=f"{(~warm).sum()} pairs of scenario and learning rate, the least of means, lower and upper ends",
        sentence="In every scenario, and at every learning rate at which half of the starts find their "
        "teacher, the error pauses: its slowest fall by a factor of 1.5 takes longer than the next "
        "(ratio of the two).",
    )


def length(plateaus: pd.DataFrame) -> Claim:
    """How long SGD waits where rates are not small; ``plateaus`` of the stored sweep."""
    of = against_equations(plateaus)
    largest = of[of.learning_rate == of.groupby("teacher_width").learning_rate.transform("max")]
    mean = lambda column: mean_interval(largest[column].abs().groupby(largest.seed).mean())
    widths = ", ".join(map(str, sorted(of.teacher_width.unique())))
    rates = ", ".join(f"{rate:.3g}" for rate in largest.groupby("teacher_width").learning_rate.first())
    return Claim(
        **within(mean("off"), low=0),
        id="online/length",
        place="prop-symmetric-plateau",
        scale="laptop",
        at_most=BARS["length"],
        wrong=Wrong("lengths like 1/η from the smallest rate on", **within(mean("off_small"), low=0)),
        changed="bar, alternative and rates were set beside the stored table",
        note=f"η = {rates}; at all rates together {of.off.abs().groupby(of.seed).mean().mean():.2f}",
        sentence="SGD waits as long as the equations from its own overlaps say, at the largest learning "
        f"rates that can be asked, too (mean |log| of the ratio of lengths, K = M = {widths}).",
    )
