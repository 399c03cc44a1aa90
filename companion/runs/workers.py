"""Where cells are computed: in this process, or on worker processes that end with it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from companion.runs.claims import Claims, turns
from companion.runs.identity import Project, address, code_of, edited, machine
from companion.runs.spec import Cell, Tables

DEATHS = 3  # of the process of one cell, after which it is given up
PAUSE = 0.2  # seconds between two looks at the cells that other runs compute
FILES = 20  # open files that a worker process takes of the one that starts it, at most
NO_TRACE = "ignore:resource_tracker"  # of semaphores that it cleans up after a process that was killed
END = Path()  # no cell: all have had their turn


class RunError(OSError):
    """Cells that cannot be run, or not further; the message says what to do. Finished cells are kept."""


def results(
    project: Project,
    todo: Mapping[Path, Cell],
    earlier: Sequence[Tables],
    workers: int,
    scheduler: str | None,
) -> Iterator[tuple[Path, Tables | None, dict]]:
    """Yield place, tables and facts of cells as they finish, whatever runs them.

    Runs that share a folder share the work: tables are None for a cell that another one has finished.

    raises      RunError; for cells that killed their process several times when all others are finished.
    """
    if not todo:
        return
    workers = min(workers, len(todo))
    code = lambda cell: code_of(project.packages, cell)
    if scheduler is not None:
        yield from _on_cluster(project, todo, earlier, scheduler)
        return
    claims = Claims()
    with closing(claims):
        if workers > 1:
            yield from _on_processes(project, todo, earlier, workers, claims)
            return
        for place in turns(todo, claims):
            if place is None:
                time.sleep(PAUSE)
                continue
            done = (None, {}) if place.exists() else timed(project, todo[place], code(todo[place]), *earlier)
            yield place, *done
            claims.release(place)


def _on_cluster(project: Project, todo: Mapping[Path, Cell], earlier: Sequence[Tables], scheduler: str):
    from companion.runs.cluster import cluster  # Dask is slow to import, and only a cluster needs it

    code = lambda cell: code_of(project.packages, cell)
    first = next(iter(todo.values()))
    with cluster(scheduler, (project.packages, *address(first)), code(first)) as executor:
        futures = {
            executor.submit(timed, project, cell, code(cell), *earlier): place for place, cell in todo.items()
        }
        # in the order of completion: what finished before a failure is kept
        for future in as_completed(list(futures)):
            yield futures.pop(future), *future.result()


def _on_processes(
    project: Project, todo: Mapping[Path, Cell], earlier: Sequence[Tables], workers: int, claims: Claims
):
    """A process that dies is replaced, and its cell computed again, up to the third time."""
    deaths: dict[Path, int] = {}
    again, given_up = [], []
    order, left = turns(todo, claims), True
    with processes(workers) as pools:
        idle, running = list(pools), {}
        while left or again or running:
            blocked = False
            while idle and (again or left) and not blocked:
                place = again.pop() if again else next(order, END)
                if place is END:
                    left = False
                elif place is None:
                    blocked = True
                elif place.exists():
                    yield place, None, {}
                    claims.release(place)
                else:
                    cell, pool = todo[place], idle.pop()
                    future = pool.submit(timed, project, cell, code_of(project.packages, cell), *earlier)
                    running[future] = place, pool
            if blocked and not running:
                time.sleep(PAUSE)
                continue
            for future in wait(running, PAUSE if blocked else None, FIRST_COMPLETED).done:
                place, pool = running.pop(future)
                idle.append(pool)
                try:
                    tables, facts = future.result()
                except BrokenExecutor:
                    pool.renew()
                    deaths[place] = deaths.get(place, 0) + 1
                    (given_up if deaths[place] >= DEATHS else again).append(place)
                    continue
                yield place, tables, facts
                claims.release(place)
    if given_up:
        names = "; ".join(f"{type(todo[place]).__name__} {place.name}" for place in given_up)
        raise RunError(
            f"{names}: a worker process died {DEATHS} times, often for want of memory: try fewer workers; "
            "all other cells are finished, and the same command resumes"
        )


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


class Worker:
    """One process of one thread that computes cells, and can be replaced when it has died."""

    def __init__(self, leash: Connection):
        self._leash = leash
        self.renew()

    def renew(self) -> None:
        """raises RunError where the system lets no processes work together."""
        try:
            self._start()
        except (OSError, NotImplementedError, ImportError) as error:  # as its parts say it
            reason = getattr(error, "strerror", None) or error
            raise RunError(
                f"no worker process starts: {reason}; they need shared memory (/dev/shm) and about "
                f"{FILES} open files each (ulimit -n): --workers 1 runs without"
            ) from None

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self._leash,)
        )
        # inherited: the process that started it answers Ctrl-C for all
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._pool.submit(int)  # starts the process
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def submit(self, *words) -> Future:
        try:
            return self._pool.submit(*words)
        except BrokenExecutor:  # it died while it had nothing to do
            self.renew()
            return self._pool.submit(*words)

    def end(self) -> None:
        """End at once, even if it was stopped."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def processes(workers: int) -> Iterator[list[Worker]]:
    """Worker processes.

    They end at once when the block is left or this process dies, however.
    """
    if NO_TRACE not in sys.warnoptions:  # Python hands them to the process that does so
        sys.warnoptions.append(NO_TRACE)
    leash, held = get_context("spawn").Pipe(
        duplex=False
    )  # nothing is sent: a worker waits for its end to close
    started: list[Worker] = []
    try:
        for _ in range(workers):
            started.append(Worker(leash))
        yield started
    finally:
        held.close()
        for worker in started:
            worker.end()
        leash.close()


def _start_worker(leash) -> None:
    # A batch system sends it to every process; the one that started this one answers, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: None)
    threading.Thread(target=_end_with, args=(leash,), daemon=True).start()


def _end_with(leash) -> None:
    with suppress(EOFError, OSError):
        leash.recv()
    os._exit(1)
