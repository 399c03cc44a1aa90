"""The recursive gradient rule and the plain backward pass, against autograd and by hand."""

import pytest
import torch

from ts_core.activations import Erf, LeakyReLU, Square, Tanh
from ts_core.data import gaussian
from ts_core.gradients import (
    augmented,
    by_autograd,
    by_backprop,
    by_rule,
    gates,
    mean_beta,
    overlaps,
    top_down,
    weight_gradients,
    with_constant,
)
from ts_core.losses import SQUARED_ERROR, CrossEntropy
from ts_core.networks import Network, fan_out_norm, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks, two_layer_teachers
from ts_core.theory.geometry import alpha

DEEP = ([5, 4, 3], [5, 7, 3]), ([6, 4, 5, 3], [6, 8, 9, 3]), ([4, 3, 3, 3, 3, 3], [4, 6, 5, 6, 5, 3])


def streams(purpose, count):
    return [stream(seed, purpose) for seed in range(count)]


def pair(sizes_t, sizes, slope=0.0, members=3, samples=11):
    teacher = random_networks(streams("teacher", members), sizes_t, LeakyReLU(slope))
    student = random_networks(streams("start", members), sizes, LeakyReLU(slope))
    return teacher, student, gaussian(streams("data", members), samples, sizes[0])


def residual_jacobians(network, x, member, sample):
    """The output's derivative in the activations of each layer, by torch, for one sample."""

    def from_layer(f, layer):
        for i in range(layer, network.depth):
            z = f @ network.weights[i][member, :, :-1].T + network.weights[i][member, :, -1]
            f = torch.nn.functional.leaky_relu(z, network.slope) if i < network.depth - 1 else z
        return f

    f = forward(network, x)[1]
    return [
        torch.autograd.functional.jacobian(lambda q: from_layer(q, layer), f[layer - 1][member, sample])
        for layer in range(1, network.depth)
    ]


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("sizes_t, sizes", DEEP)
def test_both_routes_equal_autograd(sizes_t, sizes, slope):
    teacher, student, x = pair(sizes_t, sizes, slope)
    oracle = by_autograd(teacher, student, x)
    assert all(g.abs().max() > 0.1 for g in oracle)
    for route in (by_rule, by_backprop):
        for ours, g in zip(route(teacher, student, x), oracle, strict=True):
            torch.testing.assert_close(ours, g, rtol=0, atol=1e-13)


@pytest.mark.parametrize("sizes_t, sizes", DEEP)
def test_the_explicit_carry_of_biases_is_the_last_column_of_the_augmented_form(sizes_t, sizes):
    """c_L = 0, c_{l-1} = c_l + V_l D_l b_l, and g_l = D_l V_l^T (V*_l f*_l - V_l f_l + c*_l - c_l)."""
    teacher, student, x = pair(sizes_t, sizes, 0.1)
    carried = []
    for network in (teacher, student):
        z, f = forward(network, x)
        v = [part[..., :-1, :] for part in top_down(network, z)]
        c = torch.zeros_like(z[-1])
        for layer in range(network.depth - 1, -1, -1):
            torch.testing.assert_close(v[layer][..., -1], c, rtol=0, atol=1e-13)
            gate = gates(network, z)[layer][..., :-1]
            bias = network.weights[layer][:, None, :, -1]
            c = c + (v[layer][..., :-1] @ (gate * bias)[..., None])[..., 0]
        whole = [(part @ with_constant(unit)[..., None])[..., 0] for part, unit in zip(v, f)]
        carried.append((whole, v, z))
    (of_teacher, _, _), (of_student, v, z) = carried
    for layer, oracle in enumerate(by_autograd(teacher, student, x)):
        pulled = v[layer][..., :-1].mT @ (of_teacher[layer] - of_student[layer])[..., None]
        torch.testing.assert_close(
            gates(student, z)[layer][..., :-1] * pulled[..., 0], oracle, rtol=0, atol=1e-13
        )


def test_shared_teachers_and_data():
    """Three polarities on each of two data sets: member by member the same as alone."""
    teacher = two_layer_teachers(streams("teacher", 2), 5, 3, 4, [0.0, 1.0, 2.0])
    student = random_networks(streams("start", 6), [5, 6, 4])
    x = gaussian(streams("data", 2), 9, 5)
    for route in (by_rule, by_backprop):
        g = route(teacher, student, x)
        for member in range(6):
            own = [
                Network(tuple(w[member * len(w) // 6][None] for w in net.weights))
                for net in (teacher, student)
            ]
            for whole, alone in zip(g, route(*own, x[member // 3][None])):
                torch.testing.assert_close(whole[member], alone[0], rtol=0, atol=1e-13)


def test_teacher_of_another_depth():
    teacher, student, x = pair([4, 3, 3, 2], [4, 6, 2], members=1)
    for ours, g in zip(by_backprop(teacher, student, x), by_autograd(teacher, student, x)):
        torch.testing.assert_close(ours, g, rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="equal depths, got teacher 3 and student 2"):
        by_rule(teacher, student, x)


def test_hand_computed_gradient():
    """f* = 2 sigma(x) and f = 3 sigma(x - 1) + 1 with slope 1/2,
    once with both nodes on and once with both off.
    """
    teacher = Network((torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[2.0, 0.0]]])), LeakyReLU(0.5))
    student = Network((torch.tensor([[[1.0, -1.0]]]), torch.tensor([[[3.0, 1.0]]])), LeakyReLU(0.5))
    x = torch.tensor([[[4.0], [0.0]]])  # f* = 8, 0 and f = 3 * 3 + 1 = 10, 3 * (-0.5) + 1 = -0.5
    for route in (by_rule, by_backprop):
        lower, output = route(teacher, student, x)
        assert output.flatten().tolist() == [-2.0, 0.5]
        assert lower.flatten().tolist() == [3 * -2.0, 0.5 * 3 * 0.5]


def test_overlaps_of_two_layers_are_the_constants_alpha_and_beta():
    teacher, student, x = pair([5, 4, 3], [5, 7, 3], 0.2)
    a, b = overlaps(teacher, student, x)
    assert a[0].shape == (3, 11, 8, 5) and b[0].shape == (3, 11, 8, 8) and len(a) == 2
    v = student.weights[1][..., :-1]
    for sample in range(11):
        torch.testing.assert_close(a[0][:, sample, :-1, :-1], alpha(teacher, student).transpose(1, 2))
        torch.testing.assert_close(b[0][:, sample, :-1, :-1], v.transpose(1, 2) @ v)
    assert torch.linalg.eigvalsh(b[0]).min() > -1e-12


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_v_is_the_jacobian_of_the_output(slope):
    _, student, x = pair([6, 4, 5, 3], [6, 8, 9, 3], slope)
    v = top_down(student, forward(student, x)[0])
    for layer, jacobian in enumerate(residual_jacobians(student, x, 1, 4)):
        torch.testing.assert_close(v[layer][1, 4, :-1, :-1], jacobian, rtol=0, atol=1e-13)
    # the constant feeds itself
    assert all((q[..., -1, :-1] == 0).all() and (q[..., -1, -1] == 1).all() for q in v)


def test_augmented_weight_carries_the_constant():
    weight = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert augmented(weight).tolist() == [[[1, 2, 3], [0, 0, 1]]]
    assert (augmented(weight)[0] @ with_constant(torch.tensor([10.0, 100.0]))).tolist() == [213, 1]


def test_beta_is_the_squared_fan_out_norm_in_two_layers():
    _, student, x = pair([5, 4, 3], [5, 7, 3])
    torch.testing.assert_close(mean_beta(student, x)[0][0], fan_out_norm(student) ** 2)


@pytest.mark.parametrize("budget", [1, 1000, 2**24])
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_beta_and_h_by_the_released_recursion_with_exact_gates(budget, slope):
    """beta = W^T H W from the layer above, H = D beta D, averaged over the samples; the chunks never show."""
    _, student, x = pair([6, 4, 5, 3], [6, 8, 9, 3], slope=slope)
    (betas, hs), z = mean_beta(student, x, budget), forward(student, x)[0]
    for member in range(3):
        h = torch.eye(4, dtype=torch.float64).expand(11, 4, 4)
        for layer in (1, 0):
            w = augmented(student.weights[layer + 1])[member]
            beta = w.T @ h @ w
            gate = with_constant(student.activation.derivative(z[layer][member]))
            h = beta * gate[:, :, None] * gate[:, None, :]
            for ours, expected in ((betas, beta), (hs, h)):
                torch.testing.assert_close(
                    ours[layer][member], expected.mean(0).diagonal()[:-1], rtol=1e-12, atol=0
                )


def test_learning_rate_of_mse_loss_is_c_over_two_times_ours():
    """g adds lr E[g f^T]; torch.nn.MSELoss averages over samples and outputs,
    so its gradient is 2 / c of ours.
    """
    teacher, student, x = pair([5, 4, 7], [5, 6, 7], members=1)
    g = by_backprop(teacher, student, x)[0]
    ours = (g.transpose(1, 2) @ with_constant(x))[0] / x.shape[1]
    lower = student.weights[0].clone().requires_grad_()
    output = forward(Network((lower, student.weights[1])), x)[1][-1]
    torch.nn.MSELoss()(output, forward(teacher, x)[1][-1]).backward()
    torch.testing.assert_close(-lower.grad[0], 2 / 7 * ours, rtol=1e-12, atol=1e-15)
    assert ours.abs().max() > 0.01


def test_following_the_gradient_lowers_the_loss():
    teacher, student, x = pair([5, 4, 3], [5, 6, 3])
    before, output = by_backprop(teacher, student, x)
    lower = student.weights[0] + 1e-4 * before.transpose(1, 2) @ with_constant(x)
    after = by_backprop(teacher, Network((lower, student.weights[1])), x)[1]
    assert (after.square().sum((1, 2)) < output.square().sum((1, 2))).all()


@pytest.mark.parametrize("activation", [LeakyReLU(0.1), Erf(), Tanh(), Square()], ids=str)
@pytest.mark.parametrize("loss", [SQUARED_ERROR, CrossEntropy()], ids=str)
def test_weight_gradients_equal_autograd(activation, loss):
    teacher, start, x = pair([6, 4, 5, 3], [6, 8, 9, 3])
    weights = [w.clone().requires_grad_() for w in start.weights]
    output, target = forward(Network(tuple(weights), activation), x)[1][-1], forward(teacher, x)[1][-1]
    each = {
        SQUARED_ERROR: lambda: (target - output).square().sum(2) / 2,
        CrossEntropy(): lambda: torch.nn.functional.cross_entropy(
            output.mT, target.argmax(2), reduction="none"
        ),
    }[loss]()
    expected = torch.autograd.grad(each.mean(1).sum(), weights)
    found = weight_gradients(teacher, Network(start.weights, activation), x, loss)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs.abs().max() > 0.01
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_the_rule_is_for_piecewise_linear_networks_only():
    teacher, student, x = pair([5, 4, 3], [5, 7, 3])
    with pytest.raises(ValueError, match="got the activation Erf"):
        by_rule(teacher, Network(student.weights, Erf()), x)
