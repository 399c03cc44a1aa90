"""What all pictures share: colours, the grid of panels, labels on its rim, and a word for what is missing."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

TEACHER, STUDENT, NEUTRAL = "#d1495b", "#00798c", "#8d99ae"
PUBLISHED = dict(color="black", linestyle="none", marker="o", markersize=3, markerfacecolor="white", markeredgewidth=0.8)


def palette(levels: Sequence[float]) -> dict:
    """One colour per over-realization, the same in every figure: darker is wider."""
    return dict(zip(sorted(levels), sns.color_palette("crest", len(levels))))


def panels(rows: int, columns: int, width: float = 8.4, height: float = 2.4, **share) -> tuple[plt.Figure, np.ndarray]:
    """A figure and its 2-D array of axes, in the house proportions."""
    return plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False, layout="constrained", **share)


def say_missing(ax: Axes, values: pd.Series) -> None:
    """No number goes missing without a word."""
    if values.isna().any():
        ax.text(0.5, 0.5, f"{values.isna().sum()} of {len(values)} missing:\nmembers that diverged", color=TEACHER, ha="center", va="center", transform=ax.transAxes)


def label_rim(axes: np.ndarray, x: str, y: str) -> None:
    """One shared label per figure side; tick labels on the outer panels only."""
    figure = axes.flat[0].figure
    figure.supxlabel(x, fontsize="medium")
    figure.supylabel(y, fontsize="medium")
    for ax in axes.flat:
        ax.label_outer()
