"""What the chapter says in words about the sweeps of samples needed, beside the queries that give it."""

from companion.chapters.finite_data import claims, sweeps, tables
from companion.chapters.finite_data.tables import LEVEL
from companion.runs.store import load_results
from tests.sentences import BOOK, Said

NEEDED = sweeps.SAMPLES_NEEDED.scales["laptop"]
CENTRE = tables.centre(NEEDED.model_dump())
OTHER = sweeps.OTHER_INPUTS.scales["laptop"]


def evidence() -> dict:
    """Tables of the sweeps and the claims about them."""
    stored = {
        name: load_results(name, BOOK / "results" / name) for name in ("samples_needed", "other_inputs")
    }
    runs = {name: found["runs"] for name, (found, _) in stored.items()}
    made = [
        *claims.needed_claims(runs["samples_needed"], NEEDED.model_dump()),
        *claims.input_claims(runs["other_inputs"], runs["samples_needed"]),
    ]
    last = tables.at_the_end(runs["samples_needed"])
    return {
        "made": {claim.id.partition("/")[2]: claim for claim in made},
        "last": last,
        "half": runs["samples_needed"][runs["samples_needed"].epoch < last.epoch.max()],
        "stars": tables.needed_along(last, CENTRE, LEVEL),
        "other": tables.at_the_end(runs["other_inputs"]),
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
]
