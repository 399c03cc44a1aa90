"""Sweeps: many cells run here, on worker processes or on a Dask cluster; finished cells are kept and never repeated."""

import argparse
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from ts_core.store import (
    CELLS, COMMITTED, PACKAGE, StoreError, Tables, check_replaceable, check_writable, code_id, export, load, machine,
    origin, run_id, save,
)

SWEEPS = {name: f"{PACKAGE.name}.experiments.{name}" for name in (
    "cifar10", "cross_entropy_rate", "dataset_size", "deep_l_shape", "depth", "equal_budget", "fan_out", "sample_complexity",
    "wider_students",
)}
SCALES = ("quick", "laptop", "paper")
CONNECT = 5  # seconds within which a scheduler must answer
DAY = 86_400  # seconds after which a hidden staging folder can only be what a killed process left


class SweepError(OSError):
    """A sweep that cannot start or go on; the message says what to do. Finished cells are kept."""


def settings(name: str, scale: str):
    """The spec of a sweep: defaults at ``quick`` scale, the paper's own values at ``paper`` scale, some between.

    raises      SweepError for a name or scale that does not exist.
    """
    if name not in SWEEPS:
        raise SweepError(f"unknown sweep {name!r}; known are {', '.join(SWEEPS)}")
    if scale not in SCALES:
        raise SweepError(f"unknown scale {scale!r}; known are {', '.join(SCALES)}")
    module = import_module(SWEEPS[name])
    found = type(module.PAPER)() if scale == "quick" else getattr(module, scale.upper(), None)
    if found is None:
        raise SweepError(f"{name} has no {scale} scale; try quick or paper")
    return found


def sweep(
    name: str, *, scale: str = "quick", workers: int = 1, scheduler: str | None = None, results: Path | None = None,
    target: Path | None = None, progress: bool = True,
) -> Path:
    """Run or resume a sweep, then write its gathered tables.

    workers, scheduler    as in :func:`run_cells`.
    results     folder of finished cells; ``_build/cells`` unless told otherwise.
    target      folder of the gathered tables; above quick scale the book's own, else ``_build/results/<name>``.
    returns     the folder of the gathered tables (see :func:`ts_core.store.load_results`).
    raises      SweepError, StoreError: before any training where it can be known then.
    """
    spec = settings(name, scale)
    target = Path(target or (CELLS.with_name("results") if scale == "quick" else COMMITTED) / name)
    check_replaceable(target, name)
    options = dict(workers=workers, scheduler=scheduler, progress=progress, title=name)
    tables, facts = run_stages(spec, Path(results or CELLS), **options)
    return export(target, tables, {"sweep": name, "scale": scale, "spec": _plain(spec), **summary(facts)})


def command(given: argparse.Namespace) -> int:
    """``python -m ts_core sweep``: exit status 0, or 130 after Ctrl-C; the errors of :func:`sweep` pass through."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    results = given.results or CELLS
    try:
        folder = sweep(
            given.name, scale=given.scale, workers=_cores() if given.workers is None else given.workers,
            scheduler=given.scheduler, results=results, target=given.export,
        )
    except KeyboardInterrupt:
        print(f"\ninterrupted; finished cells are kept in {results}, the same command resumes", file=sys.stderr)
        return 130
    print(f"wrote {folder}")
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def summary(facts: Sequence[dict]) -> dict:
    """Where the gathered numbers of several cells come from; what differs between cells is listed."""
    every = lambda of: ", ".join(sorted({str(of(f)) for f in facts}))  # noqa: E731
    return {
        "cells": len(facts),
        "seconds": round(sum(f["seconds"] for f in facts)),
        "started": min(f["started"] for f in facts),
        **{key: every(lambda f: f[key]) for key in ("run", "code", "commit", "machine", "device")},
        "uncommitted_changes": any(f["uncommitted_changes"] for f in facts),
        "versions": {name: every(lambda f: f["versions"].get(name)) for name in facts[0]["versions"]},
    }


def run_stages(spec, folder: Path, **options) -> tuple[Tables, list[dict]]:
    """Run the cells of a sweep; where ``spec.stages(folder)`` exists, one list of cells after the other.

    options     as in :func:`run_cells`.
    returns     the tables of all stages, and the cells' facts.
    """
    tables, facts = {}, []
    for cells in spec.stages(folder) if hasattr(spec, "stages") else [spec.cells()]:
        found, more = run_cells(import_module(type(cells[0]).__module__).run, cells, folder, **options)
        tables, facts = tables | found, facts + more
    return tables, facts


def run_cells(
    function: Callable, specs: Sequence, folder: Path, *, workers: int = 1, scheduler: str | None = None,
    progress: bool = True, title: str = "cells",
) -> tuple[Tables, list[dict]]:
    """Run ``function(spec) -> tables`` for every spec that has no finished result yet, and gather all tables.

    folder      where finished cells live, one folder each, named by its run id; several processes may share it.
    workers     processes on this machine, one thread each; 1 runs here.
    scheduler   address of a Dask scheduler to run the cells on instead.
    returns     each table of all cells, in the order of ``specs``, and the cells' facts.
    raises      StoreError, SweepError: before any training where it can be known then; finished cells are kept.
    """
    if workers < 1 or not specs:
        raise SweepError(f"need at least 1 worker and 1 cell, got {workers} and {len(specs)}")
    folder, source = Path(folder), origin(function)
    check_writable(folder)
    _clean(folder)
    places = {folder / run_id(function, spec): spec for spec in specs}
    done = {place: cell for place, spec in places.items() if (cell := _finished(place, source, spec))}
    todo = {place: spec for place, spec in places.items() if place not in done}
    with _bar(title, places, done, progress and todo) as bar:
        for place, tables, facts in _results(function, source["code"], todo, workers, scheduler):
            save(place, tables, {**source, "spec": _plain(places[place]), **facts})
            done[place] = load(place)
            bar.set_description_str(f"{title}: {len(done)} of {len(places)} cells", refresh=False)
            bar.update(_work(places[place]))
    cells = [done[place] for place in places]
    gathered = {name: pd.concat([tables[name] for tables, _ in cells], ignore_index=True) for name in cells[0][0]}
    return gathered, [facts for _, facts in cells]


def _plain(spec) -> dict:
    return json.loads(spec.model_dump_json())


def _clean(folder: Path) -> None:
    """Remove what killed processes left while they wrote a cell."""
    for staged in folder.glob(".*"):
        with suppress(OSError):
            if re.match(r"\.[0-9a-f]{16}-", staged.name) and time.time() - staged.stat().st_mtime > DAY:
                shutil.rmtree(staged)


def _finished(place: Path, source: dict, spec) -> tuple[Tables, dict] | None:
    """A cell's saved result, or None; a result that is damaged or of another run is set aside, not deleted."""
    if not place.exists():
        return None
    try:
        tables, facts = load(place)
        if [facts.get("run"), facts.get("code"), facts.get("spec")] != [source["run"], source["code"], _plain(spec)]:
            raise StoreError(f"{place} holds another run than its name says")
        return tables, facts
    except StoreError as error:
        aside = place.with_name(f"{place.name}.damaged-{time.time_ns()}")
        with suppress(FileNotFoundError):  # another process sharing the folder was faster
            os.rename(place, aside)
        warnings.warn(f"{error}; set aside as {aside.name} and computed again", stacklevel=4)
        return None


def _work(spec) -> float:
    """Cost of a cell relative to the others of its sweep, for the remaining time."""
    return getattr(spec, "work", 1.0)


def _bar(title: str, places: dict, done: dict, visible) -> tqdm:
    return tqdm(
        total=sum(map(_work, places.values())), initial=sum(_work(places[place]) for place in done),
        desc=f"{title}: {len(done)} of {len(places)} cells",
        bar_format="{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}]",
        **({} if visible else {"disable": True}),  # when visible, the environment (TQDM_DISABLE) may still hide it
    )


def _results(function, code, todo, workers, scheduler) -> Iterator[tuple[Path, Tables, dict]]:
    """Yield place, tables and facts of cells as they finish, whatever runs them."""
    if not todo:
        return
    workers = min(workers, len(todo))
    if scheduler is None and workers == 1:
        yield from ((place, *_timed(function, spec, code)) for place, spec in todo.items())
        return
    with _cluster(scheduler, function.__module__, code) if scheduler else _processes(workers) as executor:
        futures = {executor.submit(_timed, function, spec, code): place for place, spec in todo.items()}
        for future in as_completed(list(futures)):  # in the order of completion: what finished before a failure is kept
            yield futures.pop(future), *future.result()


def _timed(function: Callable, spec, code: str) -> tuple[Tables, dict]:
    """Run one cell with one thread: small batched products only lose by sharing cores."""
    if code_id(function.__module__) != code:
        raise SweepError("a worker runs another version of the code than this process; restart both on one version")
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    threads, began = torch.get_num_threads(), time.perf_counter()
    torch.set_num_threads(1)
    try:
        tables = function(spec)
    finally:
        torch.set_num_threads(threads)
    seconds = round(time.perf_counter() - began, 3)
    return tables, {**machine(), "device": _device(spec), "threads": 1, "started": started, "seconds": seconds}


def _device(spec) -> str:
    on_gpu = getattr(spec, "device", "cpu") != "cpu" and torch.cuda.is_available()
    return torch.cuda.get_device_name() if on_gpu else "cpu"


@contextmanager
def _processes(workers: int):
    """Worker processes of one thread; they end at once when the block is left or this process dies, however."""
    context = get_context("spawn")
    leash, held = context.Pipe(duplex=False)  # nothing is ever sent: a worker waits for its end to close
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(leash,))
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: this process answers Ctrl-C for all
        for _ in range(workers):
            pool.submit(int)  # starts the processes
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield pool
    except BrokenExecutor:
        raise SweepError("a worker process died, often for want of memory: try fewer workers; the same command resumes") from None
    finally:
        held.close()
        pool.shutdown(cancel_futures=True)
        leash.close()


def _start_worker(leash) -> None:
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()


def _end_with(leash) -> None:
    with suppress(EOFError, OSError):
        leash.recv()
    os._exit(1)


@contextmanager
def _cluster(address: str, module: str, code: str):
    """A Dask cluster as an executor. A cell whose worker dies is run again elsewhere by the scheduler."""
    from dask.distributed import Client, KilledWorker  # slow to import, and only a cluster needs it

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # else a lost scheduler prints its tracebacks
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SweepError(f"no Dask scheduler answers at {address!r} ({error}); check the address") from None
    with client:
        _check_workers(client, address, module, code)
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except KilledWorker as error:
            raise SweepError(f"a cell cannot be run: {error}") from None
        except CancelledError:
            raise SweepError(f"lost the Dask scheduler at {address!r}; the same command resumes") from None
        finally:
            executor.shutdown(wait=False)


def _check_workers(client, address: str, module: str, code: str) -> None:
    try:
        client.run_on_scheduler(code_id, module)  # it reads the tasks it hands out
    except Exception as error:  # whatever an environment without our code raises
        raise SweepError(f"the Dask scheduler at {address} cannot load {module} ({error}); install it there") from None
    found = client.run(code_id, module, on_error="return")
    if not found:
        warnings.warn(f"the Dask scheduler at {address} has no workers yet; waiting for them", stacklevel=6)
    for worker, answer in found.items():
        if isinstance(answer, Exception):
            raise SweepError(f"Dask worker {worker} cannot load {module} ({answer}); install it there")
        if answer != code:
            raise SweepError(f"Dask worker {worker} runs other code ({answer}) than this process ({code}); restart it")
