"""Where cells are computed: in this process, or on worker processes that end with it."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

from companion.runs.identity import Project, address, code_of, edited, machine
from companion.runs.spec import Cell, Tables


class RunError(OSError):
    """Cells that cannot be run, or not further; the message says what to do. Finished cells are kept."""


def results(
    project: Project,
    todo: Mapping[Path, Cell],
    earlier: Sequence[Tables],
    workers: int,
    scheduler: str | None,
) -> Iterator[tuple[Path, Tables, dict]]:
    """Yield place, tables and facts of cells as they finish, whatever runs them."""
    if not todo:
        return
    workers = min(workers, len(todo))
    code = lambda cell: code_of(project.packages, cell)
    if scheduler is None and workers == 1:
        yield from ((place, *timed(project, cell, code(cell), *earlier)) for place, cell in todo.items())
        return
    first = next(iter(todo.values()))
    with _executor(project, first, code(first), workers, scheduler) as executor:
        futures = {
            executor.submit(timed, project, cell, code(cell), *earlier): place for place, cell in todo.items()
        }
        # in the order of completion: what finished before a failure is kept
        for future in as_completed(list(futures)):
            yield futures.pop(future), *future.result()


def timed(project: Project, cell: Cell, code: str, *earlier: Tables) -> tuple[Tables, dict]:
    """Run one cell; returns its tables and when, where and how long it ran."""
    if code_of(project.packages, cell) != code:
        raise RunError(
            "a worker runs another version of the code than this process; restart both on one version"
        )
    if late := edited(project.packages, *address(cell)):
        raise RunError(
            f"{', '.join(late)} was edited since this process started; "
            "the same command starts on the new code"
        )
    started, began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), time.perf_counter()
    with project.alone():
        tables = cell.run(*earlier)
    seconds = round(time.perf_counter() - began, 3)
    facts = {"device": project.device(cell), "threads": 1, "started": started, "seconds": seconds}
    return tables, machine(project.libraries) | facts


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _executor(project: Project, cell: Cell, code: str, workers: int, scheduler: str | None):
    if scheduler is None:
        return processes(workers)
    from companion.runs.cluster import cluster  # Dask is slow to import, and only a cluster needs it

    return cluster(scheduler, (project.packages, *address(cell)), code)


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """Worker processes of one thread.

    They end at once when the block is left or this process dies, however.
    """
    context = get_context("spawn")
    leash, held = context.Pipe(duplex=False)  # nothing is ever sent: a worker waits for its end to close
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(leash,))
    try:
        # inherited: this process answers Ctrl-C for all
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        for _ in range(workers):
            pool.submit(int)  # starts the processes
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield pool
    except BrokenExecutor:
        raise RunError(
            "a worker process died, often for want of memory: try fewer workers; the same command resumes"
        ) from None
    finally:
        held.close()
        pool.shutdown(cancel_futures=True)
        leash.close()


def _start_worker(leash) -> None:
    # A batch system sends it to every process; the one that started this one answers, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()


def _end_with(leash) -> None:
    with suppress(EOFError, OSError):
        leash.recv()
    os._exit(1)
