"""Pictures of the chapter on students with too few nodes."""

import matplotlib

matplotlib.use("agg")

import pandas as pd
import pytest

from companion.chapters.copy_average import plots, tables
from companion.chapters.copy_average.levels import best_level
from companion.chapters.copy_average.studies import PhaseLine, Points
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (a fixture)


def test_levels_stand_beside_the_closed_form():
    rows = dict(activation="erf", n=5, k=6, share=0.5, of=10)
    shares = pd.DataFrame(
        [
            rows | dict(kind="copies", level=0.02228, starts=8),
            rows | dict(kind="copy-average", level=best_level(5, 6), starts=2),
        ]
    )
    ax = plots.level_counts(shares, figures.figure()[1][0, 0], 5, 6)
    assert [bar.get_width() for bar in ax.patches] == [8, 2] and "8" in words(ax) and "L^*(2)" in words(ax)
    assert ax.lines[0].get_ydata()[0] == pytest.approx(1), "the dashed line lies on the upper bar"
    assert not plots.level_counts(shares, figures.figure()[1][0, 0], 5, 6, lines=False).lines


def test_rows_are_a_panel_per_kind():
    rows = [
        dict(kind=kind, node=i, input=j, weight=float(i == j))
        for kind in ("copies", "copy-average")
        for i in (1, 2)
        for j in (1, 2, 3)
    ]
    _, axes = figures.figure(1, 2)
    plots.students(pd.DataFrame(rows), axes[0])
    assert [ax.get_title() for ax in axes[0]] == ["copies only", "copy and average"]
    assert [label.get_text() for label in axes[0, 0].get_xticklabels()] == ["1", "2", "–"]


def test_what_no_start_reached_is_said():
    rows = pd.DataFrame([dict(kind="copies", node=1, input=j, weight=1.0) for j in (1, 2)])
    _, axes = figures.figure(1, 2)
    plots.students(rows, axes[0])
    assert [ax.get_title() for ax in axes[0]] == ["copies only", "copy and average"]
    assert "no start ended here" in words(axes[0][1]) and "no start" not in words(axes[0][0])
    nothing = pd.DataFrame(columns=["activation", "n", "k", "kind", "level", "starts"])
    assert not plots.level_counts(nothing, figures.figure()[1][0, 0], 5, 6).patches


def test_only_minima_are_filled():
    points = Points(teachers=5, widths=(2, 3)).run()["points"]
    ax = plots.partitions(points, figures.figure()[1][0, 0])
    filled = [dot.get_markerfacecolor() != "white" for dot in ax.lines]
    assert sum(filled) == words(ax).count("minimum") == 2 and len(filled) == len(points)


def test_the_phase_line_is_solid_for_the_largest_teacher():
    both = pd.concat([PhaseLine(teachers=k).run()["phases"] for k in (5, 6)])
    _, axes = figures.figure(1, 2)
    plots.phase_line(both, axes[0])
    assert [line.get_linestyle() for line in axes[0, 0].lines[:2]] == [":", "-"]
    assert axes[0, 0].lines[1].get_xdata().tolist() == [n / 6 for n in (2, 3, 4, 5)]


def test_dots_lie_on_their_lines():
    phases = PhaseLine(teachers=6).run()["phases"]
    predicted = tables.predicted(phases)
    _, axes = figures.figure(1, 3)
    plots.shapes(predicted, predicted, axes[0])
    lines = {tuple(line.get_ydata()) for line in axes[0, 2].lines if line.get_marker() == "None"}
    dots = {
        tuple(line.get_ydata())
        for line in axes[0, 2].lines
        if line.get_marker() in "os" and len(line.get_ydata())
    }
    assert lines == dots and len(lines) == 2


def test_widths_have_a_panel_per_activation():
    rows = dict(k=4, kind="copies", share=1.0, level=0.1)
    shares = pd.DataFrame([rows | dict(activation=name, n=n) for name in ("erf", "relu") for n in (1, 2, 3)])
    _, axes = figures.figure(1, 2)
    plots.widths(shares, 4, axes[0])
    assert [ax.get_title() for ax in axes[0]] == ["erf", "ReLU"]
    assert axes[0, 0].lines[0].get_ydata().tolist() == [best_level(n, 4) for n in (1, 2, 3)]
