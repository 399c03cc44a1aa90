"""Pictures of the chapter: what is drawn, and what the legend says."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.spectral import plots, tables
from companion.pages import figures
from tests.chapters.spectral.test_claims import kept, units
from tests.pictures import close, words  # noqa: F401 (a fixture)


def legend(axes) -> list[str]:
    return [text.get_text() for text in np.ravel(axes)[0].figure.legends[0].get_texts()]


def test_cut_curves_meet_at_the_teachers_size():
    _, axes = figures.figure(1, 2, width="full")
    plots.cut_curves(kept(100.0), axes[0])
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes[0]] == [
        "spectral",
        "direct, same penalty",
    ]
    narrow, wide = axes[0, 0].lines[1:]
    assert narrow.get_xdata().tolist() == list(range(-3, 4)) and wide.get_xdata()[-1] == 9
    assert np.diff(narrow.get_ydata())[2] < -1.8
    assert legend(axes) == ["student n = 6", "student n = 12"]


def test_several_teachers_are_told_apart_and_members_that_diverged_are_named():
    two = pd.concat([kept(100.0), kept(100.0).assign(teacher_width=2)])
    two.iloc[0, two.columns.get_loc("error")] = np.nan
    _, axes = figures.figure(1, 2, width="full")
    plots.cut_curves(two, axes[0])
    assert legend(axes)[-1] == "teacher m = 3" and "1 of" in words(axes)


def test_survivors_stand_over_the_students_width():
    _, axes = figures.figure(1, 4, width="full")
    plots.survivors(tables.survivors(units(lambda width: 3), 0.05), axes[0])
    middle = axes[0, 0].lines[-1]
    assert middle.get_xdata().tolist() == [6, 12] and middle.get_ydata().tolist() == [3, 3]
    assert axes[0, 1].lines[-1].get_ydata().tolist() == [6, 12]


def test_sizes_fall_off_behind_the_teachers():
    _, axes = figures.figure(1, 4, width="full")
    plots.sorted_sizes(units(lambda width: 3), 0.05, axes[0])
    line = axes[0, 0].lines[0]
    assert line.get_ydata().tolist() == [1, 1, 1, *[plots.SMALLEST] * 3]
    assert legend(axes)[2:] == ["the teacher's nodes, left", "survives, above"]


def test_forgetting_is_drawn_by_teacher():
    counted = tables.survivors(units(lambda width: 3).query("method == 'spectral'"), 0.05)
    later = pd.concat([counted, counted[counted.step == 100].assign(step=200)])
    _, axes = figures.figure(1, 1)
    plots.forgetting(later, axes[0])
    assert axes[0, 0].lines[0].get_xdata().tolist() == [100, 200]
    assert legend(axes) == ["student n = 6", "student n = 12"]
