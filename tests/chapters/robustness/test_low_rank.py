"""Subspaces, inputs near them, and what is measured of the weights inside and outside."""

import numpy as np
import pytest
import torch

from companion.chapters.robustness.attacks import difference
from companion.chapters.robustness.low_rank import axis_aligned, bases, inputs, projector, split, teachers
from companion.chapters.robustness.measures import (
    error,
    held_against,
    in_and_out,
    mean_best_correlation,
    repaired,
)
from tests.chapters.robustness.networks import RANK, SEEDS, C, D, M, basis, in_s, of, student, teacher
from ts_core.networks import Network, forward


def test_a_basis_is_orthonormal_and_its_projector_a_projector():
    for u in (basis(), axis_aligned(of("subspace"), D, RANK)):
        eye = torch.eye(RANK, dtype=u.dtype).expand(len(SEEDS), -1, -1)
        torch.testing.assert_close(u.mT @ u, eye, atol=1e-12, rtol=0)
        p = projector(u)
        torch.testing.assert_close(p @ p, p, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match=f"rank must lie in 1..{D} .*got 9"):
        bases(of("subspace"), D, 9)


def test_rows_are_split_into_orthogonal_parts():
    rows, u = student().weights[0][..., :-1], basis()
    inside, outside = split(rows, u)
    torch.testing.assert_close(inside + outside, rows)
    torch.testing.assert_close(inside, rows @ projector(u))
    assert (inside * outside).sum(2).abs().max() < 1e-12


def test_inputs_lie_in_the_subspace_and_noise_leaves_it_in_all_directions():
    noises = torch.tensor([0.0, 0.5], dtype=torch.float64)
    x = inputs(of("inputs"), basis(), noises, 40_000)
    assert x.shape == (len(SEEDS), 2, 40_000, D)
    inside, outside = split(x, basis())
    assert outside[:, 0].abs().max() < 1e-12
    energy = lambda part: part.square().sum(2).mean(1)
    np.testing.assert_allclose(energy(inside[:, 0]), RANK, rtol=0.02)
    np.testing.assert_allclose(energy(inside[:, 1]), RANK * 1.25, rtol=0.02)
    np.testing.assert_allclose(energy(outside[:, 1]), (D - RANK) * 0.25, rtol=0.02)
    torch.testing.assert_close(in_s(5), inputs(of("inputs"), basis(), noises, 5)[:, 0])


def test_teachers_have_unit_rows_and_no_output_bias():
    lower, upper = teachers(of("teacher"), D, M, C, 0.0).weights
    torch.testing.assert_close(lower[..., :-1].norm(dim=2), torch.ones(len(SEEDS), M, dtype=lower.dtype))
    assert not lower[..., -1].any() and not upper[..., -1].any()


def copied(scale: float) -> Network:
    """Students that are the teacher inside S, rescaled, and anything outside; one node of no use."""
    lower, upper = (w.clone() for w in teacher().weights)
    inside, outside = split(lower[..., :-1], basis())
    lower[..., :-1] = inside - 2 * outside
    extra = student().weights[0][:, :1]
    return Network(
        (
            torch.cat([scale * lower, extra], 1),
            torch.cat([upper[..., :-1] / scale, torch.zeros_like(upper[..., :1]), upper[..., -1:]], 2),
        )
    )


def test_cosines_inside_and_outside_are_those_of_the_same_pair():
    inside, outside = in_and_out(teacher(), copied(3.0), basis())
    torch.testing.assert_close(inside, torch.ones_like(inside))
    torch.testing.assert_close(outside, -torch.ones_like(outside))


def test_a_repair_is_exact_where_students_match_inside():
    t, s, u, x = teacher(), copied(3.0), basis(), in_s()
    full = torch.randn(len(SEEDS), 60, D, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    assert error(difference(t, s), x).max() < 1e-24 < error(difference(t, s), full).min()
    assert error(difference(t, repaired(t, s, u)), full).max() < 1e-24
    wrong = repaired(t, s, u, shift=1)
    assert error(difference(t, wrong), x).max() < 1e-24 and error(difference(t, wrong), full).min() > 1e-3
    assert mean_best_correlation(t, s, full).max() < 0.99 < mean_best_correlation(t, s, x).min()


def test_a_repair_changes_no_output_in_the_subspace():
    x = in_s()
    before, after = (forward(n, x)[1][-1] for n in (student(), repaired(teacher(), student(), basis())))
    torch.testing.assert_close(before, after)


def test_a_student_is_held_against_every_attack():
    t, s, u, x = teacher(), copied(1.0), basis(), in_s()
    noise = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    found = held_against(t, s, u, x, noise, radii=(0.01, 0.1), radius=0.1, steps=10)
    by = {(a.attack, a.radius): a for a in found}
    clean, free = by["clean", 0.0], by["free", 0.1]
    assert len(by) == len(found) == 11 and clean.loss.max() < 1e-24
    assert (free.loss > 3 * by["random", 0.1].loss).all()
    assert (by["outside S", 0.1].loss >= 0.95 * free.loss).all() and by["inside S", 0.1].loss.max() < 1e-20
    torch.testing.assert_close(by["free", 0.01].predicted * 100, free.predicted)
    small = by["free", 0.01]
    torch.testing.assert_close(small.loss, small.predicted, rtol=0.1, atol=0)
    assert by["repaired", 0.1].loss.max() < 1e-20 < by["repaired with another node", 0.1].loss.min()
    assert free.predicted.isfinite().all() and by["random", 0.1].predicted.isnan().all()
