"""Pictures of the chapter on CIFAR-10."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd

from companion.chapters.cifar10 import plots
from companion.pages import figures
from tests.pictures import close  # noqa: F401 (a fixture)


def test_filters_lie_in_one_mosaic_with_their_correlations():
    keys = [
        dict(teacher=t, colour=c, row=r, column=k)
        for t in (4, 9)
        for c in range(3)
        for r in range(3)
        for k in range(3)
    ]
    one = pd.DataFrame(keys).assign(weight=lambda t: t.row - 1.0, best_correlation=1.0)
    parts = [
        one.assign(label=label, best_correlation=b) for label, b in (("teacher", 1), ("student, after", 0.25))
    ]
    [ax] = plots.filters(pd.concat(parts), figures.figure(height="strip")[1][0])
    mosaic = np.asarray(ax.images[0].get_array())
    assert (
        mosaic[0, 0].tolist() == [0, 0, 0]
        and mosaic[1, 5].tolist() == [0.5] * 3
        and mosaic[7, 4].tolist() == [1, 1, 1]
    )
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.25"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["teacher", "student, after"]
    two = plots.filters(pd.concat(parts), figures.figure(2, 1, height="strip")[1][:, 0])
    assert [np.asarray(ax.images[0].get_array()).shape for ax in two] == [(10, 4, 3)] * 2


def test_the_gallery_shows_every_class_once_however_many_images_it_has():
    classes = {f"class_{i}": np.zeros((8 - i, 4, 4, 3)) for i in range(5)}
    axes = plots.gallery(classes, figures.figure(1, 2)[1][0])
    assert [label.get_text() for ax in axes for label in ax.get_yticklabels()] == [
        f"class {i}" for i in range(5)
    ]
    assert np.asarray(axes[0].images[0].get_array()).shape == (12, 32, 3)
