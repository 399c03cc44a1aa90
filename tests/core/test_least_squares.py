"""Levenberg-Marquardt of ensembles: its linearization against autograd, members that do not couple."""

import math

import pytest
import torch

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks, small_students, two_layer_teachers
from ts_core.training.least_squares import _linearized, _unflatten, descend


@pytest.mark.parametrize("hidden", [(4,), (4, 5, 3)])
def test_linearization_equals_autograd(hidden):
    teacher, student = (random_networks([stream(s, "lm")], [3, *hidden, 2], LeakyReLU(0.2)) for s in (0, 1))
    x = gaussian([stream(2, "lm")], 5, 3)
    jacobian, residual = _linearized(teacher, student, x)
    theta = torch.cat([w.flatten() for w in student.weights])

    def output(theta):
        return forward(_unflatten(theta[None], student), x)[1][-1].flatten()

    torch.testing.assert_close(
        jacobian[0], torch.autograd.functional.jacobian(output, theta), rtol=0, atol=1e-13
    )
    torch.testing.assert_close(residual[0], forward(teacher, x)[1][-1].flatten() - output(theta))


def test_members_do_not_couple():
    """Member 1 alone passes the same loss levels as beside two others, one of which cannot be trained."""
    draw = lambda purpose: [stream(seed, purpose) for seed in range(3)]
    teacher = two_layer_teachers(draw("teacher"), 5, 3, 4, [1.0])
    start, x = small_students(draw("start"), [5, 6, 4], 0.3), gaussian(draw("data"), 200, 5)
    start.weights[0][2] = math.nan
    levels = 10 ** -torch.linspace(0, 3, 4, dtype=torch.float64)
    _, many = descend(teacher, start, x, 25, levels)
    one = [Network(tuple(w[1:2] for w in net.weights)) for net in (teacher, start)]
    _, alone = descend(*one, x[1:2], 25, levels)
    torch.testing.assert_close(many[1:2], alone, rtol=1e-6, atol=0, equal_nan=True)
    assert many[2].isnan().all() and alone.isfinite().sum() > 2


def test_members_may_share_inputs_teachers_and_lower_layers():
    """Four students of two teachers on one data set: as with all of their own."""
    teacher = two_layer_teachers([stream(s, "teacher") for s in (0, 1)], 5, 3, 4, [1.0])
    start = small_students([stream(s, "start") for s in range(4)], [5, 6, 4], 0.3)
    start = Network((start.weights[0][:2], start.weights[1]))
    x = gaussian([stream(0, "data")], 200, 5)
    levels = 10 ** -torch.linspace(0, 2, 3, dtype=torch.float64)
    shared, shared_loss = descend(teacher, start, x, 15, levels)
    own, own_loss = descend(teacher.spread(4), start.spread(), x.expand(4, -1, -1), 15, levels)
    assert shared_loss.isfinite().sum() > 8
    torch.testing.assert_close(shared_loss, own_loss, rtol=1e-9, atol=0, equal_nan=True)
    for a, b in zip(shared.weights, own.weights):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9)


def test_a_level_has_the_loss_of_its_network_or_none():
    """Level 1 is the start; a level that no step reached has no loss."""
    teacher = two_layer_teachers([stream(0, "teacher")], 5, 3, 4, [1.0])
    start = small_students([stream(0, "start")], [5, 6, 4], 0.3)
    x = gaussian([stream(0, "data")], 200, 5)
    levels = torch.tensor([1.0, 0.9, 1e-9], dtype=torch.float64)
    students, loss = descend(teacher, start, x, 1, levels)
    assert torch.equal(students.weights[0][0], start.weights[0][0])
    found = (forward(teacher, x)[1][-1] - forward(students, x)[1][-1]).square().mean((1, 2))
    torch.testing.assert_close(loss[0, :2], found[:2])
    assert loss[0, 1] < 0.9 * loss[0, 0] and loss[0, 2].isnan()
    assert descend(teacher, start, x, 0, levels[1:])[1].isnan().all()


def test_level_zero_is_the_last_step_and_noise_is_learned_too():
    teacher = two_layer_teachers([stream(0, "teacher")], 5, 3, 4, [1.0])
    start = small_students([stream(0, "start")], [5, 6, 4], 0.3)
    x, noise = (gaussian([stream(0, name)], 200, size, 1.0) for name, size in (("data", 5), ("noise", 4)))
    levels = torch.tensor([1.0, 0.0], dtype=torch.float64)
    students, loss = descend(teacher, start, x, 8, levels, noise)
    error = forward(teacher, x)[1][-1] + noise - forward(students, x)[1][-1]
    torch.testing.assert_close(loss[0], error.square().mean((1, 2)))
    later = descend(teacher, start, x, 30, levels, noise)[1]
    # no network of this size fits the noise, whose mean square is 1; without it the loss goes on falling
    assert loss[0, 0] > loss[0, 1] > later[0, 1] > 0.7
    assert descend(teacher, start, x, 30, levels)[1][0, 1] < 0.1
