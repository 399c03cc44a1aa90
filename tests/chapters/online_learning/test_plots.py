"""Pictures draw what their tables hold, also where it is little."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.online_learning import plots, tables
from companion.chapters.online_learning.studies import Learning
from companion.pages.figures import figure
from tests.chapters.online_learning.test_tables import overlaps_at, pauses, students
from tests.pictures import close  # noqa: F401 (a fixture)


def test_the_overlay_has_dots_on_lines_and_a_level():
    cell = Learning(
        input_dim=20,
        seeds=2,
        horizon=3.0,
        interval=1.0,
        routes=("SGD", "ODE", "flow"),
        tables=("errors", "overlaps"),
    )
    drawn = cell.run()
    _, axes = figure(1, 2)
    plots.overlay(drawn["errors"], drawn["overlaps"], 0.03, axes[0])
    assert len(axes[0, 0].lines) == 6 and len(axes[0, 1].lines) == 8
    sgd = drawn["errors"].query("route == 'SGD' and seed == 1").error
    np.testing.assert_allclose(axes[0, 0].lines[0].get_ydata(), sgd)


def test_final_errors_are_drawn_by_kind_with_the_formula():
    cells = [
        Learning(
            input_dim=20,
            student_width=k,
            seeds=2,
            horizon=2.0,
            interval=1.0,
            noise=0.1,
            fan_out_rate=rate,
            fan_out_spread=0.1 * (rate > 0),
            routes=("ODE",),
        )
        for k in (2, 3)
        for rate in (0.0, 0.5)
    ]
    errors = tables.with_kind(pd.concat(cell.run()["errors"] for cell in cells))
    _, axes = figure(1, 2)
    plots.too_wide(errors, tables.final(errors), axes[0])
    assert len(axes[0, 0].lines) == 4
    dotted = axes[0, 1].lines[-1].get_ydata()
    np.testing.assert_allclose(dotted, [tables.first_order(k, 1.5, 0.1) for k in (2, 3)])


def test_surplus_sizes_and_pauses_are_drawn():
    _, axes = figure(2, 2)
    nodes = students((-1, -1)).assign(norm=0.5, fan_out=-1.0)
    plots.surplus(nodes, axes[0, 0])
    assert {line.get_label() for line in axes[0, 0].lines} == {"soft committee", "both layers"}
    assert max(line.get_ydata().max() for line in axes[0, 0].lines) == 0.5
    plots.sizes(overlaps_at(lambda n: 2 / np.sqrt(n)), axes[0, 1])
    np.testing.assert_allclose(axes[0, 1].lines[1].get_ydata(), [0.2, 0.1])
    plots.pauses(tables.pauses(pauses(3.0)), axes[1])
    assert len(axes[1, 0].lines) == 2
