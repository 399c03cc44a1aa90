"""Whole clusters, cut at the end of the stretch of heights at which most are whole, or at its start."""

import numpy as np

from companion.chapters.expand_and_cluster.clustering import (
    MOST,
    collapsed,
    labels_after,
    linked,
    whole,
    whole_counts,
    whole_cut,
)
from companion.chapters.expand_and_cluster.recovery import Pool, _tuned, pooled, trained
from companion.chapters.expand_and_cluster.studies import Recovery
from companion.chapters.expand_and_cluster.training import samples, teachers
from companion.runs.spec import Tables
from ts_core.sizes import over_realized_width


def ends(cell: Recovery) -> Tables:
    """Expand and cluster the teachers of a cell; collapse and tune the most whole clusters at either cut.

    ends        teacher, cut ("start" or "end", the rule's): width, perfect (students that were clustered),
                averaged (neurons of the best students, whose means begin the tuning), loss, collapsed and
                error as of recovery.recovery.
    """
    teacher = teachers(cell.teachers, (cell.input_dim, cell.teacher_width, 1), cell.activation)
    x, y = samples(teacher, cell.teachers, cell.samples, cell.input_dim)
    nodes = over_realized_width(cell.teacher_width, cell.over_realization)
    student, loss = trained(cell, nodes, x, y)
    own = student.weights[0].view(len(cell.teachers), cell.students, nodes, -1)
    pools = [pooled(cell.activation, *of, cell.zero) for of in zip(own, loss)]
    cuts = [(at, cut, of) for at, pool in enumerate(pools) for cut, of in both(pool).items()]
    found = [(at, cut, collapsed(pools[at].rows, of, pools[at].loss)) for at, cut, of in cuts]
    counts = {(cell.teachers[at], cut): averaged(pools[at], of) for at, cut, of in cuts}
    table = _tuned(cell, teacher, x, y, found, pools).rename(columns={"rule": "cut"})
    table["averaged"] = [counts[key] for key in zip(table.teacher, table.cut)]
    return {"ends": table.drop(columns="error_other").assign(activation=cell.activation)}


def both(pool: Pool) -> dict[str, list[np.ndarray]]:
    """The whole clusters of a pool at the start and at the end of the first stretch with most of them."""
    if pool.students < 2:
        return {"start": [], "end": []}
    linkage = linked(pool.rows)
    counts, end = whole_counts(linkage, pool.students), whole_cut(linkage, pool.students, MOST)
    others = np.flatnonzero(counts[: end + 1] != counts[end])
    start = int(others[-1]) + 1 if len(others) else 0
    labels = {cut: labels_after(linkage, merges) for cut, merges in (("start", start), ("end", end))}
    return {
        cut: [np.flatnonzero(label == number) for number in np.flatnonzero(whole(label, pool.students))]
        for cut, label in labels.items()
    }


def averaged(pool: Pool, clusters: list[np.ndarray]) -> int:
    """How many neurons clustering.collapsed takes the means of: in each cluster those of the best student."""
    nodes = len(pool.rows) // max(1, pool.students)
    count = 0
    for members in clusters:
        student = members // nodes
        count += int((student == min(set(student), key=lambda number: pool.loss[number])).sum())
    return count
