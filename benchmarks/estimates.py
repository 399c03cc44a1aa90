"""Whether the line before a run is right: cells that are not in its table, told and then measured.

    python benchmarks/estimates.py [--told] [--out FOLDER]

Three kinds of cells: those of the quick scales that `costs.py` did not measure; cells of chapters with three
times the seeds, and with three times the steps, as a reader asks for them; and of every larger sweep its
middle cell, cut to SECONDS by fewer steps, else fewer seeds. Writes estimates.json (what was measured; an
interrupted run goes on) and estimates.csv (told over took, as `companion.cost` tells it now); ``--told`` only
tells again.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from costs import LENGTHS, NETWORKS, ROOT, by_kind, found, measured, scaled, settings

from companion import budget, chapters, cost
from companion.runs.identity import kind
from companion.runs.spec import Cell, Tables

SECONDS = 20  # of a cell of a larger sweep, as it is told
TOO_LONG = 30  # seconds; what is told to take longer is left out
BARS = {"time": 1.5, "memory": 1.3}  # factors that nine estimates of ten are to be within

Picked = tuple[str, Cell, tuple[Tables, ...]]  # what it stands for, the cell, tables of earlier stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--told", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    path = given.out / "estimates.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if not given.told:
        measure(rows, path)
    table = told(rows)
    table.to_csv(given.out / "estimates.csv", index=False, float_format="%.3g")
    print(verdict(table).to_string())


def measure(rows: list[dict], path: Path) -> None:
    """Add what is not there yet, and write after each cell."""
    reference = json.loads((ROOT / "benchmarks" / "results" / "costs.json").read_text())["calibration"]
    for of, cell, earlier in (*quick(), *larger()):
        there = any(row["kind"] == kind(cell) and row["spec"] == settings(cell) for row in rows)
        if there or not (row := measured(cell, earlier, reference)):
            continue
        rows.append({"of": of, **row})
        path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(of, kind(cell), f"{row['seconds']:.1f} s", flush=True)


def quick() -> Iterator[Picked]:
    """Cells of quick scales that the table does not hold, and the smallest with three times as much."""
    sizes = [row.size for row in cost.table()[0]]
    for own in by_kind(found(chapters.names())).values():
        for cell, earlier in own[1:-1][:: max(len(own) // 2, 1)]:
            if cost.size(cell) not in sizes:
                yield "quick", cell, earlier
        cell, earlier = own[0]
        for of, names in (("more seeds", NETWORKS), ("more steps", LENGTHS)):
            if (changed := scaled(cell, names, 3)) and seconds(changed) < TOO_LONG:
                yield of, changed, earlier


def larger() -> Iterator[Picked]:
    """Of every larger sweep the middle cell of its first stage, cut."""
    for sweep in chapters.sweeps().values():
        for scale, spec in list(sweep.scales.items())[1:]:
            stage = sorted(budget.cells(spec)[0], key=lambda cell: cost.size(cell).operations)
            cell = stage[len(stage) // 2]
            for names in (LENGTHS, NETWORKS):
                if seconds(cell) > SECONDS:
                    cell = scaled(cell, names, SECONDS / seconds(cell)) or cell
            if seconds(cell) < TOO_LONG:
                yield f"{sweep.name}, {scale}", cell, ()
            else:
                print(f"{sweep.name}, {scale}: a cell of {seconds(cell):.0f} s cannot be cut", flush=True)


def seconds(cell: Cell) -> float:
    return cost.estimate([cell]).seconds


def told(rows: list[dict]) -> pd.DataFrame:
    """What :mod:`companion.cost` tells of measured cells, and by which factors that is wrong."""
    table = []
    for row in rows:
        if not (cell := cost.revived(row["kind"], row["spec"])):
            continue
        own = cost.estimate([cell])
        memory = (own.memory + cost.WORKER) / (row["memory"] + cost.WORKER)
        table.append(
            {"of": row["of"], "kind": row["kind"].removeprefix("companion."), "seconds": row["seconds"]}
            | {"time": own.seconds / row["seconds"], "memory": memory}
        )
    return pd.DataFrame(table, columns=["of", "kind", "seconds", "time", "memory"])


def verdict(table: pd.DataFrame) -> pd.DataFrame:
    """Share of estimates within the bars: by what the cells stand for, and all."""
    names = ("quick", "more seeds", "more steps")
    groups = table.of.where(table.of.isin(names), "larger sweeps, cut")
    within = pd.DataFrame({name: table[name].between(1 / bar, bar) for name, bar in BARS.items()})
    shares = within.groupby(groups).mean().assign(cells=groups.value_counts())
    shares.loc["all"] = [*within.mean(), len(table)]
    if (long := table.seconds >= 1).any():
        shares.loc["all of a second or more"] = [*within[long].mean(), long.sum()]
    return shares


if __name__ == "__main__":
    main()
