"""The table that holds the recursive gradient rule against autograd."""

import pytest

from companion.chapters.two_layer_theorem.gradient_rule import gradient_rule, largest
from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.gradients import by_autograd
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.theory.overlap_relation import cropped


def test_gradient_rule_table():
    table = gradient_rule((2, 4), (0.0, 0.3), range(3))
    assert len(table) == 12 and not table.duplicated(["depth", "slope", "seed"]).any()
    assert (table.max_error < 1e-12).all() and (table.max_cropped > 0.1).all()
    assert table[table.depth == 4].max_cropped.nunique() == 6
    again = gradient_rule((4,), (0.3,), [1])
    assert (
        again.max_cropped.item() == table.query("depth == 4 and slope == .3 and seed == 1").max_cropped.item()
    )
    with pytest.raises(ValueError, match="depth must be at least 2, got 1"):
        gradient_rule((1,), (0.0,), (0,))


def test_cropping_the_constant_unit_is_right_without_biases_above_the_lowest_layer():
    draw = lambda purpose: [stream(seed, purpose) for seed in range(2)]
    networks = [random_networks(draw(name), [4, 3, 5, 2], LeakyReLU(0.2)) for name in ("teacher", "start")]
    x = gaussian(draw("data"), 16, 4, 1.0)
    assert (largest(cropped(*networks, x), by_autograd(*networks, x)) > 0.1).all()
    bare = []
    for network in networks:
        weights = [w.clone() for w in network.weights]
        for w in weights[1:]:
            w[..., -1] = 0
        bare.append(Network(tuple(weights), network.activation))
    assert (largest(cropped(*bare, x), by_autograd(*bare, x)) < 1e-12).all()
