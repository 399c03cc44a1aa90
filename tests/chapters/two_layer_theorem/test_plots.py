"""Pictures of the chapter on two-layer networks: from tables, and with a word for what is missing."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest

from companion.chapters.two_layer_theorem import claims, plots, tables
from companion.chapters.two_layer_theorem.parameters import Parameters
from companion.chapters.two_layer_theorem.studies import Plane
from companion.experiments.two_layer.plots import l_shape, segments
from companion.experiments.two_layer.tables import outcome
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (a fixture)

TINY = dict(
    input_dim=6,
    outputs=3,
    teacher_width=2,
    samples=60,
    epochs=1,
    seeds=2,
    over_realizations=[1.0, 2.0],
    polarities=[0.0, 1.0, 2.0],
)


@pytest.fixture(scope="module", params=[0.01, 50.0], ids=["calm", "exploding"])
def trained(request):
    spec = Parameters(**TINY, learning_rate=request.param)
    return request.param > 1, spec, spec.l_shape().run()


def test_a_picture_says_when_members_diverged(trained):
    exploded, spec, found = trained
    _, axes = figures.figure(3, 2)
    assert ("diverged" in words(l_shape(found["students"], axes))) == exploded
    assert ("DIVERGED" in outcome(found["runs"])) == exploded
    heat = tables.heat_map(spec.heat_map().run()["pairs"])
    plots.matched(heat[heat.epoch == 1], "correlation", figures.figure(1, 1)[1][0, 0])
    if exploded:
        assert {claim.verdict for claim in claims.training_claims(found["students"])} == {"undecided"}


def test_outcome_names_what_diverged():
    runs = pd.DataFrame(
        {
            "teacher_width": 5,
            "data": "random",
            "samples": 10,
            "polarity": 1.0,
            "over_realization": 2.0,
            "seed": [1, 1, 2, 2],
            "epoch": [0, 1, 0, 1],
            "status": ["ok", "ok", "ok", "diverged"],
        }
    )
    assert outcome(runs[runs.seed == 1]) == "1 networks trained, none diverged"
    assert "1 of 2" in outcome(runs) and "seed 2" in outcome(runs)


def test_lines_in_the_plane_lie_on_their_boundary():
    nodes = pd.DataFrame({"w_1": [1.0, 0.0, 3.0], "w_2": [0.0, -2.0, 4.0], "b": [0.5, 1.0, 5.0]})
    ends = segments(nodes, 2.0)
    w = nodes[["w_1", "w_2"]].to_numpy()
    assert np.abs(np.einsum("kij,kj->ki", ends, w) + nodes.b.to_numpy()[:, None]).max() < 1e-12
    assert np.allclose(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), 4.0)


def test_the_plane_picture_has_one_panel_per_step_and_a_line_per_node():
    spec = Plane(steps=50, samples=64, grid=9)
    lines, error = (spec.run()[name] for name in ("lines", "error"))
    steps = sorted(error.step.unique())[:3]
    _, axes = figures.figure(1, 3)
    for ax in plots.plane(lines, error, steps, axes[0]):
        students, teachers = ax.collections
        assert (len(students.get_paths()), len(teachers.get_paths())) == (15, 5)
    assert steps[0] == 0 and len(error) == 81 * error.step.nunique()


def test_heat_map_numbers_students_by_their_teacher():
    spec = Parameters(**TINY)
    heat = tables.heat_map(spec.heat_map().run()["pairs"])
    last = heat[heat.epoch == 1].pivot(index="teacher", columns="student", values="correlation")
    assert list(last.idxmax()) == sorted(last.idxmax())
    assert len(heat) == 2 * last.size


def test_bars_and_claims_use_the_same_numbers():
    rule = pd.DataFrame(
        {"depth": 2, "slope": 0.0, "seed": [0, 1], "max_error": [1e-15, 2e-15], "max_gradient": 1.0}
    )
    ax = plots.gradient_rule(rule, claims.BARS["gradient_rule"], figures.figure(1, 1)[1][0, 0])
    assert any(np.allclose(line.get_ydata(), 1e-12) for line in ax.lines)
