"""Closed forms against quadrature, enumeration and networks of many inputs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.chapters.pruning import closed_forms, committee, kdpp

M, Z = 2, 3
GROUPS = np.repeat(np.arange(M), Z)
WEIGHTS = np.linspace(-12, 12, 200_001)
DENSITY = np.exp(-(WEIGHTS**2) / 2) / np.exp(-(WEIGHTS**2) / 2).sum()


def denoiser(noise: float, dim: int = 9):
    """Orthogonal teachers and copies whose deviations are orthogonal to everything, of squared norm noise."""
    axes = np.eye(dim)
    rows = axes[GROUPS] + np.sqrt(noise) * axes[M + np.arange(M * Z)]
    return rows, np.full(M * Z, 1 / Z), axes[:M], np.ones(M)


def of_subsets(size: int) -> np.ndarray:
    rows, fan_out, *teacher = denoiser(0.0)
    chosen = kdpp.subsets(M * Z, size)
    return committee.error(rows[chosen], fan_out[chosen], *teacher)


@pytest.mark.parametrize("k", range(1, M * Z))
def test_nodes_are_means_over_all_subsets(k):
    errors = of_subsets(k)
    assert closed_forms.uniform_nodes(k / 6, Z, M) == pytest.approx(errors.mean(), abs=1e-12)
    rows, *_ = denoiser(1e-5)
    chance = kdpp.probabilities(rows @ rows.T, k)
    assert closed_forms.dpp_nodes(k / 6, Z, M) == pytest.approx(chance @ errors, abs=1e-5)


@pytest.mark.parametrize("k", range(M, M * Z))
def test_a_dpp_keeps_one_of_each_and_the_rest_by_chance(k):
    rows, *_ = denoiser(1e-6)
    groups = GROUPS[kdpp.subsets(M * Z, k)]
    product = np.prod([(groups == g).sum(1) for g in range(M)], axis=0)
    chance = kdpp.probabilities(rows @ rows.T, k)
    assert np.allclose(chance, product / product.sum(), atol=1e-5)


@given(st.integers(2, 6), st.integers(2, 8), st.data())
def test_diversity_helps_between_one_node_and_all_but_one(m, z, data):
    k = data.draw(st.integers(1, z * m - 1))
    dpp, uniform = (form(k / (z * m), z, m) for form in (closed_forms.dpp_nodes, closed_forms.uniform_nodes))
    assert dpp < uniform if 1 < k < z * m - 1 else dpp == pytest.approx(uniform, abs=1e-12)


@pytest.mark.parametrize("kept", [0.05, 0.3, 0.7, 0.97])
def test_dpp_edges_are_the_quadrature(kept):
    q, r = closed_forms._dpp_overlaps(kept)
    t = np.exp(np.interp(kept, *_shares()))
    for _ in range(60):  # Newton, to the last digits
        stay = t * WEIGHTS**2 / (1 + t * WEIGHTS**2)
        t += (kept - DENSITY @ stay) / (DENSITY @ (stay * (1 - stay))) * t
    stay = t * WEIGHTS**2 / (1 + t * WEIGHTS**2)
    assert DENSITY @ stay == pytest.approx(kept, abs=1e-12)
    assert (q, r) == pytest.approx((DENSITY @ (WEIGHTS**2 * stay), DENSITY @ (WEIGHTS * stay) ** 2), abs=1e-8)


def _shares():
    logs = np.linspace(-12, 14, 2000)
    stay = lambda log: np.exp(log) * WEIGHTS[::200] ** 2 / (1 + np.exp(log) * WEIGHTS[::200] ** 2)
    return [DENSITY[::200] @ stay(log) / DENSITY[::200].sum() for log in logs], logs


def test_edges_are_the_mean_over_masks_of_many_inputs():
    rng, dim, kept = np.random.default_rng(0), 4000, 0.4
    teacher = np.linalg.qr(rng.standard_normal((dim, M)))[0].T
    rows, fan_out = teacher[GROUPS], np.full(M * Z, 1 / Z)
    uniforms = rng.random((6, M * Z, dim))
    largest = np.argsort(np.argsort(-(rows**2), axis=1), axis=1) < kept * dim
    masks = dict(
        random_edges=uniforms < kept,
        dpp_edges=kdpp.draw_diagonal(rows**2, int(kept * dim), uniforms),
        magnitude_edges=largest[None],
    )
    found = {
        name: committee.error(rows * mask, fan_out, teacher, np.ones(M)).mean()
        for name, mask in masks.items()
    }
    expected = {name: float(getattr(closed_forms, name)(kept, Z)) for name in masks}
    assert found == pytest.approx(expected, abs=0.01)
    assert expected["magnitude_edges"] < expected["dpp_edges"] < expected["random_edges"] - 0.1


@pytest.mark.parametrize("noise", [1e-3, 0.1, 3.0])
def test_noisy_and_merged_copies(noise):
    rows, fan_out, *teacher = denoiser(noise)
    assert closed_forms.noisy_copies(noise, Z) == pytest.approx(
        committee.error(rows, fan_out, *teacher), abs=1e-12
    )
    fused = rows.reshape(M, Z, -1).mean(1)
    merged = committee.error(fused, np.ones(M), *teacher)
    assert closed_forms.merged_copies(noise, Z) == pytest.approx(merged, abs=1e-12)


def test_small_deviations_cost_what_the_proposition_says():
    noise = 1e-5
    slope = 6 / (np.sqrt(3) * np.pi * Z)
    assert closed_forms.noisy_copies(noise, Z) / noise == pytest.approx(slope, rel=1e-3)
    assert closed_forms.merged_copies(noise, Z) / noise == pytest.approx(slope, rel=1e-3)


def test_everything_kept_costs_nothing_and_nothing_kept_everything():
    for form in (closed_forms.random_edges, closed_forms.dpp_edges, closed_forms.magnitude_edges):
        assert form(1.0, Z) == pytest.approx(0, abs=1e-12)
    for form in (closed_forms.uniform_nodes, closed_forms.dpp_nodes):
        assert form(1.0, Z, M) == pytest.approx(0, abs=1e-12) and form(0.0, Z, M) == 1
    assert closed_forms.random_edges(0.0, Z) == closed_forms.magnitude_edges(0.0, Z) == 1


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: closed_forms.random_edges(1.2, 3), r"kept must lie in \[0, 1\], got 1.2"),
        (lambda: closed_forms.dpp_edges(-0.1, 3), r"kept must lie in \[0, 1\], got -0.1"),
        (lambda: closed_forms.uniform_nodes(0.5, 0.5, 2), "z must be at least 1, got 0.5"),
        (lambda: closed_forms.dpp_nodes(0.5, 2, 0), "m must be at least 1, got 0.0"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call()
