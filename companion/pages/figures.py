"""What all figures share: sizes, colours, format, and the data that lie beside them. Knows no science."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from companion.pages import pictures
from companion.pages.pictures import PIXELS_PER_INCH

# Widths in CSS pixels, as a window of 1280 shows them: one panel, the column of text, the column with its
# margin. Text is drawn at 12 pixels or more and can be read at 9: book.css shrinks figures so far, no more.
WIDTHS = {"narrow": 460, "text": 676, "full": 918}
# Height of one panel for each pixel of its width, with its share of labels.
SHAPES = {"strip": 0.3, "low": 0.54, "normal": 0.76, "tall": 1.05}
MOST_COLUMNS = 4
SMALLEST_DOT = 16  # of a legend, in square points
CLOUD = 300  # dots whose shapes take as many bytes as the pixels of a panel

TEACHER, STUDENT, NEUTRAL, ACCENT = "#d1495b", "#00798c", "#8d99ae", "#e0951a"
INK = "#222222"  # lines that belong to neither network
PUBLISHED = dict(
    color="black",
    linestyle="none",
    marker="o",
    markersize=4,
    markerfacecolor="white",
    markeredgewidth=1,
    zorder=3,
)
# Colour maps of seaborn, which must be imported where they are used: of a size (dark is small), and of a
# number between -1 and 1.
FIELD, SIGNED = "mako", "vlag"

# Both scales run from light to dark along yellow to blue, the axis that every common colour vision keeps.
RATIOS: dict[float, str] = {
    1: "#8fb43a",
    2: "#3d9c7a",
    4: "#1e718c",
    5: "#1a618a",
    8: "#25336c",
    10: "#231d5e",
    100: "#0b0820",
}
LAYERS = ("#1f1655", "#5f2c86", "#a23d80", "#cc5964", "#e07e3c", "#ecb13f")


def style(path: Path, folder: Path | None = None) -> None:
    """Draw every later figure in the style at path; in a notebook as SVG, byte for byte the same each time.

    path        of a matplotlib style file, such as book/house.mplstyle.
    folder      keeps the pictures of a notebook; by default each is drawn.
    """
    from IPython import get_ipython

    plt.style.use(path)
    if shell := get_ipython():  # else the next lines would start one
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")
        draw = partial(pictures.kept, folder=folder) if folder else pictures.svg
        shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, draw)
        plt.uninstall_repl_displayhook()  # it would draw each figure once more, as pixels that nobody sees


def figure(
    rows: int = 1, columns: int = 1, *, width: str | None = None, height: str = "normal", **share
) -> tuple[Figure, np.ndarray]:
    """A figure of equal panels and its 2-D array of axes.

    width       narrow, text or full; by default narrow for one column, full for four and text for others.
    height      of a panel: strip, low, normal or tall.
    share       sharex, sharey, width_ratios … of matplotlib.pyplot.subplots.
    raises      ValueError for more columns than four, which no phone and no column of text can show.
    """
    if not 1 <= columns <= MOST_COLUMNS:
        raise ValueError(
            f"columns must be 1 to {MOST_COLUMNS}, got {columns}; put more panels into several rows"
        )
    width = width or {1: "narrow", MOST_COLUMNS: "full"}.get(columns, "text")
    for name, value, allowed in (("width", width, WIDTHS), ("height", height, SHAPES)):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    across = WIDTHS[width] / PIXELS_PER_INCH
    size = (across, rows * SHAPES[height] * across / columns)
    return plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained", **share)


def over_realization_colours(ratios: Iterable[float]) -> dict[float, str]:
    """One colour per over-realization (at least 1), the same in every figure: darker is wider."""
    wanted = sorted(set(ratios))
    if not all(ratio >= 1 for ratio in wanted):
        raise ValueError(f"over-realizations must be at least 1, got {wanted}")
    place = lambda ratio: np.log(ratio) / np.log(max(RATIOS))
    scale = LinearSegmentedColormap.from_list(
        "", [(place(ratio), colour) for ratio, colour in RATIOS.items()], 4096
    )
    return {ratio: RATIOS[ratio] if ratio in RATIOS else to_hex(scale(place(ratio))) for ratio in wanted}


def layer_colours(layers: Iterable[int]) -> dict[int, str]:
    """One colour per layer (1 is the lowest), the same in every figure: the lowest is the darkest."""
    wanted = sorted(set(layers))
    if not set(wanted) <= set(range(1, len(LAYERS) + 1)):
        raise ValueError(f"layers must be 1 to {len(LAYERS)}, got {wanted}")
    return {layer: LAYERS[layer - 1] for layer in wanted}


def ordered_colours(levels: Iterable) -> dict:
    """Colours for levels that have none of their own, such as learning rates: the first is the lightest."""
    wanted = sorted(set(levels))
    scale = LinearSegmentedColormap.from_list("", LAYERS[::-1])
    return {level: to_hex(scale((i + 1) / (len(wanted) + 1))) for i, level in enumerate(wanted)}


def many_colours(names: Iterable) -> dict:
    """Colours that only tell members of a group apart, for use in several panels of one figure."""
    import seaborn as sns  # as slow to import as all else that a page needs

    wanted = sorted(set(names))
    return dict(zip(wanted, sns.husl_palette(len(wanted), s=0.85, l=0.58).as_hex()))


def mean_and_band(table: pd.DataFrame, x: str, y: str, ax: Axes, colour: str, **line) -> None:
    """Mean of y for each x, with a band of one sample standard deviation where an x has several rows."""
    # seaborn's errorbar="sd" is the same band, but it renames the axes
    mean, std = (table.groupby(x)[y].agg(what) for what in ("mean", "std"))
    ax.plot(mean.index, mean, color=colour, **line)
    ax.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.2, linewidth=0)


def cloud(ax: Axes, x: Sequence[float], y: Sequence[float], colour: str, size: float = 10, **style) -> None:
    """Many half transparent dots; as pixels inside the picture where shapes would take more room."""
    ax.scatter(
        x, y, s=size, color=colour, **dict(alpha=0.45, linewidths=0, rasterized=len(x) > CLOUD) | style
    )


def heatmap(table: pd.DataFrame, ax: Axes, **look) -> None:
    """seaborn's heat map, for which the figure is not drawn.

    It draws all that is there and lays it out, to see whether tick labels overlap: a third of the time of a
    figure of many. They are measured all the same.
    """
    import seaborn as sns  # as slow to import as all else that a page needs

    ax.figure.set_visible(False)
    try:
        sns.heatmap(table, ax=ax, **look)
    finally:
        ax.figure.set_visible(True)


def say_missing(ax: Axes, values: pd.Series) -> None:
    """No number goes missing without a word."""
    if values.isna().any():
        words = f"{values.isna().sum()} of {len(values)} missing:\nmembers that diverged"
        ax.text(0.5, 0.5, words, color=TEACHER, ha="center", va="center", transform=ax.transAxes)


def label_rim(axes: np.ndarray, x: str, y: str) -> None:
    """One shared label per figure side; tick labels on the outer panels only."""
    figure = np.asarray(axes).flat[0].figure
    figure.supxlabel(x)
    figure.supylabel(y)
    for ax in np.asarray(axes).flat:
        ax.label_outer()


def legend_above(ax: Axes, columns: int = 2) -> None:
    """The legend of one panel of several, above it."""
    legend = ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, markerscale=1.5)
    for entry in legend.legend_handles:
        entry.set_alpha(1)


def legend_on_top(axes: np.ndarray, handles: Sequence | None = None) -> None:
    """One legend for all panels of a figure, above them, in the place of an earlier one.

    handles     by default of what has a label in any panel, each label once, published values last.
    """
    handles = _labelled(axes) if handles is None else handles
    figure = np.asarray(axes).flat[0].figure
    for earlier in list(figure.legends):
        earlier.remove()
    columns = max(1, min(len(handles), round(figure.get_figwidth() * PIXELS_PER_INCH / 150)))
    for fewer in range(columns, 0, -1):  # until no entry is cut off
        rows = -(-len(handles) // fewer)
        even = -(-len(handles) // rows)  # no column longer than it must be
        legend = figure.legend(handles=handles, loc="outside upper center", ncols=even)
        if fewer == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
    _show_dots(legend)


def legend_in_grid(axes: np.ndarray, used: int, handles: Sequence | None = None) -> None:
    """One legend for the first ``used`` panels of a grid: in the place of the others, or above if none is.

    Panels over an empty place get back the tick labels that they share with the row below.
    """
    rest = list(np.asarray(axes).flat[used:])
    if not rest:
        return legend_on_top(axes, handles)
    for ax in rest:
        ax.set_axis_off()
    handles = _labelled(axes) if handles is None else handles
    columns = -(-len(handles) // 8)
    inside = rest[0].legend(
        handles=handles, loc="center left", ncols=columns, borderaxespad=0, columnspacing=1
    )
    inside.set_in_layout(False)  # else a long legend would push the panels apart
    _show_dots(inside)
    for above in np.asarray(axes)[:-1].flat[used - np.shape(axes)[1] :]:
        above.tick_params(labelbottom=True)


def _show_dots(legend: Legend) -> None:
    """A single dot of a cloud is too small and too faint to be seen."""
    for entry in legend.legend_handles:
        if isinstance(entry, PathCollection):
            entry.set(alpha=1, sizes=np.maximum(entry.get_sizes(), SMALLEST_DOT))


def _labelled(axes: np.ndarray) -> list:
    found = {}
    for ax in np.asarray(axes).flat:
        for handle, label in zip(*ax.get_legend_handles_labels()):
            found.setdefault(label, handle)
    return [found[label] for label in sorted(found, key=lambda label: label.startswith("published"))]


def save_data(folder: Path, name: str, tables: pd.DataFrame | Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write what a figure draws as CSV into a folder: name.csv, or name.part.csv for each of several tables.

    tables      written with six digits, without the index (reset it where it matters).
    returns     the files; each appears complete or not at all.
    """
    if isinstance(tables, pd.DataFrame):
        files = {f"{name}.csv": tables}
    else:
        files = {f"{name}.{part}.csv": table for part, table in tables.items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file, table in files.items():
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        pictures.write(folder / file, text)
    return [folder / file for file in files]
