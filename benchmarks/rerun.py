"""What a reader waits for: pages made from nothing, and again with everything kept.

    python benchmarks/rerun.py [CHAPTER ...] [--out FOLDER]

Works in a copy of the sources, so that the folder of finished cells starts empty. For each chapter ``run``
at the defaults, then with every cell kept: with a number changed that no cell depends on, or the same again
where there is none. Then ``build`` twice, of which the second keeps every cell. How fast the machine is says
the first row, a plain import of the large libraries. Writes rerun.csv (one row per command) and rerun.json
(machine, versions).
"""

import argparse
import inspect
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from companion import chapters
from companion.pages.parameters import Parameters
from companion.runs.identity import machine
from companion.runs.spec import SpecError

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("companion", "ts_core", "book", "benchmarks", "_toc.yml", "_config.yml")
LIBRARIES = ("jupyter-book", "sphinx", "papermill", "ipykernel", "matplotlib", "seaborn", "pandas", "torch")
IMPORTS = "import matplotlib.pyplot, pandas, scipy.stats, torch"
BARS = {"defaults": 40, "kept": 8}  # seconds, on two idle cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("chapters", nargs="*", default=chapters.names(), metavar="CHAPTER")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", metavar="FOLDER")
    given = parser.parse_args()
    facts = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())} | machine(LIBRARIES)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "rerun.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in measure(copy(Path(folder)), given.chapters):
            rows.append(row | {"bar": BARS.get(row["what"])})
            pd.DataFrame(rows).to_csv(given.out / "rerun.csv", index=False, float_format="%.4g")
            bar = f", bar {BARS[row['what']]} s" if row["what"] in BARS else ""
            print("{what} {chapter}: {wall:.1f} s, {cpu:.1f} of processors".format(**row) + bar, flush=True)


def copy(folder: Path) -> Path:
    """The sources without anything that was made of them."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def measure(root: Path, names: list[str]) -> Iterator[dict]:
    """One row per command: what, chapter, wall and processor seconds, cells that it computed."""
    timed(root, "-c", IMPORTS)  # from the disk
    yield dict(what="imports", chapter="") | timed(root, "-c", IMPORTS)
    for name in names:
        yield dict(what="defaults", chapter=name) | command(root, "run", name)
        for words in (*unused_by_cells(chapters.parameters()[name]), ()):
            row = command(root, "run", name, *words)
            if not row["cells"]:  # else the notebook makes a cell of it
                yield dict(what="kept", chapter=name) | row
                break
    command(root, "build")
    yield dict(what="build", chapter="") | command(root, "build")


def unused_by_cells(chapter: type[Parameters]) -> Iterator[tuple[str, str, str]]:
    """``-p NAME VALUE`` for the numbers without which a chapter's parameters make the same cells."""
    makers = [name for name, _ in inspect.getmembers(chapter, makes_cells) if not hasattr(Parameters, name)]
    cells = lambda spec: [getattr(spec, name)() for name in makers]
    default = chapter()
    for name in chapter.model_fields:
        value = getattr(default, name)
        if type(value) not in (int, float):
            continue
        other = value + 1 if isinstance(value, int) else 0.9 * value
        try:
            same = cells(chapter(**{name: other})) == cells(default)
        except SpecError:
            continue
        if same:
            yield "-p", name, f"{other:g}"


def makes_cells(method: object) -> bool:
    """Whether it is a public method that needs no argument."""
    if not inspect.isfunction(method) or method.__name__.startswith("_"):
        return False
    _, *others = inspect.signature(method).parameters.values()
    return all(other.default is not other.empty for other in others)


def command(root: Path, *words: str) -> dict:
    """Run one command of the book; as :func:`timed`."""
    return timed(root, "-m", "companion", *words) | {"command": " ".join(words)}


def timed(root: Path, *words: str) -> dict:
    """Run Python: wall seconds, processor seconds of all its processes, cells that it computed."""
    finished = lambda: len(list((root / "_build" / "cells").glob("[!.]*")))
    before, cpu, start = finished(), processor(), time.perf_counter()
    load = os.getloadavg()[0]
    subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - start
    return dict(
        wall=wall, cpu=processor() - cpu, cells=finished() - before, load=load, command=" ".join(words)
    )


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
