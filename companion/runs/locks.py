"""Locks on files and folders: they die with the process that holds them, however it ends."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DAY = 86_400  # seconds after which, where there are no locks, only a killed process can have left something


def take(path: Path, flags: int = os.O_RDONLY) -> int | None:
    """The descriptor that holds the lock of a path until it is closed; None while another one holds it.

    On a file system without locks everyone gets it.

    raises      OSError when there is nothing to open.
    """
    file = os.open(path, flags, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError:
        pass
    if not _is_at(file, path):  # who held it has removed it meanwhile
        os.close(file)
        return None
    return file


def clear(path: Path, rescue: Callable[[Path], object] = lambda path: None) -> None:
    """Remove a file or folder whose lock no process holds any more; one that is held stays.

    rescue      is called before, to take out what is worth it.
    """
    with suppress(OSError):  # it is gone by now, or not ours
        file = os.open(path, os.O_RDONLY)
        try:
            if _is_free(file):
                rescue(path)
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        finally:
            os.close(file)


def _is_free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return time.time() - os.fstat(file).st_mtime > DAY
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
