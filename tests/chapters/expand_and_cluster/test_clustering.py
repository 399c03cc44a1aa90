"""Cuts and clusters on neurons placed by hand."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster

from companion.chapters.expand_and_cluster.clustering import (
    MOST,
    PLATEAU,
    RULES,
    clusters,
    collapsed,
    labels_after,
    linked,
    median_angle,
    members_of,
    published_cut,
    smallest,
    whole_counts,
    whole_cut,
)

STUDENTS = 4
TWINS = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])


def students(spread: float = 1e-8, seed: int = 0) -> np.ndarray:
    """Four students, each with a copy of three twins and two neurons of its own, far from all others."""
    g = np.random.default_rng(seed)
    rows = []
    for number in range(STUDENTS):
        rows.append(TWINS + spread * g.standard_normal(TWINS.shape))
        own = g.standard_normal((2, 3))
        rows.append(own / np.linalg.norm(own, axis=1, keepdims=True) * (10 + 5 * number))
    return np.concatenate(rows)


@pytest.mark.parametrize("rule", RULES)
def test_copies_are_kept_and_the_rest_is_dropped(rule):
    found = clusters(students(), STUDENTS, rule, 0.75)
    expected = [{number * 5 + twin for number in range(STUDENTS)} for twin in range(3)]
    assert sorted(map(set, found), key=min) == expected


def test_a_cluster_of_few_students_is_whole_for_no_rule_that_asks_for_all():
    rows = students()
    rows[[3, 8, 13]] = [[0.0, 5, 5], [0.0, 5, 5.001], [0.0, 5, 5]]  # three students agree by chance
    sizes = {rule: len(clusters(rows, STUDENTS, rule, 0.75)) for rule in RULES}
    assert sizes["pi/6"] == sizes["pi/18"] == 4
    assert sizes["pi/6, every student"] == sizes[MOST] == sizes[PLATEAU] == 3


def test_a_wide_cluster_passes_the_wide_angle_only():
    rows = students()
    for number, angle in enumerate((0.0, 0.2, 0.4, 0.6)):  # a fourth twin, seen less and less clearly
        rows[number * 5 + 3] = [-3 * np.cos(angle), -3 * np.sin(angle), 0]
    found = {rule: clusters(rows, STUDENTS, rule, 0.75) for rule in ("pi/6", "pi/18")}
    assert len(found["pi/6"]) == len(found["pi/18"]) + 1


def test_whole_clusters_are_counted_as_by_scipys_labels():
    rows = students(0.05, 1)
    linkage = linked(rows)
    counts = whole_counts(linkage, STUDENTS)
    for merges in range(len(rows)):
        label = labels_after(linkage, merges)
        assert len(set(label)) == len(rows) - merges
        assert counts[merges] == (members_of(label, STUDENTS) > 0).all(1).sum()


def test_labels_are_those_of_a_height():
    linkage = linked(students(0.05, 1))
    same = lambda label: label[:, None] == label
    for merges in (3, 9, 14):
        height = linkage[merges - 1, 2]
        expected = same(fcluster(linkage, height, "distance"))
        assert (same(labels_after(linkage, merges)) == expected).all()


def test_the_published_cut_is_the_end_of_the_first_stretch_with_most_clusters():
    linkage = linked(students())
    counts = [
        (members_of(labels_after(linkage, m), STUDENTS).sum(1) >= smallest(STUDENTS, 0.5)).sum()
        for m in range(1, len(linkage) + 1)
    ]
    first = counts.index(max(counts))
    last = next(i for i in range(first, len(counts)) if i + 1 == len(counts) or counts[i + 1] != max(counts))
    assert published_cut(linkage, STUDENTS, 0.5) == last + 1


def test_the_longest_plateau_may_have_fewer_than_most():
    g = np.random.default_rng(3)
    rows = np.concatenate([TWINS + [[1e-12], [1e-12], [1e-1]] * g.standard_normal(TWINS.shape)
                           for _ in range(STUDENTS)])  # fmt: skip
    linkage = linked(rows)
    counts = whole_counts(linkage, STUDENTS)
    assert counts[whole_cut(linkage, STUDENTS, MOST)] == 3
    assert counts[whole_cut(linkage, STUDENTS, PLATEAU)] == 2


def test_a_cluster_collapses_to_the_mean_of_its_best_student():
    rows = np.arange(12.0).reshape(6, 2)  # three students of two neurons
    found = collapsed(rows, [np.array([0, 1, 4]), np.array([3, 5])], np.array([2.0, 3.0, 5.0]))
    assert found.tolist() == [[1.0, 2.0], [6.0, 7.0]]
    assert collapsed(rows, [], np.zeros(3)).shape == (0, 2)


def test_angles_by_hand():
    rows = np.array([[1.0, 0], [2 * np.cos(0.3), 2 * np.sin(0.3)]])
    assert median_angle(rows) == pytest.approx(0.3, abs=1e-12)


def test_one_student_has_no_clusters():
    assert clusters(TWINS, 1, "pi/6", 0.5) == []


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ValueError, match=f"share must lie in \\(0, 1\\], got {share:g}"):
        smallest(4, share)


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="rule must be one of pi/6, .*, got 'pi/3'"):
        clusters(students(), STUDENTS, "pi/3", 0.5)
