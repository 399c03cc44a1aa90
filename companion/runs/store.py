"""Results on disk: ids, provenance, folders of tables that are written all or nothing, the book's committed tables."""

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pandas as pd

PACKAGE = Path(__file__).parent
COMMITTED = PACKAGE.parent / "book" / "results"
CELLS = PACKAGE.parent / "_build" / "cells"  # finished cells, unless told otherwise
KEYS = ("polarity", "over_realization", "learning_rate")  # looked up by value, so never rounded
TEACHER = ("seed", "data", "samples", "teacher_width", "polarity", "teacher")  # what a teacher node's norm depends on

Tables = dict[str, pd.DataFrame]


class StoreError(OSError):
    """Results that cannot be read or written; the message names the path."""


def _module_name(path: Path) -> str:
    return ".".join([PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


# As they were when Python loaded them: an edit during a long sweep must not put old numbers under a new code's id.
SOURCES = {_module_name(path): path.read_text() for path in PACKAGE.rglob("*.py")}


@functools.cache
def code_id(module: str) -> str:
    """Id of the statements that make a module's numbers: its own and those of all it imports from this package.

    Comments, docstrings and layout do not count; the Python version does not either.
    """
    return code_hash(module, SOURCES)


def code_hash(module: str, sources: Mapping[str, str]) -> str:
    """:func:`code_id` for given source texts by module name; a module of another package is read from its file."""
    seen, pending = {}, [module]
    while pending:
        name = pending.pop()
        if name not in seen:
            tree = ast.parse(sources[name] if name in sources else Path(import_module(name).__file__).read_text())
            seen[name] = _statements(tree)
            pending += [found for found in _imports(tree) if found in sources]
    return _digest(seen)


def _imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def _statements(node):
    """A syntax tree as nested lists, without bare strings (docstrings) and what differs between Python versions."""
    if isinstance(node, list):
        return [_statements(n) for n in node if not _is_text(n)]
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, *((name, _statements(value)) for name, value in fields)]
    return repr(node)


def _is_text(node) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def run_id(function: Callable, spec) -> str:
    """Name of one run: every field of its spec (defaults too) and the code that makes its numbers."""
    return _digest({"run": function.__module__, "spec": spec.model_dump(), "code": code_id(function.__module__)})


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def origin(function: Callable) -> dict:
    """Which code makes the numbers: module, code id, commit (empty without git), whether files differ from it."""
    commit, changes = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--", "*.py")
    module = function.__module__
    return {"run": module, "code": code_id(module), "commit": commit, "uncommitted_changes": bool(changes)}


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=PACKAGE, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git on this machine
        return ""


def machine() -> dict:
    """Which machine and libraries make the numbers."""
    versions = {"python": platform.python_version()}
    for name in ("torch", "numpy", "pandas"):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {"versions": versions, "machine": f"{_processor()}, {os.cpu_count()} cores"}


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def save(folder: Path, tables: Tables, facts: dict) -> Path:
    """Write tables (Parquet) and facts (JSON) as one folder: beside it, then renamed. A finished folder is kept.

    raises      StoreError when the place cannot be written; nothing is left behind.
    """
    folder = Path(folder)
    with _staged(folder) as staged:
        _write(staged, tables, facts)
        try:
            os.rename(staged, folder)
        except OSError:
            if not (folder / "meta.json").is_file():  # else another process finished the same run first
                raise
    return folder


@contextmanager
def _staged(folder: Path):
    """A hidden folder beside ``folder`` to write in before renaming it; gone afterwards, whatever happens."""
    staged = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        staged.chmod(0o755)
        yield staged
    except OSError as error:
        raise StoreError(f"cannot save results at {folder}: {error.strerror or error}") from None
    finally:
        if staged:
            shutil.rmtree(staged, ignore_errors=True)


def _write(folder: Path, tables: Tables, facts: dict) -> None:
    sums = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        table.to_parquet(path, compression="zstd", compression_level=9, index=False)
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "meta.json").write_text(json.dumps({**facts, "sha256": sums}, indent=1) + "\n")


def load(folder: Path) -> tuple[Tables, dict]:
    """Tables and facts that :func:`save` wrote.

    raises      StoreError when a file is missing, damaged or not ours (names, checksums); names it.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / "meta.json").read_text())
        tables = {}
        for name, checksum in facts["sha256"].items():
            path = folder / f"{name}.parquet"
            if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                raise StoreError(f"{path} is damaged: its checksum is not the one in meta.json")
            tables[name] = pd.read_parquet(path)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read results at {error.filename or folder}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"{folder / 'meta.json'} is damaged, or not a description of results by ts_core") from None
    return tables, facts


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


def check_replaceable(folder: Path, sweep: str) -> None:
    """Prove that tables of a sweep may take the place of a folder: it is absent, empty or holds tables of that sweep.

    raises      StoreError naming the folder.
    """
    folder = Path(folder)
    check_writable(folder.parent)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        load_results(sweep, folder)


def export(folder: Path, tables: Tables, facts: dict) -> Path:
    """Write gathered tables of the sweep ``facts["sweep"]`` compactly, in place of a whole folder or not at all.

    raises      StoreError when the place cannot be written, or holds anything else than results of that sweep.
    """
    folder = Path(folder)
    check_replaceable(folder, facts["sweep"])
    with _staged(folder) as staged:
        _write(staged, _pack(tables), facts)
        former = staged.with_name(f"{staged.name}.former")
        with suppress(FileNotFoundError):
            os.rename(folder, former)
        try:
            os.rename(staged, folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.rename(former, folder)
            raise
        shutil.rmtree(former, ignore_errors=True)
    return folder


def load_results(sweep: str, folder: Path | None = None) -> tuple[Tables, dict]:
    """Gathered tables of a sweep and where they come from, as :func:`export` wrote them.

    folder      the committed tables of the book unless told otherwise.
    returns     tables with the columns and types of the runs, floating-point numbers rounded to float32.
    raises      StoreError naming the path when it is unreadable, damaged, or holds something else.
    """
    folder = Path(folder or COMMITTED / sweep)
    tables, facts = load(folder)
    if facts.get("sweep") != sweep:
        raise StoreError(f"{folder} holds results of {facts.get('sweep', 'a single run')!r}, not of {sweep!r}")
    tables = {name: table.apply(_plain) for name, table in tables.items()}
    norms = tables.pop("teacher_norms", None)
    if norms is not None:
        tables["teachers"] = tables["teachers"].merge(norms, how="left", on=list(TEACHER), validate="many_to_one")
    return tables, facts


def _pack(tables: Tables) -> Tables:
    """Tables with short numbers, names as categories, and the norm of a teacher node, which is constant, only once."""
    packed = dict(tables)
    if "teachers" in tables:
        packed["teacher_norms"] = tables["teachers"][[*TEACHER, "fan_out_norm"]].drop_duplicates(list(TEACHER))
        packed["teachers"] = tables["teachers"].drop(columns="fan_out_norm")
    return {name: table.apply(_short) for name, table in packed.items()}


def _short(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column):
        return column if column.name in KEYS else column.astype("float32")
    if pd.api.types.is_integer_dtype(column):
        return pd.to_numeric(column, downcast="integer")
    return column.astype("category")


def _plain(column: pd.Series) -> pd.Series:
    """A packed column in the type of a live run, so that arithmetic on small integers cannot overflow."""
    kind = {"f": "float64", "i": "int64", "b": "bool"}.get(column.dtype.kind, "str")
    return column.astype(kind)
