"""Finished runs on disk: ids, provenance, atomic save, resume, and cells on local or Dask workers."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

Tables = dict[str, pd.DataFrame]


class StoreError(OSError):
    """Results that cannot be read or written; the message names the path."""


def code_id(module: str) -> str:
    """Hash of the statements that make a module's numbers: its own and those of all it imports from this package.

    Comments, docstrings and layout do not count.
    """
    seen: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        tree = ast.parse(Path(importlib.util.find_spec(name).origin).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{__package__}."):
                pending.append(node.module)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body[0].value.value = ""
        seen[name] = ast.unparse(tree)
    return _digest(seen)


def run_id(function: Callable, spec) -> str:
    """Name of one run: every field of its spec (defaults too) and the code that makes its numbers."""
    return _digest({"run": function.__module__, "spec": spec.model_dump(), "code": code_id(function.__module__)})


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def provenance(function: Callable, spec) -> dict:
    """Where numbers come from: settings, code, libraries, machine. JSON-ready."""
    git = lambda *words: subprocess.run(  # noqa: E731
        ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    libraries = ("torch", "numpy", "pandas", "ts_core")
    found = {d.name.replace("-", "_"): d.version for d in map(_distribution, libraries) if d}
    return {
        "run": function.__module__,
        "spec": json.loads(spec.model_dump_json()),
        "code": code_id(function.__module__),
        "commit": git("rev-parse", "--short", "HEAD"),
        "uncommitted_changes": bool(git("status", "--porcelain", "--", "*.py")),
        "versions": {"python": platform.python_version(), **found},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _distribution(name: str):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def save(folder: Path, tables: Tables, facts: dict) -> Path:
    """Write tables (Parquet) and facts (JSON) as one folder, all or nothing: written beside, then renamed.

    raises      StoreError when the place cannot be written.
    """
    folder = Path(folder)
    check_writable(folder.parent)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        sums = {}
        for name, table in tables.items():
            table.to_parquet(staged / f"{name}.parquet", compression="zstd", compression_level=9)
            sums[name] = hashlib.sha256((staged / f"{name}.parquet").read_bytes()).hexdigest()
        (staged / "meta.json").write_text(json.dumps({**facts, "sha256": sums}, indent=1) + "\n")
        staged.chmod(0o755)
        os.rename(staged, folder)
    except OSError as error:
        if not (folder / "meta.json").exists():  # else another process finished the same run first
            raise StoreError(f"cannot save results at {folder}: {error}") from None
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder


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
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{folder} does not hold readable results of ts_core: {error!r}") from None
    return tables, facts


def check_writable(folder: Path) -> None:
    """Make a results folder and prove that it takes files.

    raises      StoreError naming the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(f"results folder {folder} cannot be written: {error.strerror or error}") from None


def run_cells(
    function: Callable, specs: Sequence, folder: Path, *, workers: int = 1, scheduler: str | None = None,
    progress: bool = True,
) -> tuple[Tables, list[dict]]:
    """Run ``function(spec) -> tables`` for every spec that has no finished result yet, and gather all tables.

    folder      where finished cells live, one folder each, named by :func:`run_id`; several processes may share it.
    workers     processes on this machine, one thread each; 1 runs here.
    scheduler   address of a Dask scheduler to run the cells on instead.
    returns     each table of all cells, in the order of ``specs``, and the cells' facts.
    raises      StoreError before any work when the folder cannot be written. A damaged cell is set aside, not deleted.
    """
    check_writable(folder)
    places = [Path(folder) / run_id(function, spec) for spec in specs]
    done = {place: cell for place in places if (cell := _finished(place))}
    todo = {place: spec for place, spec in zip(places, specs) if place not in done}
    with tqdm(total=len(places), initial=len(done), unit="cell", disable=not progress or not todo) as bar:
        for place, tables, facts in _results(function, todo, workers, scheduler):
            save(place, tables, facts)
            done[place] = load(place)
            bar.update()
    cells = [done[place] for place in places]
    names = cells[0][0]
    return {n: pd.concat([tables[n] for tables, _ in cells], ignore_index=True) for n in names}, [f for _, f in cells]


def _finished(place: Path):
    if not place.exists():
        return None
    try:
        return load(place)
    except StoreError as error:
        aside = place.with_name(f"{place.name}.damaged-{time.time_ns()}")
        os.rename(place, aside)
        warnings.warn(f"{error}; set aside as {aside.name} and computed again", stacklevel=3)
        return None


def _results(function, todo: dict, workers: int, scheduler: str | None):
    """Yield (place, tables, facts) as cells finish, whatever runs them."""
    if scheduler is None and workers <= 1:
        yield from ((place, *_timed(function, spec)) for place, spec in todo.items())
        return
    with _executor(workers, scheduler) as executor:
        futures = {executor.submit(_timed, function, spec): place for place, spec in todo.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], *future.result()
        finally:
            for future in futures:
                future.cancel()


def _executor(workers: int, scheduler: str | None) -> Executor:
    if scheduler is None:
        return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    from dask.distributed import Client  # only a cluster run needs it

    return Client(scheduler).get_executor(pure=False)


def _timed(function: Callable, spec) -> tuple[Tables, dict]:
    """Run one cell with one thread: small batched products only lose by sharing cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    facts, began = provenance(function, spec), time.perf_counter()
    try:
        tables = function(spec)
    finally:
        torch.set_num_threads(threads)
    return tables, {**facts, "seconds": round(time.perf_counter() - began, 3)}
