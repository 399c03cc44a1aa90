"""The integrals of online learning: against Monte Carlo, quadrature, the published form, and limits."""

import math

import numpy as np
import pytest
import torch

from companion.chapters.online_learning.gates import gate_products, gated_fields, gated_products
from companion.experiments.soft_committee.overlaps import kernel_matrix

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
DRAWN = np.random.default_rng(0).standard_normal((4, 7))
C = torch.from_numpy(DRAWN @ DRAWN.T / 7)


def erf(z):
    return torch.erf(torch.as_tensor(z) / math.sqrt(2))


def gate(z, beta):
    return math.sqrt(2 / math.pi) * torch.exp(-((beta * torch.as_tensor(z)) ** 2) / 2)


def expectation(of, c):
    """Gauss-Hermite quadrature of a function of jointly Gaussian fields ``(k, points)``."""
    k = len(c)
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*[NODES] * k)])
    weight = np.prod([axis.ravel() for axis in np.meshgrid(*[WEIGHTS] * k)], axis=0) / (2 * np.pi) ** (k / 2)
    fields = torch.linalg.cholesky(c) @ torch.from_numpy(grid)
    return float((of(fields) * torch.from_numpy(weight)).sum())


def test_products_are_those_of_quadrature():
    for a, b in ((0, 1), (2, 3)):
        pair = C[[a, b]][:, [a, b]]
        assert kernel_matrix(C)[a, b] == pytest.approx(
            expectation(lambda u: erf(u[0]) * erf(u[1]), pair), abs=1e-8
        )


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_gated_fields_are_those_of_quadrature(beta):
    c = C[:3, :3] / 4  # narrow enough for so many points
    found = expectation(lambda u: gate(u[0], beta) * u[1] * erf(u[2]), c)
    assert gated_fields(c, 1, beta)[0, 1, 2] == pytest.approx(found, abs=1e-8)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_gate_products_are_those_of_quadrature(beta):
    c = C[:2, :2] / 4
    found = expectation(lambda u: gate(u[0], beta) * gate(u[1], beta), c)
    assert gate_products(c, 2, beta)[0, 1] == pytest.approx(found, abs=1e-8)
    alone = expectation(lambda u: gate(u[0], beta) ** 2, c[:1, :1])
    assert gate_products(c, 1, beta)[0, 0] == pytest.approx(alone, abs=1e-8)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_gated_products_lie_within_the_error_of_samples(beta):
    u = torch.linalg.cholesky(C) @ torch.from_numpy(np.random.default_rng(1).standard_normal((4, 400_000)))
    found = gated_products(C, 2, beta)
    for (a, b), (c, d) in (((0, 1), (2, 3)), ((0, 0), (2, 3)), ((0, 1), (1, 3))):
        values = gate(u[a], beta) * gate(u[b], beta) * erf(u[c]) * erf(u[d])
        assert abs(float(found[a, b, c, d] - values.mean())) < 4 * float(values.std()) / math.sqrt(400_000)
        assert abs(float(found[a, b, c, d] + values.mean())) > 40 * float(values.std()) / math.sqrt(400_000)


def test_gated_products_are_the_published_ones_for_gradient_descent():
    """The form with Lambda_0 to Lambda_4 of Saad and Solla (1995)."""
    c11, c22, c33, c44 = C.diagonal()
    c12, c13, c14, c23, c24, c34 = C[0, 1], C[0, 2], C[0, 3], C[1, 2], C[1, 3], C[2, 3]
    l4 = (1 + c11) * (1 + c22) - c12**2
    l0 = l4 * c34 - c23 * c24 * (1 + c11) - c13 * c14 * (1 + c22) + c12 * c13 * c24 + c12 * c14 * c23
    l1 = l4 * (1 + c33) - c23**2 * (1 + c11) - c13**2 * (1 + c22) + 2 * c12 * c13 * c23
    l2 = l4 * (1 + c44) - c24**2 * (1 + c11) - c14**2 * (1 + c22) + 2 * c12 * c14 * c24
    published = 4 / math.pi**2 / l4.sqrt() * (l0 / (l1 * l2).sqrt()).arcsin()
    assert float(gated_products(C, 2)[0, 1, 2, 3] - published) == pytest.approx(0, abs=1e-12)


def test_leading_axes_are_independent():
    both = torch.stack([C, C / 2])
    for of in (kernel_matrix, lambda c: gated_fields(c, 2, 1.5), lambda c: gated_products(c, 2, 1.5)):
        torch.testing.assert_close(of(both)[1], of(C / 2), rtol=1e-13, atol=0)
