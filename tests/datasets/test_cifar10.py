"""CIFAR-10 on disk: rows are images, and every fault of the files is refused by name."""

import os
from pathlib import Path

import numpy as np
import pytest

from companion.datasets import cifar10
from companion.datasets.cifar10 import ROW, ROWS, TRAIN, DataError
from companion.datasets.images import chosen

REAL = cifar10.data_folder(os.environ.get("CIFAR10"))


def replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_rows_are_labels_and_colour_planes(original):
    images = cifar10.read(original)
    raw = np.frombuffer((original / TRAIN[1]).read_bytes(), np.uint8).reshape(ROWS, ROW)
    assert images.train.images.shape == (50_000, 3, 32, 32) and images.test.images.shape == (
        10_000,
        3,
        32,
        32,
    )
    assert images.train.labels[10_007] == raw[7, 0]
    # blue plane, row 5, column 9
    assert images.train.images[10_007, 2, 5, 9] == raw[7, 1 + 2 * 1024 + 5 * 32 + 9]
    assert images.names[0] == "airplane" and images.names[9] == "truck"


@pytest.mark.parametrize(
    "fault, message",
    [
        (
            lambda path: path.unlink(),
            "data_batch_3.bin is missing; python -m companion fetch cifar10 downloads it",
        ),
        (
            lambda path: replace(path, path.read_bytes()[:-1]),
            "data_batch_3.bin has 30,729,999 bytes, not the 30,730,000",
        ),
        (lambda path: replace(path, b""), "data_batch_3.bin has 0 bytes"),
        (lambda path: replace(path, path.read_bytes() + bytes(ROW)), "has 30,733,073 bytes"),
        (
            lambda path: replace(path, b"\x0a" + path.read_bytes()[1:]),
            "data_batch_3.bin is damaged: image 0 has the label 10",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "cannot read .*data_batch_3.bin"),
    ],
)
def test_faults_are_refused_by_name(folder, fault, message):
    fault(folder / TRAIN[2])
    with pytest.raises(DataError, match=message) as error:
        cifar10.read(folder)
    assert "\n" not in str(error.value)


def test_the_folder_is_found_where_it_is_named(monkeypatch, folder, tmp_path):
    assert cifar10.data_folder(folder) == folder == cifar10.data_folder(tmp_path)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    assert cifar10.data_folder() == folder and chosen("auto") == "cifar10" and chosen("patches") == "patches"
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "none"))
    assert chosen("auto") == "patches" and not cifar10.present(cifar10.data_folder())
    monkeypatch.delenv("COMPANION_DATA")
    assert "student-specialization" in str(cifar10.data_folder())


def test_the_tests_never_see_this_machines_images():
    assert not cifar10.present(cifar10.data_folder())


@pytest.mark.skipif(
    not cifar10.present(REAL),
    reason="CIFAR-10 is not here; python -m companion fetch cifar10, or CIFAR10=folder",
)
def test_real_images():
    images = cifar10.read(REAL)
    assert (
        np.bincount(images.train.labels).tolist() == [5000] * 10
        and np.bincount(images.test.labels).tolist() == [1000] * 10
    )
    means = images.train.images.mean((0, 2, 3)) / 255
    np.testing.assert_allclose(means, (0.4914, 0.4822, 0.4465), atol=2e-3)
