"""Pictures of two-layer networks that several chapters show."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from companion.pages.figures import PUBLISHED, cloud, label_rim, over_realization_colours, say_missing


def segments(table: pd.DataFrame, reach: float) -> np.ndarray:
    """Ends ``(lines, 2, 2)`` of the line w^T x + b = 0, ``reach`` to both sides of its foot point."""
    w = table[["w_1", "w_2"]].to_numpy()
    size = np.linalg.norm(w, axis=1, keepdims=True)
    foot = -table[["b"]].to_numpy() * w / size**2
    along = reach * np.column_stack([-w[:, 1], w[:, 0]]) / size
    return np.stack([foot - along, foot + along], axis=1)


def l_shape(students: pd.DataFrame, axes: np.ndarray) -> np.ndarray:
    """Best-teacher correlation against fan-out norm of every student node, a row per polarity.

    students    table of :meth:`TwoLayer.run`; axes  2-D array of the matching shape.
    """
    ratios = sorted(students.over_realization.unique())
    colours = over_realization_colours(ratios)
    for row, (p, by_polarity) in zip(axes, students.groupby("polarity")):
        top = 1.05 * by_polarity.fan_out_norm.fillna(0).replace(np.inf, 0).max() or 1.0
        for ax, ratio in zip(row, ratios):
            group = by_polarity[by_polarity.over_realization == ratio]
            cloud(ax, group.best_correlation, group.fan_out_norm, colours[ratio])
            ax.set(xlim=(0, 1.04), ylim=(-0.05 * top, top), title=f"{ratio:g}x, p = {p:g}")
            say_missing(ax, group.best_correlation)
    label_rim(axes, "best-teacher correlation of a student node", "fan-out norm ‖v$_k$‖")
    return axes


def published_handle(published: pd.DataFrame | None) -> list[Line2D]:
    return [] if published is None else [Line2D([], [], **PUBLISHED, label="published")]
