"""How often students are perfect and teachers come back; distances in the order of the dendrogram."""

import numpy as np
import pandas as pd

from companion.pages.statistics import share_interval

FLOOR = 1e-16  # of float64: errors and distances below are not told apart
MERGES = ["left", "right", "height", "size"]
RULES = {  # short names of how clusters are chosen, as in clustering.RULES
    "pi/6": "β = π/6 (published)",
    "pi/18": "β = π/18",
    "pi/6, every student": "π/6, every student",
    "longest plateau": "longest plateau",
    "most whole": "most whole clusters",
}


def success(students: pd.DataFrame, zero: float) -> pd.DataFrame:
    """Share of the students of a teacher that reach a loss below ``zero``.

    students    table of that name of recovery.recovery.
    columns     activation, teacher, size ("exact" or "expanded"): share, and first, of its first student.
    """
    least = students.groupby("activation").nodes.transform("min")
    size = np.where(students.nodes == least, "exact", "expanded")
    rows = students.assign(size=size, share=(students.loss < zero).astype(float))
    groups = rows.groupby(["activation", "teacher", "size"]).share
    return groups.agg(["mean", "first"]).rename(columns={"mean": "share"}).reset_index()


def outcomes(recovered: pd.DataFrame, teacher_width: int, precise: float) -> pd.DataFrame:
    """The same rows with excess, neurons beyond the teacher's, and exact, whether all parameters agree."""
    return recovered.assign(
        excess=recovered.width - teacher_width, exact=(recovered.error < precise).fillna(False)
    )


def rates(of: pd.DataFrame) -> pd.DataFrame:
    """Share of teachers that come back, with its interval, and how others miss: by activation and rule.

    of          :func:`outcomes`.
    columns     activation, rule: value, low, high, teachers, too_few, too_many (neurons kept).
    """
    rows = []
    for activation, rest in of.groupby("activation", sort=False):
        for rule in RULES:
            group = rest[rest.rule == rule]
            found = share_interval(int(group.exact.sum()), len(group))
            missed = dict(too_few=int((group.excess < 0).sum()), too_many=int((group.excess > 0).sum()))
            rows.append(dict(activation=activation, rule=rule) | found | dict(teachers=len(group)) | missed)
    return pd.DataFrame(rows)


def by_cut(ends: pd.DataFrame, precise: float) -> pd.DataFrame:
    """Teachers by where the stretch of most whole clusters is cut, a row each.

    ends        table of that name of ends.ends.
    columns     start, end: whether all parameters agree; strays: neurons that the means take in between.
    """
    exact = ends.assign(exact=ends.error < precise).pivot(index="teacher", columns="cut", values="exact")
    count = ends.pivot(index="teacher", columns="cut", values="averaged")
    return exact[["start", "end"]].astype(bool).assign(strays=count.end - count.start)


def chains(layers: pd.DataFrame, recovered: pd.DataFrame, precise: float) -> pd.DataFrame:
    """The width found in each layer and whether all parameters agree, a row per deeper teacher.

    layers, recovered   tables of chain.chained.
    """
    widths = layers.pivot(index="teacher", columns="layer", values="width").add_prefix("layer ")
    return widths.assign(exact=recovered.set_index("teacher").error < precise)


def first(neurons: pd.DataFrame, merges: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the first activation.

    raises      ValueError if fewer than 2 of its students are perfect, so that there is nothing to cluster.
    """
    activation = next(iter(neurons.activation), "")
    parts = [of[of.activation == activation].reset_index(drop=True) for of in (neurons, merges)]
    if neurons.empty or parts[0].student.nunique() < 2:
        raise ValueError(
            "fewer than 2 students are perfect: nothing to cluster; give more steps or over_realization"
        )
    return parts[0], parts[1]


def coordinates(neurons: pd.DataFrame) -> np.ndarray:
    """Canonical weights ``(neurons, d + 1)``, the bias last."""
    columns = neurons.filter(regex=r"^x\d+$")
    return columns[sorted(columns, key=lambda name: int(name[1:]))].dropna(axis=1).to_numpy()


def dissimilarity(neurons: pd.DataFrame, merges: pd.DataFrame) -> np.ndarray:
    """log10 of the distances of all pairs of neurons of a teacher, in the order of the dendrogram."""
    from scipy.cluster.hierarchy import leaves_list  # scipy is as slow to import as all else of a page
    from scipy.spatial.distance import pdist, squareform

    order = leaves_list(merges[MERGES].to_numpy())
    return np.log10(squareform(pdist(coordinates(neurons)[order])).clip(FLOOR))


def tree(neurons: pd.DataFrame, merges: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Linkage matrix with heights in decades above FLOOR, so that it can be drawn, and those of the cut.

    The cut is the geometric middle between the last merge inside of a kept cluster and the next one.
    """
    linkage = merges[MERGES].to_numpy().astype(float)
    linkage[:, 2] = np.log10(np.maximum(linkage[:, 2], FLOOR) / FLOOR)
    done = _merges_done(neurons, linkage)
    return linkage, float(linkage[max(done - 1, 0) : done + 1, 2].mean())


def _merges_done(neurons: pd.DataFrame, linkage: np.ndarray) -> int:
    """How many merges make all kept clusters."""
    from scipy.cluster.hierarchy import cophenet
    from scipy.spatial.distance import squareform

    joined = squareform(cophenet(linkage))
    kept = neurons.kept.to_numpy()
    highest = max((joined[np.ix_(kept == k, kept == k)].max() for k in set(kept) - {-1}), default=0.0)
    return int(np.searchsorted(linkage[:, 2], highest, side="right"))
