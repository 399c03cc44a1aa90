"""Correlations, observability, cosines: closed forms, plain formulas and edge cases; evaluation in chunks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ts_core import metrics
from ts_core.activations import RELU, LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks, two_layer_teachers
from ts_core.theory import kernels

ACTIVATIONS = arrays(np.float64, (6, 3), elements=st.floats(-100, 100, width=32))


def streams(purpose, count):
    return [stream(seed, purpose) for seed in range(count)]


def pair_at(theta, samples=200_000):
    """Activations of two zero-bias ReLU nodes at an angle, under Gaussian input."""
    x = gaussian(streams("data", 1), samples, 2, std=1.5)
    return (
        RELU.value(x @ torch.tensor([[math.cos(t)], [math.sin(t)]], dtype=torch.float64))
        for t in (0.0, theta)
    )


@pytest.mark.parametrize("degrees", [0, 15.5, 45, 90, 135, 180])
def test_gaussian_closed_forms_by_monte_carlo(degrees):
    theta = torch.tensor(math.radians(degrees), dtype=torch.float64)
    f_t, f_s = pair_at(theta)
    assert metrics.correlation(f_t, f_s).item() == pytest.approx(
        kernels.relu_correlation(theta).item(), abs=0.01
    )
    seen = metrics.observability(f_t, f_s).item()
    assert seen == pytest.approx(kernels.gaussian_observability(theta).item(), abs=4e-3)


def test_affine_student_reaches_the_caveat_of_success():
    z = gaussian(streams("data", 1), 400_000, 1)
    rho = metrics.correlation(RELU.value(z), torch.cat([z + 100, -z + 100], dim=2))[0, 0]
    expected = 0.5 / math.sqrt(0.5 - 1 / (2 * math.pi))
    assert rho.tolist() == pytest.approx([expected, -expected], abs=5e-3)
    assert metrics.success(rho[None, None], 0.85).all() and not metrics.success(rho[None, None], 0.86).any()


def test_correlation_equals_numpy_and_shares_teachers():
    f_t, f_s = gaussian(streams("t", 2), 30, 3), gaussian(streams("s", 4), 30, 5)
    rho = metrics.correlation(f_t, f_s)
    assert rho.shape == (4, 3, 5)
    for member in range(4):
        reference = np.corrcoef(f_t[member // 2].T, f_s[member].T)[:3, 3:]
        np.testing.assert_allclose(rho[member], reference, atol=1e-10)


@given(ACTIVATIONS, ACTIVATIONS)
@settings(max_examples=60, deadline=None)
def test_ranges(f_t, f_s):
    f_t, f_s = torch.from_numpy(f_t)[None], torch.from_numpy(f_s)[None]
    rho, seen = metrics.correlation(f_t, f_s), metrics.observability(f_t, f_s)
    assert (rho.abs() <= 1).all() and (seen >= 0).all() and (seen <= 0.5).all()
    assert (metrics.best_student(rho) == rho.max(dim=2).values).all()
    assert (metrics.success(rho, 0.5) | ~metrics.success(rho, 0.9)).all()


@given(st.integers(0, 2**31), st.floats(-2, 1), st.floats(0, 4))
@settings(max_examples=40, deadline=None)
def test_nodes_that_agree_correlate_one_and_never_more(seed, scale, offset):
    """In float32, whose products and sums round: offsets and scales of three decades, whole and in chunks."""
    base = torch.rand(1, 2000, 1, generator=torch.manual_seed(seed))
    f_s = torch.cat([sign * 10**scale * base + 10**offset for sign in (1, -1)], dim=2)
    running = metrics.RunningCorrelation()
    for parts in zip(base.split(256, 1), f_s.split(256, 1)):
        running.add(*parts)
    for rho in (metrics.correlation(base, f_s), running.value()):
        assert (rho.abs() <= 1).all() and rho[0, 0, 0] >= 0 and rho[0, 0, 1] <= 0
    if scale - offset > -2:  # else rounding of the node itself is what is left of it
        assert running.value()[0, 0].tolist() == pytest.approx([1, -1], abs=1e-3)


def test_diverged_nodes_are_not_clipped_to_a_number():
    f = torch.rand(1, 20, 1)
    assert metrics.correlation(f, torch.full((1, 20, 1), math.inf)).isnan().all()


def test_dead_unit_correlates_zero():
    f_t, f_s = gaussian(streams("t", 1), 20, 2), gaussian(streams("s", 1), 20, 3)
    f_s[..., 1] = 0
    f_t[..., 0] = 4.2
    rho = metrics.correlation(f_t, f_s)
    assert (rho[0, :, 1] == 0).all() and rho[0, 0].abs().max() < 1e-9 and not rho.isnan().any()


def test_best_student_and_best_teacher_are_not_each_other():
    rho = torch.tensor([[[0.9, 0.1, 0.3], [0.8, 0.2, 0.2]]])
    assert metrics.best_student(rho)[0].tolist() == pytest.approx([0.9, 0.8])
    assert metrics.best_teacher(rho)[0].tolist() == pytest.approx([0.9, 0.2, 0.3])


def test_observability_counts_by_hand():
    f_t = torch.tensor([[[1.0], [1.0], [0.0], [0.0], [0.0]]])
    f_s = torch.tensor(
        [[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]
    )
    assert metrics.observability(f_t, f_s)[0, 0].tolist() == pytest.approx([1 / 5, 0, 0])


def test_cosine_with_and_without_bias():
    rows_t, rows_s = torch.tensor([[[3.0, 0.0, 4.0]]]), torch.tensor([[[1.0, 0.0, 0.0], [-2.0, 0.0, 5.0]]])
    assert metrics.cosine(rows_t, rows_s)[0, 0].tolist() == [1, -1]
    assert metrics.cosine(rows_t, rows_s, augmented=True)[0, 0].tolist() == pytest.approx(
        [0.6, 14 / 5 / math.sqrt(29)]
    )


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 95])
def test_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(ValueError, match=rf"threshold must lie in \(0, 1\), got {threshold}"):
        metrics.success(torch.zeros(1, 2, 2), threshold)


def test_one_sample_is_refused():
    teacher = two_layer_teachers(streams("teacher", 1), 4, 2, 3, [0.0])
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        metrics.correlation(torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        metrics.evaluate(teacher, [teacher], torch.ones(1, 1, 4))


@pytest.mark.parametrize("chunk", [2, 7, 100, 1000])
def test_evaluation_by_chunks_equals_the_direct_formulas(chunk):
    sizes = [4, 5, 3, 2]
    teacher = random_networks(streams("teacher", 4), sizes)
    # pairs of teachers share their lowest layer
    teacher = Network((teacher.weights[0][:2], *teacher.weights[1:]))
    students = [
        random_networks(streams("start", 4), sizes, LeakyReLU(0.1)),
        random_networks(streams("start", 4), [4, 8, 6, 2]),
    ]
    x = gaussian(streams("data", 2), 100, 4)
    f_t = forward(teacher, x)[1]
    for student, found in zip(students, metrics.evaluate(teacher, students, x, chunk)):
        f = forward(student, x)[1]
        error = (f_t[-1] - f[-1]).square().mean((1, 2))
        torch.testing.assert_close(found.loss, error, rtol=1e-12, atol=0)
        assert len(found.rho) == 2
        for layer in range(2):
            torch.testing.assert_close(
                found.rho[layer], metrics.correlation(f_t[layer], f[layer]), rtol=0, atol=1e-9
            )


def test_reported_loss_is_two_J_over_c():
    """Two outputs wrong by 3 and 4 at every sample: J = 25 / 2 and c = 2; at every other sample:
    half of both.
    """

    def constant(*values):
        return Network((torch.zeros(1, 1, 2), torch.tensor([[[0.0, value] for value in values]])))

    loss = metrics.evaluate(constant(3.0, 4.0), [constant(0.0, 0.0)], torch.zeros(1, 2, 1))[0].loss
    assert loss.item() == 25 / 2
    x = torch.tensor([[[0.0], [1.0]]])
    step = Network((torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[3.0, 0.0], [4.0, 0.0]]])))
    assert metrics.evaluate(step, [constant(0.0, 0.0)], x)[0].loss.item() == 25 / 4


def test_diverged_member_does_not_contaminate_the_others():
    teacher = two_layer_teachers(streams("teacher", 2), 4, 2, 3, [0.0])
    student = random_networks(streams("start", 2), [4, 3, 3])
    broken = Network(tuple(torch.cat([w[:1], torch.full_like(w[1:], math.nan)]) for w in student.weights))
    x = gaussian(streams("data", 2), 50, 4)
    whole, half = (metrics.evaluate(teacher, [s], x)[0] for s in (student, broken))
    assert torch.equal(whole.loss[:1], half.loss[:1]) and torch.equal(whole.rho[0][:1], half.rho[0][:1])
    assert not half.loss[1].isfinite()


def test_the_orientation_of_the_mean_matters():
    """Four of sixteen students are the teachers, the others noise: all teachers are found,
    most students are not.
    """
    rng = np.random.default_rng(0)
    f_t = torch.from_numpy(rng.standard_normal((1, 4000, 4)))
    f = torch.cat([f_t, torch.from_numpy(rng.standard_normal((1, 4000, 12)))], dim=2)
    rho = metrics.correlation(f_t, f)
    assert (
        metrics.best_student(rho).mean() == pytest.approx(1, abs=1e-9)
        and 0.25 < metrics.best_teacher(rho).mean() < 0.3
    )
