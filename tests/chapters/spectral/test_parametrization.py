"""The spectral parametrization by full matrices, by autograd and by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.chapters.spectral.parametrization import (
    balanced,
    graph,
    least_curvature,
    least_penalty,
    weights,
)
from companion.chapters.spectral.studies import Identities

POSITIVE = st.floats(1e-3, 1e3)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 100))
def test_the_weights_are_a_block_of_the_adjacency_matrix(inputs, nodes, seed):
    phi, into, out = (
        drawn(nodes, inputs, seed=seed),
        drawn(inputs, seed=seed + 1),
        drawn(nodes, seed=seed + 2),
    )
    eigenvectors, eigenvalues = graph(phi, into, out)
    identity = torch.eye(inputs + nodes, dtype=torch.float64)
    assert torch.equal(eigenvectors @ (2 * identity - eigenvectors), identity)
    adjacency = eigenvectors @ eigenvalues.diag() @ torch.linalg.inv(eigenvectors)
    torch.testing.assert_close(adjacency[inputs:, :inputs], weights(phi, into, out), rtol=1e-13, atol=1e-13)
    assert adjacency[:inputs, inputs:].abs().max() < 1e-13  # nothing flows back
    torch.testing.assert_close(adjacency @ eigenvectors, eigenvectors * eigenvalues, rtol=1e-13, atol=1e-13)


def test_one_node_by_hand():
    w = weights(torch.tensor([[2.0, 3.0]]), torch.tensor([1.0, 0.0]), torch.tensor([4.0]))
    assert w.tolist() == [[-6.0, -12.0]]
    assert least_penalty(torch.tensor([[3.0, 4.0]]), a=4.0, b=1.0) == 20.0  # 2 sqrt(4) 5


@settings(deadline=None, max_examples=30)
@given(POSITIVE, POSITIVE, st.integers(0, 100))
def test_balanced_coordinates_have_the_least_penalty(a, b, seed):
    w = drawn(3, 4, seed=seed)
    eigenvalues, phi = balanced(w, a, b)
    torch.testing.assert_close(weights(phi, torch.zeros(4, dtype=torch.float64), eigenvalues), w)
    cost = lambda of: a * of.square().sum() + b * (w / of[:, None]).square().sum()
    assert cost(eigenvalues).item() == pytest.approx(least_penalty(w, a, b).item(), rel=1e-13)
    for factor in (0.9, 1.1):
        assert cost(factor * eigenvalues) > least_penalty(w, a, b) * (1 + 1e-3)


def test_a_node_of_zeros_has_coordinates_of_zeros():
    eigenvalues, phi = balanced(torch.zeros(1, 2), 1.0, 2.0)
    assert eigenvalues.tolist() == [0.0] and not phi.any()


@settings(deadline=None, max_examples=30)
@given(POSITIVE, POSITIVE, st.integers(0, 100))
def test_curvature_at_zero_is_that_of_autograd_and_changes_sign_at_the_threshold(a, b, seed):
    pull = drawn(3, seed=seed)

    def cost(coordinates: torch.Tensor) -> torch.Tensor:
        return (
            a * coordinates[0] ** 2
            + b * coordinates[1:].square().sum()
            - coordinates[0] * pull @ coordinates[1:]
        )

    hessian = torch.autograd.functional.hessian(cost, torch.zeros(4, dtype=torch.float64))
    expected = torch.linalg.eigvalsh(hessian).min().item()
    assert least_curvature(pull.norm(), a, b).item() == pytest.approx(expected, rel=1e-8, abs=1e-10 * (a + b))
    threshold = torch.tensor(2 * (a * b) ** 0.5, dtype=torch.float64)
    assert least_curvature(0.99 * threshold, a, b) > 0 > least_curvature(1.01 * threshold, a, b)


def test_flow_balances_both_penalties_at_the_rate_4a():
    """d/dt (lambda^2 - ||phi||^2) = -4 (a lambda^2 - b ||phi||^2) for any loss of the weights."""
    eigenvalue, phi, target = drawn(1).requires_grad_(), drawn(5).requires_grad_(), drawn(5, seed=3)
    a, b = 0.3, 0.7
    loss = ((-eigenvalue * phi - target) ** 4).sum() + a * eigenvalue.square().sum() + b * phi.square().sum()
    g, h = torch.autograd.grad(loss, (eigenvalue, phi))
    change = -2 * (eigenvalue * g).sum() + 2 * (phi * h).sum()
    expected = -4 * (a * eigenvalue.square().sum() - b * phi.square().sum())
    assert change.item() == pytest.approx(expected.item(), rel=1e-12)


def test_identities_hold_and_their_alternatives_do_not():
    errors = Identities(seeds=4).run()["errors"]
    assert errors[["block", "penalty", "curvature"]].to_numpy().max() < 1e-14
    assert errors[["added", "ridge", "halved"]].to_numpy().min() > 1e-3
