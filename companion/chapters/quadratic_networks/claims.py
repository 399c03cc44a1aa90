"""What the chapter on quadratic networks claims about its tables, with bars and what they must refuse."""

import pandas as pd

from companion.chapters.quadratic_networks.tables import (
    aligned,
    counted,
    distance,
    excess,
    expected_excess,
    expected_log_prefactor,
    final_excess,
    log_prefactor,
    misfit,
    off_equal,
    on_width,
    slope,
    tail_misfit,
)
from companion.pages.claims import Claim, Wrong
from companion.pages.statistics import exact, mean_interval

BARS = {
    "overlay": 2.0,  # sqrt(N) times the root mean square distance: fluctuations of order 1
    "scaling": -0.35,  # slope of log distance against log N: nearer to -1/2 than to 0, with room
    "aligned": 0.5,  # misfit of aligned curves, of that of bare ones
    "rate": 0.1,  # size of the slope of log growth against log p
    "prefactor": 0.7,  # size of ln A(p) - ln A(1), measured minus expected, at the largest p
    "prefactor-2": 0.4,  # the same for two teacher nodes, half of what is expected
    "conserved": 1e-8,  # relative drift
    "closest": 0.02,  # of what a random solution is farther from the start than the closest one
    "tail": 0.15,  # size of the logarithm of time^2 loss, measured over expected
    "excess": 0.1,  # size of what the solution of SGD is farther than the closest, measured minus expected
    "equal": 0.1,  # of rows at the end, | |M_i| - 1 |
    "spectra": 0.0,  # Hessians whose counts are not the expected ones
}


def overlay(warm: pd.DataFrame, random: pd.DataFrame, scale: str) -> list[Claim]:
    """SGD on its equations: from a warm start, and from a random one once both escape together."""
    fits, by_chance = misfit(aligned(random)), misfit(aligned(random, roll=1))
    return [
        Claim(
            **mean_interval(distance(warm), "log"),
            id="quadratic/overlay",
            place="thm-quadratic-overlaps",
            scale=scale,
            at_most=BARS["overlay"],
            wrong=Wrong("from a random start", **mean_interval(distance(random), "log")),
            sentence="From a warm start the overlaps of SGD lie on the solution of their equations from the "
            "same start (√N times the root mean square distance of all entries).",
        ),
        Claim(
            **mean_interval(fits.aligned / fits.bare, "log"),
            id="quadratic/aligned",
            place="rem-quadratic-random",
            scale=scale,
            at_most=BARS["aligned"],
            wrong=Wrong(
                "moved by what another start needs",
                **mean_interval(by_chance.aligned / by_chance.bare, "log"),
            ),
            sentence="From a random start they do once both are moved to escape together (root mean square "
            "distance of ‖M‖²/p, of that of curves that are not moved).",
        ),
    ]


def scaling(warm: pd.DataFrame) -> Claim:
    """The distance shrinks like 1 / sqrt(N)."""
    of = lambda column: mean_interval(slope(distance(warm, column)) - 0.5)
    return Claim(
        **of("apart"),
        id="quadratic/scaling",
        place="thm-quadratic-overlaps",
        scale="laptop",
        at_most=BARS["scaling"],
        wrong=Wrong("the equations without their noise term", **of("apart_flow")),
        note=f"N = {', '.join(f'{dim:,}' for dim in sorted(warm.input_dim.unique()))}",
        sentence="From a warm start the distance of SGD from its equations shrinks with N, like 1/√N (slope "
        "of its logarithm against ln N).",
    )


def rate(growths: pd.Series, scale: str, of: str) -> Claim:
    """The escape rate does not depend on p; ``growths`` has levels width and seed, among others."""
    found = on_width(growths)
    return Claim(
        **_size(mean_interval(found)),
        id=f"quadratic/rate-{of}",
        place="thm-quadratic-escape",
        scale=scale,
        at_most=BARS["rate"],
        wrong=Wrong("at a fixed η, without the factor p", **_size(mean_interval(found - 1))),
        sentence=f"The rate at which {'SGD' if of == 'sgd' else 'the flow'} escapes from the plateau does "
        "not depend on the number p of student nodes (size of the slope of its logarithm against ln p).",
    )


def prefactor(escapes: pd.DataFrame, passages: pd.DataFrame) -> Claim:
    """The prefactor of the escape time does depend on p, as expected."""
    by_seed = log_prefactor(escapes).groupby(["seed", "width"]).mean().unstack("width")
    expected = expected_log_prefactor(passages)
    least, most = by_seed.columns.min(), by_seed.columns.max()
    teachers = passages.teachers.iloc[0]
    gain = by_seed[most] - by_seed[least]
    predicted = expected[most] - expected[least]
    return Claim(
        **_size(mean_interval(gain - predicted)),
        id="quadratic/prefactor" + (f"-{teachers}" if teachers > 1 else ""),
        place="thm-quadratic-escape",
        at_most=BARS["prefactor" if teachers == 1 else f"prefactor-{teachers}"],
        changed="" if teachers == 1 else "the bar was set after a look",
        wrong=Wrong("the same prefactor for all p", **_size(mean_interval(gain))),
        note=f"expected ln A({most}) − ln A({least}) = {predicted:.2f}",
        sentence="The prefactor A of the escape time, p*/(8η₀)·ln(N/A), grows with the number of student "
        f"nodes as expected (p* = {teachers}; size of measured minus expected ln A({most}) − ln A({least})).",
    )


def _size(found: dict) -> dict:
    """The interval of an absolute value."""
    value, low, high = (found[name] for name in ("value", "low", "high"))
    least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return {"value": abs(value), "low": least, "high": max(abs(low), abs(high))}


def noise(random: pd.DataFrame, passages: pd.DataFrame, scale: str) -> Claim:
    """At a finite rate SGD misses the closest solution, by what its noise says."""
    widths = passages.width[passages.width.isin(random.width)]
    of = random[random.width.isin(widths)]
    by_seed = final_excess(of).groupby(["seed", "width"]).mean().groupby("seed").mean()
    expected = expected_excess(passages)[widths].mean()
    dims = ", ".join(map(str, sorted(of.input_dim.unique())))
    return Claim(
        **_size(mean_interval(by_seed - expected)),
        id="quadratic/noise",
        place="prop-quadratic-noise",
        scale=scale,
        at_most=BARS["excess"],
        wrong=Wrong("the closest solution, as by the flow", **_size(mean_interval(by_seed))),
        note=f"expected {expected:.2f}; p = {', '.join(map(str, widths))}; N = {dims}",
        sentence="From random starts SGD at a finite rate reaches a solution that is farther than the "
        "closest one by what its noise says (size of measured minus expected excess, in units of that of "
        "random solutions).",
    )


def kept_norms(paths: pd.DataFrame) -> Claim:
    """With norms kept the rotation is gone: SGD ends at isolated solutions, too."""
    off = off_equal(paths)
    return Claim(
        **mean_interval(off.kept),
        id="quadratic/kept",
        place="thm-quadratic-conserved",
        at_most=BARS["equal"],
        wrong=Wrong("free norms", **mean_interval(off.free)),
        sentence="With norms that are kept SGD ends at isolated solutions, all student nodes on plus or "
        "minus the teacher node (largest distance of |Mᵢ| from 1, mean over starts, p = 2).",
    )


def tail(tails: pd.DataFrame) -> Claim:
    """Wider students end algebraically."""
    return Claim(
        **mean_interval(tail_misfit(tails)),
        id="quadratic/tail",
        place="prop-quadratic-curvature",
        at_most=BARS["tail"],
        wrong=Wrong(
            "were the nodes in use not to respond to the others",
            **mean_interval(tail_misfit(tails, responding=False)),
        ),
        note=f"at time {tails.time.max():g}",
        sentence="The loss of a student with nodes to spare falls like α⁻², with the factor of theory (size "
        "of the logarithm of α²ε, measured over expected).",
    )


def geometry(kept: pd.DataFrame, endings: pd.DataFrame, spectra: pd.DataFrame) -> list[Claim]:
    """What the flow conserves, where it ends, how the loss curves."""
    found = counted(spectra)
    off = lambda negative, zeros: float(
        ((found.negative != negative) | ~(found.expected_zeros.isna() | (found.zeros == zeros))).sum()
    )
    random = (endings.other + endings.other_sd - endings.closest) / (endings.other - endings.closest)
    return [
        Claim(
            **exact(kept.drift.max()),
            id="quadratic/conserved",
            place="thm-quadratic-conserved",
            at_most=BARS["conserved"],
            wrong=Wrong("the equations of SGD", **exact(kept.groupby("seed").drift_noisy.max().min())),
            sentence="The gradient flow conserves Mᵀ D⁻¹ M exp(−8η₀α/p*) (largest relative drift while the "
            "smallest eigenvalue of D is above .001).",
        ),
        Claim(
            **mean_interval(excess(endings)),
            id="quadratic/closest",
            place="thm-quadratic-conserved",
            at_most=BARS["closest"],
            wrong=Wrong("one standard deviation below a random solution", **mean_interval(2 - random)),
            sentence="Of all solutions the flow reaches the one that is closest to its start (squared "
            "distance beyond the least, of that of random solutions).",
        ),
        Claim(
            **exact(off(found.expected_negative, found.expected_zeros)),
            id="quadratic/spectra",
            place="prop-quadratic-curvature",
            at_most=BARS["spectra"],
            wrong=Wrong(
                "as many zeros as the set of solutions has dimensions",
                **exact(off(found.expected_negative, _dimension(found))),
            ),
            note=f"{len(found)} Hessians",
            sentence="The Hessian has p p* negative eigenvalues on the plateau, and at solutions none, and "
            "as many zeros as expected (Hessians that differ).",
        ),
    ]


def manifold(solutions: pd.DataFrame) -> Claim:
    """The dimension of the set of solutions."""
    off = lambda measured: float((measured != _dimension(solutions)).sum())
    return Claim(
        **exact(off(solutions.free)),
        id="quadratic/manifold",
        place="thm-quadratic-conserved",
        at_most=BARS["spectra"],
        wrong=Wrong("with norms that are kept", **exact(off(solutions.kept))),
        note=f"{len(solutions)} pairs of p and p*",
        sentence="Around the solution that a flow reaches there are others, of as many dimensions as "
        "expected, none for p = 1 (pairs that differ).",
    )


def _dimension(found: pd.DataFrame) -> pd.Series:
    return found.width * found.teachers - found.teachers * (found.teachers + 1) / 2
