"""Files of images in the official layout."""

from pathlib import Path

import numpy as np
import pytest

from companion.datasets.cifar10 import LAYOUT, NAMES, ROW, ROWS, TEST, TRAIN
from companion.datasets.download import CLASSES


def rows(seed: int) -> bytes:
    found = np.zeros((ROWS, ROW), np.uint8)  # few images that are not black, so that the archive is small
    found[:100] = np.random.default_rng(seed).integers(0, 256, (100, ROW))
    found[:, 0] %= 10
    return found.tobytes()


@pytest.fixture(scope="session")
def original(tmp_path_factory) -> Path:
    """Six files of images in the official layout; never written to."""
    folder = tmp_path_factory.mktemp("original") / LAYOUT
    folder.mkdir()
    for seed, name in enumerate((*TRAIN, *TEST)):
        (folder / name).write_bytes(rows(seed))
    (folder / NAMES).write_text(CLASSES.replace(" ", "\n"))
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """The same files, links to them: replacing one leaves the original as it is."""
    copy = tmp_path / LAYOUT
    copy.mkdir()
    for path in original.iterdir():
        (copy / path.name).symlink_to(path)
    return copy
