"""Pictures of the dynamics."""

from collections.abc import Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.pages.figures import INK, NEUTRAL, STUDENT, TEACHER, legend_on_top, ordered_colours


def learned(table: pd.DataFrame, routes: dict[str, str], axes: Sequence[Axes]) -> Sequence[Axes]:
    """Learned strength of every teacher over time, a panel per start; ``routes`` gives line styles."""
    for ax, (start, panel) in zip(axes, table.groupby("start")):
        colours = ordered_colours(-panel.teacher)  # dark is strong
        for (route, teacher, _), group in panel[panel.route.isin(routes)].groupby(
            ["route", "teacher", "seed"]
        ):
            thin = dict(linewidth=0.8, alpha=0.6) if routes[route] == "-" else dict(linewidth=1.6)
            ax.plot(group.time, group.learned, color=colours[-teacher], linestyle=routes[route], **thin)
        ax.set(title=f"{start} start", xlabel="time", ylabel="learned strength")
    drawn = [route for route in routes if route in set(table.route)]
    legend_on_top(axes, [Line2D([], [], color=INK, linestyle=routes[route], label=route) for route in drawn])
    return axes


def half_times(table: pd.DataFrame, ax: Axes) -> Axes:
    """Half-time of every teacher against 1 / strength, by route; the logistic estimate is a straight line."""
    sns.swarmplot(
        table.assign(inverse=(1 / table.strength).round(3)),
        x="inverse",
        y="half_time",
        hue="route",
        dodge=True,
        size=4,
        palette=[STUDENT, NEUTRAL, TEACHER],
        hue_order=["flow", "SGD", "logistic"],
        native_scale=True,
        ax=ax,
    )
    ax.set(title="half-times", xlabel="1 / strength of the teacher node", ylabel="time to half the strength")
    ax.legend(title="")
    return ax
