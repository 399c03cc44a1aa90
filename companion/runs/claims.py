"""Who computes which cell: a lock beside its place, which dies with the process that holds it."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


class Claims:
    """The cells that one run computes, so that another one on the same folder computes others."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    def take(self, place: Path) -> bool:
        """Claim a cell; False while another run holds it."""
        path = lock(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError:  # a file system without locks: every run computes all, as good
            pass
        if not _is_at(file, path):  # who held it has removed the file meanwhile
            os.close(file)
            return False
        self._held[place] = file
        return True

    def release(self, place: Path) -> None:
        if (file := self._held.pop(place, None)) is not None:
            lock(place).unlink(missing_ok=True)
            os.close(file)

    def close(self) -> None:
        """Release what is left."""
        for place in list(self._held):
            with suppress(OSError):
                self.release(place)


def lock(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def turns(places: Iterable[Path], claims: Claims) -> Iterator[Path | None]:
    """Cells in their order, each claimed; None while every one that is left is held by other runs."""
    waiting = list(places)
    while waiting:
        place = next((one for one in waiting if claims.take(one)), None)
        if place:
            waiting.remove(place)
        yield place


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
