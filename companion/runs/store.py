"""Results on disk: folders of tables that are written all or nothing, and the gathered tables of sweeps."""

import glob
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Collection
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from companion.runs import locks
from companion.runs.spec import Tables

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and only tables need it

PARTIAL = "partial"  # folder of a sweep's finished cells beside its gathered tables: companion.runs.partial
FORMER = "former"  # folder in a staged one: the tables that are being replaced


class StoreError(OSError):
    """Results that cannot be read or written; the message names the path."""


def save(folder: Path, tables: Tables, facts: dict) -> Path:
    """Write tables (Parquet) and facts (JSON) as one folder: beside it, then renamed.

    A finished folder is kept.

    raises      StoreError when the place cannot be written; nothing is left behind.
    """
    folder = Path(folder)
    with staging(folder) as staged:
        _write(staged, tables, facts)
        try:
            os.rename(staged, folder)
        except OSError:
            if not (folder / "meta.json").is_file():  # else another process finished the same run first
                raise
    return folder


@contextmanager
def staging(folder: Path):
    """A hidden folder beside ``folder`` to write in before renaming it; gone afterwards, whatever happens.

    It is locked while this process lives: what a killed one left is told by that.
    """
    staged: Path | None = None
    held: int | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged, held = _held(folder)
        staged.chmod(0o755)
        yield staged
    except OSError as error:
        raise StoreError(f"cannot save results at {folder}: {error.strerror or error}") from None
    finally:
        if staged:
            shutil.rmtree(staged, ignore_errors=True)
        if held is not None:
            os.close(held)


def _held(folder: Path) -> tuple[Path, int]:
    """A new hidden folder beside ``folder``, and its lock."""
    while True:  # another process may take it for a leftover before it is locked
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        with suppress(FileNotFoundError):
            if (held := locks.take(staged)) is not None:
                return staged, held


def recover(folder: Path) -> None:
    """Undo what killed processes left beside a folder while they wrote it; the former one is put back."""

    def put_back(staged: Path) -> None:
        if (staged / FORMER).exists() and not folder.exists():
            os.rename(staged / FORMER, folder)

    for staged in folder.parent.glob(f".{glob.escape(folder.name)}-{8 * '?'}"):  # as mkdtemp names them
        locks.clear(staged, put_back)


def _write(folder: Path, tables: Tables, facts: dict) -> None:
    sums = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        table.to_parquet(path, compression="zstd", compression_level=9, index=False)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = {**facts, "sha256": sums}
    text = json.dumps({**facts, "facts": _digest(facts)}, indent=1) + "\n"
    (folder / "meta.json").write_text(text, encoding="utf-8")


def _digest(facts: dict) -> str:
    """Checksum of facts, in any order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def load(folder: Path) -> tuple[Tables, dict]:
    """Tables and facts that :func:`save` wrote.

    raises      StoreError when a file is missing, damaged or not ours (names, checksums); names it.
    """
    facts = check(folder)
    return {name: _read(Path(folder) / f"{name}.parquet") for name in facts["sha256"]}, facts


def check(folder: Path) -> dict:
    """The facts that :func:`save` wrote, its tables being what was written; they are not read.

    raises      as :func:`load`.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        _check_facts(folder / "meta.json", facts)
        for name, checksum in facts["sha256"].items():
            path = folder / f"{name}.parquet"
            if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                raise StoreError(f"{path} is damaged: its checksum is not the one in meta.json")
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot read results at {error.filename or folder}: {error.strerror or error}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StoreError(f"{folder / 'meta.json'} is damaged, or not a description of results") from None
    return facts


def _read(path: Path) -> "pd.DataFrame":
    """raises StoreError for a file that is no table, in whatever way its reader says so."""
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except MemoryError:
        raise
    except Exception as error:
        raise StoreError(f"{path} is damaged, or not a table: {' '.join(str(error).split())[:80]}") from None


def _check_facts(path: Path, facts: dict) -> None:
    """raises StoreError where facts are not those that were written; older ones have no such checksum."""
    sums = facts["sha256"]
    if not sums or any(Path(name).name != name for name in sums):  # tables lie in the folder itself
        raise ValueError(sums)
    if "facts" in facts and facts.pop("facts") != _digest(facts):
        raise StoreError(f"{path} is damaged: its facts are not those of its checksum")
    if not (0 <= facts.get("seconds", 0) < math.inf and isinstance(facts.get("versions", {}), dict)):
        raise ValueError(facts)


def check_writable(folder: Path) -> None:
    """Make a results folder and prove that it takes files and has some room.

    raises      StoreError naming the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**20))
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"results folder {folder} cannot be written: a file is in its place") from None
    except OSError as error:
        raise StoreError(f"results folder {folder} cannot be written: {error.strerror or error}") from None


def check_apart(tables: Path, cells: Path) -> None:
    """Prove that the folder of gathered tables and that of finished cells are not one inside the other.

    raises      StoreError naming both.
    """
    one, other = Path(tables).resolve(), Path(cells).resolve()
    if one == other or one in other.parents or other in one.parents:
        raise StoreError(f"--export {tables} and --results {cells} must be folders apart from each other")


def check_replaceable(folder: Path, sweep: str) -> None:
    """Prove that tables of a sweep may take a folder's place: nothing lies there but that sweep's own.

    raises      StoreError naming the folder.
    """
    folder = Path(folder)
    check_writable(folder.parent)
    if folder.exists() and not (folder.is_dir() and {path.name for path in folder.iterdir()} <= {PARTIAL}):
        load_results(sweep, folder)


def export(folder: Path, tables: Tables, facts: dict, keys: Collection[str] = ()) -> Path:
    """Write gathered tables of the sweep ``facts["sweep"]`` compactly, replacing a whole folder or nothing.

    keys        columns of floating-point numbers that are looked up by value, and so never rounded.
    raises      StoreError when the place cannot be written, or holds anything but results of that sweep.
    """
    folder = Path(folder)
    check_replaceable(folder, facts["sweep"])
    with staging(folder) as staged:
        fresh, former = staged / "fresh", staged / FORMER
        fresh.mkdir()
        _write(fresh, {name: _packed(table, keys) for name, table in tables.items()}, facts)
        with suppress(FileNotFoundError):
            os.rename(folder, former)
        try:
            os.rename(fresh, folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.rename(former, folder)
            raise
    return folder


def load_results(sweep: str, folder: Path) -> tuple[Tables, dict]:
    """Gathered tables of a sweep and where they come from, as :func:`export` wrote them.

    returns     tables with the columns and types of the runs; floats but keys are rounded to float32.
    raises      StoreError naming the path when it is unreadable, damaged, or holds something else.
    """
    tables, facts = load(folder := Path(folder))
    if facts.get("sweep") != sweep:
        raise StoreError(
            f"{folder} holds results of {facts.get('sweep', 'a single run')!r}, not of {sweep!r}"
        )
    return {name: table.apply(_plain) for name, table in tables.items()}, facts


def _packed(table: "pd.DataFrame", keys: Collection[str]) -> "pd.DataFrame":
    """A table with short numbers, and names as categories."""
    import pandas as pd

    def short(column: pd.Series) -> pd.Series:
        if pd.api.types.is_float_dtype(column):
            return column if column.name in keys else column.astype("float32")
        if pd.api.types.is_integer_dtype(column):
            return pd.to_numeric(column, downcast="integer")
        return column.astype("category")

    return table.apply(short)


def _plain(column: "pd.Series") -> "pd.Series":
    """A packed column in the type of a live run, so that arithmetic on small integers cannot overflow."""
    kind = {"f": "float64", "i": "int64", "b": "bool"}.get(column.dtype.kind, "str")
    return column.astype(kind)
