"""Pictures from tables: they show every group, compute nothing, and say so when numbers are missing."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from ts_core import plots
from ts_core.claims import table
from ts_core.experiments import sample_complexity, two_layer, two_layer_claims, two_layer_theorem

TINY = dict(
    input_dim=6,
    outputs=3,
    teacher_width=2,
    samples=60,
    epochs=1,
    seeds=2,
    sample_sizes=[60],
    sample_steps=10,
    over_realizations=[1.0, 2.0],
)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def words(axes) -> str:
    return " ".join(text.get_text() for ax in np.ravel(axes) for text in ax.texts)


@pytest.fixture(scope="module", params=[0.01, 50.0], ids=["calm", "exploding"])
def trained(request):
    spec = two_layer_theorem.TwoLayerTheorem(**TINY, learning_rate=request.param)
    sweep = pd.concat(
        [two_layer.run(cell)["runs"] for cell in spec.sample_complexity().cells()], ignore_index=True
    )
    return request.param > 1, spec, two_layer.run(spec.l_shape()), sweep


def test_a_picture_says_when_members_diverged(trained):
    exploded, spec, tables, sweep = trained
    _, axes = plots.panels(3, 2)
    assert ("diverged" in words(plots.l_shape(tables["students"], axes))) == exploded
    _, axes = plots.panels(1, 2)
    live = sample_complexity.over_epochs(sweep)
    assert ("diverged" in words(plots.sample_complexity(live, None, "last_correlation", axes[0]))) == exploded
    assert (
        ("DIVERGED" in two_layer.outcome(tables["runs"]))
        == exploded
        == ("DIVERGED" in two_layer.outcome(sweep))
    )
    heat = two_layer_theorem.heat_map(spec.l_shape(), 0.0, 2.0)
    plots.matched(heat[heat.epoch == 1], "correlation", plots.panels(1, 1)[1][0, 0])
    if exploded:
        claims = two_layer_claims.training_claims(tables["students"], live, spec)
        assert {claim.verdict for claim in claims} == {"undecided"}


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
    assert two_layer.outcome(runs[runs.seed == 1]) == "1 networks trained, none diverged"
    assert "1 of 2" in two_layer.outcome(runs) and "seed 2" in two_layer.outcome(runs)


def test_lines_in_the_plane_lie_on_their_boundary():
    nodes = pd.DataFrame({"w_1": [1.0, 0.0, 3.0], "w_2": [0.0, -2.0, 4.0], "b": [0.5, 1.0, 5.0]})
    ends = plots.two_layer.segments(nodes, 2.0)
    w = nodes[["w_1", "w_2"]].to_numpy()
    assert np.abs(np.einsum("kij,kj->ki", ends, w) + nodes.b.to_numpy()[:, None]).max() < 1e-12
    assert np.allclose(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1), 4.0)


def test_the_plane_picture_has_one_panel_per_step_and_a_line_per_node():
    spec = two_layer_theorem.Plane(steps=50, samples=64)
    lines, error = two_layer_theorem.plane(spec, grid=9)
    steps = sorted(error.step.unique())[:3]
    _, axes = plots.panels(1, 3)
    for ax in plots.plane(lines, error, steps, axes[0]):
        students, teachers = ax.collections
        assert (len(students.get_paths()), len(teachers.get_paths())) == (15, 5)
    assert steps[0] == 0 and len(error) == 81 * error.step.nunique()


def test_heat_map_numbers_students_by_their_teacher():
    spec = two_layer_theorem.TwoLayerTheorem(**TINY)
    heat = two_layer_theorem.heat_map(spec.l_shape(), 0.0, 2.0)
    last = heat[heat.epoch == 1].pivot(index="teacher", columns="student", values="correlation")
    assert list(last.idxmax()) == sorted(last.idxmax())
    assert len(heat) == 2 * last.size


def test_bars_and_claims_use_the_same_numbers():
    rule = pd.DataFrame(
        {"depth": 2, "slope": 0.0, "seed": [0, 1], "max_error": [1e-15, 2e-15], "max_gradient": 1.0}
    )
    ax = plots.gradient_rule(rule, two_layer_claims.BARS["gradient_rule"], plots.panels(1, 1)[1][0, 0])
    assert any(np.allclose(line.get_ydata(), 1e-12) for line in ax.lines)
    with pytest.raises(ValueError, match="claimed twice"):
        table(
            [
                claim
                for _ in range(2)
                for claim in two_layer_claims._aware_claims(
                    pd.DataFrame(
                        {
                            "samples": 60,
                            "seed": [1, 1],
                            "over_realization": 1.0,
                            "data": ["aware", "random"],
                            "train_loss": 0.0,
                            "eval_loss": 0.0,
                            "mean_best_correlation": 0.5,
                            "last_correlation": [0.9, 0.4],
                        }
                    ),
                    "quick",
                )
            ]
        )


def deep_layers(**keys):
    """Two layers of two seeds over three epochs; the last value is missing."""
    rows = [
        dict(samples=10, seed=seed, layer=layer, epoch=epoch)
        for seed in (1, 2)
        for layer in (1, 2)
        for epoch in (0, 1, 5)
    ]
    table = pd.DataFrame(rows).assign(learning_rate=0.1, loss="mse", over_realization=2.0, **keys)
    values = np.linspace(0.1, 0.9, len(rows))
    values[-1] = np.nan
    return table.assign(mean_best_correlation=values, mean_best_teacher=values / 2)


def test_pictures_of_layers_show_every_run_and_published_point():
    layers = pd.concat([deep_layers(), deep_layers(samples=30)])
    published = pd.DataFrame({"samples": [10, 30], "layer": [1, 2], "correlation": [0.7, 0.8]})
    axes = plots.budget(layers, published, plots.panels(1, 2)[1][0])
    dots = [
        [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "o" and len(line.get_ydata())]
        for ax in axes
    ]
    assert dots == [[[0.7]], [[0.8]]] and "diverged" in words(axes)
    assert max(axes[1].lines[0].get_xdata()) == 5 * 30  # samples seen
    rates = pd.concat([layers, layers.assign(learning_rate=0.2)])
    axes = plots.rates(rates, published, plots.panels(2, 2)[1])
    assert [len(ax.lines) for ax in axes.flat] == [7, 6, 6, 7] and "diverged" in words(
        axes
    )  # 2 rates of 2 seeds and a mean


def test_each_loss_and_over_realization_has_its_line_and_its_published_points():
    table = pd.concat(
        [
            deep_layers(),
            deep_layers().assign(over_realization=5.0),
            deep_layers().assign(loss="cross_entropy"),
        ]
    )
    sizes = (
        pd.concat([table.assign(samples=n) for n in (10, 30)])
        .query("epoch == 5")
        .assign(orientation="teacher mean")
    )
    sizes = sizes.rename(columns={"mean_best_correlation": "correlation"})
    axes = plots.dataset_size(sizes, sizes.query("seed == 1"), plots.panels(1, 2)[1])
    assert [len(ax.containers) for ax in axes.flat] == [3, 3]
    labels = [text.get_text() for text in axes.flat[0].figure.legends[0].get_texts()]
    assert labels == ["squared error, 2x", "squared error, 5x", "cross-entropy, 2x"]
    runs = sizes.assign(eval_loss=sizes.correlation, train_loss=sizes.correlation)
    axes = plots.losses_by_size(runs, runs.query("seed == 1"), plots.panels(1, 2)[1][0])
    assert [len(ax.containers) for ax in axes] == [4, 2]
