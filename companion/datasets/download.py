"""Download of CIFAR-10: two hosts, one checksum, six files, all or nothing."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from companion.datasets.cifar10 import (
    LAYOUT,
    NAMES,
    OFFICIAL,
    ROW,
    ROWS,
    TEST,
    TRAIN,
    DataError,
    checksums,
    is_official,
    present,
    read,
)

ARCHIVE = "cifar-10-binary.tar.gz"
HOSTS = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
SIZE = 170_052_171
CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
FILES = (*TRAIN, *TEST)
RETRIES, TIMEOUT = 2, 30  # per host; seconds of silence


def fetch(
    folder: Path,
    hosts: Sequence[str] = HOSTS,
    checksum: str = SHA256,
    retries: int = RETRIES,
    progress: bool = True,
) -> str:
    """Have the six files in ``folder``: those that are there, else those of the official archive.

    hosts       addresses that end in a slash, tried in this order.
    returns     one sentence on what is there now.
    raises      DataError: the folder holds something else, no room, no network, another checksum, an archive
                that is not what it should be. The folder is then as it was.
    """
    folder = Path(folder)
    if present(folder):
        read(folder)  # refuses what is damaged
        kind = (
            "the official archive" if is_official(folder) else "readable images, but not the official archive"
        )
        return f"{folder} holds {kind}; nothing was downloaded"
    staged = None
    try:
        if folder.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty and lacks some of the six files; remove it or name another folder"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_room(folder.parent)
        staged = Path(tempfile.mkdtemp(prefix=".cifar10-", dir=folder.parent))
        _unpack(_download(staged, hosts, checksum, retries, progress), staged / LAYOUT)
        if folder.exists():
            folder.rmdir()
        os.rename(staged / LAYOUT, folder)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cannot store the images at {folder}: {error.strerror or error}") from None
    finally:
        if staged:
            shutil.rmtree(staged, ignore_errors=True)
    return f"{folder} now holds the official archive"


def _check_room(folder: Path) -> None:
    needed, free = SIZE + len(FILES) * ROW * ROWS, shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"no room at {folder}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        )


def _download(staged: Path, hosts: Sequence[str], checksum: str, retries: int, progress: bool) -> Path:
    """The verified archive, from the first host that has it."""
    import pooch  # slow to import, and only a download needs it
    import requests

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16, timeout=TIMEOUT)
    reasons = []
    for host in hosts:
        source = pooch.create(staged, host, registry={ARCHIVE: f"sha256:{checksum}"}, retry_if_failed=retries)
        try:
            return Path(source.fetch(ARCHIVE, downloader=downloader))
        except requests.RequestException as error:
            reasons.append(f"{host}: {_reason(error)}")
        except ValueError:  # how pooch says that a checksum differs
            reasons.append(f"{host}: the file has another checksum than the official archive")
    raise DataError(f"cannot download {ARCHIVE} ({'; '.join(reasons)})")


def _reason(error: Exception) -> str:
    """The innermost cause of a failed request, in few words."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"answered {response.status_code} {response.reason}"
    words = (str(error) or type(error).__name__).splitlines()[0]
    cause = words.rpartition(": ")[2].rstrip('")')
    return f"no answer ({cause})"


def _unpack(archive: Path, target: Path) -> None:
    """Write the six files, the names of the classes and the checksums of a verified archive."""
    target.mkdir()
    missing = set(FILES)
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                    raise DataError(f"the archive holds the stray path {member.name!r}; nothing was unpacked")
                ours = path.parent == PurePosixPath(LAYOUT) and path.name in missing
                if ours and (source := members.extractfile(member)):
                    with source, open(target / path.name, "wb") as copy:
                        shutil.copyfileobj(source, copy)
                    missing.remove(path.name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(f"the archive cannot be unpacked: {error}") from None
    if missing:
        raise DataError(f"the archive lacks {', '.join(sorted(missing))}")
    (target / NAMES).write_text(CLASSES.replace(" ", "\n") + "\n")
    read(target)
    (target / OFFICIAL).write_text(
        "".join(f"{checksum}  {name}\n" for name, checksum in checksums(target).items())
    )
