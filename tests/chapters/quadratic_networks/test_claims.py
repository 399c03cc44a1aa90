"""Verdicts on tables made by hand: what is so holds, what is not so fails."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.quadratic_networks import claims, studies, tables
from tests.chapters.quadratic_networks.made import logistic_runs


def growths(exponent, spread=0.01):
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([[1, 2, 4, 8], range(1, 21)], names=["width", "seed"])
    values = index.get_level_values("width") ** float(exponent) * np.exp(spread * rng.standard_normal(80))
    return pd.Series(np.asarray(values), index=index)


@pytest.mark.parametrize("exponent, verdict", [(0.0, "holds"), (-1.0, "fails"), (0.5, "fails")])
def test_a_rate_that_depends_on_p_in_either_direction_fails(exponent, verdict):
    claim = claims.rate(growths(exponent), "quick", "flow")
    assert claim.verdict == verdict
    assert claim.refuses  # a slope of one less is not 0 for any of them


@pytest.mark.parametrize("factor, verdict", [(1.0, "holds"), (0.0, "fails")])
def test_a_prefactor_that_does_not_grow_fails(factor, verdict):
    passages = studies.Escapes(widths=(1, 8), input_dims=(1000,), seeds=1).run()["passages"]
    expected = factor * tables.expected_log_prefactor(passages)
    rng = np.random.default_rng(0)
    rows = [
        dict(width=p, input_dim=10**6, seed=seed, teachers=1, rate=0.1, ln=expected[p] + rng.normal(0, 0.3))
        for p in (1, 8)
        for seed in range(1, 21)
    ]
    escapes = pd.DataFrame(rows)
    escapes["time"] = (np.log(escapes.input_dim) - escapes.ln) / 0.8
    assert claims.prefactor(escapes, passages).verdict == verdict


@pytest.mark.parametrize("excess, verdict", [(0.3, "holds"), (1.0, "fails")])
def test_noise_that_is_not_the_expected_one_fails(excess, verdict):
    """Two nodes at noise .5: an excess of .28."""
    passages = pd.DataFrame(dict(width=[2], noise=0.5, growth=0.35))
    runs = logistic_runs(np.zeros(20), rates=((2, 0.35),))
    runs = runs.assign(excess=excess + 0.01 * runs.seed / 20)
    found = claims.noise(runs, passages, "quick")
    assert found.verdict == verdict and found.refuses


def test_a_manifold_of_other_dimensions_fails():
    solutions = pd.DataFrame(dict(width=[1, 4], teachers=1, free=[0, 3], kept=0))
    claim = claims.manifold(solutions)
    assert claim.verdict == "holds" and claim.refuses and claim.wrong.value == 1
    assert claims.manifold(solutions.assign(free=[0, 2])).verdict == "fails"
