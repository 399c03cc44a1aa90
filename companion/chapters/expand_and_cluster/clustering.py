"""Which neurons of many students are copies of one: average linkage, a cut, a choice of clusters."""

import math

import numpy as np
from scipy.cluster.hierarchy import average, cut_tree
from scipy.spatial.distance import pdist

# name: largest median angle of a pair (radians), whether a cluster needs a neuron of every student
PUBLISHED_RULES = {
    "pi/6": (math.pi / 6, False),
    "pi/18": (math.pi / 18, False),
    "pi/6, every student": (math.pi / 6, True),
}
PLATEAU, MOST = "longest plateau", "most whole"
RULES = (*PUBLISHED_RULES, PLATEAU, MOST)
FLOOR = 1e-16  # distances below, which float64 does not tell apart, count as this


def linked(rows: np.ndarray) -> np.ndarray:
    """scipy's linkage matrix of canonical neurons ``(neurons, d + 1)``: average linkage, Euclidean."""
    return average(pdist(rows))


def labels_after(linkage: np.ndarray, merges: int) -> np.ndarray:
    """The cluster of each neuron when the first ``merges`` merges are done, numbered from 0."""
    return cut_tree(linkage, n_clusters=len(linkage) + 1 - merges)[:, 0]


def members_of(label: np.ndarray, count: int) -> np.ndarray:
    """``(cluster, student)``: how many neurons of each of ``count`` students, all of one width, it has."""
    student = np.arange(len(label)) // (len(label) // count)
    table = np.zeros((label.max() + 1, count), int)
    np.add.at(table, (label, student), 1)
    return table


def published_cut(linkage: np.ndarray, students: int, share: float) -> int:
    """Merges to be done: the end of the first stretch with the most clusters of ``share`` neurons a student.

    source      released code of Martinelli et al. 2024.
    """
    least = smallest(students, share)
    sizes = _sizes(linkage)
    counts = np.array([(of >= least).sum() for of in sizes[1:]])
    best = counts == counts.max()
    first = int(best.argmax())
    return first + (len(best) - first if best[first:].all() else int(best[first:].argmin()))


def smallest(students: int, share: float) -> int:
    """Neurons that a cluster needs, at least 2.

    raises      ValueError for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    return max(2, math.ceil(share * students))


def whole_counts(linkage: np.ndarray, students: int) -> np.ndarray:
    """How many clusters have a neuron of every student, after 0, 1, 2, ... merges."""
    neurons = len(linkage) + 1
    has = np.zeros((2 * neurons - 1, students), bool)
    has[np.arange(neurons), np.arange(neurons) // (neurons // students)] = True
    count = [int(has[:neurons].all(1).sum())]
    for number, (one, other) in enumerate(linkage[:, :2].astype(int)):
        has[neurons + number] = has[one] | has[other]
        gone = int(has[one].all()) + int(has[other].all())
        count.append(count[-1] - gone + int(has[neurons + number].all()))
    return np.array(count)


def whole_cut(linkage: np.ndarray, students: int, rule: str) -> int:
    """Merges to be done, by how many clusters are whole, that is, have a neuron of every student.

    "most whole" is the end of the first stretch with most of them; "longest plateau" the end of the longest
    with one number of them, at least 2, in decades of distance. Nothing is to be chosen.

    source      derived here.
    """
    counts = whole_counts(linkage, students)[:-1]  # with all in one there is nothing to tell
    height = np.maximum(linkage[:, 2], FLOOR)
    lasts = np.diff(np.log10(height), prepend=math.log10(FLOOR))
    start = np.flatnonzero(np.diff(counts, prepend=-1))
    if rule == MOST:
        chosen = counts[start].argmax()
    else:
        chosen = np.where(counts[start] > 1, np.add.reduceat(lasts, start), -1.0).argmax()
    return int(np.append(start[1:], len(counts))[chosen]) - 1


def clusters(rows: np.ndarray, students: int, rule: str, share: float) -> list[np.ndarray]:
    """The clusters that a rule keeps: which neurons each of them has.

    rows        ``(neurons, d + 1)``, canonical, as many of every student, one student after the other.
    share       neurons per student that a cluster of a published rule needs.
    returns     none for fewer than 2 students.
    raises      ValueError for a rule that is not there.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, got {rule!r}")
    if students < 2:
        return []
    linkage = linked(rows)
    if rule not in PUBLISHED_RULES:
        label = labels_after(linkage, whole_cut(linkage, students, rule))
        return [np.flatnonzero(label == number) for number in np.flatnonzero(whole(label, students))]
    label = labels_after(linkage, published_cut(linkage, students, share))
    widest, every = PUBLISHED_RULES[rule]
    found = []
    for number in np.unique(label):
        members = np.flatnonzero(label == number)
        enough = whole(label, students)[number] or not every
        if len(members) >= smallest(students, share) and enough and median_angle(rows[members]) <= widest:
            found.append(members)
    return found


def whole(label: np.ndarray, students: int) -> np.ndarray:
    """Whether each cluster has a neuron of every student."""
    return (members_of(label, students) > 0).all(1)


def median_angle(rows: np.ndarray) -> float:
    """The median angle of a pair of neurons, in radians."""
    return float(np.arccos(np.clip(1 - np.median(pdist(rows, "cosine")), -1, 1)))


def collapsed(rows: np.ndarray, clusters: list[np.ndarray], loss: np.ndarray) -> np.ndarray:
    """One row for every cluster: the mean over its neurons of the best student that has any there.

    loss        of each student.
    """
    nodes = len(rows) // max(1, len(loss))
    means = []
    for members in clusters:
        student = members // nodes
        best = min(set(student), key=lambda number: loss[number])
        means.append(rows[members[student == best]].mean(0))
    return np.array(means).reshape(-1, rows.shape[1])


def _sizes(linkage: np.ndarray) -> list[np.ndarray]:
    """Sizes of the clusters after 0, 1, 2, ... merges."""
    neurons = len(linkage) + 1
    size = np.append(np.ones(neurons, int), linkage[:, 3].astype(int))
    there = np.append(np.ones(neurons, bool), np.zeros(neurons - 1, bool))
    found = [size[there]]
    for number, (one, other) in enumerate(linkage[:, :2].astype(int)):
        there[[one, other]], there[neurons + number] = False, True
        found.append(size[there])
    return found
