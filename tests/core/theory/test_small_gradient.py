"""Both small-gradient theorems: exact copies, students off the plane, any other, a plain loop over points."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian, on_planes
from ts_core.gradients import by_backprop
from ts_core.networks import Network, forward, two_layer
from ts_core.streams import stream
from ts_core.teachers import gaussian_teacher, random_networks
from ts_core.theory.geometry import sine, unit_rows
from ts_core.theory.small_gradient import (
    agnostic,
    aware,
    bias_gap_bound,
    paper_epsilon,
    plane_points_needed,
    slab,
)

DENSITY = 1 / (math.sqrt(2 * math.pi) * 1.5)


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def sloped(network, slope):
    return Network(network.weights, LeakyReLU(slope))


def distance(teacher, points):
    """Signed distance of points ``(g, m, b, d)`` to the plane of their teacher node, whose row has norm 1."""
    rows = teacher.weights[0]
    return (points * rows[:, :, None, :-1]).sum(-1) + rows[..., -1:]


def with_observers(copy, slope=0.0, strength=1.0):
    """Teacher sigma(x_0), d = 3; a first student ``copy``, two always-on ones that cancel and observe all."""
    teacher = sloped(two_layer(tensor([1.0, 0, 0, 0]), tensor([strength])), slope)
    rows = torch.stack([copy, tensor(0.0, 1.0, 0, 100), tensor(0.0, 1.0, 0, 100)])
    return teacher, sloped(two_layer(rows, tensor([strength], [1.0], [-1.0])), slope)


def on_its_planes(teacher, student, radius=0.1, count=200):
    points = on_planes([stream(0, "planes")], teacher.weights[0], count)
    return aware(teacher, student, points, radius, DENSITY)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_aware_on_an_exact_copy(slope):
    found = on_its_planes(*with_observers(tensor(1.0, 0, 0, 0), slope, strength=2.0))
    observer = 0, 0, 1
    assert found.premise[observer] and found.conclusion[observer] and found.gradient[observer] < 1e-12
    assert found.threshold[observer] == pytest.approx((1 - slope) * 0.1 * 2 / 4)
    assert found.near[observer] == found.points[observer] == 200 and found.share[observer] == 1
    assert found.sine[observer] < 1e-12 and found.bound[observer] == pytest.approx(2 * DENSITY * 0.1 * 3)
    # a copy never sees its own plane
    assert not found.premise[0, 0, 0] and found.gradient[0, 0, 0] == math.inf


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_aware_without_a_student_on_the_plane(slope):
    """The nearest plane is 5 away: the second difference is (1 - a) delta alpha, the premise is false."""
    found = on_its_planes(*with_observers(tensor(1.0, 0, 0, -5.0), slope))
    observer = 0, 0, 1
    assert not found.premise[observer] and not found.conclusion[observer] and found.near[observer] == 0
    assert found.margin[observer] <= 1e-12


def test_bias_gap_of_the_nearest_node_by_hand():
    """Turned around, and .02 beside the teacher's plane x_0 = 0; norms are those of the points it passes."""
    teacher, student = with_observers(tensor(-1.0, 0, 0, 0.02))
    points = on_planes([stream(0, "planes")], teacher.weights[0], 200)
    found = aware(teacher, student, points, 0.1, DENSITY)
    assert found.bias_gap[0, 0, 1] == pytest.approx(0.02) and found.near[0, 0, 1] == 200
    assert found.norm[0, 0, 1] == pytest.approx(points.norm(dim=-1).min().item())
    beside = with_observers(tensor(1.0, 0, 0, 0.3))
    assert aware(*beside, points, 0.1, DENSITY).norm[0, 0, 1] == math.inf  # it passes no point


@given(st.floats(0, 1.5), st.floats(-0.3, 0.3), st.floats(-2, 2), st.floats(0.01, 0.5))
@settings(max_examples=60, deadline=None)
def test_aware_implication_for_any_student(angle, bias, strength, radius):
    teacher, student = with_observers(tensor(math.cos(angle), math.sin(angle), 0, bias))
    upper = student.weights[1].clone()
    upper[0, 0, 0] = strength
    found = on_its_planes(teacher, Network((student.weights[0], upper)), radius, 60)
    assert (found.conclusion | ~found.premise).all()


def test_agnostic_keeps_to_the_slab_and_its_axis():
    teacher, student = with_observers(tensor(1.0, 0, 0, 0))
    inside = tensor([0.01, 1, 1], [-0.02, 2, 0], [0.028, 0, 3])
    outside = tensor([0.03, 1, 1], [4, 0, 0])
    x = torch.cat([inside, outside])[None, None]
    found = agnostic(teacher, student, x, 0.1, DENSITY)  # slab half-width 0.1 / (2 sqrt 3) = .0289
    observer = 0, 0, 1
    assert found.points[observer] == 3 and found.share[observer] == 1
    assert found.threshold[observer] == pytest.approx(0.1 / (8 * 3**0.5))
    assert found.premise[observer] and found.conclusion[observer] and found.near[observer] == 3
    assert found.bound[observer] == pytest.approx(3 * DENSITY * 0.1 * 3)
    away = agnostic(*with_observers(tensor(1.0, 0, 0, -5.0)), x, 0.1, DENSITY)
    assert not away.premise[observer] and not away.conclusion[observer]


@pytest.mark.parametrize("theorem", [aware, agnostic])
def test_theorems_do_not_depend_on_how_a_function_is_scaled(theorem):
    teacher = gaussian_teacher(stream(0, "scale"), 4, 3, 2)
    student = random_networks([stream(1, "scale")], [4, 5, 2])
    planes = on_planes([stream(2, "scale")], teacher.weights[0], 80)
    size = torch.linspace(0.2, 4, 5, dtype=torch.float64)
    upper = torch.cat([student.weights[1][..., :-1] / size, student.weights[1][..., -1:]], dim=-1)
    scaled = Network((student.weights[0] * size[:, None], upper))
    one, two = (theorem(teacher, s, planes, 0.05, DENSITY) for s in (student, scaled))
    assert one.points.any() and torch.equal(one.points, two.points) and torch.equal(one.near, two.near)
    for name in ("gradient", "overlap", "threshold", "sine", "bound"):
        torch.testing.assert_close(getattr(one, name), getattr(two, name))


def test_left_side_is_the_largest_gradient_on_the_triples():
    """By a plain loop over points, for every teacher and student."""
    teacher, student = (
        gaussian_teacher(stream(0, "loop"), 4, 2, 2),
        random_networks([stream(1, "loop")], [4, 5, 2]),
    )
    student, radius = unit_rows(student), 0.3
    planes = on_planes([stream(2, "loop")], teacher.weights[0], 40)
    found = aware(teacher, student, planes, radius, DENSITY)
    for j in range(2):
        w = teacher.weights[0][0, j, :-1]
        for k in range(5):
            left, size = -math.inf, 0
            for x in planes[0, j]:
                triple = torch.stack([x, x + radius * w, x - radius * w])[None]
                if (forward(student, triple)[0][0][0, :, k] > 0).all():
                    size += 1
                    left = max(left, by_backprop(teacher, student, triple)[0][0, :, k].abs().max().item())
            assert found.points[0, j, k] == size
            assert found.gradient[0, j, k].item() == pytest.approx(abs(left), rel=1e-9)


def test_points_off_the_plane_and_bad_radii_are_refused():
    teacher, student = with_observers(tensor(1.0, 0, 0, 0))
    with pytest.raises(ValueError, match="points must lie on the teacher planes .* one is 0.5 away"):
        aware(teacher, student, tensor([[[0.5, 0, 0]]])[0][None], 0.1, DENSITY)
    with pytest.raises(ValueError, match="augmentation radius must be positive, got -1"):
        agnostic(teacher, student, torch.zeros(1, 1, 2, 3, dtype=torch.float64), -1, DENSITY)


def test_slab_takes_the_nearest_samples():
    teacher = gaussian_teacher(stream(0, "slab"), 4, 3, 2)
    x = gaussian([stream(1, "slab")], 500, 4)
    near = slab(teacher, x, 20)
    z = forward(teacher, x)[0][0][0].abs()
    assert near.shape == (1, 3, 20, 4)
    for j in range(3):
        torch.testing.assert_close(distance(teacher, near)[0, j].abs(), z[:, j].sort().values[:20])


def test_constants_of_the_paper_form():
    assert plane_points_needed(9, 5) == 32
    g, a = tensor(0.01, 0.0), tensor(0.5, 0.0)
    assert paper_epsilon(g, a, 9).tolist() == pytest.approx([5 * 27 * 0.02, math.inf])
    assert paper_epsilon(g, a, 9, 4)[0].item() == pytest.approx(2 * 5 * 27 * 0.02)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_bias_gap_bound(seed):
    g, radius = stream(seed, "gap"), 0.1
    w = torch.from_numpy(g.standard_normal(4))
    other = (1 if seed % 2 else -1) * w + 0.4 * g.random() * torch.from_numpy(g.standard_normal(4))
    w, other = w / w.norm(), other / other.norm()
    b = 0.3 * g.standard_normal()
    x = torch.from_numpy(g.standard_normal(4))
    x = x - (w @ x + b) * w
    b_other = radius * g.uniform(-1, 1) - other @ x
    rows = (torch.cat([row, tensor(bias)])[None, None] for row, bias in ((w, b), (other, b_other)))
    gap = (b_other - (w @ other).sign() * b).abs()
    assert gap <= bias_gap_bound(sine(*rows), radius, x.norm()) + 1e-12
