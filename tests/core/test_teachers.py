"""Teachers as the papers draw them and the starts of students, against plain float64 computations."""

import math

import numpy as np
import pytest
import torch

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import fan_out_norm
from ts_core.streams import stream
from ts_core.teachers import (
    CHOICES,
    deep_teachers,
    distinct_encodings,
    drawn_teachers,
    small_students,
    two_layer_teachers,
    uniform_students,
    with_polarity,
    with_unit_rows,
)

SIZES, SEEDS = (6, 4, 5, 3), (1, 2, 7)


def streams(purpose, seeds):
    return [stream(seed, purpose) for seed in seeds]


def test_encodings_are_distinct_and_none_is_zero():
    rows = distinct_encodings(stream(0, "rows"), 8 * 9, 2)  # 72 of the 80 that exist: collisions are certain
    assert len(np.unique(rows, axis=0)) == 72 and rows.any(axis=1).all() and np.isin(rows, CHOICES).all()
    assert len(np.unique(distinct_encodings(stream(1, "rows"), 8, 1))) == 8


def test_impossible_encodings_are_refused_before_looping():
    with pytest.raises(ValueError, match="only 8 distinct non-zero rows .* asked for 9"):
        distinct_encodings(stream(0, "rows"), 9, 1)


def test_polarity_divides_fan_out_by_powers_of_the_node_number():
    polarities = [0.0, 0.5, 2.0]
    norms = fan_out_norm(two_layer_teachers(streams("teacher", range(3)), 20, 6, 50, polarities)).reshape(
        3, 3, 6
    )
    for v, p in enumerate(polarities):
        torch.testing.assert_close(norms[:, v], norms[:, 0] * torch.arange(1, 7).double() ** -p)
    flat = fan_out_norm(two_layer_teachers(streams("teacher", range(40)), 20, 10, 50, [0.0]))
    assert abs(flat.mean() - (50 * 5 / 12) ** 0.5) < 0.06  # E c^2 = 5/12 over the nine values


def test_teacher_rows_are_unit_and_biases_are_not_rescaled():
    teacher = two_layer_teachers(streams("teacher", range(4)), 30, 5, 7, [1.0], bias=-0.1)
    torch.testing.assert_close(
        teacher.weights[0][..., :-1].norm(dim=-1), torch.ones(4, 5, dtype=torch.float64)
    )
    assert (teacher.weights[0][..., -1] == -0.1).all() and (teacher.weights[1][..., -1] == -0.1).all()


def test_member_alone_equals_member_among_many():
    many, alone = streams("teacher", range(32)), [stream(7, "teacher")]
    teachers = (two_layer_teachers(generators, 9, 4, 6, [0.0, 1.0]) for generators in (many, alone))
    for a, b in zip(*(t.weights for t in teachers)):
        assert torch.equal(a[7 * len(a) // 32 : 8 * len(a) // 32], b)
    starts = (
        small_students(streams("start", range(32)), [9, 8, 6]),
        small_students([stream(7, "start")], [9, 8, 6]),
    )
    for a, b in zip(*(s.weights for s in starts)):
        assert torch.equal(a[7:8], b)


def test_students_start_small_without_bias_and_in_copies():
    students = small_students(streams("start", range(2)), [40, 30, 20], scale=0.005, copies=3)
    assert students.members == 6
    for weight in students.weights:
        assert torch.equal(weight[0], weight[2]) and not torch.equal(weight[0], weight[3])
        assert (weight[..., -1] == 0).all()
        assert abs(weight[..., :-1].std() - 0.005) < 3e-4


def member(network, i):
    return [w[i].numpy() for w in network.weights]


def plain_forward(weights, x, slope=0.0):
    """Activations of every layer of one network; rows of ``weights`` are units, the last column the bias."""
    f = [x]
    for layer, w in enumerate(weights, start=1):
        z = f[-1] @ w[:, :-1].T + w[:, -1]
        f.append(z if layer == len(weights) else np.where(z > 0, z, slope * z))
    return f[1:]


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_teachers_are_normalized_tuned_and_standardized(slope):
    x = gaussian(streams("tuning", SEEDS), 1001, 6, 10.0)
    teacher = deep_teachers(streams("teacher", SEEDS), SIZES, x, LeakyReLU(slope))
    for i in range(len(SEEDS)):
        weights = member(teacher, i)
        f = [x[i].numpy(), *plain_forward(weights, x[i].numpy(), slope)]
        for w, below in zip(weights[:-1], f):
            np.testing.assert_allclose(np.linalg.norm(w[:, :-1], axis=1), 1, rtol=1e-12)
            np.testing.assert_allclose(np.median(below @ w[:, :-1].T + w[:, -1], axis=0), 0, atol=1e-12)
            # rows are multiples of the nine choices
            steps = w[:, :-1] / np.abs(w[:, :-1]).max(axis=1, keepdims=True)
            ratios = {a / b for a in CHOICES for b in CHOICES if b and abs(a) <= abs(b)}
            assert all(min(abs(s - r) for r in ratios) < 1e-12 for s in steps.ravel())
        np.testing.assert_allclose(f[-1].mean(0), 0, atol=1e-12)
        np.testing.assert_allclose(f[-1].std(0, ddof=1), 1, rtol=1e-12)


def test_a_teacher_alone_equals_itself_among_others():
    x = gaussian(streams("tuning", SEEDS), 101, 6)
    crowd = deep_teachers(streams("teacher", SEEDS), SIZES, x)
    alone = deep_teachers([stream(2, "teacher")], SIZES, x[1:2])
    assert all(torch.allclose(a[0], c[1], rtol=0, atol=1e-14) for a, c in zip(alone.weights, crowd.weights))


def test_students_start_as_pytorch_layers_do():
    student = uniform_students([stream(s, "start") for s in range(200)], (16, 9, 4))
    for w, fan_in in zip(student.weights, (16, 9)):
        torch.manual_seed(0)
        layers = [torch.nn.Linear(fan_in, w.shape[1]) for _ in range(200)]
        theirs = torch.stack([torch.cat([p.flatten() for p in layer.parameters()]) for layer in layers])
        assert w.abs().max() <= 1 / math.sqrt(fan_in)
        for moment in (1, 2, 4):
            spread = theirs.pow(moment).std() / math.sqrt(theirs.numel())
            assert abs(w.pow(moment).mean() - theirs.pow(moment).mean()) < 6 * spread


def test_rows_are_divided_by_the_norm_of_their_weights_and_a_floor():
    drawn = drawn_teachers(streams("teacher", SEEDS), SIZES)
    for floor in (0.0, 1e-5, 0.5):
        for before, after in zip(drawn.weights, with_unit_rows(drawn, floor).weights):
            size = np.linalg.norm(before[..., :-1].numpy(), axis=2, keepdims=True)
            np.testing.assert_allclose(after.numpy(), before.numpy() / (size + floor), rtol=1e-14)
    assert all(np.isin(w[..., :-1], CHOICES).all() and w[..., -1].abs().max() < 0.5 for w in drawn.weights)


def test_biases_as_drawn_are_uniform_between_minus_one_half_and_one_half():
    layers = drawn_teachers(streams("teacher", range(300)), SIZES).weights
    biases = torch.cat([w[..., -1].flatten() for w in layers])
    steps = torch.linspace(-0.5, 0.5, 11, dtype=torch.float64)
    counts = torch.histogram(biases, steps).hist
    assert counts.sum() == len(biases)  # none lies elsewhere
    expected = len(biases) / 10
    assert (counts - expected).abs().max() < 5 * expected**0.5


def test_polarity_of_deep_teachers_orders_every_hidden_layer():
    drawn = drawn_teachers(streams("teacher", SEEDS), SIZES)
    found = with_polarity(drawn, 1.5)
    for layer in (1, 2):
        ratio = fan_out_norm(found, layer) / fan_out_norm(drawn, layer)
        expected = torch.arange(1, ratio.shape[1] + 1).double() ** -1.5
        torch.testing.assert_close(ratio, expected.expand_as(ratio))
    assert torch.equal(found.weights[0], drawn.weights[0])
    assert all(torch.equal(a[..., -1], b[..., -1]) for a, b in zip(found.weights, drawn.weights))
    x = gaussian(streams("tuning", SEEDS), 101, 6)
    tuned = deep_teachers(streams("teacher", SEEDS), SIZES, x, polarity=1.5)
    strength = lambda network: fan_out_norm(network)[:, -1] / fan_out_norm(network)[:, 0]
    torch.testing.assert_close(strength(tuned), strength(with_polarity(with_unit_rows(drawn), 1.5)))
