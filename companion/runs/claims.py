"""Who computes which cell: a lock beside its place, which dies with the process that holds it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from companion.runs import locks


class Claims:
    """The cells that one run computes, so that another one on the same folder computes others."""

    def __init__(self) -> None:
        self._held: dict[Path, int] = {}

    def take(self, place: Path) -> bool:
        """Claim a cell; False while another run holds it."""
        path = lock(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        if (file := locks.take(path, os.O_RDWR | os.O_CREAT)) is None:
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
