import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from ts_core.theory import critical_points, geometry, kernels, small_gradient
from ts_core.data import gaussian, on_planes
from ts_core.streams import stream
from companion.chapters.two_layer_theorem import critical_points as points
from ts_core.networks import two_layer
from ts_core.teachers import gaussian_teacher, random_networks
from ts_core.gradients import by_backprop
from ts_core.theory.kernels import relu_correlation
from ts_core.networks import Network, activation, activation_slope, affine, forward

DENSITY = 1 / (math.sqrt(2 * math.pi) * 1.5)


def streams(purpose, count):
    return [stream(seed, purpose) for seed in range(count)]


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def sloped(network, slope):
    return Network(network.weights, slope)


# -- Zero gradient -----------------------------------------------------------------------------------------------


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 0.99))
@settings(max_examples=100, deadline=None)
def test_second_difference_identity(z, t, slope):
    z, t = tensor(z), tensor(t)
    direct = activation(z + t, slope) + activation(z - t, slope) - 2 * activation(z, slope)
    torch.testing.assert_close(critical_points.second_difference(z, t, slope), direct, rtol=0, atol=1e-12)


def numerical_kink(teacher, student, node, step=1e-6):
    """Second difference of h_k along the normal of one node's plane over the step, at points away from the others."""
    rows = geometry.all_rows(teacher, student)
    x = on_planes([stream(0, "kink")], rows[:, node:node + 1], 200)[:, 0]
    normal = rows[0, node, :-1] / rows[0, node, :-1].norm()
    others = ~geometry.colinear(rows, rows)[0, node]
    far = (affine(rows, x)[0][:, others].abs() > 1e-3).all(1)
    def h(x):
        residual = by_backprop(teacher, student, x)[1]
        return residual @ geometry.fan_out(student).transpose(1, 2)
    second = (h(x + step * normal) + h(x - step * normal) - 2 * h(x))[0, far] / step
    assert len(second) > 50
    return second


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_kink_formula_with_parallel_and_antiparallel_copies(slope):
    teacher = sloped(gaussian_teacher(stream(1, "kink"), 4, 3, 3), slope)
    student = random_networks([stream(2, "kink")], [4, 6, 3], slope)
    rows = student.weights[0].clone()
    rows[0, 0], rows[0, 1] = 1.7 * teacher.weights[0][0, 0], -0.6 * teacher.weights[0][0, 0]
    student = Network((rows, student.weights[1]), slope)
    kinks = critical_points.kink(teacher, student)[0]
    for node in range(9):
        assert (numerical_kink(teacher, student, node) - kinks[node]).abs().max() < 1e-7
    v, v_t = geometry.fan_out(student)[0], geometry.fan_out(teacher)[0]
    by_hand = (1 - slope) * v @ (v_t[0] - 1.7 * v[0] - 0.6 * v[1])  # the sign of the copy does not matter
    for node in (0, 3, 4):  # the teacher and both copies lie on one plane
        torch.testing.assert_close(kinks[node], by_hand)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=3), st.lists(st.floats(0.1, 5), min_size=4, max_size=4))
@settings(max_examples=30, deadline=None)
def test_sum_rule_holds_for_any_split_with_signs(shares, scales):
    """Copies of one teacher whose shares sum to 1 leave no residual; any other sum leaves exactly the difference."""
    teacher = gaussian_teacher(stream(3, "split"), 3, 1, 2)
    w, v = teacher.weights[0][0], geometry.fan_out(teacher)[0]
    for rest in (1 - sum(shares), 1.5 - sum(shares)):
        parts = [*shares, rest]
        rows = torch.cat([scale * w for scale, _ in zip(scales, parts)])
        student = two_layer(rows, torch.cat([part / scale * v for scale, part in zip(scales, parts)]))
        sums = critical_points.hyperplane_sums(teacher, student)
        expected = ((1 - sum(parts)) * v).expand_as(sums[0])
        torch.testing.assert_close(sums[0], expected, rtol=0, atol=1e-12)


def test_colinear_up_to_sign_and_scale_only():
    rows = tensor([[3.0, 4.0, 1.0], [0.0, 0.0, 1.0]])
    others = tensor([[6.0, 8.0, 2.0], [-0.3, -0.4, -0.1], [3.0, 4.0, 1.01], [3.0, 4.01, 1.0]], )
    assert geometry.colinear(rows, others)[0].tolist() == [[True, True, False, False], [False] * 4]
    assert not geometry.colinear(rows, rows)[0, 1].any()  # w = 0: no hyperplane, not even its own


def test_distinct_planes_are_independent_and_an_antiparallel_copy_is_not():
    network = random_networks([stream(0, "rank")], [3, 8, 1])
    x = gaussian([stream(1, "rank")], 2000, 3, 2.0)
    z, f = forward(network, x)
    functions = torch.cat([f[0][0], x[0], torch.ones(2000, 1, dtype=torch.float64)], dim=1)
    assert torch.linalg.matrix_rank(functions) == 12
    with_copy = torch.cat([functions, activation(-z[0][0, :, :1])], dim=1)  # sigma(-z) = sigma(z) - z
    assert with_copy.shape[1] == 13 and torch.linalg.matrix_rank(with_copy) == 12


@pytest.mark.parametrize("seed", range(3))
def test_explicit_critical_configuration(seed):
    case = points.split_copies(seed)
    summary = points.summary([case, points.spoiled(seed)])
    assert summary.max_residual[0] < 1e-12 and summary.max_gradient[0] < 1e-12
    assert critical_points.hyperplane_sums(case.teacher, case.student).abs().max() < 1e-14
    assert critical_points.specialized(case.teacher, case.student).all()
    assert critical_points.prunable(case.teacher, case.student)[0].tolist() == [False] * 6 + [True] * 3
    assert summary.max_gradient[1] > 1 and summary.prunable[1] == 2  # the check can fail


def test_prunable_nodes_can_be_deleted():
    case = points.split_copies()
    keep = ~critical_points.prunable(case.teacher, case.student)[0]
    lower, upper = case.student.weights
    smaller = Network((lower[:, keep], upper[:, :, torch.cat([keep, tensor(1).bool()])]))
    change = forward(smaller, case.x)[1][-1] - forward(case.student, case.x)[1][-1]
    assert smaller.weights[0].shape[1] == 6 and change.abs().max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_antiparallel_corner_case(seed):
    row = points.summary([points.antiparallel(seed)]).iloc[0]
    assert row.max_residual < 1e-11 and row.best_abs_cosine > 1 - 1e-12
    assert row.best_cosine < 0.9 and row.best_rho < 0.95 and row.specialized == 3


def test_unobserved_corner_case():
    case = points.unobserved()
    row = points.summary([case]).iloc[0]
    assert row.max_gradient == 0 and row.max_residual == 2 and row.specialized == 1
    x = on_planes([stream(0, "planes")], case.teacher.weights[0], 5)
    assert geometry.observed(case.student, x)[0, 1].tolist() == [0, 0]
    assert geometry.observed(sloped(case.student, 0.1), x)[0, 1].tolist() == [1, 1]  # a leaky student observes everything
    line = points.line(case)
    assert (line.teacher - line.student)[line.x <= 1].abs().max() < 1e-12 and (line.max_gradient == 0).all()


def test_rank_deficient_corner_case():
    case = points.rank_deficient()
    first, second = points.outputs(case).itertuples()
    assert first.max_residual < 1e-12 and second.max_residual > 1 and second.student_fan_out == 0
    assert points.summary([case]).max_gradient[0] < 1e-12


def test_planes_table_names_every_node_once():
    table = points.hyperplanes(points.all_cases())
    first = table[table.case == "split copies"]
    assert not table.duplicated(["case", "network", "node"]).any()
    assert first.plane.tolist() == [0, 1, 2, 0, 0, 1, 2, 2, 2, 3, 4, 4]
    assert (first.max_kink < 1e-12).all() and table[table.case == "silent node given a fan-out"].max_kink.max() > 0.1
    matches = points.matches(points.antiparallel())
    diagonal = matches[matches.teacher == matches.student]
    assert len(matches) == 18 and (diagonal.cosine + 1).abs().max() < 1e-12


def test_two_layers_and_equal_slopes_are_required():
    deep, flat = random_networks([stream(0, "a")], [3, 4, 4, 2]), random_networks([stream(0, "a")], [3, 4, 2])
    with pytest.raises(ValueError, match="two-layer theory needs depth 2, got 3"):
        geometry.fan_out(deep)
    with pytest.raises(ValueError, match="need one slope, got 0.0 and 0.3"):
        critical_points.kink(flat, sloped(flat, 0.3))


# -- Small gradient ----------------------------------------------------------------------------------------------


def with_observers(copy, slope=0.0, strength=1.0):
    """Teacher sigma(x_0), d = 3; a first student ``copy``, and two always-on nodes that cancel and observe all."""
    teacher = sloped(two_layer(tensor([1.0, 0, 0, 0]), tensor([strength])), slope)
    rows = torch.stack([copy, tensor(0.0, 1.0, 0, 100), tensor(0.0, 1.0, 0, 100)])
    return teacher, sloped(two_layer(rows, tensor([strength], [1.0], [-1.0])), slope)


def aware(teacher, student, radius=0.1, count=200):
    return small_gradient.aware(teacher, student, on_planes([stream(0, "planes")], teacher.weights[0], count), radius, DENSITY)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_aware_on_an_exact_copy(slope):
    found = aware(*with_observers(tensor(1.0, 0, 0, 0), slope, strength=2.0))
    observer = 0, 0, 1
    assert found.premise[observer] and found.conclusion[observer] and found.gradient[observer] < 1e-12
    assert found.threshold[observer] == pytest.approx((1 - slope) * 0.1 * 2 / 4)
    assert found.near[observer] == found.points[observer] == 200 and found.share[observer] == 1
    assert found.sine[observer] < 1e-12 and found.bound[observer] == pytest.approx(2 * DENSITY * 0.1 * 3)
    assert not found.premise[0, 0, 0] and found.gradient[0, 0, 0] == math.inf  # a copy never sees its own plane


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_aware_without_a_student_on_the_plane(slope):
    """The nearest plane is 5 away: the second difference is (1 - a) delta alpha exactly, and the premise is false."""
    found = aware(*with_observers(tensor(1.0, 0, 0, -5.0), slope))
    observer = 0, 0, 1
    assert not found.premise[observer] and not found.conclusion[observer] and found.near[observer] == 0
    assert found.margin[observer] <= 1e-12


@given(st.floats(0, 1.5), st.floats(-0.3, 0.3), st.floats(-2, 2), st.floats(0.01, 0.5))
@settings(max_examples=60, deadline=None)
def test_aware_implication_for_any_student(angle, bias, strength, radius):
    teacher, student = with_observers(tensor(math.cos(angle), math.sin(angle), 0, bias))
    upper = student.weights[1].clone()
    upper[0, 0, 0] = strength
    found = aware(teacher, Network((student.weights[0], upper)), radius, 60)
    assert (found.conclusion | ~found.premise).all()


def test_agnostic_keeps_to_the_slab_and_its_axis():
    teacher, student = with_observers(tensor(1.0, 0, 0, 0))
    inside = tensor([0.01, 1, 1], [-0.02, 2, 0], [0.028, 0, 3])
    outside = tensor([0.03, 1, 1], [4, 0, 0])
    x = torch.cat([inside, outside])[None, None]
    found = small_gradient.agnostic(teacher, student, x, 0.1, DENSITY)  # slab half-width 0.1 / (2 sqrt 3) = .0289
    observer = 0, 0, 1
    assert found.points[observer] == 3 and found.share[observer] == 1
    assert found.threshold[observer] == pytest.approx(0.1 / (8 * 3**0.5))
    assert found.premise[observer] and found.conclusion[observer] and found.near[observer] == 3
    assert found.bound[observer] == pytest.approx(3 * DENSITY * 0.1 * 3)
    away = small_gradient.agnostic(*with_observers(tensor(1.0, 0, 0, -5.0)), x, 0.1, DENSITY)
    assert not away.premise[observer] and not away.conclusion[observer]


@pytest.mark.parametrize("theorem", [small_gradient.aware, small_gradient.agnostic])
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
    teacher, student = gaussian_teacher(stream(0, "loop"), 4, 2, 2), random_networks([stream(1, "loop")], [4, 5, 2])
    student, radius = geometry.unit_rows(student), 0.3
    planes = on_planes([stream(2, "loop")], teacher.weights[0], 40)
    found = small_gradient.aware(teacher, student, planes, radius, DENSITY)
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
        small_gradient.aware(teacher, student, tensor([[[0.5, 0, 0]]])[0][None], 0.1, DENSITY)
    with pytest.raises(ValueError, match="augmentation radius must be positive, got -1"):
        small_gradient.agnostic(teacher, student, torch.zeros(1, 1, 2, 3, dtype=torch.float64), -1, DENSITY)


def test_slab_takes_the_nearest_samples():
    teacher = gaussian_teacher(stream(0, "slab"), 4, 3, 2)
    x = gaussian([stream(1, "slab")], 500, 4)
    near = small_gradient.slab(teacher, x, 20)
    z = forward(teacher, x)[0][0][0].abs()
    assert near.shape == (1, 3, 20, 4)
    for j in range(3):
        torch.testing.assert_close(small_gradient._own_plane(teacher, near)[0, j].abs(), z[:, j].sort().values[:20])


def test_unit_rows_keep_the_function():
    student = random_networks(streams("start", 2), [4, 6, 3], 0.2)
    student.weights[0][0, 2, :-1] = 0  # a node without a boundary stays as it is
    scaled = geometry.unit_rows(student)
    x = gaussian(streams("data", 2), 30, 4)
    torch.testing.assert_close(forward(scaled, x)[1][-1], forward(student, x)[1][-1], rtol=0, atol=1e-13)
    norms = scaled.weights[0][..., :-1].norm(dim=-1)
    assert norms[0, 2] == 0 and (norms - 1).abs().lt(1e-12).sum() == 11


def test_sine_is_exact_for_tiny_angles():
    row = tensor([[1.0, 0.0, 7.0]])
    for angle in (1e-12, 1e-3, math.pi / 3, math.pi / 2):
        turned = tensor([[-2 * math.cos(angle), 2 * math.sin(angle), 0.0]])
        assert geometry.sine(row, turned).item() == pytest.approx(math.sin(angle), rel=1e-9)


def test_constants_of_the_paper_form():
    assert small_gradient.plane_points_needed(9, 5) == 32
    g, a = tensor(0.01, 0.0), tensor(0.5, 0.0)
    assert small_gradient.paper_epsilon(g, a, 9).tolist() == pytest.approx([5 * 27 * 0.02, math.inf])
    assert small_gradient.paper_epsilon(g, a, 9, 4)[0].item() == pytest.approx(2 * 5 * 27 * 0.02)


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
    sine = geometry.sine(torch.cat([w, tensor(b)])[None, None], torch.cat([other, tensor(b_other)])[None, None])
    gap = (b_other - (w @ other).sign() * b).abs()
    assert gap <= small_gradient.bias_gap_bound(sine, radius, x.norm()) + 1e-12


# -- Gaussian kernels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "w, u", [((1.0, 2, -1), (0.5, 1, 2)), ((1.0, 0, 0), (-2, 0.1, 0)), ((0.3, 0.4, 0), (0.6, 0.8, 0))]
)
def test_kappa_and_phi_by_monte_carlo(w, u):
    x = gaussian([stream(0, "kernels")], 400_000, 3, 1.0)[0]
    w, u = tensor(*w), tensor(*u)
    f_w, f_u = activation(x @ w), activation(x @ u)
    covariance = (f_w * f_u).mean() - f_w.mean() * f_u.mean()
    assert kernels.kappa(w, u).item() == pytest.approx(covariance.item(), abs=0.02)
    drift = (activation_slope(x @ w)[:, None] * (f_u - f_u.mean())[:, None] * x).mean(0)
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
