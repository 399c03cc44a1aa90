"""Networks and their forward pass, against torch.nn and by hand."""

import pytest
import torch

from ts_core.activations import Erf, LeakyReLU, Linear, Tanh
from ts_core.data import gaussian
from ts_core.networks import Network, fan_out_norm, forward, pair, spread
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
    network = random_networks(streams("start", 3), sizes, LeakyReLU(slope))
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
        (torch.tensor([[[2.0, 1.0], [-1.0, 0.0]]]), torch.tensor([[[1.0, 10.0, 0.5]]])), LeakyReLU(0.1)
    )
    z, f = forward(network, torch.tensor([[[3.0], [-1.0]]]))
    assert z[0][0].tolist() == [[7.0, -3.0], [-1.0, 1.0]]
    torch.testing.assert_close(f[0][0], torch.tensor([[7.0, -0.3], [-0.1, 1.0]]))
    torch.testing.assert_close(f[1][0], torch.tensor([[4.5], [10.4]]))


def test_fan_out_norm_of_any_hidden_layer():
    second = torch.tensor([[[3.0, 1.0, 9.0], [4.0, 0.0, 9.0]]])
    network = Network((torch.ones(1, 2, 3), second, torch.full((1, 1, 3), 2.0)))
    assert fan_out_norm(network).tolist() == [[5.0, 1.0]]
    assert fan_out_norm(network, 2).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("layer", [0, 2])
def test_only_hidden_layers_have_a_fan_out(layer):
    with pytest.raises(ValueError, match=f"layer must lie in 1..1 .*got {layer}"):
        fan_out_norm(small_students(streams("start", 1), [3, 2, 1]), layer)


def test_only_leaky_relu_has_a_slope():
    assert Network((torch.ones(1, 2, 3),), LeakyReLU(0.2)).slope == 0.2
    with pytest.raises(ValueError, match=r"\(Leaky\) ReLU networks, got the activation Erf\(\)"):
        _ = Network((torch.ones(1, 2, 3),), Erf()).slope


def test_an_activation_is_no_number():
    with pytest.raises(ValueError, match=r"activation must be one like LeakyReLU\(0.1\), got 0.1"):
        Network((torch.ones(1, 2, 3),), 0.1)


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


MODULES = {
    LeakyReLU(): torch.nn.ReLU,
    LeakyReLU(0.2): lambda: torch.nn.LeakyReLU(0.2),
    Tanh(): torch.nn.Tanh,
    Linear(): None,
}


def modules(activation, count=2, biases=True):
    """Plain torch networks as a researcher has them."""
    torch.manual_seed(0)
    layers = lambda n_in, n_out: [torch.nn.Linear(n_in, n_out, bias=biases)]
    between = lambda: [MODULES[activation]()] if MODULES[activation] else []
    return [
        torch.nn.Sequential(*layers(5, 7), *between(), *layers(7, 4), *between(), *layers(4, 3))
        for _ in range(count)
    ]


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("activation", MODULES, ids=str)
def test_networks_come_from_torch_and_go_back(activation, biases):
    own = modules(activation, biases=biases)
    network = Network.from_torch(*own)
    assert network.activation == activation and network.members == 2
    x = torch.randn(9, 5)
    outputs = forward(network, x[None])[1][-1]
    for member, module in enumerate(own):
        torch.testing.assert_close(outputs[member], module(x), rtol=0, atol=1e-6)
        back = network.to_torch(member)
        torch.testing.assert_close(back(x), module(x), rtol=0, atol=1e-6)
        assert list(map(type, back)) == list(map(type, module))
    with torch.no_grad():
        own[0][0].weight.zero_()
    assert network.weights[0][0].any()  # a copy


def test_to_torch_reads_members_that_share_layers():
    teacher = two_layer_teachers(streams("teacher", 2), 6, 3, 4, [0.0, 1.0])
    x = gaussian(streams("data", 2), 10, 6)
    for member in range(4):
        torch.testing.assert_close(
            teacher.to_torch(member)(x[member // 2]), forward(teacher, x)[1][-1][member], rtol=0, atol=1e-13
        )


LAYER = torch.nn.Linear(3, 3)


@pytest.mark.parametrize(
    "given, message",
    [
        ([LAYER], "need a torch.nn.Sequential, got Linear"),
        ([torch.nn.Sequential(LAYER, torch.nn.Dropout(), LAYER)], "layer 1, Dropout"),
        ([torch.nn.Sequential(torch.nn.ReLU(), LAYER)], "layer 0, ReLU"),
        ([torch.nn.Sequential(LAYER, torch.nn.ReLU())], "every Linear layer but the last"),
        (
            [torch.nn.Sequential(LAYER, torch.nn.ReLU(), LAYER, torch.nn.Tanh(), LAYER)],
            "one kind of activation",
        ),
        ([torch.nn.Sequential(LAYER, torch.nn.ReLU(), torch.nn.ReLU(), LAYER)], "layer 2, ReLU"),
        ([torch.nn.Sequential(LAYER, torch.nn.ReLU(), LAYER), torch.nn.Sequential(LAYER, LAYER)], "one act"),
        (
            [torch.nn.Sequential(LAYER, LAYER), torch.nn.Sequential(LAYER, torch.nn.Linear(3, 2))],
            "equal layers",
        ),
        ([], "one activation"),
    ],
)
def test_modules_that_are_no_such_network_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Network.from_torch(*given)


def test_what_torch_has_no_module_for_is_refused():
    with pytest.raises(ValueError, match=r"no module for the activation Erf\(\)"):
        Network((torch.ones(1, 2, 3), torch.ones(1, 1, 3)), Erf()).to_torch()
