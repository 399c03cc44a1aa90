"""Networks and their forward pass, against torch.nn and by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.data import gaussian
from ts_core.networks import Network, activation, activation_slope, fan_out_norm, forward, pair, spread
from ts_core.streams import stream
from ts_core.teachers import random_networks, small_students, two_layer_teachers


def streams(purpose, count):
    return [stream(seed, purpose) for seed in range(count)]


def torch_network(network, member):
    """The same member as a plain torch.nn.Sequential; lower layers may be shared by several members."""
    layers = []
    for weight in network.weights:
        own = weight[member * len(weight) // network.members]
        linear = torch.nn.Linear(own.shape[1] - 1, own.shape[0], dtype=own.dtype)
        linear.weight.data, linear.bias.data = own[:, :-1].clone(), own[:, -1].clone()
        layers += [linear, torch.nn.LeakyReLU(network.slope)]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("slope", [0.0, 0.2])
@pytest.mark.parametrize("sizes", [(5, 4), (5, 7, 3), (4, 6, 5, 3, 2)])
def test_forward_equals_torch_nn(sizes, slope):
    network = random_networks(streams("start", 3), sizes, slope)
    x = gaussian(streams("data", 3), 20, sizes[0])
    z, f = forward(network, x)
    for member in range(3):
        module = torch_network(network, member)
        torch.testing.assert_close(f[-1][member], module(x[member]), rtol=0, atol=1e-13)
        if len(sizes) > 2:
            torch.testing.assert_close(f[0][member], module[:2](x[member]), rtol=0, atol=1e-13)
            torch.testing.assert_close(z[-2][member], module[:-2](x[member]), rtol=0, atol=1e-13)


def test_members_share_data_and_lower_layers():
    teacher = two_layer_teachers(streams("teacher", 2), 6, 3, 4, [0.0, 1.0, 2.0])
    assert [len(w) for w in teacher.weights] == [2, 6]
    x = gaussian(streams("data", 2), 10, 6)
    f = forward(teacher, x)[1]
    assert f[0].shape == (6, 10, 3) and f[1].shape == (6, 10, 4)  # as if each had a lower layer of its own
    assert all(
        torch.equal(mine, shared) for mine, shared in zip(f, forward(teacher.spread(), x)[1], strict=True)
    )
    for member in range(6):
        torch.testing.assert_close(
            f[1][member], torch_network(teacher, member)(x[member // 3]), rtol=0, atol=1e-13
        )


def test_hand_computed_output():
    network = Network(
        (torch.tensor([[[2.0, 1.0], [-1.0, 0.0]]]), torch.tensor([[[1.0, 10.0, 0.5]]])), slope=0.1
    )
    z, f = forward(network, torch.tensor([[[3.0], [-1.0]]]))
    assert z[0][0].tolist() == [[7.0, -3.0], [-1.0, 1.0]]
    torch.testing.assert_close(f[0][0], torch.tensor([[7.0, -0.3], [-0.1, 1.0]]))
    torch.testing.assert_close(f[1][0], torch.tensor([[4.5], [10.4]]))


def test_slope_keeps_double_precision():
    z = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    assert activation_slope(z, 0.1).tolist() == [0.1, 0.1, 1.0]  # 0.1 exactly, not its float32 neighbour
    assert activation(z, 0.1).tolist() == [-0.1, 0.0, 2.0]
    assert activation_slope(z.float(), 0.1).dtype == torch.float32


@given(st.floats(-1e6, 1e6), st.floats(0, 0.99))
@settings(max_examples=50, deadline=None)
def test_activation_is_slope_times_input(z, slope):
    z = torch.tensor(z, dtype=torch.float64)
    assert activation(z, slope) == activation_slope(z, slope) * z


def test_fan_out_norm_of_any_hidden_layer():
    second = torch.tensor([[[3.0, 1.0, 9.0], [4.0, 0.0, 9.0]]])
    network = Network((torch.ones(1, 2, 3), second, torch.full((1, 1, 3), 2.0)))
    assert fan_out_norm(network).tolist() == [[5.0, 1.0]]
    assert fan_out_norm(network, 2).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("layer", [0, 2])
def test_only_hidden_layers_have_a_fan_out(layer):
    with pytest.raises(ValueError, match=f"layer must lie in 1..1 .*got {layer}"):
        fan_out_norm(small_students(streams("start", 1), [3, 2, 1]), layer)


@pytest.mark.parametrize("slope", [-0.1, 1.0])
def test_slope_outside_its_range_is_refused(slope):
    with pytest.raises(ValueError, match=rf"slope must lie in \[0, 1\), got {slope}"):
        Network((torch.ones(1, 2, 3),), slope)


def test_misfitting_layers_are_refused():
    with pytest.raises(ValueError, match=r"a layer of shape \(1, 2, 4\) does not fit on one of \(1, 2, 3\)"):
        Network((torch.ones(1, 2, 3), torch.ones(1, 2, 4)))
    with pytest.raises(ValueError, match="3 networks cannot share 2 data sets"):
        forward(Network((torch.ones(3, 2, 3),)), torch.ones(2, 5, 2))


def test_spread_refuses_uneven_shares():
    assert torch.equal(spread(torch.arange(2), 6), torch.tensor([0, 0, 0, 1, 1, 1]))
    with pytest.raises(ValueError, match="5 members cannot share 2 entries evenly"):
        spread(torch.arange(2), 5)


def test_a_pair_has_a_network_of_its_own_for_each_member_of_the_student():
    teacher = two_layer_teachers(streams("teacher", 2), 6, 3, 4, [0.0, 1.0])
    student = random_networks(streams("start", 8), [6, 5, 4])
    theirs, ours = pair(teacher, student)
    assert [len(w) for net in (theirs, ours) for w in net.weights] == [8] * 4
    x = gaussian(streams("data", 2), 10, 6)
    assert torch.equal(forward(theirs, x)[1][1], spread(forward(teacher, x)[1][1], 8))
    with pytest.raises(ValueError, match="3 members cannot share 2 entries"):
        pair(teacher, random_networks(streams("start", 3), [6, 5, 4]))
