"""The exact loss of a student with too few nodes: by samples, by differences, by closed forms."""

import math

import pytest
import torch

from companion.chapters.copy_average.landscape import KERNELS, Landscape
from companion.chapters.copy_average.levels import best_level, level, one_neuron_norm, partitions
from ts_core.activations import RELU, Erf

ACTIVATIONS = {"erf": Erf(), "relu": RELU}


def random(land, members=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(members, land.n * (land.d + 1), dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("activation", KERNELS)
def test_the_loss_is_that_of_samples(activation):
    land = Landscape(activation, 3, 5, 6)
    theta = random(land, members=2)
    x = torch.randn(400_000, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sigma = ACTIVATIONS[activation].value
    for w, a, loss in zip(*land.parts(theta), land.loss(theta)):
        square = (sigma(x @ w.T) @ a - sigma(x[:, :5]).sum(1)).square()
        assert abs(square.mean() - loss) < 4 * square.std() / math.sqrt(len(x))
    silent = torch.zeros(1, land.n * (land.d + 1), dtype=torch.float64)
    silent[:, : land.n * land.d] = 1
    assert land.loss(silent).item() == pytest.approx(land.of_teacher)


@pytest.mark.parametrize("activation", KERNELS)
def test_gradient_and_hessian_are_the_derivatives(activation):
    land = Landscape(activation, 3, 5, 6)
    theta, step = random(land), 1e-5
    shifts = step * torch.eye(theta.shape[1], dtype=theta.dtype)
    difference = lambda of: torch.stack([(of(theta + s) - of(theta - s)) / (2 * step) for s in shifts], -1)
    torch.testing.assert_close(land.gradient(theta), difference(land.loss), rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(land.hessian(theta), difference(land.gradient), rtol=1e-7, atol=1e-8)


def test_the_gradient_is_that_of_autograd_to_rounding():
    land = Landscape("erf", 4, 6, 7)
    theta = random(land).requires_grad_()
    (found,) = torch.autograd.grad(land.loss(theta).sum(), theta)
    torch.testing.assert_close(land.gradient(theta.detach()), found, rtol=1e-12, atol=1e-12)


def test_a_node_with_itself():
    """K(w, w) of ReLU is |w|^2 / 2: no infinite parts are left."""
    land = Landscape("relu", 1, 2, 3)
    theta = random(land)
    assert land.hessian(theta).isfinite().all() and land.gradient(theta).isfinite().all()


def test_levels_are_concave_and_known():
    found = [level(number) for number in range(1, 9)]
    assert found[:4] == pytest.approx([0, 0.023222, 0.040593, 0.056755], abs=1e-6)
    assert all(after - now < now - before for before, now, after in zip(found, found[1:], found[2:]))
    assert best_level(5, 6) == level(2) and one_neuron_norm(1) == 1
    # the leading terms of exercise 2
    assert level(100) == pytest.approx(100 * (1 / 3 - 1 / math.pi) - 1 / (2400 * math.pi), abs=1e-8)


def test_partitions_by_hand():
    assert partitions(6, 3) == [(4, 1, 1), (3, 2, 1), (2, 2, 2)]
    assert partitions(3, 3) == [(1, 1, 1)] and partitions(2, 3) == []


def test_what_has_no_level_is_refused():
    with pytest.raises(ValueError, match="teachers must be at least 1, got 0"):
        level(0)
    with pytest.raises(ValueError, match="students must lie in 1 to 6, got 7"):
        best_level(7, 6)
