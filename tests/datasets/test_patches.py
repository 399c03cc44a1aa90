"""Patches of photographs."""

import numpy as np

from companion.datasets import patches
from companion.datasets.images import read


def test_patches_come_from_places_of_their_own_and_are_always_the_same():
    images = patches.patches(200, 100)
    assert (
        np.bincount(images.train.labels).tolist() == [20] * 10
        and np.bincount(images.test.labels).tolist() == [10] * 10
    )
    photograph = patches._photograph("chelsea")
    edge = round(patches.TRAIN_SHARE * photograph.shape[1])
    for split, part in ((images.train, photograph[:, :edge]), (images.test, photograph[:, edge:])):
        one = split.images[split.labels == 1][0].transpose(1, 2, 0)
        corners = np.argwhere((part[:-31, :-31] == one[0, 0]).all(-1))
        assert any((part[i : i + 32, j : j + 32] == one).all() for i, j in corners)
    assert patches.fingerprint(images) == patches.fingerprint(patches.patches(200, 100))
    assert read("patches")[1] == "3b726542be4c3a54"  # what the stored chapter ran on
