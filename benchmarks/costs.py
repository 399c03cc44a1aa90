"""What cells take: the table behind the cost that is told before a run, and how well it tells it.

    python benchmarks/costs.py [CHAPTER ...] [--each N] [--out FOLDER]

Runs cells of every kind, each in a process of its own on one thread: the live cells of the chapters and those
of the quick scales, of each kind the smallest and the largest (``--each 2``). Writes costs.json, which
``companion.cost`` reads: per cell effort and volume as its settings say them, processor seconds, memory at
the peak beyond that of an idle process, disk; chapters that are not named keep their rows. Then each cell is
estimated from the others of its kind, and costs.csv says by which factors the estimates were wrong.
"""

import argparse
import json
import resource
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from companion import chapters, cost, project
from companion.runs.cells import Store, run_stages
from companion.runs.identity import kind, machine
from companion.runs.spec import Cell, Tables
from companion.runs.store import save

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 60  # processor seconds; what takes longer is left out
BARS = {"time": 1.5, "memory": 1.3}  # factors that nine estimates of ten are to be within


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("chapters", nargs="*", default=chapters.names(), metavar="CHAPTER")
    parser.add_argument("--each", type=int, default=2, metavar="N", help="cells of each kind")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    path = given.out / "costs.json"
    given.out.mkdir(parents=True, exist_ok=True)
    rows = cost.table(path)[0]
    for what, picked in pick(found(given.chapters), given.each).items():
        fresh = [row for cell, earlier in picked if (row := measured(cell, earlier))]
        rows = [row for row in rows if row.kind != what] + fresh
        write(path, rows)  # what an interruption leaves is of use
        print(what, [round(row.seconds, 1) for row in fresh], flush=True)
    table = judged(rows)
    table.to_csv(given.out / "costs.csv", index=False, float_format="%.3g")
    for name, bar in BARS.items():
        within = table[name].between(1 / bar, bar).mean() if len(table) else float("nan")
        print(f"{name}: {within:.0%} of {len(table)} estimates from another cell within a factor of {bar}")


def write(path: Path, rows: Sequence[cost.Measured]) -> None:
    """The table, with what the calibration takes on this machine at this time."""
    cells = sorted((asdict(row) for row in rows), key=lambda row: (row["kind"], row["effort"]))
    facts = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **machine(("torch", "numpy"))}
    facts |= {"calibration": min(cost.calibrate() for _ in range(3)), "cells": cells}
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


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


def pick(cells, each: int) -> dict[str, list]:
    """Of every kind the smallest and the largest, and those between that are evenly spaced."""
    kinds: dict[str, list] = {}
    for cell, earlier in cells:
        if all(other != cell for other, _ in kinds.setdefault(kind(cell), [])):
            kinds[kind(cell)].append((cell, earlier))
    picked = {}
    for what, own in kinds.items():
        own.sort(key=lambda pair: cost.size(pair[0]).effort)
        last = len(own) - 1
        wanted = {round(i * last / max(each - 1, 1)) for i in range(each)} if each > 1 else {last}
        picked[what] = [own[i] for i in sorted(wanted)]
    return picked


def measured(cell: Cell, earlier: tuple[Tables, ...]) -> cost.Measured | None:
    """What one cell took; None if it was too long or failed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            seconds, memory, disk = pool.submit(spent, cell, earlier).result()
        except Exception as error:
            print(f"{kind(cell)}: {error!r}", flush=True)
            return None
    own = cost.size(cell)
    return cost.Measured(kind(cell), own.effort, own.volume, seconds, memory, disk)


def spent(cell: Cell, earlier: tuple[Tables, ...]) -> tuple[float, float, float]:
    """Processor seconds, bytes at the peak and bytes on disk of one cell, in a process of its own."""
    import torch

    torch.zeros(8, 8) @ torch.zeros(8, 8)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)  # ends this process
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    idle, began = peak(), time.process_time()
    with project.PROJECT.alone():
        tables = cell.run(*earlier)
    seconds, memory = time.process_time() - began, peak() - idle
    with tempfile.TemporaryDirectory() as folder:
        size = sum(path.stat().st_size for path in save(Path(folder) / "cell", tables, {}).iterdir())
    return seconds, float(memory), float(size)


def judged(rows: Sequence[cost.Measured]) -> pd.DataFrame:
    """By which factors cells are estimated wrongly from the others of their kind."""
    table = []
    for row in rows:
        others = [other for other in rows if other.kind == row.kind and other != row]
        if others:
            told = cost.scaled(row.kind, cost.Size(0, 0, row.effort, row.volume), 1.0, others)
            memory = (told.memory + cost.WORKER) / (row.memory + cost.WORKER)
            table.append(
                {
                    "kind": row.kind,
                    "seconds": row.seconds,
                    "time": told.seconds / row.seconds,
                    "memory": memory,
                }
            )
    return pd.DataFrame(table, columns=["kind", "seconds", "time", "memory"])


if __name__ == "__main__":
    main()
