"""A data set of images by its name."""

import functools
from pathlib import Path
from typing import Any

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


def of_cell(cell: Any, train: str = "images", test: str = "test_images") -> cifar10.Images:
    """The images that a cell names: the first of the data set, as many as it asks for.

    cell        has ``dataset``, ``data`` (their folder, or empty), ``fingerprint`` (empty: whatever is there)
                and the numbers of images under the names ``train`` and ``test``.
    raises      DataError where this machine holds other images than those, or fewer.
    """
    found, here = read(cell.dataset, Path(cell.data) if cell.data else None)
    if cell.fingerprint not in ("", here):
        raise cifar10.DataError(
            f"the {cell.dataset} images on this machine ({here}) are not those of the run "
            f"({cell.fingerprint})"
        )
    splits = {}
    for name, split in ((train, found.train), (test, found.test)):
        asked = getattr(cell, name)
        if asked > len(split.labels):
            raise cifar10.DataError(f"{name}: {cell.dataset} has {len(split.labels)}, asked for {asked}")
        splits[name] = cifar10.Split(split.images[:asked], split.labels[:asked])
    return cifar10.Images(splits[train], splits[test], found.names)


def is_official(dataset: str, folder: Path | None = None) -> bool:
    """Whether these are the images of the verified official archive."""
    return dataset == "cifar10" and cifar10.is_official(cifar10.data_folder(folder))
