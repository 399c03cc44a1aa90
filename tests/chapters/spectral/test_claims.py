"""Verdicts on tables made by hand: what should hold does, and its opposite does not."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.spectral import claims

SEEDS = range(1, 11)
TEACHER = 3


def noise(seed: int) -> float:
    return 1 + 0.05 * np.sin(7.0 * seed)


def student(method: str, width: int, seed: int, alive: int, problem: str = "three layers") -> pd.DataFrame:
    rows = [
        dict(
            method=method,
            problem=problem,
            width=width,
            teacher_width=TEACHER,
            seed=seed,
            step=step,
            unit=unit,
        )
        | dict(size=1.0 if unit < alive or not step else 1e-6, status="ok")
        | dict(balance=(0.01 if step else -0.8) * noise(seed) if method == "spectral" else np.nan)
        for step in (0, 100)
        for unit in range(width)
    ]
    return pd.DataFrame(rows)


def units(spectral, plain=lambda width: width) -> pd.DataFrame:
    """Direct students keep all; ``spectral`` and ``plain`` say how many the others keep, by width."""
    parts = [
        student(method, width, seed, alive(width), problem)
        for method, problem, alive in (
            ("spectral", "three layers", spectral),
            ("direct", "three layers", lambda width: width),
            ("group lasso", "three layers", spectral),
            ("plain", "two layers", plain),
        )
        for width in (6, 12)
        for seed in SEEDS
    ]
    return pd.concat(parts, ignore_index=True)


def kept(jump: float) -> pd.DataFrame:
    rows = [
        dict(
            method=method, problem="three layers", width=width, teacher_width=TEACHER, seed=seed, kept=number
        )
        | dict(error=noise(seed + number) * (1.0 if number < TEACHER else 1 / factor), status="ok")
        for method, factor in (("spectral", jump), ("direct", 2.0))
        for width in (6, 12)
        for seed in SEEDS
        for number in range(width + 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "spectral, jump, verdicts",
    [
        (lambda width: TEACHER, 100.0, ["holds", "holds", "holds"]),
        (lambda width: width - 1, 3.0, ["fails", "fails", "fails"]),
    ],
)
def test_the_size_is_judged_by_counts_and_by_the_jump(spectral, jump, verdicts):
    made = claims.size_claims(units(spectral), kept(jump), 0.05, "laptop")
    assert [claim.verdict for claim in made] == verdicts
    assert all(claim.refuses for claim in made)


def test_few_seeds_leave_it_undecided():
    table = units(lambda width: TEACHER)
    few = table[table.seed <= 4]
    assert claims.size_claims(few, kept(100.0), 0.05, "quick")[0].verdict == "undecided"


@pytest.mark.parametrize("left, verdict", [(lambda width: width, "holds"), (lambda width: TEACHER, "fails")])
def test_fan_outs_are_judged_by_the_surplus_that_is_left(left, verdict):
    claim = claims.fan_out_claim(units(lambda width: TEACHER, left), 0.05, "laptop")
    assert claim.verdict == verdict and claim.refuses


@pytest.mark.parametrize("left, verdict", [(lambda width: TEACHER, "holds"), (lambda width: width, "fails")])
def test_the_group_lasso_is_judged_by_the_surplus_that_is_left(left, verdict):
    claim = claims.mechanism_claim(units(left), 0.05, "laptop")
    assert claim.verdict == verdict and claim.refuses


def test_balance_is_that_of_survivors_after_training():
    claim = claims.balance_claim(units(lambda width: TEACHER), 0.05, "laptop")
    assert claim.verdict == "holds" and claim.refuses
    off = units(lambda width: TEACHER).assign(balance=lambda of: of.balance * 20)
    assert claims.balance_claim(off, 0.05, "laptop").verdict == "fails"


def test_identities_hold_and_their_alternatives_are_refused():
    exact = pd.DataFrame({name: [1e-16] for name in ("block", "penalty", "curvature")})
    wrong = exact.assign(added=0.5, ridge=0.04, halved=0.1)
    assert all(claim.verdict == "holds" and claim.refuses for claim in claims.identity_claims(wrong))
