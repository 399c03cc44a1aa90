"""k-DPPs against determinants, and draws against all probabilities."""

import numpy as np
import pytest

from companion.chapters.pruning import kdpp


def kernel(items: int, rank: int, seed: int = 0) -> np.ndarray:
    g = np.random.default_rng(seed).standard_normal((items, rank))
    return g @ g.T


@pytest.mark.parametrize("size", [1, 3, 6])
def test_probabilities_are_determinants_over_their_sum(size):
    matrix = kernel(6, 6)
    minors = np.array([np.linalg.det(matrix[np.ix_(s, s)]) for s in kdpp.subsets(6, size)])
    assert np.allclose(kdpp.probabilities(matrix, size), minors / minors.sum(), atol=1e-12)
    assert np.allclose(kdpp.probabilities(1e300 * matrix, size), minors / minors.sum(), atol=1e-12), "no unit"
    log_e = kdpp.log_elementary(np.log(np.linalg.eigvalsh(matrix)), size)[-1, size]
    assert log_e == pytest.approx(np.log(minors.sum()), abs=1e-10)


def test_an_ensemble_is_its_members_and_a_scale_changes_nothing():
    both = np.stack([kernel(5, 5, 1), 1e9 * kernel(5, 5, 2)])
    alone = [kdpp.probabilities(kernel(5, 5, seed), 2) for seed in (1, 2)]
    assert np.allclose(kdpp.probabilities(both, 2), alone, atol=1e-12)


def test_draws_from_a_diagonal_kernel_have_its_probabilities():
    weights, size, draws = np.array([0.1, 1.0, 2.0, 0.5, 3.0]), 2, 40_000
    kept = kdpp.draw_diagonal(weights, size, np.random.default_rng(3).random((draws, 5)))
    assert (kept.sum(1) == size).all()
    chance = kdpp.probabilities(np.diag(weights), size)
    found = np.array([kept[:, s].all(1).mean() for s in kdpp.subsets(5, size)])
    assert (np.abs(found - chance) < 4.5 * np.sqrt(chance * (1 - chance) / draws)).all()
    assert np.abs(found - 1 / len(chance)).max() > 0.1  # by chance alone they would not be these


def test_draws_from_any_kernel_have_its_probabilities():
    both, size, draws = np.stack([kernel(5, 5, 1), kernel(5, 5, 2)]), 3, 40_000
    uniforms = np.random.default_rng(4).random((draws, 2, 5 + size))
    kept = kdpp.draw(np.linalg.eigh(both), size, uniforms)
    assert (kept.sum(2) == size).all()
    for e, matrix in enumerate(both):
        chance = kdpp.probabilities(matrix, size)
        found = np.array([kept[:, e, s].all(1).mean() for s in kdpp.subsets(5, size)])
        assert (np.abs(found - chance) < 4.5 * np.sqrt(chance * (1 - chance) / draws)).all()
        assert np.abs(found - 1 / len(chance)).max() > 0.1


def test_draws_of_the_whole_rank_are_all_of_it_and_one_item_more_is_refused():
    low = kernel(6, 3)
    low[:3, 3:], low[3:, :3], low[3:, 3:] = 0, 0, 0  # only three items can be drawn
    kept = kdpp.draw(np.linalg.eigh(low), 3, np.random.default_rng(5).random((20, 9)))
    assert kept[:, :3].all() and not kept[:, 3:].any()
    with pytest.raises(ValueError, match="at least that rank, got 3"):
        kdpp.draw(np.linalg.eigh(low), 4, np.zeros((1, 10)))


def test_wide_spectra_do_not_overflow():
    weights = np.geomspace(1e-9, 1e9, 800)
    kept = kdpp.draw_diagonal(weights, 400, np.random.default_rng(0).random((3, 800)))
    assert (kept.sum(1) == 400).all() and kept[:, -150:].all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: kdpp.subsets(4, 5), r"size must lie in 1..4 \(the items\), got 5"),
        (lambda: kdpp.subsets(15, 2), "items must be at most 14 for all subsets, got 15"),
        (lambda: kdpp.probabilities(kernel(6, 2), 3), "kernel of at least that rank, got 2"),
        (lambda: kdpp.draw_diagonal(np.array([1.0, 0, 0]), 2, np.zeros((1, 3))), "at least that rank, got 1"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
