"""Rates, trees and distances by hand."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.expand_and_cluster import clustering, tables
from tests.chapters.expand_and_cluster.hand_made import WIDTH, ends, recovered, shown, students


def test_every_rule_has_a_name():
    assert tuple(tables.RULES) == clustering.RULES


def test_rates_by_hand():
    told = tables.outcomes(recovered({"pi/6": 8, "pi/18": 4}, 10), WIDTH, 1e-6)
    found = tables.rates(told).set_index("rule")
    assert found.value.tolist() == [0, 0, 1, 1, 1]
    assert found.too_many.tolist() == [10, 0, 0, 0, 0] and found.too_few.tolist() == [0, 10, 0, 0, 0]
    assert found.high["pi/6"] == pytest.approx(0.3085, abs=1e-4)


def test_the_right_width_alone_is_no_recovery():
    off = recovered({}, 4, error=0.3)
    assert not tables.outcomes(off, WIDTH, 1e-6).exact.any()


def test_success_by_size():
    found = tables.success(students(1, 7, 4), 1e-12).set_index(["size", "teacher"])
    assert found.share["exact"].tolist() == [0.25, 0.125, 0.25, 0.125]
    assert found.share["expanded"].tolist() == [1, 0.875, 1, 0.875]
    assert found["first"]["exact"].tolist() == [1, 1, 1, 1]
    assert tables.success(students(0, 7, 2), 1e-12).set_index(["size", "teacher"])["first"][
        "exact"
    ].tolist() == [1, 0]


def test_the_cut_lies_between_the_kept_clusters_and_the_next_merge():
    neurons, merges = shown()
    linkage, cut = tables.tree(neurons, merges)
    assert linkage[0, 2] == pytest.approx(7) and linkage[1, 2] == pytest.approx(9)
    assert cut == pytest.approx((9 + linkage[2, 2]) / 2)
    none = tables.tree(neurons.assign(kept=-1), merges)
    assert none[1] <= none[0][0, 2]


def test_distances_are_those_of_the_order_of_the_tree():
    neurons, merges = shown()
    found = tables.dissimilarity(neurons, merges)
    assert found.shape == (6, 6) and (np.diag(found) == -16).all()
    assert np.sort(found[np.triu_indices(6, 1)])[:2] == pytest.approx([-9, -7])


def test_the_first_activation_is_shown_and_nothing_is_not():
    neurons, merges = shown()
    both = (pd.concat([of, of.assign(activation="relu")]) for of in (neurons, merges))
    assert len(tables.first(*both)[0]) == 6
    with pytest.raises(ValueError, match="fewer than 2 students are perfect"):
        tables.first(neurons[neurons.student == 0], merges)
    with pytest.raises(ValueError, match="fewer than 2 students are perfect"):
        tables.first(neurons[:0], merges[:0])


def test_teachers_by_their_cut():
    found = tables.by_cut(ends(2, 1, teachers=3), 1e-6)
    assert found.start.tolist() == [True, True, False] and found.end.tolist() == [True, False, False]
    assert found.strays.tolist() == [0, 1, 1] and found.index.tolist() == [21, 22, 23]


def test_a_chain_is_a_row_with_a_width_for_each_layer():
    layers = pd.DataFrame({"teacher": [1, 1, 2], "layer": [1, 2, 1], "width": [3, 2, 0]})
    recovered = pd.DataFrame({"teacher": [1, 2], "error": [1e-15, np.nan]})
    found = tables.chains(layers, recovered, 1e-6)
    assert found["layer 1"].tolist() == [3, 0] and found.exact.tolist() == [True, False]
    assert np.isnan(found["layer 2"][2])
