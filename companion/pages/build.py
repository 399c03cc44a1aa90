"""From notebooks to pages: execute into a staged tree, check, render, and only then replace the last one."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from companion.pages import launch, notebooks, statements
from companion.pages.book import Book
from companion.pages.claims import SCALES
from companion.pages.notebooks import BookError, Kernels
from companion.pages.parameters import check_defaults, choose
from companion.pages.progress import Progress
from companion.pages.request import Request, ask, defaults
from companion.pages.run_list import write_list
from companion.pages.scorecard import COLLECT, MAP, claims_in, show_beside
from companion.runs.workers import cores

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

# It cannot be started with python -m, and its script need not lie beside the interpreter. It starts ahead,
# loads what takes long, and waits for a line before it reads pages; without one it ends at once, and gives
# the stage free. It yields to the kernels meanwhile, and at its end the system takes its memory back at once.
JUPYTER_BOOK = """
import gc, glob, os, sys, threading
os.nice(5)
gc.set_threshold(100_000, 50, 100)  # pages are large webs of objects that stay
told = threading.Event()
threading.Thread(target=lambda: told.set() if sys.stdin.readline() else os._exit(1), daemon=True).start()
import jupyter_book.sphinx
from jupyter_book.cli.main import main

class WhenTold(jupyter_book.sphinx.Sphinx):
    def __init__(self, *given, **named):
        super().__init__(*given, **{**named, "parallel": min(os.cpu_count(), 4)})

    def is_parallel_allowed(self, what):  # not every extension says whether pages may be read side by side
        return what == "write" and super().is_parallel_allowed(what)

    def build(self, *which):
        gc.freeze()
        told.wait()
        super().build(*which)

jupyter_book.sphinx.Sphinx = WhenTold
# Files beside the contents are looked for by a pattern, <stage>/**/*.md: the stage may have [brackets].
def within(pattern, look=glob.iglob, **how):
    folder, stars, rest = pattern.rpartition("/**/")
    return look(glob.escape(folder) + stars + rest, **how)

glob.iglob = within
try:
    main()
except SystemExit as end:
    if end.code:
        raise
    sys.stdout.flush()
    os._exit(0)
"""
HERO = Path("book/images/hero.svg")
# First lines of kernels of pages that collect: they yield to those of chapters.
YIELDING = ("__import__('os').nice(5)", f"import {statements.__name__}")
NOT_STAGED = ("results", "reference", "__pycache__")  # read where they are, or nowhere
Jobs = Mapping[Path, Request]


def build(book: Book, data: Path | None = None) -> Path:
    """Execute every chapter at its default parameters and render the book.

    data        folder of input data, None where nobody named one.
    returns     the page to open.
    raises      BookError, also for a statement that no claim decides, or what a chapter's ``check`` raises;
                the last rendering is then as it was.
    """
    names = {page: page.stem for page in book.pages()}
    make = lambda name: ask(book, name, data=data) if name in book.chapters else defaults(book, name)
    jobs = {page: make(name) for page, name in names.items()}
    _check_defaults(book, jobs)
    with _stage(book) as stage, renderer(stage) as waiting:
        _execute(stage, jobs)
        _check_map(stage, jobs)
        return _publish(render(waiting, stage, book.work), book.work / "html") / "index.html"


def run(book: Book, request: Request, training: Callable[[], float] = lambda: 0.0) -> Path:
    """Execute one chapter as asked, the others as they are stored, and render them beside the book.

    training    says how many seconds of training are left.
    returns     the page to open, in the run's own folder ``runs/<name>`` of the book's work folder.
    raises      BookError; the book and every earlier run are as they were.
    """
    by_name = {page.stem: page for page in book.pages()}
    choose(request.chapter, [name for name in book.chapters if name in by_name], "chapter")
    target = book.work / "runs" / request.name
    _check_same_run(target, request)
    jobs = {by_name[request.chapter]: request}
    jobs |= {by_name[name]: defaults(book, name) for name in COLLECT if name in by_name}
    _check_defaults(book, jobs)
    _check_executed(book.root, [page for page in by_name.values() if page not in jobs])
    with _stage(book) as stage, renderer(stage) as waiting:
        _execute(stage, jobs, training)
        if request.values:
            _show_defaults(book, stage, jobs, by_name[request.chapter])
        html = render(waiting, stage, book.work)
        request.save(html)
        page = _publish(html, target) / by_name[request.chapter].with_suffix(".html")
        write_list(book)
        return page


def rewrite(book: Book, names: Collection[str] = ()) -> list[Path]:
    """Write the parameters cells, execute notebooks at their defaults without input data, and store them.

    names       of the notebooks, by default all; the pages that collect from them are made again in any case.
    returns     the notebooks that changed.
    raises      BookError; the stored notebooks are then as they were.
    """
    by_name = {page.stem: page for page in book.pages()}
    wanted = {choose(name, list(by_name), "notebook") for name in names or by_name} | {*COLLECT}
    jobs = {page: defaults(book, name, no_data(book)) for name, page in by_name.items() if name in wanted}
    _check_executed(book.root, [page for page in by_name.values() if page not in jobs])
    with _stage(book) as stage:
        for page in jobs:
            if page.stem in book.chapters:
                notebooks.write_parameters(stage / page, book.chapters[page.stem].cell())
                launch.write_cell(stage / page, launch.repository(book.root))
        _execute(stage, jobs)
        _check_map(stage, jobs)
        changed = [page for page in (*jobs, HERO) if not _same(stage / page, book.root / page)]
        for page in changed:
            (book.root / page).parent.mkdir(exist_ok=True)
            shutil.copy(stage / page, fresh := (book.root / page).with_suffix(".new"))
            os.replace(fresh, book.root / page)
    return changed


def no_data(book: Book) -> Path:
    """A folder that never holds input data: stored pages are the same on every machine."""
    return book.work / "no-data"


@contextmanager
def renderer(stage: Path) -> Iterator[subprocess.Popen]:
    """The process that renders a staged tree when :func:`render` tells it to; it gets ready meanwhile."""
    built = stage / "_build"
    complete = built / "complete"
    if not complete.exists():  # what a rendering read that failed or died does not repeat its warnings
        shutil.rmtree(built, ignore_errors=True)
    complete.unlink(missing_ok=True)
    words = ["build", str(stage), "-W", "-n", "--keep-going"]
    command = [sys.executable, "-c", JUPYTER_BOOK, *words]
    pipe = subprocess.PIPE
    # The lock is inherited: should this process die, the rendering holds it until it ends.
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, encoding="utf-8", close_fds=False
    ) as waiting:
        try:
            yield waiting
        finally:
            waiting.kill()


def render(waiting: subprocess.Popen, stage: Path, work: Path) -> Path:
    """Render a staged tree with warnings as errors.

    waiting     of :func:`renderer` for this stage.
    returns     a copy of its html folder, which itself stays: the next rendering writes what changes.
    raises      BookError with the first warning and the path of the whole log.
    """
    output, _ = waiting.communicate("\n")
    work.mkdir(exist_ok=True)
    log = work / "render.log"
    text = re.sub(r"\x1b\[[0-9;]*m", "", output).replace(f"{stage}/", "")  # without colours
    log.write_text(text, encoding="utf-8")
    if waiting.returncode:
        lines = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
        first = (lines or text.strip().splitlines()[-1:] or ["no output"])[0]
        raise BookError(f"the book does not render: {first} (whole log: {log})")
    (stage / "_build" / "complete").touch()
    shutil.rmtree(pages := stage / "_build" / "pages", ignore_errors=True)
    return shutil.copytree(stage / "_build" / "html", pages)


def _show_defaults(book: Book, stage: Path, pages: Iterable[Path], chapter: Path) -> None:
    """Beside the live claims of a run those that the book has stored, on every page that was executed."""
    live = SCALES[0]
    standing = [claim for claim in claims_in(notebooks.glance(book.root / chapter)) if claim.scale == live]
    for page in pages:
        show_beside(notebook := notebooks.read(stage / page), standing)
        nbformat.write(notebook, stage / page)


def _check_same_run(target: Path, request: Request) -> None:
    """A name stands for one set of values: the same again replaces its pages, others must not."""
    path = target / f"{request.chapter}.request.json"
    if not target.exists():
        return
    if not path.exists() or json.loads(path.read_text(encoding="utf-8"))["values"] != dict(request.values):
        raise BookError(
            f"{target} is there, and of other parameters; give this run another --name, or remove it"
        )


def _check_defaults(book: Book, jobs: Iterable[Path]) -> None:
    for page in jobs:
        if page.stem in book.chapters:
            check_defaults(book.root / page, book.chapters[page.stem])


def _check_executed(root: Path, pages: Iterable[Path]) -> None:
    for page in pages:
        if found := notebooks.problems(notebooks.glance(root / page)):
            raise BookError(f"{page}: {'; '.join(found)}")


def _check_map(stage: Path, pages: Iterable[Path]) -> None:
    """No statement without a claim, no claim in the air; a run of other parameters may have such gaps."""
    for page in pages:
        if page.stem == MAP and (gaps := statements.gaps(notebooks.read(stage / page))):
            more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
            raise BookError(f"{page}: {gaps[0]}{more}")


@contextmanager
def _stage(book: Book) -> Iterator[Path]:
    """The book's sources, copied below the work folder; one run at a time.

    The place and the files that have not changed since the last run stay: rendering reads only what has.
    """
    stage = book.work / "stage"
    stage.mkdir(parents=True, exist_ok=True)
    with open(book.work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BookError(f"another run is at work in {book.work}; wait for it or end it") from None
        os.set_inheritable(lock.fileno(), True)
        _put_back(book.work)
        _mirror(book.root, stage)
        yield stage


def _mirror(root: Path, stage: Path) -> None:
    """Make the staged sources those of root; only files that differ are written."""
    wanted = {name: root / name for name in ("_config.yml", "_toc.yml")}
    for path in (root / "book").rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and parts[1] not in NOT_STAGED and not any(p.startswith(".") for p in parts):
            wanted["/".join(parts)] = path
    for path in [
        path for path in stage.rglob("*") if path.is_file() and "_build" not in path.relative_to(stage).parts
    ]:
        if str(path.relative_to(stage)) not in wanted:
            path.unlink()
    for name, path in wanted.items():
        if not (stage / name).exists() or (stage / name).read_bytes() != path.read_bytes():
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, stage / name)


def _execute(stage: Path, jobs: Jobs, training: Callable[[], float] = lambda: 0.0) -> None:
    """Execute notebooks of a stage side by side, those that collect from others last; then check them."""
    chapters = [page for page in jobs if page.stem not in COLLECT]
    last = [page for page in jobs if page.stem in COLLECT]
    for page, request in jobs.items():  # they share the cores
        replace(request, workers=max(1, cores() // max(1, len(chapters)))).save((stage / page).parent)
    # A thread per notebook at work, for the work is that of kernels. They end first, and so do threads that
    # wait for them. Pages that collect have threads of their own, and kernels ready when chapters are.
    with (
        ThreadPoolExecutor(min(len(chapters) or 1, cores())) as pool,
        ThreadPoolExecutor(len(last) or 1) as own,
        Kernels() as kernels,
        Progress({page.stem: _code_cells(stage / page, jobs[page]) for page in jobs}, training) as progress,
    ):
        start = lambda page: kernels.start((stage / page).parent)
        ready = {page: own.submit(kernels.start, (stage / page).parent, *YIELDING) for page in last}
        _execute_batch(pool, stage, {page: jobs[page] for page in chapters}, start, progress)
        waited = lambda page: ready[page].result()
        _execute_batch(own, stage, {page: jobs[page] for page in last}, waited, progress)
    _check_executed(stage, jobs)
    _keep_hero(stage, jobs)


def _code_cells(path: Path, request: Request) -> int:
    """How many cells are executed; papermill adds one that holds the values."""
    cells = notebooks.glance(path)["cells"]
    wanted = [cell for cell in cells if cell["cell_type"] == "code" and cell["source"].strip()]
    return sum("injected-parameters" not in notebooks.tags(cell) for cell in wanted) + bool(request.values)


def _execute_batch(
    pool: Executor, stage: Path, jobs: Jobs, kernel: Callable[[Path], "KernelManager"], progress: Progress
) -> None:
    def execute(page: Path) -> float:
        begin = lambda: progress.begin(page.stem)
        seconds = notebooks.execute(stage / page, dict(jobs[page].values), begin, kernel(page))
        progress.finish(page.stem)
        return seconds

    tasks = {pool.submit(execute, page): page for page in jobs}
    try:
        for task in as_completed(tasks):
            progress.write(f"executed {tasks[task]} in {task.result():.0f} s")
    except BookError as error:
        pool.shutdown(cancel_futures=True)
        kept = notebooks.keep_failed(stage / tasks[task], stage.parent / "failed")
        raise BookError(f"{error} (with its traceback: {kept})", error.report) from None


def _keep_hero(stage: Path, jobs: Iterable[Path]) -> None:
    """The picture of the cell tagged ``hero`` becomes the one that the landing page and the README show."""
    for page in jobs:
        for cell in notebooks.glance(stage / page)["cells"]:
            shown = [output.get("data", {}) for output in cell.get("outputs", [])]
            pictures = [data["image/svg+xml"] for data in shown if "image/svg+xml" in data]
            if "hero" in notebooks.tags(cell) and pictures:
                (stage / HERO).parent.mkdir(exist_ok=True)
                (stage / HERO).write_text("".join(pictures[0]), encoding="utf-8")


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same, or the first is missing."""
    return not one.exists() or (other.exists() and one.read_bytes() == other.read_bytes())


def _put_back(work: Path) -> None:
    """Undo what a killed process left of a swap."""
    for last in (*work.glob(".*.last"), *(work / "runs").glob(".*.last")):
        target = last.with_name(last.name[1:].removesuffix(".last"))
        shutil.rmtree(last) if target.exists() else last.rename(target)


def _publish(html: Path, target: Path) -> Path:
    """Put rendered pages in the place of the last ones: wholly or not at all."""
    target.parent.mkdir(exist_ok=True)
    last = target.with_name(f".{target.name}.last")
    shutil.rmtree(last, ignore_errors=True)
    if target.exists():
        target.rename(last)
    try:
        html.rename(target)
    except BaseException:
        if last.exists():
            last.rename(target)
        raise
    shutil.rmtree(last, ignore_errors=True)
    return target
