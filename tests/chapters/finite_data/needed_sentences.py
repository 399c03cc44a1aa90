"""What the chapter says in words about the sweeps of samples needed, beside the queries that give it."""

import math

import pandas as pd

from companion.chapters.finite_data import claims, law_premises, sweeps, tables
from companion.chapters.finite_data.tables import LEVEL
from companion.runs.store import load_results
from tests.sentences import BOOK, Said

NEEDED = sweeps.SAMPLES_NEEDED.scales["laptop"]
CENTRE = tables.centre(NEEDED.model_dump())
OTHER = sweeps.OTHER_INPUTS.scales["laptop"]
ANGLES = sweeps.ANGLE_LEVELS.scales["laptop"]
MIDDLE_SAMPLES = 400  # 8 d at d = 50


def evidence() -> dict:
    """Tables of the sweeps and the claims about them."""
    stored = {
        name: load_results(name, BOOK / "results" / name)
        for name in ("samples_needed", "other_inputs", "patch_inputs", "angle_levels", "law_premises")
    }
    counts = stored.pop("law_premises")[0]["counts"]
    nodes = stored["angle_levels"][0]["nodes"]
    runs = {name: found["runs"] for name, (found, _) in stored.items()}
    runs["other_inputs"] = pd.concat([runs["other_inputs"], runs.pop("patch_inputs")])
    made = [
        *claims.needed_claims(runs["samples_needed"], NEEDED.model_dump()),
        *claims.input_claims(runs["other_inputs"], runs["samples_needed"]),
        *claims.angle_claims(runs["angle_levels"], nodes, ANGLES.model_dump()),
    ]
    last = tables.at_the_end(runs["samples_needed"])
    return {
        "made": {claim.id.partition("/")[2]: claim for claim in made},
        "last": last,
        "half": runs["samples_needed"][runs["samples_needed"].epoch < last.epoch.max()],
        "stars": tables.needed_along(last, CENTRE, LEVEL),
        "other": tables.at_the_end(runs["other_inputs"]),
        "sines": tables.sine_line(nodes, ANGLES.model_dump()),
        "levels": tables.level_lines(runs["angle_levels"], nodes, ANGLES.model_dump()),
        "laws": tables.law_premises(counts),
        "law_counts": counts,
    }


def ends(claim) -> tuple[float, float, float]:
    return claim.value, claim.low, claim.high


def star(of, quantity: str, data: str, at: float) -> float:
    """N* of one kind of data at one place."""
    table = of.stars[quantity]
    return table[(table.data == data) & (table[quantity] == at)].value.item()


def height(of, data: str, width: int, samples: int) -> float:
    """Mean correlation of one curve along m at one number of samples."""
    line = tables.along(of.last, "teacher_width", CENTRE)
    rows = line[(line.data == data) & (line.teacher_width == width) & (line.samples == samples)]
    return rows.mean_best_correlation.mean()


def farthest_of_triples(of) -> float:
    """Largest difference of mean correlations between random samples and as many small triples."""
    keys = ["input_dim", "teacher_width", "over_realization", "factor"]
    curves = {}
    for data, share in (("random", 1), ("plane", 3)):
        rows = of.last[of.last.data == data]
        factor = (rows.samples / share / rows.input_dim).map(
            lambda found: min(NEEDED.factors, key=lambda f: abs(f - found))
        )
        curves[data] = rows.assign(factor=factor).groupby(keys).mean_best_correlation.mean()
    return (curves["random"] - curves["plane"]).abs().max()


def settled(of) -> float:
    """Largest change of N* of random data, in percent, from half of the steps to all of them."""
    found = tables.needed_along(of.half, CENTRE, LEVEL)
    random = [
        (stars[name][stars[name].data == "random"].value.to_numpy() for stars in (found, of.stars))
        for name in found
    ]
    return 100 * max(abs(late / early - 1).max() for early, late in random)


def per_dim(of) -> dict[str, float]:
    """N* / d of random data under every law."""
    found = tables.needed(tables.of_laws(of.other), ["law"], LEVEL).set_index("law").value.dropna()
    return (found / OTHER.input_dim).to_dict()


def of_laws(of) -> tuple[float, float, float]:
    found = per_dim(of)
    gaussian = found.pop("gaussian")
    return gaussian, min(found.values()), max(found.values())


def diverged(of) -> tuple[int, int]:
    heavy = of.other[of.other.law == "student-t"]
    return (heavy.status == "diverged").sum(), len(heavy)


def agnostic(of) -> tuple[float, ...]:
    claim = of.made["agnostic"]
    return *ends(claim), *ends(claim.wrong)


def median_sine(of, epoch: int) -> float:
    """Median over seeds of the median node's sine, with MIDDLE_SAMPLES samples."""
    return of.sines[(of.sines.samples == MIDDLE_SAMPLES) & (of.sines.epoch == epoch)].sine.median()


def early(of) -> int:
    """The epoch that the picture shows as the early one."""
    return min(of.sines.epoch, key=lambda epoch: abs(epoch - ANGLES.epochs / 10))


def pessimism(of) -> float:
    """The measured gradient level at MIDDLE over what the paper asks for there, to two digits."""
    line = of.levels["level"]
    level = line[line.level == tables.MIDDLE].groupby("seed").gradient.median().median()
    nodes = ANGLES.teacher_width * (1 + ANGLES.over_realization)
    return float(f"{level * 5 * nodes**1.5 * ANGLES.input_dim**0.5 / tables.MIDDLE:.2g}")


def steeper_and_level(of) -> bool:
    """What the picture of gradient levels is said to show."""
    angle, nodes, dim = (of.made[f"level-{name}"] for name in ("angle", "nodes", "d"))
    return angle.low > 1 and max(abs(nodes.low), abs(nodes.high)) < 0.25 and dim.low > 0


def no_trained_student(of) -> bool:
    """With the Gaussian's density only the built case violates a bound."""
    return (of.laws.gaussian.drop("two-valued") == 0).all() and of.laws.gaussian["two-valued"] > 0


def built_case(of) -> bool:
    """Every observer of every seed violates the Gaussian's bounds on angle and bias; none its own."""
    own, other = (
        of.law_counts.query(f"law == 'two-valued' and eta_of == '{eta}' and slack == 1").iloc[0]
        for eta in ("law", "gaussian")
    )
    observers = 2 * sweeps.LAW_PREMISES.scales["laptop"].seeds
    return (
        own.premises == other.premises == other.angle_violations == other.bias_violations == observers
        and own[tables.VIOLATIONS].sum() == 0
    )


SAID = [
    Said(
        "mean over <d> seeds, first reaches <.1f>: above the <.3f> that an affine node can have",
        lambda of: (NEEDED.seeds, LEVEL, 0.856),
    ),
    Said(
        "Random data need <.1f> samples per input dimension at $d=20$ and <.1f> at $d=200$",
        lambda of: (star(of, "input_dim", "random", 20) / 20, star(of, "input_dim", "random", 200) / 200),
    ),
    Said(
        "the exponent of $d$ is <.2f>, from <.2f> to <.2f>, where the bound has 3.",
        lambda of: ends(of.made["needed-d"]),
    ),
    Said(
        "The exponent of $K$ is <.2f>, from <.2f> to <.2f>, along wider teachers, and <.2f>, from <.2f> to "
        "<.2f>, along wider students of one teacher, where the bound has 5/2",
        lambda of: (*ends(of.made["needed-m"]), *ends(of.made["needed-n"])),
    ),
    Said(
        "No mean correlation differs by more than <.3f> from that of as many random *samples*",
        farthest_of_triples,
    ),
    Said(
        "$N^*$ is <.2f> times that of random data, from <.2f> to <.2f>",
        lambda of: ends(of.made["needed-triples"]),
    ),
    Said(
        "with $m=20$ it is <.2f>, <.2f> and <.2f> after one, two and four triples per node",
        lambda of: tuple(height(of, "aware", 20, 60 * k) for k in (1, 2, 4)),
    ),
    Said(
        "it takes <d> samples to reach the level there, and random data <d>",
        lambda of: (star(of, "teacher_width", "aware", 20), star(of, "teacher_width", "random", 20)),
    ),
    Said("half the steps would have changed no $N^*$ of random data by more than <.1f> %", settled),
    Said(
        "Gaussian inputs take <.2f> samples per input dimension at $d=50$, the others <.2f> to <.2f>", of_laws
    ),
    Said("<d> of <d> diverged, so that no $N^*$ is given for it", diverged),
    Said(
        "With wide steps it needs <.2f> times as many samples in all as random data do, from <.2f> to <.2f>; "
        "with the theorem's small ones <.1f> times as many, from <.1f> to <.1f>",
        agnostic,
    ),
    Said("for the Gaussian it gives <.2f> times the true density", lambda of: of.laws.eta_aware["gaussian"]),
    Said("No true premise violates a conclusion. The columns", lambda of: (of.laws.violations == 0).all()),
    Said(
        "up to a noise of a thousandth, half of the points of a plane lie on another one at 60°",
        lambda of: law_premises.TIGHT == 1e-3 and round(math.degrees(law_premises.TILT)) == 60,
    ),
    Said("The Gaussian's $\\eta$ would exclude it, for every observer and seed", built_case),
    Said("the law's own, <.1f> times as large, does not", lambda of: of.laws.eta_aware["two-valued"]),
    Said("none exceeds the bounds with the Gaussian's $\\eta$, whatever the law", no_trained_student),
    Said(
        "($d=50$, $m=5$, $n/m=2$, <d> seeds) for <,d> steps",
        lambda of: (ANGLES.seeds, ANGLES.epochs * ANGLES.steps_per_epoch),
    ),
    Said(
        "The exponent of $N^*$ in $1/\\varepsilon$ is <.2f>, from <.2f> to <.2f>, for sines from <.1f> to "
        "<.2f>; the bound has <d>.",
        lambda of: (*ends(of.made["needed-angle"]), tables.SINES[0], tables.SINES[-1], tables.BOUND["sine"]),
    ),
    Said(
        "with <d> of them the sine of the median node is <.4f> after <,d> steps and <.5f> at the end",
        lambda of: (
            MIDDLE_SAMPLES,
            median_sine(of, early(of)),
            early(of) * ANGLES.steps_per_epoch,
            median_sine(of, ANGLES.epochs),
        ),
    ),
    Said(
        "falls like $\\varepsilon$ to the power of <.2f>, from <.2f> to <.2f>; the bound has <d>.",
        lambda of: (*ends(of.made["level-angle"]), tables.LEVEL_BOUND["level"]),
    ),
    Said("it is smaller than the measured level by a factor of <,d>", pessimism),
    Said(
        "the exponent in $K$ is <.2f>, from <.2f> to <.2f>, where the bound has −3/2, and in $d$ it is "
        "<.2f>, from <.2f> to <.2f>, where it has −1/2",
        lambda of: (*ends(of.made["level-nodes"]), *ends(of.made["level-d"])),
    ),
    Said(
        "grows like its overlap $\\max_k|\\alpha_{kj}|$ to the power of <.2f>, from <.2f> to <.2f>",
        lambda of: ends(of.made["level-overlap"]),
    ),
    Said("at ε = .1 against the number of nodes K", lambda of: tables.MIDDLE == 0.1),
    Said(
        "a line that rises with the angle, steeper than the dashed one, and two that stay level or rise a "
        "little where the dashed ones fall",
        steeper_and_level,
    ),
]
