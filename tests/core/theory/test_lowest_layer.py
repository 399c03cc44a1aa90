"""The kink formula inside a cell of the gates; against a second difference in the chapter's study."""

import torch

from ts_core.activations import LeakyReLU
from ts_core.data import on_planes
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.critical_points import kink
from ts_core.theory.lowest_layer import local_kink


def test_in_two_layers_the_local_kink_is_the_kink():
    teacher, student = (
        random_networks([stream(1, name)], sizes, LeakyReLU(0.2))
        for name, sizes in (("t", (4, 3, 2)), ("s", (4, 5, 2)))
    )
    student.weights[0][:, 0] = -0.5 * teacher.weights[0][:, 1]
    x = on_planes([stream(1, "points")], teacher.weights[0], 7)
    everywhere = kink(teacher, student)[:, :3, None].expand(-1, -1, 7, -1)
    torch.testing.assert_close(local_kink(teacher, student, x), everywhere, rtol=1e-12, atol=1e-14)
