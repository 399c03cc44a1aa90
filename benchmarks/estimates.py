"""Whether the line before a run is right: told from the table, and then measured.

    python benchmarks/estimates.py [--told] [--out FOLDER]

Five kinds of lines: those of the chapters at their defaults and of the sweeps at quick scale, all of whose
cells are measured again; of every kind one that is drawn, with three times the seeds, and with three times
the steps, as a reader asks for them; and of every larger scale one that is drawn, cut to SECONDS by fewer
steps, else fewer networks. Writes estimates.json (what was measured; an interrupted run goes on) and
estimates.csv (told over took, as `companion.cost` tells it now); ``--told`` only tells again.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd
from costs import LENGTHS, NETWORKS, ROOT, Pair, by_kind, measured, of_stages, plain, quick, scaled, shortened

from companion import budget, chapters, cost
from companion.runs.identity import kind
from companion.runs.spec import Cell

SECONDS, LONGEST = 20.0, 30.0  # of a cut cell, as it is told; what is told to take longer is left out
SEED = 20261129  # of the draw, fixed before the first look at its cells
BARS = {"time": 1.5, "memory": 1.3}  # factors that nine estimates of ten are to be within

Line = tuple[str, str, list[Pair]]  # its kind, its name, its cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--told", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    path, (known, reference) = given.out / "estimates.json", cost.table()
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if not given.told:
        measure(rows, path, known, reference)
    table = told(rows, known)
    table.to_csv(given.out / "estimates.csv", index=False, float_format="%.3g")
    print(verdict(table).to_string())


def measure(rows: list[dict], path: Path, known: Sequence[cost.Measured], reference: float) -> None:
    """Add lines that are not there yet, each when all its cells are measured."""
    there = {(row["of"], row["name"]) for row in rows}
    for of, name, pairs in lines(known):
        if (of, name) in there or not pairs:
            continue
        line = []
        for cell, earlier in pairs:
            same = [row for row in rows if row["kind"] == kind(cell) and row["spec"] == plain(cell)]
            if row := same[0] if same else measured(cell, earlier, reference):
                line.append(row | {"of": of, "name": name})
        rows += line if len(line) == len(pairs) else []
        path.write_text(json.dumps(rows) + "\n", encoding="utf-8")
        print(of, name, f"{sum(row['seconds'] for row in line):.1f} s", flush=True)


def lines(known: Sequence[cost.Measured]) -> Iterator[Line]:
    draw = random.Random(SEED)
    for what, pairs in by_kind(quick(chapters.names())).items():
        cell, earlier = draw.choice(pairs)
        for of, names in (("more seeds", NETWORKS), ("more steps", LENGTHS)):
            if (more := scaled(cell, names, 3)) and seconds(more, known) < LONGEST:
                yield of, what.removeprefix("companion."), [(more, earlier)]
    for sweep in chapters.sweeps().values():
        for scale, spec in list(sweep.scales.items())[1:]:
            cell = shortened(draw.choice(budget.cells(spec)[0]), SECONDS, known)
            if seconds(cell, known) < LONGEST:
                yield "larger sweeps, cut", f"{sweep.name}, {scale}", [(cell, ())]
            else:
                print(f"{sweep.name}, {scale}: {seconds(cell, known):.0f} s cannot be cut", flush=True)
    for name, parameters in chapters.parameters().items():
        yield "chapters", name, [(cell, ()) for cell in parameters().live_cells()]
    for sweep in chapters.sweeps().values():
        yield "quick sweeps", sweep.name, list(of_stages(sweep.scales["quick"].stages()))


def seconds(cell: Cell, known: Sequence[cost.Measured]) -> float:
    return cost.estimate([cell], known=known).seconds


def told(rows: list[dict], known: Sequence[cost.Measured]) -> pd.DataFrame:
    """What :mod:`companion.cost` tells of measured lines, and by which factors that is wrong."""
    table = []
    for (of, name), group in groupby(rows, key=lambda row: (row["of"], row["name"])):
        line = list(group)
        cells = [cell for row in line if (cell := cost.revived(row["kind"], row["spec"]))]
        if len(cells) < len(line):
            continue  # its kind has changed meanwhile
        own, took = cost.estimate(cells, known=known), sum(row["seconds"] for row in line)
        memory = (own.memory + cost.WORKER) / (max(row["memory"] for row in line) + cost.WORKER)
        table.append((of, name, len(line), took, own.seconds / took, memory))
    return pd.DataFrame(table, columns=["of", "name", "cells", "seconds", "time", "memory"])


def verdict(table: pd.DataFrame) -> pd.DataFrame:
    """Share of estimates within the bars: by what is told, and all."""
    within = pd.DataFrame({name: table[name].between(1 / bar, bar) for name, bar in BARS.items()})
    shares = within.groupby(table.of).mean().assign(lines=table.of.value_counts())
    shares.loc["all"] = [*within.mean(), len(table)]
    long = table.seconds >= 1
    shares.loc["all of a second or more"] = [*within[long].mean(), long.sum()]
    return shares


if __name__ == "__main__":
    main()
