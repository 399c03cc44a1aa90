"""The gradient-overlap relation: exact against autograd, its shortcuts where they must be right and wrong."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.gradients import by_autograd, weight_gradients, with_constant
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.overlap_relation import cropped, separated, updates


def draw(sizes_t, sizes, seed=0, members=2, slope=0.0, samples=32):
    of = lambda purpose: [stream(seed + i, purpose) for i in range(members)]
    activation = LeakyReLU(slope)
    networks = (
        random_networks(of(name), s, activation) for name, s in (("teacher", sizes_t), ("start", sizes))
    )
    return *networks, gaussian(of("data"), samples, sizes[0], 1.0)


@given(st.integers(2, 4), st.sampled_from([0.0, 0.2]), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_updates_are_the_gradient(depth, slope, seed):
    hidden = [3, 4, 2][: depth - 1]
    drawn = draw([5, *hidden, 3], [5, *(2 * n for n in hidden), 3], seed, slope=slope)
    for found, oracle in zip(updates(*drawn), weight_gradients(*drawn), strict=True):
        torch.testing.assert_close(found, -oracle, rtol=0, atol=1e-12)


def test_the_separated_update_by_hand():
    """Two layers, loops over nodes, with the means written out."""
    teacher, student, x = draw([3, 2, 2], [3, 4, 2], members=1)
    (low_t, high_t), (low, high) = ([w[0] for w in net.weights] for net in (teacher, student))
    z_t, z = (with_constant(x[0]) @ w.T for w in (low_t, low))
    both = lambda a, b: ((z[:, a] > 0) & (b > 0)).double().mean()
    seen = with_constant(x[0]).T @ with_constant(x[0]) / x.shape[1]
    expected = torch.zeros_like(low)
    for k in range(4):
        gate = (z[:, k] > 0).double().mean()
        for j in range(2):
            expected[k] += high[:, k] @ high_t[:, j] * both(k, z_t[:, j]) * (low_t[j] @ seen)
        for other in range(4):
            expected[k] -= high[:, k] @ high[:, other] * both(k, z[:, other]) * (low[other] @ seen)
        expected[k] += high[:, k] @ (high_t[:, -1] - high[:, -1]) * gate * seen[-1]
    torch.testing.assert_close(separated(teacher, student, x)[0][0], expected)


def test_separation_is_exact_at_the_top_and_where_all_gates_are_open():
    teacher, student, x = draw([4, 3, 3, 2], [4, 6, 6, 2])
    found, oracle = separated(teacher, student, x), weight_gradients(teacher, student, x)
    torch.testing.assert_close(found[-1], -oracle[-1])
    assert (found[0] + oracle[0]).abs().max() > 1e-2
    lifted = [
        Network(
            (*(torch.cat([w[..., :-1], w[..., -1:] + 100], 2) for w in net.weights[:-1]), net.weights[-1])
        )
        for net in (teacher, student)
    ]
    for one, other in zip(separated(*lifted, x), weight_gradients(*lifted, x)):
        torch.testing.assert_close(one, -other, rtol=1e-8, atol=1e-6)


def test_cropping_is_harmless_without_biases_above_the_lowest_layer():
    teacher, student, x = draw([4, 3, 3, 2], [4, 6, 6, 2])
    assert (
        separated(teacher, student, x, crop=True)[0] - separated(teacher, student, x)[0]
    ).abs().max() > 1e-2
    bare = []
    for network in (teacher, student):
        above = [torch.cat([w[..., :-1], 0 * w[..., -1:]], 2) for w in network.weights[1:]]
        bare.append(Network((network.weights[0], *above)))
    for one, other in zip(separated(*bare, x, crop=True), separated(*bare, x)):
        torch.testing.assert_close(one, other)
    for one, other in zip(cropped(*bare, x), by_autograd(*bare, x)):
        torch.testing.assert_close(one, other)


def test_unequal_depths_are_refused():
    teacher, _, x = draw([4, 3, 2], [4, 3, 2])
    _, student, _ = draw([4, 3, 2], [4, 3, 3, 2])
    for function in (updates, separated):
        with pytest.raises(ValueError, match="needs equal depths, got teacher 2 and student 3"):
            function(teacher, student, x)
    assert forward(teacher, x)[1][-1].shape == (2, 32, 2)
