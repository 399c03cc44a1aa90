"""Handwritten digits."""

import numpy as np
import pytest

from companion.datasets.digits import digits
from companion.datasets.images import read


def test_digits_are_split_once_and_for_all_and_keep_their_pixels():
    images = digits()
    both = np.concatenate([images.train.images, images.test.images])
    assert both.shape == (1797, 1, 8, 8) and both.dtype == np.uint8 and both.max() == 255
    assert len(np.unique(both.reshape(1797, -1), axis=0)) == 1797  # no digit is in both parts
    assert np.bincount(np.concatenate([images.train.labels, images.test.labels])).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    for digit in range(10):  # a nearest class mean tells nine of ten apart: labels belong to their images
        assert (images.train.labels == digit).sum() > 100
    means = np.stack([images.train.images[images.train.labels == k].mean(0).ravel() for k in range(10)])
    test = images.test.images.reshape(500, -1)
    nearest = ((test[:, None] - means) ** 2).sum(-1).argmin(1)
    assert (nearest == images.test.labels).mean() > 0.85
    again, name = read("digits")
    assert np.array_equal(again.train.images, images.train.images) and len(name) == 16


@pytest.mark.parametrize("train", [0, 1797])
def test_a_part_without_a_digit_is_refused(train):
    with pytest.raises(ValueError, match=f"{train} training digits of 1797: choose 1 to 1796"):
        digits(train)
