"""Pictures of the chapter on lucky nodes."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.lucky_nodes import plots
from companion.pages import figures
from tests.pictures import close  # noqa: F401 (a fixture)


def labels(axes) -> list[str]:
    return [text.get_text() for text in np.ravel(axes)[0].figure.legends[0].get_texts()]


def test_a_panel_per_start_and_a_line_per_role():
    roles = pd.DataFrame(
        [
            dict(start=start, role=role, step=step, seed=1, norm=1.0, nodes=3)
            for start in ("[1, 1]", "random")
            for role in ("winner", "loser")
            for step in (0, 10)
        ]
    )
    _, axes = figures.figure(1, 2)
    plots.decay(roles, axes[0])
    assert [ax.get_title() for ax in axes[0]] == ["start near the teacher", "random start"]
    assert [len(ax.lines) for ax in axes[0]] == [2, 2] and labels(axes) == ["winners", "losers"]


def test_published_norms_are_open_dots_of_their_own_panel():
    rows = [
        dict(over_realization=r, start=s, node=node, iteration=i, seed=1, norm=r)
        for r in (2.0, 5.0)
        for s in ("[1, 0]", "[1, 1]")
        for node in ("matched", "unmatched")
        for i in (0, 20)
    ]
    ours = pd.DataFrame(rows)
    _, axes = figures.figure(2, 2)
    plots.panels(ours, ours[ours.over_realization == 2].assign(norm=9.0), axes)
    dots = [[line for line in ax.lines if line.get_marker() == "o"] for ax in axes.flat]
    assert [sum(len(line.get_xdata()) for line in found) for found in dots] == [4, 4, 0, 0]
    assert labels(axes)[-1] == "published"


def test_every_student_has_its_rates():
    rows = [
        dict(start=s, gradient=g, slowest=0.0, fall=-1.0) for s in ("[1, 1]", "random") for g in ("exact", "")
    ]
    _, axes = figures.figure(1, 1)
    plots.modes(pd.DataFrame(rows), axes[0, 0])
    assert [len(line.get_xdata()) for line in axes[0, 0].lines] == [1, 1, 2]
    assert axes[0, 0].lines[0].get_xdata()[0] == plots.LEAST


def test_ranks_show_the_first_epochs_and_chance():
    found = pd.DataFrame([dict(layer=l, epoch=e, seed=1, rank=20.0) for l in (1, 2) for e in (0, 1, 40)])
    _, axes = figures.figure(1, 2)
    plots.ranks(found, found.assign(rank=5.0), axes[0])
    ours, chance, published = axes[0, 0].lines
    assert ours.get_xdata().tolist() == [0, 1] and set(chance.get_ydata()) == {50.0}
    assert published.get_markerfacecolor() == "white"


def test_tickets_are_in_one_order_with_the_whole_student_last():
    table = pd.DataFrame({"the whole student": [0.9, 0.8], "random nodes": [0.5, 0.6], "winners": [0.6, 0.7]})
    _, axes = figures.figure(1, 1)
    plots.tickets(table, axes[0, 0])
    names = [text.get_text().replace("\n", " ") for text in axes[0, 0].get_xticklabels()]
    assert names == ["random nodes", "winners, initial weights", "the whole student"]
    assert [line.get_ydata().tolist() for line in axes[0, 0].lines] == [[0.5, 0.6, 0.9], [0.6, 0.7, 0.8]]


def test_used_width_has_a_line_per_start_and_decay():
    used = pd.DataFrame(
        [
            dict(
                over_realization=r,
                start=s,
                weight_decay=d,
                step=9,
                seed=1,
                path_norm=1.0,
                effective_width=2.0,
                kinds=1.0,
                status="diverged" if s == "large" and r > 1 else "ok",
            )
            for r in (1.0, 5.0)
            for s in ("small", "large")
            for d in (0.0, 0.1)
        ]
    )
    _, axes = figures.figure(1, 3)
    plots.used(used, axes[0])
    assert labels(axes)[:2] == ["small start", "small start, weight decay 0.1"]
    assert all(len(ax.lines) == 5 for ax in axes[0])


def test_overlaps_have_a_picture_and_two_columns_of_dots_per_block():
    matrices = pd.DataFrame(
        [
            dict(layer=l, row=r, column=c, value=1.0, teachers=1)
            for l in (1, 2)
            for r in (0, 1)
            for c in (0, 1)
        ]
    )
    sizes = pd.DataFrame(
        [
            dict(layer=l, epoch=e, seed=s, block=b, relative=1.0)
            for l in (1, 2)
            for e in (0, 4)
            for s in (1, 2)
            for b in plots.BLOCKS
        ]
    )
    _, axes = figures.figure(2, 2)
    plots.overlaps(matrices, sizes, axes)
    assert [len(ax.images) for ax in axes[0]] == [1, 1] and [len(ax.lines) for ax in axes[1]] == [6, 6]
    assert labels(axes) == ["before training", "after training"]


def test_networks_on_images_keep_their_colours():
    found = pd.DataFrame(
        [
            dict(network=n, over_realization=10.0, seed=1, epoch=e, layer=1, rank=20.0, correlation=0.5)
            for n in plots.NETWORKS
            for e in (0, 1, 9)
        ]
    )
    _, axes = figures.figure(1, 1)
    plots.image_ranks(found, found.assign(rank=3.0)[:1], axes[0])
    assert axes[0, 0].lines[0].get_xdata().tolist() == [0, 1] and labels(axes)[-1].startswith("published")
    _, axes = figures.figure(1, 2)
    plots.image_widths(found, axes[0])
    assert [ax.get_title() for ax in axes[0]] == list(plots.NETWORKS) and len(axes[0, 0].lines) == 2


def test_shapes_stand_side_by_side():
    signs = pd.DataFrame(
        [
            dict(shape=s, place=p, seed=1, negative=60.0, clear=20.0)
            for s in ("vgg11", "convolutional")
            for p in (0, 1)
        ]
    )
    gates = pd.DataFrame(
        [
            dict(shape="vgg11", norm=n, trained=t, place=p, overlap=0.2)
            for n in ("before", "none")
            for t in (False, True)
            for p in (0, 1)
        ]
    )
    _, axes = figures.figure(1, 2)
    plots.biases(signs, signs.assign(negative=90.0), gates, axes[0])
    assert [text.get_text() for text in axes[0, 0].get_xticklabels()] == ["four\nlayers", "vgg11"]
    assert len(axes[0, 1].lines) == 4 and labels(axes)[-1] == "published"


def test_normalized_students_have_a_line_each():
    layers = pd.DataFrame(
        [dict(layer=1, norm=n, epoch=e, seed=1, correlation=0.5) for n in plots.NORMS for e in (0, 1)]
    )
    _, axes = figures.figure(1, 1)
    plots.normalized(layers, axes[0])
    assert len(axes[0, 0].lines) == 2 and labels(axes)[0] == "without"
