"""Pictures of the chapter on multi-layer networks."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.lowest_layer import plots
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (a fixture)


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
    axes = plots.budget(layers, published, figures.figure(1, 2)[1][0])
    published_dots = [
        [line for line in ax.lines if line.get_marker() == "o" and len(line.get_ydata())] for ax in axes
    ]
    dots = [[line.get_ydata().tolist() for line in lines] for lines in published_dots]
    assert dots == [[[0.7]], [[0.8]]] and "diverged" in words(axes)
    assert max(axes[1].lines[0].get_xdata()) == 5 * 30  # samples seen
    released = layers.query("seed == 1")
    axes = plots.cross_entropy(layers, released, published, figures.figure(2, 2)[1])
    # two seeds, their mean, the released run and, where there is one, the published level
    assert [len(ax.lines) for ax in axes.flat] == [5, 4, 4, 5] and "diverged" in words(axes)
    dots = axes[1, 0].lines[3]
    assert (
        dots.get_ydata().tolist() == released.query("samples == 30 and layer == 1").mean_best_teacher.tolist()
    )


def test_nodes_are_drawn_with_the_highest_layer_on_top():
    nodes = pd.DataFrame(
        {"layer": [1, 1, 2, 2], "epoch": [0, 5, 0, 5], "best_correlation": [0.1, 0.9, 0.2, 0.8]}
    )
    nodes = nodes.assign(
        root_beta=[0.1, 0.2, 0.3, 0.4], root_h=[5.0, 6.0, 7.0, 8.0], contribution=[1.0, 2.0, 3.0, 4.0]
    )
    dots = lambda axes: [[ax.collections[0].get_offsets().tolist() for ax in row] for row in axes]
    axes = plots.deep_l_shape(nodes, figures.figure(2, 2)[1])
    assert dots(axes) == [[[[0.2, 0.3]], [[0.8, 0.4]]], [[[0.1, 0.1]], [[0.9, 0.2]]]]
    axes = plots.floors(nodes[nodes.epoch == 5], figures.figure(2, 3)[1])
    assert dots(axes) == [[[[0.8, y]] for y in (0.4, 8.0, 4.0)], [[[0.9, y]] for y in (0.2, 6.0, 2.0)]]
    assert all(y < ax.get_ylim()[1] for ax, y in zip(axes[0], (0.4, 8.0, 4.0)))


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
    axes = plots.dataset_size(sizes, sizes.query("seed == 1"), figures.figure(1, 2)[1])
    assert [len(ax.containers) for ax in axes.flat] == [3, 3]
    labels = [text.get_text() for text in axes.flat[0].figure.legends[0].get_texts()]
    assert labels == [
        "squared error, 2x",
        "squared error, 5x",
        "cross-entropy, 2x",
        "published (open symbols)",
    ]
    colours = [container[0].get_color() for container in axes.flat[0].containers]
    assert colours[0] == colours[2] != colours[1]  # the colour is the over-realization's, whatever the loss
    runs = sizes.assign(eval_loss=sizes.correlation, train_loss=sizes.correlation)
    axes = plots.losses_by_size(runs, runs.query("seed == 1"), figures.figure(1, 2)[1][0])
    assert [(len(ax.lines), len(ax.collections)) for ax in axes] == [(4 + 2 + 1, 4), (2 + 1, 2)]
