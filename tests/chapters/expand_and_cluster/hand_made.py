"""Tables as a recovery gives them, made by hand."""

import numpy as np
import pandas as pd

RULES = ["pi/6", "pi/18", "pi/6, every student", "longest plateau", "most whole"]
WIDTH = 5


def recovered(widths: dict[str, int], teachers: int = 20, activation: str = "tanh", **changes):
    """Every teacher with the width that its rule gives; the right one is recovered."""
    rows = []
    for teacher in range(1, teachers + 1):
        for rule in RULES:
            width = widths.get(rule, WIDTH)
            right = width == WIDTH
            rows.append(
                dict(activation=activation, teacher=teacher, rule=rule, width=width, perfect=7, loss=1e-31)
                | dict(collapsed=0.1 * teacher if right else np.nan, error=1e-15 if right else np.nan)
                | dict(error_other=3.0 if right else np.nan)
                | changes
            )
    return pd.DataFrame(rows)


def students(exact: int, expanded: int, teachers: int = 20, activation: str = "tanh") -> pd.DataFrame:
    """Of 8 students each, ``exact`` and ``expanded`` are perfect, one more for every other teacher."""
    rows = [
        dict(activation=activation, teacher=teacher, nodes=nodes, student=number)
        | dict(loss=1e-30 if number < perfect + teacher % 2 else 1e-2)
        for teacher in range(1, teachers + 1)
        for nodes, perfect in ((WIDTH, exact), (3 * WIDTH, expanded))
        for number in range(8)
    ]
    return pd.DataFrame(rows)


def ends(start: int, end: int, first: int = 21, teachers: int = 20) -> pd.DataFrame:
    """The first ``start`` and the first ``end`` teachers come back by either cut; strays join the others."""
    return pd.DataFrame(
        [
            dict(activation="relu", teacher=first + number, cut=cut, width=WIDTH, perfect=7, loss=1e-31)
            | dict(collapsed=0.1, error=1e-15 if number < found else 0.5)
            | dict(averaged=WIDTH + (cut == "end" and number >= found))
            for number in range(teachers)
            for cut, found in (("start", start), ("end", end))
        ]
    )


def aligned() -> pd.DataFrame:
    kept = [(0, 1.0), (1, 0.98), (-1, 0.6)]
    return pd.DataFrame(
        [
            dict(activation=activation, teacher=1, rule=rule, cluster=number, twin=twin, cosine=cosine)
            for activation in ("tanh", "relu")
            for rule in ("pi/6", "most whole")
            for number, (twin, cosine) in enumerate(kept if rule == "pi/6" else kept[:2])
        ]
    )


def shown() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two students with two copies and one neuron of their own; the tree is scipy's."""
    from scipy.cluster.hierarchy import average
    from scipy.spatial.distance import pdist

    rows = np.array([[1, 0], [3, 4], [9, 1], [1, 1e-9], [3, 4 + 1e-7], [1, -20]])
    neurons = pd.DataFrame({"student": [0, 0, 0, 1, 1, 1], "x0": rows[:, 0], "x1": rows[:, 1]})
    neurons = neurons.assign(kept=[0, 1, -1, 0, 1, -1], activation="tanh")
    merges = pd.DataFrame(average(pdist(rows)), columns=["left", "right", "height", "size"])
    return neurons, merges.assign(activation="tanh")
