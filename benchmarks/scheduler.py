"""What the keeping of cells costs: trivial ones through the store, on worker processes and on Dask.

    python benchmarks/scheduler.py [--cells N] [--out FOLDER]

The driver is a process of its own each time, so that its peak of memory is its own; Dask's scheduler and its
workers are others. After all cells are finished they are gathered, and then the same command runs once more
and finds them. Writes scheduler.csv: cells per second, milliseconds per cell of the driver's own processor
time, seconds to gather, of the second run, and MiB. ``python -m companion cost`` reads it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from two_layer import peak_memory

from companion.runs.identity import machine

RESULTS = Path(__file__).parent / "results"
WORKERS = 2
WAYS = (f"{WORKERS} processes", f"Dask, {WORKERS} workers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cells", type=int, default=10_000, metavar="N")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--drive", metavar="ADDRESS", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.drive is not None:
        print(json.dumps(driven(given.drive, given.cells)))
        return
    table = run(given.cells, given.out)
    print(table.to_string(index=False))


def run(cells: int, out: Path) -> pd.DataFrame:
    """Measure every way, write scheduler.csv and scheduler.json, and return the table."""
    from dask.distributed import LocalCluster

    about = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cells": cells}
    about |= machine(("dask", "pandas", "pyarrow"))
    rows = []
    for way in WAYS:
        if way.startswith("Dask"):
            quiet = dict(dashboard_address=":0", silence_logs=50)
            with LocalCluster(n_workers=WORKERS, threads_per_worker=1, **quiet) as cluster:
                rows.append(drive(way, cluster.scheduler_address, cells))
        else:
            rows.append(drive(way, "", cells))
    table = pd.DataFrame(rows)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "scheduler.csv", index=False, float_format="%.4g")
    (out / "scheduler.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return table


def drive(way: str, address: str, cells: int) -> dict:
    """A row of the table, from a fresh process."""
    command = [sys.executable, __file__, "--cells", str(cells), "--drive", address]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {"way": way, "cells": cells} | json.loads(done.stdout)


def driven(address: str, cells: int) -> dict[str, float]:
    """What one driver spends on trivial cells: finish, gather, and find them finished."""
    import torch  # noqa: F401  a driver has it loaded
    from trivial import PROJECT, Trivial

    from companion.runs.cells import Store, finish, gather

    idle = peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        store, work = Store(Path(folder), PROJECT), [Trivial(number=n) for n in range(cells)]
        options = {"scheduler": address} if address else {"workers": WORKERS}
        again = lambda: finish(work, store, progress=False, **options)
        finished, first, own = timed(again)
        after = peak_memory()
        (tables, _), gathering, _ = timed(lambda: gather(finished))
        end = peak_memory()
        assert len(tables["rows"]) == cells * len(tables["rows"].row.unique())
        _, second, _ = timed(again)
    return {
        "cells_per_s": cells / first,
        "driver_ms_per_cell": 1e3 * own / cells,
        "gather_s": gathering,
        "found_again_s": second,
        "driver_MiB": after - idle,
        "gather_MiB": max(end - after, 0.0),
    }


def timed(work):
    """What it returns, wall seconds, and processor seconds of this process."""
    began, own = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - began, time.process_time() - own


if __name__ == "__main__":
    main()
