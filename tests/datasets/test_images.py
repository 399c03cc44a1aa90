"""The images that a cell names: the first of its data set, or a line that says why not."""

from types import SimpleNamespace

import pytest

from companion.datasets import cifar10
from companion.datasets.cifar10 import DataError
from companion.datasets.images import of_cell, read


def cell(**changes):
    return SimpleNamespace(**dict(dataset="digits", data="", fingerprint="", images=7, tests=3) | changes)


def test_the_first_images_of_each_split_whatever_their_numbers_are_called():
    every, own = read("digits")[0], of_cell(cell(), test="tests")
    assert (own.train.images == every.train.images[:7]).all() and len(own.train.labels) == 7
    assert (own.test.images == every.test.images[:3]).all() and own.names == every.names
    same = of_cell(cell(fingerprint=read("digits")[1]), test="tests")
    assert (same.train.labels == own.train.labels).all()


def test_images_of_a_folder_come_with_their_fingerprint(original):
    images, fingerprint = read("cifar10", original)
    assert images.train.images.shape[1:] == (3, 32, 32) and fingerprint == cifar10.fingerprint(original)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(fingerprint="of others"), r"digits images .* are not those of the run \(of others"),
        (dict(images=10**6), "images: digits has 1297, asked for 1000000"),
        (dict(tests=10**6), "tests: digits has 500, asked for 1000000"),
    ],
)
def test_other_or_too_few_images_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        of_cell(cell(**changes), test="tests")
