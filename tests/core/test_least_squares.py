"""Levenberg-Marquardt of ensembles: its linearization against autograd, members that do not couple."""

import math

import torch

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks, small_students, two_layer_teachers
from ts_core.training.least_squares import _linearized, _unflatten, descend


def test_linearization_equals_autograd():
    teacher, student = (random_networks([stream(s, "lm")], [3, 4, 2], LeakyReLU(0.2)) for s in (0, 1))
    x = gaussian([stream(2, "lm")], 5, 3)
    jacobian, residual = _linearized(teacher, student, x)
    shapes = [w.shape[1:] for w in student.weights]
    theta = torch.cat([w.flatten() for w in student.weights])

    def output(theta):
        return forward(_unflatten(theta[None], shapes, LeakyReLU(0.2)), x)[1][-1].flatten()

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
