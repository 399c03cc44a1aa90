"""What the chapter on students with too few nodes claims, with bars and what they must refuse."""

import math

import pandas as pd

from companion.chapters.copy_average.tables import at_rest, lowest, next_level, short, thresholds
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, share_interval

BARS = {
    "identity": 1e-12,
    "closed": 1e-8,
    "ends": 0.9,  # share of starts
    "below": -1e-4,  # of loss
    "pays": 0.6,  # n / k from which copies are the lower one
    "spared": 0.1,  # share of starts
    "sum": 0.95,  # lowest loss over the level of one node for the rest
}


def critical(points: pd.DataFrame) -> list[Claim]:
    """The theorem on copy-average points, at every partition; ``points`` is of the cell Points."""
    extreme = points.groupby("n").loss.transform("min") == points.loss
    sizes = f"{len(points)} partitions of {points.k.max()} teacher nodes"
    return [
        Claim(
            **exact(points.gradient.max()),
            id="copy-average/critical",
            place="thm-copy-average",
            at_most=BARS["identity"],
            wrong=Wrong("rows of the student a hundredth too long", **exact(points.longer.min())),
            note=sizes,
            sentence="Copy-average students are critical points (largest derivative of the loss, all "
            "partitions).",
        ),
        Claim(
            **exact(points[~extreme].negative.min()),
            id="copy-average/saddles",
            place="thm-copy-average",
            at_least=1,
            wrong=Wrong("at the partition of lowest loss", **exact(points[extreme].negative.max())),
            note=sizes,
            sentence="From every copy-average student but the best one some direction leads down (least "
            "number of negative eigenvalues of the Hessian).",
        ),
    ]


def ends(runs: pd.DataFrame, scale: str) -> list[Claim]:
    """Where gradient flow ends for erf; ``runs`` of one teacher width or several."""
    erf = runs[runs.activation == "erf"]
    good = lambda table, *kinds: [
        share_interval(int(ended.sum()), len(ended))
        for _, ended in ((table.status == "ok") & table.kind.isin(kinds)).groupby([table.n, table.k])
    ]
    found, alone = good(erf, "copy-average", "copies"), good(erf, "copy-average")
    rest, k = at_rest(erf), erf.k.max()
    average, last = rest[rest.kind == "copy-average"], rest[(rest.k == k) & (rest.n == k - 1)]
    other = [abs(loss - next_level(n, k)) for loss, n, k in zip(average.loss, average.n, average.k)]
    narrow = rest[(rest.k == k) & (rest.n == k - 2)]
    sizes = f"{len(erf)} starts, {len(found)} pairs of n and k"
    digits = "" if scale == "quick" else ", stored with seven digits"
    return [
        Claim(
            **_least(found),
            id="copy-average/two-ends",
            place="obs-two-ends",
            scale=scale,
            at_least=BARS["ends"],
            wrong=Wrong("at the best copy-average student alone", **_least(alone)),
            note=sizes,
            sentence="Gradient flow ends at the best copy-average student or where each student node copies "
            "another teacher node (erf; share of starts, the least of any n and k).",
        ),
        Claim(
            **exact((average.loss - average.best).abs().max()),
            id="copy-average/level",
            place="obs-two-ends",
            scale=scale,
            at_most=BARS["closed"],
            wrong=Wrong(
                "the level of the second best copy-average student",
                **exact(pd.Series(other, dtype=float).min()),
            ),
            note=f"{len(average)} starts{digits}",
            sentence="Where it ends at a copy-average student, the loss is L*(k - n + 1), that of the best "
            "one (largest difference).",
        ),
        Claim(
            **exact((last.loss - last.best).min()),
            id="copy-average/below",
            place="obs-two-ends",
            scale=scale,
            at_most=BARS["below"],
            wrong=Wrong("two nodes too few", **exact((narrow.loss - narrow.best).min())),
            note=f"k = {k}",
            sentence="With one node too few the copies lie below every copy-average student (lowest loss "
            "reached minus L*(2)).",
        ),
    ]


def line(phases: pd.DataFrame, k: int, scale: str) -> list[Claim]:
    """When it pays to copy only; ``phases`` is of the cell PhaseLine."""
    at = thresholds(phases).loc[k]
    return [
        Claim(
            **exact(at.lower / k),
            id="copy-average/pays",
            place="obs-phase-line",
            scale=scale,
            at_least=BARS["pays"],
            wrong=Wrong("the width from which on they are a minimum at all", **exact(at.minimum / k)),
            note=f"k = {k}: the copies are a minimum from n = {at.minimum}, the lower one from {at.lower}; "
            f"copy-average is none from {at.ceases}",
            changed="the bar was .5, which the alternative meets at k = 20; the numbers for k = 50 were "
            "known by then",
            sentence="Copies without an average are the better student only where it has more than three "
            "fifths of the teacher's nodes (n / k from which on they lie lower).",
        )
    ]


def one_neuron(levels: pd.DataFrame, scale: str) -> Claim:
    """The reduced problem against free minimization; ``levels`` is of the cell OneNeuron."""
    names = ", ".join(dict.fromkeys(levels.activation))
    return Claim(
        **exact(levels.apart.abs().max()),
        id="copy-average/one-neuron",
        place="prop-one-neuron",
        scale=scale,
        at_most=BARS["closed"],
        wrong=Wrong(
            "along the mean of all but one teacher node", **exact((levels.fewer - levels.free).min())
        ),
        note=f"{names}; {levels.reached.sum()} of {levels.starts.sum()} free starts reach that level",
        sentence="One node for several teacher nodes: the problem in its length alone gives the lowest loss "
        "that any start with all weights free reaches (largest difference of an activation).",
    )


def relu(runs: pd.DataFrame, scale: str) -> list[Claim]:
    """How ReLU differs from erf: levels do not add up, and some starts end short of a node."""
    found = short(runs[runs.activation == "relu"])
    ending = lambda table: share_interval(int(table.short.sum()), len(table))
    doomed = found[found.doomed]
    ratios = lowest(runs[runs.n > 1]).groupby("activation").ratio.max()
    return [
        Claim(
            **exact(ratios.get("relu", math.nan)),
            id="copy-average/relu-below",
            place="obs-relu",
            scale=scale,
            at_most=BARS["sum"],
            wrong=Wrong("erf", **exact(ratios.get("erf", math.nan))),
            sentence="A ReLU student of two nodes or more ends below the level of copies and one average, "
            "that of one node for the k - n + 1 teacher nodes left (lowest loss reached over that level, the "
            "largest of any n and k).",
        ),
        Claim(
            **ending(found[~found.doomed]),
            id="copy-average/doomed",
            place="prop-doomed",
            scale=scale,
            at_most=BARS["spared"],
            wrong=Wrong("students that have such a node", **ending(doomed)),
            note=f"{len(found)} starts; {int(doomed.short.sum())} of {len(doomed)} doomed ones end short",
            sentence="A ReLU student of which no node starts with an outgoing weight below minus its length "
            "uses all of its nodes at the end (share of starts that do not).",
        ),
    ]


def _least(found: list[dict]) -> dict:
    """Of values and of both ends of intervals the least: a claim about every pair."""
    return {end: min(interval[end] for interval in found) for end in ("value", "low", "high")}
