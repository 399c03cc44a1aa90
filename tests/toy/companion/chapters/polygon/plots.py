"""Pictures of the chapter on polygons."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from companion.pages.figures import INK, NEUTRAL, STUDENT, mean_and_band


def shares(measured: pd.DataFrame, exact: pd.DataFrame, bars: Sequence[float], ax: Axes) -> Axes:
    """Share of the circle that polygons fill, measured and by formula; the bars are the claims."""
    ax.plot(exact.sides, exact.share, color=INK, linewidth=1, label="formula")
    mean_and_band(measured, "sides", "share", ax, STUDENT, marker="o", linestyle="none", label="darts")
    for bar in bars:
        ax.axhline(bar, color=NEUTRAL, linestyle="--", linewidth=1)
    ax.set(xscale="log", xlabel="sides", ylabel="share of the circle")
    ax.legend(loc="lower right")
    return ax
