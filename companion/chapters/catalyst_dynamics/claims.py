"""What the chapter on over-realization as a catalyst claims, with bars and what they must refuse."""

from typing import Any

import numpy as np
import pandas as pd

from companion.chapters.catalyst_dynamics.tables import (
    delays,
    deviation_from_flow,
    missing,
    noise_exponents,
    noisy_shares,
    over_gaussian,
    steepness,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval, share_interval, worst

BARS = {
    "closed": 1.5,  # mean square deviation from samples, in standard errors
    "reduction": 1e-6,
    "conserved": 1e-10,
    "neutral": 1e-6,  # change of a logarithm
    "follows": 0.02,  # of the strongest teacher's strength
    "delay": 0.75,  # slope of log half-time over log(1 / strength)
    "exponent": 0.75,  # of the angle in noise, and of 1 / angle in fan-out norm
    "laws": 1.5,  # angle over that of Gaussian noise
    "tight": 0.2,  # sine over what is guaranteed
    "floor": 0.01,  # of the largest per-sample gradient
    "stuck": 0.1,  # share of the starts
    "released": 0.02,
    "wait": 0.5,  # time of coverage, 4x over 1x
    "mirror": 0.95,  # share of the missing teacher nodes
    "unfaced": 0.75,  # share of the stuck starts
    "more": 0.3,  # share of the starts that cover the teacher, 4x minus 1x
    "saved": 0.0,  # the same, few samples minus many
    "long": 0.25,  # distance of a slope from 1
    "unmoved": 0.25,  # slope
}
AGAINST = -0.5  # cosine from which on a student points against a teacher node


def exact_claims(forms: pd.DataFrame, aligned: pd.DataFrame) -> list[Claim]:
    """Closed forms, the reduction, what is conserved."""
    by_seed = forms.groupby(["route", "seed"]).deviation.mean()
    unbalanced = aligned[aligned.start == "unbalanced"]
    return [
        Claim(
            **mean_interval(by_seed["closed"]),
            id="catalyst/closed-forms",
            place="lem-population-flow",
            at_most=BARS["closed"],
            wrong=Wrong("the residual not centred", **mean_interval(by_seed["not centred"])),
            sentence="The closed forms of both expectations in the flow are those of samples "
            "(mean square difference in standard errors, 1 by chance alone).",
        ),
        Claim(
            **exact(aligned.reduction.max()),
            id="catalyst/reduction",
            place="thm-competition",
            at_most=BARS["reduction"],
            wrong=Wrong("plain competition, for unbalanced starts", **exact(unbalanced.competition.min())),
            sentence="On the aligned manifold the full flow is the reduced competition of its students "
            "(largest difference of a learned strength).",
        ),
        Claim(
            **exact(aligned.drift.max()),
            id="catalyst/conserved",
            place="lem-population-flow",
            at_most=BARS["conserved"],
            wrong=Wrong("the flow with fan-outs twice as fast", **exact(aligned.drift_wrong.min())),
            sentence="‖w‖² − ‖v‖² of every node is conserved by the flow (largest drift).",
        ),
        Claim(
            **exact(aligned[aligned.start == "balanced"].ratio.max()),
            id="catalyst/neutral",
            place="thm-competition",
            at_most=BARS["neutral"],
            wrong=Wrong("unbalanced students", **exact(unbalanced.ratio.min())),
            sentence="Balanced students of one teacher node keep their proportions: competition inside a "
            "niche is neutral (largest change of the logarithm of a ratio).",
        ),
    ]


def order(curves: pd.DataFrame, half: pd.DataFrame) -> list[Claim]:
    """SGD follows the flow; strong teacher nodes first, delays inversely proportional to strength."""
    rng = np.random.default_rng(0)
    shuffled = half.assign(half_time=half.groupby(["route", "seed"]).half_time.transform(rng.permutation))
    return [
        Claim(
            **mean_interval(deviation_from_flow(curves)),
            id="catalyst/sgd-follows",
            place="lem-population-flow",
            at_most=BARS["follows"],
            wrong=Wrong("the flow with a clock 5 % fast", **mean_interval(deviation_from_flow(curves, 1.05))),
            sentence="SGD on samples follows the population flow (largest difference of a learned strength, "
            "in units of the strongest teacher node's).",
        ),
        Claim(
            **mean_interval(delays(half)),
            id="catalyst/delay",
            place="thm-competition",
            at_least=BARS["delay"],
            wrong=Wrong("half-times shuffled among the teacher nodes", **mean_interval(delays(shuffled))),
            sentence="Strong teacher nodes first: from random starts the time to learn a node grows like "
            "1 / strength (slope of the logarithms; that of the logistic estimate is below 1, too).",
        ),
    ]


SLACK = 5.0  # a bound so many times smaller is refused


def noisy(nodes: pd.DataFrame, tilted: pd.DataFrame) -> list[Claim]:
    """Students of noisy labels, and the one student whose angle is nearly what is guaranteed."""
    rng = np.random.default_rng(0)
    found = noise_exponents(nodes)
    strength = nodes.groupby(["law", "noise", "seed"]).fan_out.transform(rng.permutation)
    shuffled = noise_exponents(nodes.assign(fan_out=strength))
    over = pd.DataFrame({law: mean_interval(ratio, "log") for law, ratio in over_gaussian(nodes).items()}).T
    both = pd.concat([noisy_shares(nodes), (tilted.sine / tilted.bound)[tilted.premise]])
    trained = noisy_shares(nodes).max()
    shared: dict[str, Any] = dict(scale="laptop")
    return [
        Claim(
            **exact(nodes.violations.sum() + (both > 1).sum()),
            id="catalyst/noisy-bound",
            place="prop-noisy",
            at_most=0.0,
            wrong=Wrong(f"a bound {SLACK:g} times smaller", **exact((both > 1 / SLACK).sum())),
            note=f"{nodes.premises.sum():,} true premises with a bound below 1, of "
            f"{nodes.bound.notna().sum():,} trained nodes; {tilted.premise.sum()} built students",
            sentence="No node is farther from its teacher node than the bound allows (violations of the "
            "bound on the angle, or of the count of points behind it).",
            **shared,
        ),
        Claim(
            **exact((tilted.sine / tilted.bound)[tilted.premise].min()),
            id="catalyst/noisy-tight",
            place="prop-noisy",
            at_least=BARS["tight"],
            wrong=Wrong("trained students, the largest", **exact(trained)),
            note=f"{tilted.premise.sum()} angles from {tilted.sine.min():.0e} to {tilted.sine.max():.0e}",
            sentence="With two nodes and an observer the bound is tight up to a factor of four (smallest "
            "sine over bound of the students that are built for it).",
            **shared,
        ),
        Claim(
            **mean_interval(found.noise),
            id="catalyst/noisy-noise",
            place="obs-noisy",
            at_least=BARS["exponent"],
            wrong=Wrong("an angle like the root of the noise", **mean_interval(found.noise / 2)),
            sentence="The angle at which noise leaves a teacher node grows in proportion to the noise "
            "(exponent; mean over the laws).",
            **shared,
        ),
        Claim(
            **mean_interval(found.fan_out),
            id="catalyst/noisy-fan-out",
            place="obs-noisy",
            at_most=-BARS["exponent"],
            wrong=Wrong("fan-outs shuffled among the teacher nodes", **mean_interval(shuffled.fan_out)),
            sentence="It falls in inverse proportion to the node's fan-out norm: strong nodes are recovered "
            "better (exponent; mean over the laws).",
            **shared,
        ),
        Claim(
            **worst(over.rename(columns={"value": "ratio"})),
            id="catalyst/noisy-laws",
            place="obs-noisy",
            at_most=BARS["laws"],
            wrong=Wrong(
                "Gaussian noise three times as large",
                **mean_interval(over_gaussian(nodes, 3.0).gaussian, "log"),
            ),
            note="; ".join(
                f"{law} {ratio.value:.2g} [{ratio.low:.2g}, {ratio.high:.2g}]"
                for law, ratio in over.iterrows()
            ),
            sentence="The law of the noise hardly matters, its variance does (angle over that under Gaussian "
            f"noise, geometric mean; the largest of {len(over)} laws, each end too).",
            **shared,
        ),
    ]


def necessary(narrow: pd.DataFrame, scale: str) -> list[Claim]:
    """Fewer students than teacher nodes never come to rest on every sample."""
    rest = narrow[narrow.sample_gradient.notna()]
    few = rest[rest.over_realization < 1].sample_gradient
    enough = rest[(rest.over_realization == 1) & (rest.outcome == "covered")].sample_gradient
    if few.empty or enough.empty:
        return []
    claim = Claim(
        **exact(few.min()),
        id="catalyst/necessary",
        place="thm-necessary",
        scale=scale,
        at_least=BARS["floor"],
        wrong=Wrong("as many students as teacher nodes, covered", **exact(enough.max())),
        note=f"{len(few)} starts with fewer nodes at rest, {len(enough)} with as many",
        sentence="With fewer students than teacher nodes, each of which every student sees, the gradient "
        "vanishes on average but not at every sample (smallest over starts of the largest |g_k(x)|).",
    )
    return [claim]


def catalyst(runs: pd.DataFrame, scale: str) -> list[Claim]:
    """Over-realization removes starts that are stuck; no claim without 1x and 2x at p = 1."""
    if not {(1.0, 1.0), (1.0, 2.0)} <= set(zip(runs.polarity, runs.over_realization)):
        return []
    at = lambda ratio, polarity: runs[(runs.over_realization == ratio) & (runs.polarity == polarity)]
    stuck = lambda ratio, p=1.0: share_interval(
        int((at(ratio, p).outcome == "stuck").sum()), len(at(ratio, p))
    )
    wider = runs[(runs.over_realization >= 2) & (runs.polarity == 1)]
    worst = max(runs.polarity.unique(), key=lambda p: stuck(2.0, p)["value"])
    return [
        Claim(
            **stuck(1.0),
            id="catalyst/stuck",
            place="obs-cover",
            scale=scale,
            at_least=BARS["stuck"],
            wrong=Wrong(
                "students of twice the width and more",
                **share_interval(int((wider.outcome == "stuck").sum()), len(wider)),
            ),
            sentence="Some starts of a 1x student never cover the teacher: they stop at a critical point "
            "with loss (share of random starts, p = 1; no direction of descent there).",
        ),
        Claim(
            **stuck(2.0, worst),
            id="catalyst/released",
            place="obs-cover",
            scale=scale,
            at_most=BARS["released"],
            wrong=Wrong("1x students at p = 1", **stuck(1.0)),
            note=f"the largest share of all polarities, that of p = {worst:g}",
            sentence="Over-realization is a catalyst: with twice as many nodes as the teacher no start is "
            "stuck (share of random starts).",
        ),
    ]


def waiting(times: pd.DataFrame, scale: str) -> list[Claim]:
    """What over-realization buys where both get there, paired over starts; none without 1x, 4x and 8x."""
    wide = times.pivot(index="seed", columns="over_realization", values="time")
    if not {1.0, 4.0, 8.0} <= set(wide.columns):
        return []
    over = lambda one, other: mean_interval((wide[one] / wide[other]).dropna(), "log")
    claim = Claim(
        **over(4.0, 1.0),
        id="catalyst/waiting",
        place="obs-cover",
        scale=scale,
        at_most=BARS["wait"],
        wrong=Wrong("8x over 4x", **over(8.0, 4.0)),
        note=f"{(wide[4.0] / wide[1.0]).notna().sum()} of {len(wide)} starts are covered at both widths",
        sentence="Over-realization also saves iterations where a 1x student gets there in the end: "
        "time of 4x over that of 1x (p = 1, paired over starts, geometric mean).",
    )
    return [claim]


def mirror(teachers: pd.DataFrame, scale: str) -> list[Claim]:
    """What holds a stuck start; no claim where none is stuck."""
    if teachers.empty:
        return []
    nodes = missing(teachers)
    held = lambda table: share_interval(int((table.mirror < AGAINST).sum()), len(table))
    first = nodes[nodes.missing].drop_duplicates(["polarity", "over_realization", "seed"])
    claim = Claim(
        **held(first),
        id="catalyst/mirror",
        place="obs-mirror",
        scale=scale,
        at_least=BARS["mirror"],
        wrong=Wrong(
            "teacher nodes that were found",
            **held(nodes[~nodes.missing].drop_duplicates(["polarity", "over_realization", "seed"])),
        ),
        changed="found in 16 stuck starts, then tested on 200 starts of each setting",
        sentence="A stuck start lacks a teacher node because a student learned it the wrong way round: it "
        "points against it in both layers (share of stuck starts, first missing node; cosine below −.5).",
    )
    return [claim]


def faces(found: pd.DataFrame) -> list[Claim]:
    """Which starts get stuck where there are students to spare; ``found`` is of :func:`tables.by_faces`."""
    spare = found[(found.over_realization > 1) & (found.over_realization < 2)]
    unfaced = lambda starts: share_interval(int((~starts.faced).sum()), len(starts))
    stuck, others = spare[spare.stuck > 0], spare[spare.stuck == 0]
    claim = Claim(
        **unfaced(stuck),
        id="catalyst/unfaced",
        place="prop-faced",
        scale="laptop",
        at_least=BARS["unfaced"],
        wrong=Wrong("starts of the same widths that are never stuck", **unfaced(others)),
        changed="written when the numbers of such starts had been seen",
        note=f"{len(stuck)} starts that are stuck at some polarity, 1 < n / m < 2",
        sentence="With a few students to spare, a start gets stuck only where some teacher node is faced by "
        "no student (share of the stuck starts with such a node).",
    )
    return [claim]


def few_samples(runs: pd.DataFrame) -> list[Claim]:
    """What width is worth in samples; paired over seeds on equal samples."""
    of = lambda ratio, size: (
        runs[(runs.over_realization == ratio) & (runs.train_samples == size)]
        .set_index("seed")
        .covered.astype(float)
    )
    more = lambda one, other: mean_interval(one - other)
    few, many = 32, runs.train_samples.max()
    return [
        Claim(
            **more(of(4.0, 64), of(1.0, 64)),
            id="catalyst/few-samples",
            place="obs-few-samples",
            scale="laptop",
            at_least=BARS["more"],
            wrong=Wrong("8x over 4x", **more(of(8.0, 64), of(4.0, 64))),
            changed="the bar was fixed after a look at 16 of the 64 seeds",
            sentence="On 64 samples a 4x student covers the teacher from more starts than a 1x student "
            "(difference of shares, p = 1, paired over seeds).",
        ),
        Claim(
            **more(of(2.0, few), of(1.0, many)),
            id="catalyst/samples-saved",
            place="obs-few-samples",
            scale="laptop",
            at_least=BARS["saved"],
            wrong=Wrong(f"1x students on {few}", **more(of(1.0, few), of(1.0, many))),
            changed="written when the shares had been seen",
            sentence=f"A 2x student on {few} samples covers the teacher from more starts than a 1x student "
            f"on {many} (difference of shares, p = 1).",
        ),
    ]


def long_time(runs: pd.DataFrame) -> list[Claim]:
    """How the time until the gradient is small depends on the weakest teacher node."""
    at = lambda ratio: runs[runs.over_realization == ratio]
    apart = lambda strength: _from_one(mean_interval(steepness(at(1.0), strength)))
    seeds, reach = at(1.0).seed.nunique(), len(steepness(at(1.0), "weakest"))
    return [
        Claim(
            **apart("weakest"),
            id="catalyst/long-time",
            place="obs-long-time",
            scale="laptop",
            at_most=BARS["long"],
            wrong=Wrong("1 / mean strength", **apart("mean")),
            note=f"{reach} of {seeds} starts get there at every polarity",
            sentence="A 1x student needs a time like 1 / strength of the weakest teacher node until its "
            "gradient is small at every sample (distance of the slope of the logarithms from 1).",
        ),
        Claim(
            **mean_interval(steepness(at(4.0), "weakest")),
            id="catalyst/long-time-wide",
            place="obs-long-time",
            scale="laptop",
            at_most=BARS["unmoved"],
            wrong=Wrong("1x students", **mean_interval(steepness(at(1.0), "weakest"))),
            changed="written when the times had been seen",
            sentence="For a 4x student that time hardly depends on the weakest teacher node (slope of the "
            "logarithms).",
        ),
    ]


def _from_one(slope: dict) -> dict:
    """Distance from 1, with the interval of the slope carried over."""
    value, ends = abs(slope["value"] - 1), sorted(abs(slope[end] - 1) for end in ("low", "high"))
    low = 0.0 if slope["low"] <= 1 <= slope["high"] else ends[0]
    return {"value": value, "low": low, "high": ends[1]}
