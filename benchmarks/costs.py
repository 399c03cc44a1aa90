"""What cells of every kind take, one by one: the table that tells the cost of a run before it starts.

    python benchmarks/costs.py [CHAPTER ...] [--out FOLDER]

Measured are all cells of the chapters and of the sweeps at quick scale; of every kind, and of all its words
(methods, laws of the inputs), one with a quarter of the steps, and one with a quarter of the networks; and of
every larger scale its longest cells, one for all words, its middle and its shortest one, shortened to two
lengths of a few seconds. Every cell runs alone, on one thread, in a fork of a process that has loaded the
libraries, a short one twice. Seconds are those of a processor, the fewer of two, over those of a computation
of known length before and after, so that a machine that is busy makes them less long; memory is the peak
beyond that of the idle process. Writes costs.json, which ``companion.cost`` reads. What is there is not
measured again; that of chapters that are named is. ``estimates.py`` holds the table to other cells.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from companion import budget, chapters, cost, project
from companion.runs.cells import Store, run_stages
from companion.runs.identity import kind, machine
from companion.runs.spec import Cell, Spec, SpecError, Tables
from companion.runs.store import save

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60  # processor seconds; what takes longer is left out
AGAIN = 3  # seconds; what takes less is measured twice, for machines stumble
SHORT, BASE = (1.5, 6.0), 0.5  # seconds of a cell of a larger scale, shortened; of one that is cut, or more
LENGTHS = ("steps", "steps_per_epoch", "epochs", "horizon")
NETWORKS = ("seeds", "starts", "trials", "students", "rates")

Pair = tuple[Cell, tuple[Tables, ...]]  # a cell and the tables of earlier stages that it needs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    path, names = given.out / "costs.json", given.chapters or chapters.names()
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"cells": []}
    facts.setdefault("calibration", min(cost.calibrate() for _ in range(5)))
    facts |= {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **machine(("torch", "numpy"))}
    kinds = by_kind(quick(names))
    if given.chapters:
        facts["cells"] = [row for row in facts["cells"] if row["kind"] not in kinds]
    for pairs in kinds.values():
        for pair in pairs:
            add(facts, pair, path)
        for pair in quarters(pairs, cost.table(path)[0]):
            add(facts, pair, path)
    for cell in larger(names):
        for seconds in SHORT:
            known = cost.table(path)[0]
            about = lambda took, seconds=seconds: seconds / 2 < took < 2 * seconds
            short = shortened(cell, seconds, known)
            there = any(about(row.seconds) and settings(row.cell) == settings(cell) for row in known)
            if not there and about(cost.estimate([short], known=known).seconds):
                add(facts, (short, ()), path)


def quick(names: Sequence[str]) -> Iterator[Pair]:
    """The cells of chapters at their defaults, and of their sweeps at quick scale."""
    for name, parameters in chapters.parameters().items():
        if name in names:
            yield from ((cell, ()) for cell in parameters().live_cells())
    for sweep in of_chapters(names):
        yield from of_stages(sweep.scales["quick"].stages())


def of_chapters(names: Sequence[str]) -> Iterator[Any]:
    """The sweeps of some chapters."""
    sweeps = chapters.sweeps().values()
    yield from (each for each in sweeps if type(each.scales["quick"]).__module__.split(".")[2] in names)


def of_stages(stages: Sequence[Sequence[Cell]]) -> Iterator[Pair]:
    """The cells of all stages, with the tables of those before."""
    yield from ((cell, ()) for cell in stages[0])
    if stages[1:]:
        with tempfile.TemporaryDirectory() as folder:
            earlier = run_stages(stages[:1], Store(Path(folder), project.PROJECT), progress=False)[0]
        yield from ((cell, (earlier,)) for cell in stages[1])


def quarters(pairs: Sequence[Pair], known: Sequence[cost.Measured]) -> Iterator[Pair]:
    """Of cells of one kind one for all words with a quarter of its steps, and of its networks."""
    took = lambda pair: cost.estimate([pair[0]], known=known).seconds
    words = lambda pair: cost.size(pair[0]).words
    pairs = sorted(pairs, key=took)
    long = [pair for pair in pairs if took(pair) >= BASE]
    for cell, earlier in {words(pair): pair for pair in (*pairs, *reversed(long))}.values():
        for names in (LENGTHS, NETWORKS):
            if less := scaled(cell, names, 1 / 4) or scaled(cell, names, 1 / 2):
                yield less, earlier


def larger(names: Sequence[str]) -> Iterator[Cell]:
    """Of every larger scale cells of the first stage, which need no tables and begin with the longest.

    Those are the longest ones, one for all words, the middle one and the last.
    """
    for sweep in of_chapters(names):
        for spec in list(sweep.scales.values())[1:]:
            stage = budget.cells(spec)[0]
            words = lambda cell: (kind(cell), cost.size(cell).words)
            yield from {words(cell): cell for cell in reversed(stage)}.values()
            yield from (stage[len(stage) // 2], stage[-1])


def by_kind(pairs: Iterator[Pair]) -> dict[str, list[Pair]]:
    """Different cells of every kind."""
    kinds: dict[str, list[Pair]] = {}
    for cell, earlier in pairs:
        own = kinds.setdefault(kind(cell), [])
        if all(other != cell for other, _ in own):
            own.append((cell, earlier))
    return kinds


def add(facts: dict, pair: Pair, path: Path) -> None:
    """Measure a cell, if its row is not there, and write the table."""
    rows, about = facts["cells"], {"kind": kind(pair[0]), "spec": plain(pair[0])}
    if any(row["kind"] == about["kind"] and row["spec"] == about["spec"] for row in rows):
        return
    if row := measured(*pair, facts["calibration"]):
        rows.append(row)
        rows.sort(key=lambda row: row["kind"])
        path.write_text(json.dumps(facts).replace('{"kind"', '\n{"kind"') + "\n", encoding="utf-8")
        print(about["kind"], f"{row['seconds']:.2f} s", flush=True)


def shortened(cell: Cell, seconds: float, known: Sequence[cost.Measured]) -> Cell:
    """A cell that is told to take about so many seconds: of fewer steps, else fewer networks."""
    for names in (LENGTHS, NETWORKS):
        for _ in range(3):
            if (told := cost.estimate([cell], known=known).seconds) > 1.2 * seconds:
                cell = scaled(cell, names, seconds / told) or cell
    return cell


def scaled(spec: Any, names: Sequence[str], factor: float) -> Any:
    """Settings with about so many times the first of some that they have, or that a record inside has.

    returns     None if they cannot be run.
    """
    for name in names:
        if name in type(spec).model_fields:
            value = getattr(spec, name)
            if isinstance(value, tuple):
                number = max(round(factor * len(value)), 1)
                value = (*value, *range(1 + max(value), 1 + max(value) + number))[:number]
            else:
                value = type(value)(max(factor * value, 1))
            looks = {own: seen for own in type(spec).model_fields if (seen := _looks(spec, own, name, value))}
            for changes in ({name: value}, {name: value} | looks):
                if value != getattr(spec, name) and (found := _with(spec, changes)):
                    return found
    for name, value in spec:
        inner = scaled(value, names, factor) if isinstance(value, Spec) else None
        if inner and (found := _with(spec, {name: inner})):
            return found
    return None


def _looks(spec: Spec, own: str, name: str, end: Any) -> tuple[int, ...] | None:
    """The steps at which networks are looked at, where a training ends at another one."""
    if (
        own not in ("looks", "snapshots")
        or name not in ("steps", "epochs")
        or not isinstance(getattr(spec, own), tuple)
    ):
        return None
    seen = getattr(spec, own)
    last = (end,) if seen[-1] == getattr(spec, name) else ()
    return *(look for look in seen if look < end), *last


def _with(spec: Spec, changes: dict[str, Any]) -> Spec | None:
    try:
        return type(spec)(**{name: getattr(spec, name) for name in type(spec).model_fields} | changes)
    except SpecError:
        return None


def settings(spec: Spec) -> list[Any]:
    """What a cell and a shortened one have in common."""
    own = [
        (name, settings(value) if isinstance(value, Spec) else value)
        for name, value in spec
        if name not in (*LENGTHS, *NETWORKS, "looks", "snapshots")
    ]
    return [type(spec), *own]


def plain(cell: Cell) -> dict[str, Any]:
    return json.loads(cell.model_dump_json())


def measured(cell: Cell, earlier: tuple[Tables, ...], reference: float) -> dict | None:
    """What one cell took, in seconds of the machine at its reference; None, with a word, if it failed."""
    before, took = cost.calibrate(), spent(cell, earlier)
    if not isinstance(took, str) and took[0] < AGAIN:
        took = min(took, spent(cell, earlier), key=lambda one: one[0] if not isinstance(one, str) else LIMIT)
    after = cost.calibrate()
    if isinstance(took, str):
        print(f"{kind(cell)}: {took}", flush=True)
        return None
    seconds, memory, disk = took
    seconds = float(f"{2 * reference * seconds / (before + after):.3g}")
    return {"kind": kind(cell), "spec": plain(cell), "seconds": seconds, "memory": memory, "disk": disk}


def spent(cell: Cell, earlier: tuple[Tables, ...]) -> list[float] | str:
    """Processor seconds, bytes at the peak and bytes on disk of one cell, in a fork; else what went wrong."""
    load()
    read, write_ = os.pipe()
    if not (child := os.fork()):
        try:
            signal.setitimer(signal.ITIMER_PROF, LIMIT)  # ends this process
            os.write(write_, json.dumps(_spent(cell, earlier)).encode())
        except Exception as error:
            os.write(write_, json.dumps(repr(error)[:200]).encode())
        finally:
            os._exit(0)
    os.close(write_)
    with open(read, encoding="utf-8") as said:
        words = said.read()
    os.waitpid(child, 0)
    return json.loads(words) if words else f"more than {LIMIT} s"


def _spent(cell: Cell, earlier: tuple[Tables, ...]) -> tuple[float, float, float]:
    # of this process alone: ru_maxrss begins with what its parent had
    peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    idle, began = peak(), time.process_time()
    with project.PROJECT.alone():
        tables = cell.run(*earlier)
    seconds, memory = time.process_time() - began, peak() - idle
    with tempfile.TemporaryDirectory() as folder:
        size = sum(path.stat().st_size for path in save(Path(folder) / "cell", tables, {}).iterdir())
    return seconds, memory, size


@cache
def load() -> None:
    """Import what cells compute with, once, on one thread: a process with more cannot be forked safely."""
    import torch

    for name in ("PIL.Image", "scipy.integrate", "scipy.linalg", "scipy.optimize", "sklearn.datasets"):
        import_module(name)
    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # the first one of a process imports for a second


if __name__ == "__main__":
    main()
