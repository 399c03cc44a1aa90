"""What cells of every kind take, one by one: the table that tells the cost of a run before it starts.

    python benchmarks/costs.py [CHAPTER ...] [--out FOLDER]

Every cell runs alone in a fresh process, on one thread: of each kind in the chapters' live cells and in the
sweeps at quick scale the smallest and the largest, one of all other words (methods, laws of the inputs), and
the smallest with twice the seeds and twice the steps, which tells what a step and a network takes. Between
two runs of a computation of known length, so that a machine that is busy does not make them longer. Writes
costs.json, which ``companion.cost`` reads: per cell its settings, processor seconds, memory at the peak
beyond that of an idle process, disk. Cells that are there are not measured again; those of chapters that are
named are. ``estimates.py`` holds the table to other cells.
"""

import argparse
import json
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from companion import budget, chapters, cost, project
from companion.runs.cells import Store, run_stages
from companion.runs.identity import kind, machine
from companion.runs.spec import Cell, SpecError, Tables
from companion.runs.store import save

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60  # processor seconds; what takes longer is left out
NETWORKS = ("seeds", "starts", "trials", "students", "rates")  # settings that make networks, and steps
LENGTHS = ("steps", "steps_per_epoch", "epochs", "horizon")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    path = given.out / "costs.json"
    given.out.mkdir(parents=True, exist_ok=True)
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows, reference = facts.get("cells", []), facts.get("calibration") or min(best() for _ in range(3))
    rows = [row for row in rows if "sweep" not in row] + list(of_stored_sweeps())
    about = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **machine(("torch", "numpy"))}
    for what, picked in pick(found(given.chapters or chapters.names())).items():
        if given.chapters:
            rows = [row for row in rows if row["kind"] != what]
        for cell, earlier in picked:
            if any(row["kind"] == what and row["spec"] == settings(cell) for row in rows):
                continue
            if row := measured(cell, earlier, reference):
                rows.append(row)
                rows.sort(key=lambda row: row["kind"])
                kept = about | {"calibration": reference, "cells": rows}
                path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
                print(what, f"{row['seconds']:.2f} s", flush=True)


def of_stored_sweeps() -> Iterator[dict]:
    """Of every stored sweep of one kind of cells the middle one, with its share of the sweep's seconds.

    These are wall seconds of a machine that may have been busy, but of cells as large as they get.
    """
    for name, sweep in chapters.sweeps().items():
        path = ROOT / "book" / "results" / name / "meta.json"
        if not path.exists():
            continue
        facts = json.loads(path.read_text(encoding="utf-8"))
        stages = budget.cells(sweep.settings(facts["scale"]))
        cells = sorted(stages[0], key=lambda cell: cell.work)
        if len(stages) > 1 or len({type(cell) for cell in cells}) > 1:
            continue
        cell = cells[len(cells) // 2]
        seconds = facts["seconds"] * cell.work / sum(other.work for other in cells)
        about = {"kind": kind(cell), "spec": settings(cell), "sweep": name}
        yield about | {"seconds": round(seconds, 1), "memory": None, "disk": None}


def settings(cell: Cell) -> dict:
    return json.loads(cell.model_dump_json())


def found(names: Sequence[str]) -> Iterator[tuple[Cell, tuple[Tables, ...]]]:
    """Cells that take seconds, with the tables of earlier stages that they need."""
    for name, parameters in chapters.parameters().items():
        if name in names:
            yield from ((cell, ()) for cell in parameters().live_cells())
    for sweep in chapters.sweeps().values():
        quick = sweep.scales.get("quick")
        if quick is None or type(quick).__module__.split(".")[2] not in names:
            continue
        stages = quick.stages()
        yield from ((cell, ()) for cell in stages[0])
        if stages[1:]:
            with tempfile.TemporaryDirectory() as folder:
                earlier = run_stages(stages[:1], Store(Path(folder), project.PROJECT), progress=False)[0]
            yield from ((cell, (earlier,)) for cell in stages[1])


def pick(cells) -> dict[str, list]:
    """Of every kind the smallest and largest, the smallest with twice as much, and one of other words."""
    picked = {}
    for what, own in by_kind(cells).items():
        cell, earlier = own[0]
        more = (scaled(cell, names, 2) for names in (NETWORKS, LENGTHS))
        words = {cost.size(other).words: (other, before) for other, before in reversed(own)}
        chosen = [*words.values(), own[-1], *((other, earlier) for other in more if other)]
        picked[what] = [pair for n, pair in enumerate(chosen) if pair[0] not in [c for c, _ in chosen[:n]]]
    return picked


def by_kind(cells) -> dict[str, list]:
    """Different cells of every kind, the smallest first."""
    kinds: dict[str, list] = {}
    for cell, earlier in cells:
        if all(other != cell for other, _ in kinds.setdefault(kind(cell), [])):
            kinds[kind(cell)].append((cell, earlier))
    for own in kinds.values():
        own.sort(key=lambda pair: cost.size(pair[0]).operations)
    return kinds


def scaled(cell: Cell, names: Sequence[str], factor: float) -> Cell | None:
    """A cell with so many times the first of some settings that it has; None if it cannot be run."""
    for name in (name for name in names if name in type(cell).model_fields):
        value = getattr(cell, name)
        fields: dict = {own: getattr(cell, own) for own in type(cell).model_fields}
        if isinstance(value, tuple):
            number = max(round(factor * len(value)), 1)
            fields[name] = (*value, *range(1 + max(value), 1 + max(value) + number))[:number]
        else:
            fields[name] = type(value)(max(factor * value, 1))
        if name == "epochs" and "snapshots" in fields:
            fields["snapshots"] = (0, fields[name])
        try:
            return type(cell)(**fields)
        except SpecError:
            continue
    return None


def measured(cell: Cell, earlier: tuple[Tables, ...], reference: float) -> Mapping | None:
    """What one cell took, in seconds of the machine at its reference; None if it failed."""
    before = best()
    if (took := spent_alone(cell, earlier)) is None:
        return None
    slower = (before + best()) / 2 / reference
    seconds, memory, disk = took
    about = {"kind": kind(cell), "spec": settings(cell)}
    return about | {"seconds": seconds / slower, "memory": memory, "disk": disk}


def best() -> float:
    return min(cost.calibrate() for _ in range(2))


def spent_alone(cell: Cell, earlier: tuple[Tables, ...]) -> tuple[float, float, float] | None:
    """:func:`spent` in a process of its own; None, with a word, if it was too long or failed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(spent, cell, earlier).result()
        except Exception as error:
            print(f"{kind(cell)}: {error!r}", flush=True)
            return None


def spent(cell: Cell, earlier: tuple[Tables, ...]) -> tuple[float, float, float]:
    """Processor seconds, bytes at the peak and bytes on disk of one cell in this process."""
    import torch

    torch.zeros(8, 8) @ torch.zeros(8, 8)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)  # ends this process
    # of this process alone: ru_maxrss begins with what its parent had
    peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    idle, began = peak(), time.process_time()
    with project.PROJECT.alone():
        tables = cell.run(*earlier)
    seconds, memory = time.process_time() - began, peak() - idle
    with tempfile.TemporaryDirectory() as folder:
        size = sum(path.stat().st_size for path in save(Path(folder) / "cell", tables, {}).iterdir())
    return seconds, float(memory), float(size)


if __name__ == "__main__":
    main()
