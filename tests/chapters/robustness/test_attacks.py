"""Attacks: the difference network, gradients by autograd, radii, closed forms for a linear difference."""

import pytest
import torch
from torch.func import jacrev, vmap

from companion.chapters.robustness.attacks import attack, difference, share_outside, unit
from companion.chapters.robustness.low_rank import projector
from companion.chapters.robustness.theory import curvature, jacobian_energy, jacobians
from tests.chapters.robustness.networks import RANK, SEEDS, C, D, N, basis, in_s, of, student, teacher
from ts_core.activations import LeakyReLU
from ts_core.networks import Network, forward
from ts_core.teachers import random_networks


def output(network, x):
    return forward(network, x)[1][-1]


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_difference_is_a_network(depth):
    one, other = student(depth), random_networks(of("other"), (D, *[3] * (depth - 1), C))
    x = in_s()
    apart = output(difference(other, one), x)
    torch.testing.assert_close(apart, output(one, x) - output(other, x), rtol=1e-12, atol=1e-12)


def test_networks_without_a_difference_are_refused():
    leaky = Network(student().weights, LeakyReLU(0.1))
    for other in (student(3), leaky):
        with pytest.raises(ValueError, match="a difference needs networks of equal inputs"):
            difference(teacher(), other)


def test_one_step_follows_the_gradient_of_autograd():
    x, network = in_s().requires_grad_(), difference(teacher(), student())
    output(network, x).square().sum().backward()
    x, slope = x.detach(), x.grad
    moved = attack(network, x, 0.3, steps=1)
    torch.testing.assert_close(moved, 0.3 * unit(slope), rtol=1e-10, atol=1e-12)
    moved = attack(network, x, 0.3, norm="linf", steps=1)
    torch.testing.assert_close(moved, 0.3 * slope.sign())


def test_the_fixed_label_is_a_target():
    x = in_s().requires_grad_()
    label = output(teacher(), x).detach()
    (output(student(), x) - label).square().sum().backward()
    moved = attack(student(), x.detach(), 0.3, steps=1, target=label)
    torch.testing.assert_close(moved, 0.3 * unit(x.grad), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm, order", [("l2", 2), ("linf", torch.inf)])
def test_no_attack_is_larger_than_its_radius_and_each_gains(norm, order):
    x, network = in_s(), difference(teacher(), student())
    radius = torch.linspace(0.1, 0.4, x.shape[1], dtype=x.dtype)[:, None]
    delta = attack(network, x, radius, norm=norm, steps=7)
    assert (delta.norm(p=order, dim=2) <= radius[:, 0] * (1 + 1e-12)).all()
    gain = output(network, x + delta).square().sum(2) - output(network, x).square().sum(2)
    assert (gain > 0).double().mean() > 0.95  # gates may close on the way


def test_an_attack_on_a_linear_difference_finds_its_largest_singular_direction():
    """All gates open: the gain from f = 0 is radius^2 sigma_max^2, for any number of steps."""
    open_gates = student()
    open_gates.weights[0][..., -1] = 50.0
    x = in_s(20)
    bias = output(open_gates, x).mean(1)
    open_gates.weights[1][..., -1] -= bias
    j = jacobians(open_gates, x)[:, 0]
    at_zero = x - (output(open_gates, x) @ torch.linalg.pinv(j).mT)  # f = 0 there, as d > c
    start = 1e-3 * torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    delta = attack(open_gates, at_zero, 0.2, steps=60, start=start)
    gain = output(open_gates, at_zero + delta).square().sum(2)
    best = 0.04 * torch.linalg.matrix_norm(j, ord=2).square()
    assert (gain <= best[:, None] * (1 + 1e-9)).all()
    assert (gain.amax(1) > 0.99 * best).all()


def test_confined_attacks_stay():
    x, u = in_s(), basis()
    inside = projector(u)
    eye = torch.eye(D, dtype=x.dtype)
    for within, share in ((inside, 0.0), (eye - inside, 1.0)):
        delta = attack(difference(teacher(), student()), x, 0.3, steps=3, within=within)
        torch.testing.assert_close(share_outside(delta, u), torch.full((len(SEEDS),), share, dtype=x.dtype))


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(steps=0), "steps must be at least 1, got 0"),
        (dict(steps=1, norm="l1"), "norm must be l2 or linf, got 'l1'"),
        (dict(steps=1, norm="linf", within=torch.eye(D)), "a sign attack does not stay within"),
        (dict(steps=1, radius=-1.0), "radius must be at least 0, got -1.0"),
    ],
)
def test_attacks_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        attack(student(), in_s(), **{"radius": 0.1, **options})


def of_autograd(network, x):
    """Jacobians ``(e, b, c, d)`` one member at a time."""
    found = []
    for member, points in enumerate(x):
        alone = Network(tuple(w[member : member + 1] for w in network.weights))
        found.append(vmap(jacrev(lambda point: output(alone, point[None, None])[0, 0]))(points))
    return torch.stack(found)


def test_jacobians_and_their_energy_by_autograd():
    x, network = in_s(), student()
    expected = of_autograd(network, x)
    torch.testing.assert_close(jacobians(network, x), expected, rtol=1e-10, atol=1e-12)
    energy = expected.square().sum((2, 3)).mean(1)
    torch.testing.assert_close(jacobian_energy(network, x), energy, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="two layers, got depth 3"):
        jacobians(student(3), x)


def test_the_curvature_is_that_of_the_worst_small_step_across_the_subspace():
    """By brute force: the largest gain per sample over the singular vectors of the Jacobian across S."""
    x, u, network = in_s(), basis(), difference(teacher(), student())
    across = of_autograd(network, x) @ (torch.eye(D, dtype=x.dtype) - projector(u))[:, None]
    _, size, directions = torch.linalg.svd(across, full_matrices=False)
    expected = size[..., 0].square().mean(1) / C
    torch.testing.assert_close(curvature(network, x, u), expected, rtol=1e-8, atol=1e-12)
    worst = 1e-6 * directions[:, :, 0]
    gain = (output(network, x + worst) - output(network, x)).square().mean((1, 2)) / 1e-12
    torch.testing.assert_close(gain, expected, rtol=1e-4, atol=0)
    assert RANK < D and N > 0
