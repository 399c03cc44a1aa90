"""The closed forms of the shift against integrals and samples."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from companion.chapters.data_free.shift import divergence, variance_on_noise
from companion.experiments.small_convnets import convolved


@pytest.mark.parametrize("moments", [(0.0, 1.0, 0.0, 1.0), (0.3, 2.0, -0.5, 0.7), (-1.0, 0.2, 0.4, 3.0)])
def test_the_divergence_is_its_integral(moments):
    mean, variance, stored, stored_variance = moments
    p, q = norm(mean, variance**0.5), norm(stored, stored_variance**0.5)
    found = quad(lambda z: p.pdf(z) * (p.logpdf(z) - q.logpdf(z)), mean - 12, mean + 12, epsabs=1e-11)[0]
    assert divergence(*moments) == pytest.approx(found, abs=1e-8)
    assert divergence(*moments) >= 0 and (divergence(*moments) == 0) == (p.args == q.args)


def test_scaling_a_filter_changes_nothing():
    a, of = 3.7, (0.3, 2.0, -0.5, 0.7)
    scaled = divergence(a * of[0], a**2 * of[1], a * of[2], a**2 * of[3])
    assert scaled == pytest.approx(divergence(*of), abs=1e-12)


def test_variance_on_noise_is_that_of_every_position():
    rng, side = np.random.default_rng(0), 5
    filters = rng.standard_normal((2, 3, 2, 3, 3))
    # the response to each pixel alone: its square, summed over pixels, is the variance at a position
    pixels = torch.eye(2 * side * side, dtype=torch.float64).view(-1, 2, side, side)
    responses = convolved(torch.cat([pixels, pixels], 1), torch.from_numpy(filters))
    exact = responses.square().sum(0).mean((1, 2)).view(2, 3)
    assert np.allclose(variance_on_noise(filters, side), exact, atol=1e-12)
    assert not np.allclose(np.square(filters).sum((-3, -2, -1)), exact, rtol=0.05)  # without the rim


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: divergence(0, 0.0, 0, 1), "variances must be positive, got 0"),
        (lambda: divergence(0, 1, 0, np.array([1.0, -2.0])), "got -2"),
        (lambda: variance_on_noise(np.ones((2, 1, 5, 5)), 8), "filters must be 3 x 3, got 5 x 5"),
    ],
)
def test_bad_values_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
