"""Pictures of the chapter: what is drawn, and what the legend says."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.expand_and_cluster import plots, tables
from companion.pages import figures
from tests.chapters.expand_and_cluster.hand_made import WIDTH, aligned, recovered, shown, students
from tests.pictures import close  # noqa: F401 (a fixture)


def legend(axes) -> list[str]:
    return [text.get_text() for text in np.ravel(axes)[0].figure.legends[0].get_texts()]


def test_kept_clusters_stand_out_in_the_tree():
    neurons, merges = shown()
    linkage, cut = tables.tree(neurons, merges)
    _, axes = figures.figure(1, 2)
    plots.dendrogram(linkage, cut, tables.dissimilarity(neurons, merges), neurons.kept, axes[0])
    colours = plots._link_colours(linkage, neurons.kept.to_numpy())
    assert [*colours.values()].count(figures.STUDENT) == 2
    assert axes[0, 0].lines[-1].get_ydata()[0] == cut
    assert legend(axes)[0] == "clusters that are kept"


def test_excess_stands_on_the_right():
    _, axes = figures.figure(2, 2)
    plots.alignment(aligned(), 2, axes)
    assert [len(ax.patches) for ax in axes.flat] == [3, 2, 3, 2]
    assert axes[0, 0].patches[2].get_x() > 3 and axes[0, 0].patches[2].get_height() == 0.6
    assert legend(axes) == ["stands for a teacher neuron", "in excess"]


def test_rates_and_widths_have_a_panel_per_activation():
    both = pd.concat([recovered({"pi/6": 8}), recovered({"pi/18": 4}, activation="relu")])
    told = tables.outcomes(both, WIDTH, 1e-6)
    _, axes = figures.figure(1, 2)
    plots.rates(tables.rates(told), 0.75, axes[0])
    assert [bar.get_width() for bar in axes[0, 0].patches] == [0, 1, 1, 1, 1]
    assert "tanh" in axes[0, 0].get_title(loc="left") + axes[0, 0].get_title()
    _, axes = figures.figure(1, 2)
    plots.widths(told, axes[0])
    line = axes[0, 0].lines[0]
    assert dict(zip(line.get_xdata(), line.get_ydata()))[3] == 1
    assert len(legend(axes)) == 3


def test_students_of_both_sizes_stand_side_by_side():
    _, axes = figures.figure(1, 1)
    plots.perfect(students(1, 7).astype({"activation": "category"}), 1e-12, axes[0, 0])
    assert [bar.get_height() for bar in axes[0, 0].patches] == [0.1875, 0.9375]
    assert legend(axes) == ["exact", "expanded"]


def test_errors_are_sorted_and_stand_above_the_floor():
    _, axes = figures.figure(1, 1)
    plots.errors(recovered({}, 5, error=0.0), 1e-6, axes[0, 0])
    before, after, _ = axes[0, 0].lines
    assert np.diff(before.get_ydata()).min() > 0 and (after.get_ydata() == tables.FLOOR).all()
