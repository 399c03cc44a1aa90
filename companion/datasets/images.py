"""A data set of images by its name."""

import functools
from pathlib import Path

from companion.datasets import cifar10
from companion.datasets.digits import digits
from companion.datasets.patches import fingerprint, patches


def chosen(dataset: str, folder: Path | None = None) -> str:
    """The data set behind ``auto``: CIFAR-10 where its files are, else patches.

    folder      as in :func:`companion.datasets.cifar10.data_folder`.
    """
    return (
        dataset
        if dataset != "auto"
        else "cifar10"
        if cifar10.present(cifar10.data_folder(folder))
        else "patches"
    )


@functools.lru_cache(maxsize=1)
def read(dataset: str, folder: Path | None = None) -> tuple[cifar10.Images, str]:
    """All images of a data set, and their fingerprint."""
    if dataset != "cifar10":
        images = {"patches": patches, "digits": digits}[dataset]()
        return images, fingerprint(images)
    place = cifar10.data_folder(folder)
    return cifar10.read(place), cifar10.fingerprint(place)


def is_official(dataset: str, folder: Path | None = None) -> bool:
    """Whether these are the images of the verified official archive."""
    return dataset == "cifar10" and cifar10.is_official(cifar10.data_folder(folder))
