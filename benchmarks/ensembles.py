"""What the ensemble axis is worth to each chapter: all seeds of its longest live cell at once, or one by one.

    python benchmarks/ensembles.py [CHAPTER ...] [--quick] [--out FOLDER]

The reference is the same cell with one seed, run as often as there are seeds, in the same process on one
thread; the two take turns. Writes ensembles.csv (one row per chapter, way and round) and ensembles.json
(machine, versions).
"""

import os

if __name__ == "__main__":  # before numpy loads its matrix library, which reads these once
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import torch
from two_layer import arguments, facts, timed

from companion import chapters
from companion.pages.parameters import Parameters
from companion.runs.spec import Cell


@dataclass(frozen=True)
class Scale:
    rounds: int = 2
    seeds: int = 4  # at most, so that the reference ends


SCALES = {"full": Scale(), "quick": Scale(rounds=1, seeds=2)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER")
    given = parser.parse_args()
    torch.set_num_threads(1)
    known = {name: cell for name, found in chapters.parameters().items() if (cell := longest(found))}
    names = given.chapters or list(known)
    scale = "quick" if given.quick else "full"
    rows = [row for name in names for row in measure(name, known[name], SCALES[scale])]
    table = pd.DataFrame(rows)
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "ensembles.csv", index=False, float_format="%.4g")
    (given.out / "ensembles.json").write_text(json.dumps(facts(scale, SCALES[scale]), indent=1) + "\n")
    print(summary(table).round(2).to_string())


def longest(chapter: type[Parameters]) -> Cell | None:
    """The first live cell of a chapter that has several seeds or starts, its longest; None without one."""
    several = [cell for cell in chapter().live_cells() if len(seeds(cell)) > 1]
    return several[0] if several else None


def field(cell: Cell) -> str:
    """What a cell calls its ensemble axis."""
    return "seeds" if "seeds" in type(cell).model_fields else "starts"


def seeds(cell: Cell) -> tuple[int, ...]:
    found = getattr(cell, field(cell), ())
    return tuple(range(1, found + 1)) if isinstance(found, int) else tuple(found)


def of(cell: Cell, *chosen: int) -> Cell:
    """The cell with other seeds; where it only has their number, with as many."""
    fields, name = cell.model_dump(), field(cell)
    return type(cell)(**fields | {name: len(chosen) if isinstance(fields[name], int) else chosen})


def measure(name: str, cell: Cell, scale: Scale) -> Iterator[dict]:
    chosen = seeds(cell)[: scale.seeds]
    ways = {
        "together": lambda: of(cell, *chosen).run(),
        "one by one": lambda: [of(cell, seed).run() for seed in chosen],
    }
    for turn in range(scale.rounds):
        for way, work in ways.items():
            wall, cpu = timed(work)
            about = dict(chapter=name, cell=type(cell).__name__, seeds=len(chosen), way=way)
            yield about | dict(round=turn, wall=wall, cpu=cpu)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Least CPU seconds over rounds, and what the ensemble saves, as a ratio."""
    least = table.groupby(["chapter", "cell", "seeds", "way"]).cpu.min().unstack()
    return least.assign(gain=least["one by one"] / least["together"])


if __name__ == "__main__":
    main()
