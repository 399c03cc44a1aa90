"""Command line: python -m companion list | run | list-runs | sweep | cost | build | pdf | notebooks
| fetch.
"""

import argparse
import io
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

from companion import chapters, cost, place, project
from companion.pages import grid, request, run_list
from companion.pages.book import Book
from companion.pages.notebooks import BookError
from companion.pages.parameters import choose, describe, one_line, shortened
from companion.runs.cells import Store
from companion.runs.identity import kind, stage_ids
from companion.runs.partial import progress
from companion.runs.spec import Cell, SweepSpec
from companion.runs.store import PARTIAL, StoreError
from companion.runs.sweeps import SCALES, Sweep
from companion.runs.workers import cores

LONGEST_LINE = 600  # letters of an error that quotes paths or what another program said
LONGEST_PATH = 2000  # letters; an operating system takes 4096 bytes
IMAGES = "folder with the CIFAR-10 images (default: $COMPANION_DATA, else the user's cache)"


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line; -1e3 and -.5 are values, not options."""

    def __init__(self, **options):
        super().__init__(**options)
        self._negative_number_matcher = re.compile(r"-[\d.]")  # its own takes -1e3 for an option

    def error(self, message: str) -> NoReturn:
        self.exit(2, one_line(f"error: {message}; {self.prog} --help says more") + "\n")


def path(text: str) -> Path:
    """A path against where the command was typed, once, and ``~`` as a shell has it.

    raises      ArgumentTypeError for what no folder should be called, as a ``$HOME`` that no shell replaced.
    """
    if not text.strip() or not text.isprintable() or "$" in text or len(text) > LONGEST_PATH:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is no path")
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, OSError) as error:  # no such user; links in a circle
        raise argparse.ArgumentTypeError(f"{shortened(text)} is no path: {error}") from None


@cache  # a process that gives many commands, as the tests do, makes it once
def arguments() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m companion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "list", help="chapters and their parameters: type, default, meaning, unit; sweeps and their scales"
    )
    one = commands.add_parser(
        "run", help="execute chapters with other parameters and render each beside the book"
    )
    one.add_argument("chapters", nargs="+", metavar="CHAPTER", help="name of the notebook, as in `list`")
    one.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter; repeat"
    )
    one.add_argument(
        "--grid",
        nargs="+",
        default=[],
        metavar="NAME=VALUE,VALUE",
        help="a run for every combination of these values, and a page that shows the runs side by side",
    )
    one.add_argument("-f", type=path, metavar="FILE", help="parameters from a YAML file; -p wins over it")
    one.add_argument(
        "--name",
        default="",
        help="folder of the run in _build/runs (default: chapter and a digest of its values)",
    )
    one.add_argument(
        "--results", type=path, metavar="DIR", help="folder of finished cells (default: _build/cells)"
    )
    one.add_argument("--data-dir", type=path, metavar="DIR", help=IMAGES)
    commands.add_parser("list-runs", help="the runs that are rendered: name, chapter, values, page")
    all_ = commands.add_parser("build", help="execute all chapters at their defaults and render the book")
    all_.add_argument("--data-dir", type=path, metavar="DIR", help=IMAGES)
    commands.add_parser("pdf", help="print the book that was built last as one PDF, with a browser")
    stored = commands.add_parser(
        "notebooks", help="execute chapters at their defaults and store them in book/"
    )
    stored.add_argument("names", nargs="*", metavar="NOTEBOOK", help="only these (default: all)")
    many = commands.add_parser(
        "sweep",
        help="train a whole sweep; finished cells are kept beside its tables, so the same command resumes",
    )
    many.add_argument("name", help="name of the sweep, as in `list`")
    many.add_argument(
        "--scale",
        choices=SCALES,
        default="quick",
        help="settings of the chapter, of the paper, or between them",
    )
    many.add_argument(
        "--workers", type=int, metavar="N", help="processes of one thread each (default: one per core)"
    )
    many.add_argument("--scheduler", metavar="ADDRESS", help="run on the Dask cluster at tcp://... instead")
    many.add_argument(
        "--results", type=path, metavar="DIR", help="folder of finished cells (default: _build/cells)"
    )
    many.add_argument(
        "--export",
        type=path,
        metavar="DIR",
        help="folder of the gathered tables (default: above quick scale "
        "book/results/NAME of a checkout, else _build/results/NAME)",
    )
    many.add_argument("--data-dir", type=path, metavar="DIR", help=IMAGES)
    commands.add_parser(
        "cost", help="what every sweep took or would take: here, on a laptop, on 64 and on 1,000 cores"
    )
    images = commands.add_parser("fetch", help="download a data set, once; verified, all or nothing")
    images.add_argument("data", choices=("cifar10",))
    images.add_argument(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="where to (default: $COMPANION_DATA, else the user's cache)",
    )
    return parser


def main(words: list[str] | None = None) -> int:
    """Run one command; what a reader can put right ends in one line on stderr and exit status 1."""
    try:
        # as Ctrl-C: machines are taken back with it
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        os.environ["PYTHONUTF8"] = "1"  # of kernels, workers and the rendering, whatever the locale
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # and not what a caller put in its place
                stream.reconfigure(errors="backslashreplace")
        given = arguments().parse_args(words)
        if given.command in WRITING and place.is_fixed():  # not beside the book, as in a checkout
            print(f"results go into {place.work()}", flush=True)
        return COMMANDS[given.command](given)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (BookError, cost.CostError, OSError) as error:
        return _say(error)
    except (KeyboardInterrupt, Exception) as error:
        if "KeyboardInterrupt" not in f"{type(error).__name__}: {error}":
            raise  # else pydantic, interrupted while it builds a class, hides that in an error of its own
        print("interrupted; every rendering is as it was", file=sys.stderr)
        return 130


def _book() -> Book:
    """The book, its chapters in reading order."""
    pages = project.book({}).pages()
    return project.book(chapters.parameters(page.stem for page in pages))


def _list(given: argparse.Namespace) -> int:
    print(describe(_book().chapters))
    print("\nsweeps")
    for sweep in chapters.sweeps().values():
        print(f"  {sweep.name}: {', '.join(sweep.scales)}")
    return 0


def _run(given: argparse.Namespace) -> int:
    """Every request is checked before the first one starts; one that fails leaves the others alone."""
    book, failed = _book(), 0
    combinations = grid.grid(given.grid) if given.grid else [[]]
    if twice := {name for name, _ in given.p} & {name for name, _ in combinations[0]}:
        raise BookError(f"{', '.join(sorted(twice))}: given to -p and to --grid; say it once")
    if given.name and len(given.chapters) * len(combinations) > 1:
        raise BookError("--name names one run; several have names from their values")
    asked = {
        chapter: [
            request.ask(
                book,
                chapter,
                [*given.p, *values],
                file=given.f,
                data=given.data_dir,
                results=given.results,
                name=given.name,
            )
            for values in combinations
        ]
        for chapter in given.chapters
    }
    for wanted in asked.values():
        for one in wanted:
            _tell_cost_of_run(book, one)
    from companion.pages import build  # papermill is slow to import

    for chapter, wanted in asked.items():
        pages = []
        for one in wanted:
            try:
                pages.append(build.run(book, one, _training_left(book, one)))
                _open(pages[-1])
            except (BookError, OSError) as error:
                _say(error)
                failed += 1
        if given.grid and pages:
            runs = sorted(
                (run for run in run_list.runs(book) if run.page in pages),
                key=lambda run: pages.index(run.page),
            )
            name = f"{chapter}-{request.digest(given.grid)}.html"
            _open(grid.write_comparison((book.work / run_list.LIST).with_name(name), runs))
    return 1 if failed else 0


def _stages(book: Book, one: request.Request, values: Mapping[str, Any]) -> list[list[Cell]]:
    """What the chapter of a request computes for some values."""
    spec = book.chapters[one.chapter](**values)
    if isinstance(spec, SweepSpec):
        return spec.stages(one.data_folder)
    return [spec.live_cells()]  # none needs the tables of another


def _training_left(book: Book, one: request.Request) -> Callable[[], float]:
    """Says how many seconds of its training are left, as cells appear in the folder of results."""
    stages, folder = _stages(book, one, one.values), Path(one.results)
    needed = [cell for cells in stages for cell in cells]
    measured, reference = cost.table(kinds=set(map(kind, needed)))
    known = cost.assumed(needed, measured)
    times = cost.slower(folder, reference)
    seconds = {
        folder / run: cost.estimate([cell], times, known).seconds / cores()
        for cells, ids in zip(stages, stage_ids(book.project, stages))
        for cell, run in zip(cells, ids)
        if not (folder / run).exists()
    }
    return lambda: sum(left for place, left in seconds.items() if not place.exists())


def _tell_cost_of_run(book: Book, one: request.Request) -> None:
    """Print what a run will cost; raises CostError where this machine has no room for it."""
    store, stages = Store(Path(one.results), book.project), partial(_stages, book, one)
    found = cost.tell(one.name, stages, one.values, store, [store.folder], cores())
    if found.wall(cores()) > cost.HOUR:
        print(
            "more than an hour; what `list` calls sweeps runs on a cluster: python -m companion sweep --help"
        )


def _tell_cost_of_sweep(
    sweep: Sweep, given: argparse.Namespace, store: Store, target: Path, workers: int
) -> None:
    """The same of a sweep, whose values are those that its first scale does not have."""
    spec, small = sweep.settings(given.scale), next(iter(sweep.scales.values()))
    first = {name: getattr(small, name) for name in type(spec).model_fields if hasattr(small, name)}
    larger = {name: value for name in first if (value := getattr(spec, name)) != first[name]}
    own = {name: getattr(spec, name) for name in type(spec).model_fields}
    stages = lambda values: type(spec)(**own | first | values).stages(given.data_dir)
    found = cost.tell(sweep.name, stages, larger, store, [store.folder, target / PARTIAL], workers)
    if found.wall(workers) > cost.HOUR:
        words = f"sweep {sweep.name} --scale {given.scale} --scheduler tcp://HOST:8786"
        print(f"more than an hour; on a cluster: python -m companion {words}")


def _list_runs(given: argparse.Namespace) -> int:
    book = _book()
    found = run_list.runs(book)
    for run in found:
        print(f"{run.request.name}: {run.request.chapter}, {run.values or 'as in the book'}")
        print(f"  {run.page.resolve().as_uri()}")
    if not found:
        print(f"no run in {(book.work / run_list.LIST).parent}; python -m companion run CHAPTER makes one")
    return 0


def _build(given: argparse.Namespace) -> int:
    from companion.pages import build

    return _open(build.build(_book(), given.data_dir))


def _pdf(given: argparse.Namespace) -> int:
    from companion.pages import pdf

    return _open(pdf.write(_book()))


def _notebooks(given: argparse.Namespace) -> int:
    from companion.pages import build

    if place.is_fixed():
        raise BookError("the notebooks here stay as they are; work in a checkout of your own")
    changed = build.rewrite(_book(), given.names)
    print("\n".join(f"wrote {page}" for page in changed) or "every notebook is as it was")
    return 0


def _sweep(given: argparse.Namespace) -> int:
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    if given.scheduler is not None and not given.scheduler.strip():
        raise BookError(f"--scheduler takes an address like tcp://host:8786, got {given.scheduler!r}")
    book, known = project.book({}), chapters.sweeps()
    sweep = known[choose(given.name, list(known), "sweep")]
    store = Store(given.results or book.cells, project.PROJECT)
    stored = given.scale != "quick" and not place.is_fixed()
    target = given.export or (book.committed if stored else book.work / "results") / sweep.name
    workers = cores() if given.workers is None else given.workers
    if workers < 1:
        raise BookError(f"need at least 1 worker, got {workers}")
    try:
        folder = sweep.run(
            given.scale,
            store,
            target,
            data=given.data_dir,
            before=lambda: _tell_cost_of_sweep(sweep, given, store, target, workers),
            workers=workers,
            scheduler=given.scheduler,
        )
    except KeyboardInterrupt:
        print(f"\ninterrupted; {_kept(target) or 'no cell was finished'}", file=sys.stderr)
        return 130
    except Exception as error:
        if not isinstance(error, StoreError) and (kept := _kept(target)):
            print(f"\n{kept}", file=sys.stderr)
        raise
    print(f"wrote {folder}")
    return 0


def _cost(given: argparse.Namespace) -> int:
    from companion import budget  # pandas is slow to import

    book, benchmarks = _book(), place.root() / "benchmarks" / "results"
    book.cells.mkdir(parents=True, exist_ok=True)
    times = cost.slower(book.cells, cost.table(benchmarks / "costs.json")[1])
    print(budget.words(budget.table(chapters.sweeps(), book.committed, benchmarks, times)))
    return 0


def _kept(target: Path) -> str:
    """What a sweep that stopped leaves, in words; empty if nothing."""
    done = progress(target)
    where = f"they are kept in {target / PARTIAL}, and the same command goes on wherever that folder is"
    return f"{done}; {where}" if done else ""


def _fetch(given: argparse.Namespace) -> int:
    from companion.datasets.cifar10 import data_folder
    from companion.datasets.download import fetch

    print(fetch(data_folder(given.data_dir)))
    return 0


def _open(page: Path) -> int:
    print(f"open {page.resolve().as_uri()}")
    return 0


def _say(error: Exception) -> int:
    if report := getattr(error, "report", ""):
        print(report, file=sys.stderr)
    print(f"error: {one_line(str(error), LONGEST_LINE)}", file=sys.stderr)
    return 1


COMMANDS = {
    "list": _list,
    "run": _run,
    "list-runs": _list_runs,
    "build": _build,
    "pdf": _pdf,
    "notebooks": _notebooks,
    "sweep": _sweep,
    "cost": _cost,
    "fetch": _fetch,
}
WRITING = ("run", "build", "pdf", "sweep")

if __name__ == "__main__":
    sys.exit(main())
