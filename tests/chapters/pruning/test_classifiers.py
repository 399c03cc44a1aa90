"""Classifiers of images: equal parameters, least squares, what a method that draws nothing must give."""

import numpy as np
import pytest
import torch

from companion.chapters.pruning import classifiers, pruning
from companion.chapters.pruning.studies import PrunedClassifiers
from companion.runs.spec import SpecError
from ts_core.activations import Erf

SMALL = dict(train=200, test=100, width=10, kept=(0.4, 0.8), seeds=(1, 2), draws=3, batch_size=20, steps=60)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def found():
    return PrunedClassifiers(**SMALL).run()


def test_every_method_is_there_and_a_network_is_the_same_alone(found):
    table = found["accuracies"]
    assert len(table) == 2 * 2 * 2 * 7 and table.accuracy.between(0, 1).all()
    assert (found["classifiers"].accuracy > 0.3).all()  # ten classes
    alone = PrunedClassifiers(**SMALL | dict(seeds=(2,))).run()["accuracies"]
    both = table[table.seed == 2].reset_index(drop=True)
    assert (both.method == alone.method).all()
    assert np.allclose(both.accuracy, alone.accuracy, atol=0.011)  # an image of a hundred may tip over


def test_nodes_and_edges_leave_as_many_parameters():
    cell = PrunedClassifiers(width=50)
    for share in cell.kept:
        nodes = cell.nodes(share) * (cell.input_dim + 1 + 10) + 10
        edges = cell.width * (cell.edges(share) + 1 + 10) + 10
        assert abs(nodes - edges) <= cell.width / 2


def test_fitted_fan_outs_and_moved_rows_are_least_squares():
    hidden, outputs = RNG.standard_normal((300, 6)), RNG.standard_normal((300, 2))
    chosen = np.array([[0, 2, 5], [1, 2, 3]])
    fan_out, bias = classifiers._refitted(*classifiers._moments(hidden, outputs), chosen)
    for draw, at in enumerate(chosen):
        design = np.column_stack([hidden[:, at], np.ones(300)])
        expected = np.linalg.lstsq(design, outputs, rcond=None)[0]
        assert np.allclose(np.concatenate([fan_out[draw], bias[draw]]), expected, atol=1e-6)
    x, rows = hidden @ RNG.standard_normal((6, 6)), RNG.standard_normal((2, 6))
    mask = np.zeros((1, 2, 6), bool)
    mask[0, 0, [0, 1, 4]] = mask[0, 1, [2, 3, 5]] = True
    moved = classifiers._moved(rows, mask, x.T @ x / len(x))[0]
    for row, w, keep in zip(moved, rows, mask[0]):
        assert not row[~keep].any()
        assert np.allclose(row[keep], np.linalg.lstsq(x[:, keep], x @ w, rcond=None)[0], atol=1e-6)


def test_accuracies_are_those_of_a_plain_loop():
    x, labels = RNG.standard_normal((40, 5)), RNG.integers(0, 3, 40)
    rows, fan_out, bias = (
        RNG.standard_normal((2, 4, 6)),
        RNG.standard_normal((2, 4, 3)),
        RNG.standard_normal(3),
    )
    found = classifiers._accuracy(rows, fan_out, bias, x, labels)
    for w, v, expected in zip(rows, fan_out, found):
        z = torch.from_numpy(x @ w[:, :-1].T + w[:, -1])
        outputs = Erf().value(z).numpy() @ v + bias
        assert expected == pytest.approx((outputs.argmax(1) == labels).mean())


def test_copies_merge_for_nothing_in_the_metric_of_the_inputs():
    """Rows that differ where no input goes are copies, and so are opposite ones."""
    base, blind = RNG.standard_normal((2, 4)), np.array([0, 0, 0, 7.0])
    rows = np.stack([base[0], -base[0] + blind, base[1], base[1] - blind])[None]
    fan_out = RNG.standard_normal((1, 4, 3))
    moments = np.diag([1.0, 2.0, 0.5, 0.0])
    k, merged, sums = list(pruning.merged(rows, fan_out, moments))[2]
    x = RNG.standard_normal((20, 4)) * [1, 1, 1, 0]
    value = lambda w, v: torch.erf(torch.from_numpy(x @ w.T) / 2**0.5).numpy() @ v
    assert k == 2 and np.allclose(value(merged[0], sums[0]), value(rows[0], fan_out[0]))
    plain = list(pruning.merged(rows, fan_out))[2]
    assert not np.allclose(value(plain[1][0], plain[2][0]), value(rows[0], fan_out[0]))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_network_that_diverges_is_a_row_and_no_more():
    found = PrunedClassifiers(**SMALL | dict(learning_rate=1e38)).run()
    networks = found["classifiers"].set_index("seed").accuracy
    assert list(networks.index) == [1, 2] and networks.isna().any()
    assert set(found["accuracies"].seed) == set(networks.dropna().index)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(batch_size=201), "batch_size: must not exceed the 200 training images, got 201"),
        (dict(kept=(0.01,)), "kept: 0.01 of 10 nodes leaves 0 nodes"),
        (dict(kept=(0.1,)), "or -3 of 64 edges of every node"),
        (dict(dataset="mnist"), "dataset"),
    ],
)
def test_bad_settings_are_refused_by_name(changes, words):
    with pytest.raises(SpecError, match=words):
        PrunedClassifiers(**SMALL | changes)


def test_other_images_are_refused():
    with pytest.raises(OSError, match="test: digits has 500, asked for 501"):
        classifiers.images(PrunedClassifiers(**SMALL | dict(test=501)))
    with pytest.raises(OSError, match="are not those of the run"):
        classifiers.images(PrunedClassifiers(**SMALL | dict(fingerprint="else")))
