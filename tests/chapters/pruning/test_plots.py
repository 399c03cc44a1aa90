"""Pictures of the chapter on pruning."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.pruning import plots, tables
from companion.pages import figures
from tests.chapters.pruning.hand_made import errors
from tests.chapters.pruning.test_claims import accuracies
from tests.pictures import close  # noqa: F401 (a fixture)


def test_lines_are_closed_forms_and_marks_are_students():
    _, (axes,) = figures.figure(1, 2)
    published = pd.DataFrame(dict(method="DPP nodes", kept=[0.5], loss=[1.0]))
    plots.pruned(errors(), tables.curves(3.0, 2), published, axes)
    kept, again = axes
    assert len([line for line in kept.lines if line.get_marker() == "None"]) == len(tables.FORMS) + 1
    marks = [line for line in again.lines if line.get_marker() not in ("None", None)]
    assert len(marks) == 4 and all(len(line.get_xdata()) == 5 for line in marks)
    assert kept.get_yscale() == "log" and len(axes[0].figure.legends[0].get_texts()) == len(plots.COLOURS) + 1


def test_the_map_has_its_line_and_a_dot_per_student_size():
    _, axes = figures.figure(1, 1)
    measured = tables.edges_win(errors())
    plots.sign_map(tables.sign_map(2, points=12), measured, axes[0, 0])
    field, line, dots = axes[0, 0].collections
    assert len(dots.get_offsets()) == 5 and np.isfinite(np.asarray(field.get_array())).all()
    assert len(line.get_paths()[0].vertices) > 5


def test_noise_has_formula_and_students():
    _, axes = figures.figure(1, 2)
    found = tables.by_noise(3.0, errors(), errors(noise=2.0), errors(start="drawn"))
    assert set(found.noise) == {0.0, 2.0} and set(found.start) == {"even"}
    plots.noise(tables.noise_curves(3.0), found, 2, axes[0])
    assert [len(ax.lines) for ax in axes[0]] == [2, 3]
    assert all(isinstance(line.get_ydata(), (np.ndarray, pd.Series)) for line in axes[0, 1].lines)


def test_images_have_a_line_per_method_and_the_whole_network():
    _, (axes,) = figures.figure(1, 2)
    plots.on_images(accuracies(), axes)
    assert [len(ax.lines) for ax in axes] == [8, 8]
    assert len(axes[0].figure.legends[0].get_texts()) == 7


def test_limits_have_two_lines_per_over_realization():
    _, axes = figures.figure(1, 1)
    table = pd.DataFrame(
        dict(over_realization=[2.0, 2.0, 3.0, 3.0], noise=[1.0, 4.0] * 2, own=1.0, error=1.5)
    )
    plots.limits(table.assign(subset=8.0), axes[0, 0])
    assert len(axes[0, 0].lines) == 5 and axes[0, 0].get_xscale() == "log"
