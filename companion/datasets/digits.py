"""Handwritten digits of 8 x 8 pixels, for what has to be small; they ship with scikit-learn."""

import numpy as np

from companion.datasets.cifar10 import Images, Split
from ts_core.streams import stream

WHITE = 16  # the brightest pixel of the files
NAMES = tuple("0123456789")


def digits(train: int = 1297) -> Images:
    """All 1,797 digits, ``(n, 1, 8, 8)``: ``train`` of them in an order that is always the same, the others
    for the test.

    Raises ValueError unless both parts have a digit.
    """
    from sklearn.datasets import load_digits  # slow to import, and only this data set needs it

    pixels, labels = load_digits(return_X_y=True)
    if not 1 <= train < len(labels):
        raise ValueError(f"{train} training digits of {len(labels)}: choose 1 to {len(labels) - 1}")
    order = stream(0, "digits").permutation(len(labels))
    images = np.rint(pixels * (255 / WHITE)).astype(np.uint8).reshape(-1, 1, 8, 8)
    first, rest = order[:train], order[train:]
    return Images(
        Split(images[first], labels[first].astype(np.int64)),
        Split(images[rest], labels[rest].astype(np.int64)),
        NAMES,
    )
