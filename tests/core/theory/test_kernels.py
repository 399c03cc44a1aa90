"""Gaussian kernels of ReLU nodes, by Monte Carlo and by what they must be to each other."""

import math

import numpy as np
import pytest
import torch

from ts_core.activations import RELU
from ts_core.data import gaussian
from ts_core.streams import stream
from ts_core.theory import kernels
from ts_core.theory.kernels import relu_correlation


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    "w, u", [((1.0, 2, -1), (0.5, 1, 2)), ((1.0, 0, 0), (-2, 0.1, 0)), ((0.3, 0.4, 0), (0.6, 0.8, 0))]
)
def test_kappa_and_phi_by_monte_carlo(w, u):
    x = gaussian([stream(0, "kernels")], 400_000, 3, 1.0)[0]
    w, u = tensor(*w), tensor(*u)
    f_w, f_u = RELU.value(x @ w), RELU.value(x @ u)
    covariance = (f_w * f_u).mean() - f_w.mean() * f_u.mean()
    assert kernels.kappa(w, u).item() == pytest.approx(covariance.item(), abs=0.02)
    drift = (RELU.derivative(x @ w)[:, None] * (f_u - f_u.mean())[:, None] * x).mean(0)
    torch.testing.assert_close(kernels.phi(w, u), drift, rtol=0, atol=0.012)


def test_kappa_is_zero_for_orthogonal_nodes_and_normalizes_to_the_correlation():
    e = torch.eye(3, dtype=torch.float64)
    assert kernels.kappa(e[0], e[1]).abs() < 1e-16
    assert kernels.kappa(e[0], 2 * e[0]).item() == pytest.approx(2 * (0.5 - 0.5 / math.pi), rel=1e-12)
    theta = torch.linspace(0, math.pi, 7, dtype=torch.float64)
    turned = torch.stack([theta.cos(), theta.sin(), 0 * theta], dim=1)
    ratio = kernels.kappa(e[0].expand(7, 3), turned) / kernels.kappa(e[0], e[0])
    torch.testing.assert_close(ratio, relu_correlation(theta))


def test_phi_is_the_gradient_of_kappa():
    """d kappa(w, u) / dw = phi(w, u): the fan-in follows the covariance it shapes."""
    w, u = tensor(1.0, 2, -1).requires_grad_(), tensor(0.5, 1, 2)
    kernels.kappa(w, u).backward()
    torch.testing.assert_close(w.grad, kernels.phi(w.detach(), u), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "threshold, degrees", [(0.5, 55.0), (0.6, 48.0), (0.7, 40.6), (0.8, 32.3), (0.9, 22.2), (0.95, 15.5)]
)
def test_thresholds_as_angles(threshold, degrees):
    assert kernels.relu_correlation(torch.tensor(math.radians(degrees))).item() == pytest.approx(
        threshold, abs=2e-3
    )


def test_the_erf_kernel_by_quadrature():
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(60))
    weights = weights[:, None] * weights / (2 * math.pi)
    q, p, r = 0.8, 1.7, -0.6
    a = math.sqrt(q) * nodes[:, None]
    b = r / math.sqrt(q) * nodes[:, None] + math.sqrt(p - r**2 / q) * nodes
    found = (weights * torch.erf(a / math.sqrt(2)) * torch.erf(b / math.sqrt(2))).sum()
    shown = kernels.erf_kernel(*map(tensor, (q, p, r)))
    assert shown.item() == pytest.approx(found.item(), abs=1e-8)
