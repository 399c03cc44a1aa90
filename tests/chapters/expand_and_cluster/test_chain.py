"""Layers one after the other: what is frozen, what is compared."""

import numpy as np
import pytest
import torch

from companion.chapters.expand_and_cluster.chain import chained, distance, tightest
from companion.chapters.expand_and_cluster.clustering import MOST, clusters
from companion.chapters.expand_and_cluster.recovery import Pool
from companion.chapters.expand_and_cluster.studies import Chain
from companion.chapters.expand_and_cluster.sweeps import CHAINS, RECOVERY
from companion.chapters.expand_and_cluster.training import teachers
from companion.runs.spec import SpecError
from ts_core.networks import Network, forward


def test_a_chain_has_a_row_per_layer_and_an_error_where_all_widths_are_found():
    tables = chained(Chain(input_dim=2, teacher_widths=(2, 2), students=4, samples=60, steps=150, tuning=60))
    layers, recovered = tables["layers"], tables["recovered"].iloc[0]
    assert layers.layer.tolist() in ([1], [1, 2]) and (layers.teacher_width == 2).all()
    found = layers.width.tolist() == [2, 2]
    assert np.isnan(recovered.error) != found


def test_a_chain_without_perfect_students_says_so():
    tables = chained(Chain(input_dim=2, teacher_widths=(2, 2), students=2, samples=30, steps=1))
    assert tables["layers"].width.tolist() == [0] and np.isnan(tables["recovered"].error).all()


def test_order_and_signs_of_all_layers_are_no_distance():
    teacher = teachers((1,), (3, 4, 2, 1), "tanh")
    a, b, c = (w.clone() for w in teacher.weights)
    order, sign = torch.tensor([2, 0, 3, 1]), torch.tensor([1.0, -1, -1, 1], dtype=a.dtype)
    a = a[:, order] * sign[:, None]
    b[:, :, :4] = b[:, :, :4][:, :, order] * sign
    b, c = -b.flip(1), torch.cat([-c[..., :2].flip(2), c[..., 2:]], 2)
    same = Network((a, b, c), teacher.activation)
    x = torch.randn(1, 20, 3, dtype=a.dtype, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(forward(same, x)[1][-1], forward(teacher, x)[1][-1])
    assert distance(same, teacher) < 1e-14
    b[0, 0, 0] += 0.02
    assert distance(same, teacher) == pytest.approx(0.02)
    assert np.isnan(distance(teachers((1,), (3, 4, 3, 1), "tanh"), teacher))


def test_what_joins_a_cluster_late_is_not_frozen_with_it():
    g = np.random.default_rng(0)
    twins = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    rows = np.concatenate([np.vstack([twins + 1e-9 * g.standard_normal(twins.shape), [9.0 + k, 0, 0]])
                           for k in range(3)])  # fmt: skip
    rows[2] = [1, 0.3, 0]  # of the first student, near its copy
    pool = Pool(rows, np.zeros(3))
    assert [set(of) for of in tightest(pool)] == [{0, 3, 6}, {1, 4, 7}]
    assert {0, 2, 3, 6} in [set(of) for of in clusters(rows, 3, MOST, 0.5)]
    assert tightest(Pool(rows[:3], np.zeros(1))) == []


def test_cells_of_the_sweeps():
    cells = RECOVERY.scales["laptop"].cells()
    seeds = [(cell.activation, teacher) for cell in cells for teacher in cell.teachers]
    assert len(set(seeds)) == len(seeds) == 3 * RECOVERY.scales["laptop"].teachers >= 50
    assert len({cell.teacher for cell in CHAINS.scales["laptop"].cells()}) == CHAINS.scales["laptop"].teachers


def test_a_chain_that_cannot_run_is_refused_by_name():
    with pytest.raises(SpecError, match="over_realization must.*1.5 times 3"):
        Chain(over_realization=1.5)
