"""The CIFAR-10 data set in its official binary layout, rows of one label byte and 3 x 32 x 32 pixels.

Nothing is unpickled.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

LAYOUT = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{k}.bin" for k in range(1, 6))
TEST = ("test_batch.bin",)
NAMES = "batches.meta.txt"
MEMBERS = (*TRAIN, *TEST, NAMES)
CLASSES, SIDE = 10, 32
ROW, ROWS = 1 + 3 * SIDE * SIDE, 10_000
OFFICIAL = "official.sha256"  # beside the members, made from the verified archive: their checksums


class DataError(OSError):
    """Images that cannot be found, read or trusted; one line that names the path and what to do."""


@dataclass(frozen=True)
class Split:
    """Images ``(n, channels, side, side)`` (red, green, blue; or grey), uint8, and their labels ``(n,)`` in
    0..9, int64.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Images:
    """A training split, a test split that it shares no image with, and the names of the ten classes."""

    train: Split
    test: Split
    names: tuple[str, ...]


def data_folder(given: str | Path | None = None) -> Path:
    """The folder that holds (or will hold) the six files.

    given       a folder with the files, or the folder around it.

    Without it the folder is ``$COMPANION_DATA``, else the user's cache.
    """
    place = Path(given or os.environ.get("COMPANION_DATA") or user_cache_path("student-specialization"))
    return place if (place / TRAIN[0]).exists() else place / LAYOUT


def present(folder: Path) -> bool:
    """Whether all six files of images are there; they may still turn out to be damaged."""
    return all((folder / name).is_file() for name in (*TRAIN, *TEST))


def read(folder: Path) -> Images:
    """All 60,000 images.

    raises      DataError for a file that is missing, has another size, or holds a label above 9; names it.
    """
    return Images(_split(folder, TRAIN), _split(folder, TEST), _names(folder))


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each of the six files of images by name; raises DataError naming one that cannot be read."""
    return {name: hashlib.sha256(_bytes(folder / name)).hexdigest() for name in (*TRAIN, *TEST)}


def fingerprint(folder: Path) -> str:
    """Which images a folder holds, in 16 characters: equal images, equal fingerprint, wherever they lie."""
    return hashlib.sha256("".join(checksums(folder).values()).encode()).hexdigest()[:16]


def is_official(folder: Path) -> bool:
    """Whether the six files are those of the verified official archive."""
    try:
        lines = (folder / OFFICIAL).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not there, or no text
        return False
    return sorted(lines) == sorted(f"{checksum}  {name}" for name, checksum in checksums(folder).items())


def _split(folder: Path, names: tuple[str, ...]) -> Split:
    rows = np.concatenate([_rows(folder / name) for name in names])
    return Split(rows[:, 1:].reshape(-1, 3, SIDE, SIDE), rows[:, 0].astype(np.int64))


def _rows(path: Path) -> np.ndarray:
    data = _bytes(path)
    if len(data) != ROW * ROWS:
        raise DataError(
            f"{path} has {len(data):,} bytes, not the {ROW * ROWS:,} of {ROWS:,} images: "
            "it is truncated or of another format; remove it and fetch it again"
        )
    rows = np.frombuffer(data, np.uint8).reshape(ROWS, ROW)
    if rows[:, 0].max() >= CLASSES:
        first = int(np.argmax(rows[:, 0] >= CLASSES))
        raise DataError(
            f"{path} is damaged: image {first} has the label {rows[first, 0]}, "
            f"and labels lie in 0..{CLASSES - 1}"
        )
    return rows


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing; python -m companion fetch cifar10 downloads it, "
            "COMPANION_DATA names another folder"
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None


def _names(folder: Path) -> tuple[str, ...]:
    try:
        names = tuple((folder / NAMES).read_text().split())
    except (OSError, UnicodeDecodeError):
        names = ()
    return names if len(names) == CLASSES else tuple(f"class {k}" for k in range(CLASSES))
