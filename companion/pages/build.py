"""From notebooks to pages: execute into a staged tree, check it, render it, and only then replace the last one."""

import base64
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from ts_core import chapters, notebooks
from ts_core.claims import SCORECARD
from ts_core.notebooks import BookError

HERO = Path("book/images/hero.png")


def pages(root: Path) -> list[Path]:
    """Notebooks of the table of contents, in reading order, relative to root.

    raises      BookError when the table is missing or names a file that does not exist.
    """
    try:
        toc = yaml.safe_load((root / "_toc.yml").read_text())
    except OSError:
        raise BookError(f"{root} is no book: it has no _toc.yml") from None
    found = []
    for name in _files(toc):
        kinds = [kind for kind in (".ipynb", ".md") if (root / f"{name}{kind}").exists()]
        if not kinds:
            raise BookError(f"_toc.yml names {name}, but there is no {name}.ipynb or {name}.md")
        if kinds[0] == ".ipynb":
            found.append(Path(f"{name}.ipynb"))
    return found


def _files(toc: Any) -> Iterator[str]:
    """Every file a table of contents names, at any depth."""
    if isinstance(toc, dict):
        yield from (toc[key] for key in ("root", "file") if key in toc)
    for branch in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else ():
        yield from _files(branch)


def build(root: Path, registry: chapters.Registry) -> Path:
    """Execute every chapter at its default parameters and render the book.

    returns     the page to open.
    raises      BookError; the last rendering is then as it was.
    """
    jobs = {page: {} for page in pages(root)}
    _check_defaults(root, jobs, registry)
    with _stage(root) as stage:
        _execute(stage, jobs)
        return _publish(root, stage)


def run(root: Path, registry: chapters.Registry, chapter: str, values: Mapping[str, Any]) -> Path:
    """Execute one chapter with values, the others as they are committed, and render the book.

    values      as ``chapters.merge`` returns them.
    returns     the page to open.
    raises      BookError; book/ and the last rendering are as they were.
    """
    by_name = {page.stem: page for page in pages(root)}
    chapters.choose(chapter, [name for name in registry if name in by_name], "chapter")
    jobs = {by_name[name]: dict(values) if name == chapter else {} for name in (chapter, SCORECARD) if name in by_name}
    _check_defaults(root, jobs, registry)
    _check_executed(root, [page for page in by_name.values() if page not in jobs])
    with _stage(root) as stage:
        _execute(stage, jobs)
        return _publish(root, stage, by_name[chapter])


def rewrite(root: Path, registry: chapters.Registry) -> list[Path]:
    """Execute every notebook at its default parameters, on a machine without data sets, and store it in book/.

    returns     the notebooks that changed.
    raises      BookError; book/ is then as it was.
    """
    jobs = {page: {} for page in pages(root)}
    _check_defaults(root, jobs, registry)
    os.environ["TS_CORE_DATA"] = notebooks.NO_DATA  # else the stored pages would differ where CIFAR-10 was fetched
    with _stage(root) as stage:
        _execute(stage, jobs)
        changed = [page for page in (*jobs, HERO) if not _same(stage / page, root / page)]
        for page in changed:
            (root / page).parent.mkdir(exist_ok=True)
            os.replace(stage / page, root / page)
    return changed


def render(root: Path, stage: Path) -> Path:
    """Render a staged tree with warnings as errors.

    returns     its html folder.
    raises      BookError with the first warning and the path of the whole log.
    """
    tool = Path(sys.executable).parent / "jupyter-book"  # cannot be started with python -m
    command = [tool, "build", stage, "-W", "-n", "--keep-going"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = root / "_build" / "render.log"
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).replace(f"{stage}/", "")  # without colours
    log.write_text(text)
    if done.returncode:
        lines = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
        first = (lines or text.strip().splitlines()[-1:] or ["no output"])[0]
        raise BookError(f"the book does not render: {first} (whole log: {log})")
    return stage / "_build" / "html"


def _check_defaults(root: Path, jobs: Iterable[Path], registry: chapters.Registry) -> None:
    for page in jobs:
        if page.stem in registry:
            chapters.check_defaults(root / page, registry[page.stem])


def _check_executed(root: Path, pages: Iterable[Path]) -> None:
    for page in pages:
        if found := notebooks.problems(notebooks.read(root / page)):
            raise BookError(f"{page}: {'; '.join(found)}")


@contextmanager
def _stage(root: Path) -> Iterator[Path]:
    """A copy of the book's sources under _build, gone afterwards; one at a time."""
    place = root / "_build"
    place.mkdir(exist_ok=True)
    with open(place / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BookError(f"another run is at work in {place}; wait for it or end it") from None
        for leftover in place.glob("stage-*"):  # of a run that was killed: the lock says that nobody uses it
            shutil.rmtree(leftover)
        stage = Path(tempfile.mkdtemp(prefix="stage-", dir=place))
        try:
            for name in ("_config.yml", "_toc.yml"):
                shutil.copy(root / name, stage)
            shutil.copytree(root / "book", stage / "book", ignore=shutil.ignore_patterns("__pycache__", ".*"))
            yield stage
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _execute(stage: Path, jobs: Mapping[Path, dict[str, Any]]) -> None:
    """Execute notebooks of a stage, independent ones side by side, the scorecard last; then check them."""
    ordered = [[page for page in jobs if page.stem != SCORECARD], [page for page in jobs if page.stem == SCORECARD]]
    for batch in filter(None, ordered):
        workers = min(len(batch), os.cpu_count() or 1)
        bar = notebooks.on_terminal() and len(batch) == 1
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            tasks = {pool.submit(notebooks.execute, stage / page, jobs[page], bar): page for page in batch}
            try:
                for task in as_completed(tasks):
                    print(f"executed {tasks[task]} in {task.result():.0f} s", flush=True)
            except BaseException as error:
                pool.shutdown(wait=True, cancel_futures=True)
                if not isinstance(error, BookError):
                    raise
                kept = notebooks.keep_failed(stage / tasks[task], stage.parent / "failed")
                raise BookError(f"{error} (with its traceback: {kept})") from None
    _check_executed(stage, jobs)
    _keep_hero(stage, jobs)


def _keep_hero(stage: Path, jobs: Iterable[Path]) -> None:
    """The picture of the cell tagged ``hero`` becomes the one that the landing page and the README show."""
    for page in jobs:
        for cell in notebooks.read(stage / page).cells:
            pictures = [o.data["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
            if "hero" in notebooks.tags(cell) and pictures:
                (stage / HERO).parent.mkdir(exist_ok=True)
                (stage / HERO).write_bytes(base64.b64decode(pictures[0]))


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same, or the first is missing."""
    return not one.exists() or (other.exists() and one.read_bytes() == other.read_bytes())


def _publish(root: Path, stage: Path, page: Path | None = None) -> Path:
    """Render the stage, then put sources and pages in the place of the last ones: both or none."""
    html = render(root, stage)
    last, place = stage / "last", root / "_build"
    last.mkdir()
    fresh = stage / "run"
    fresh.mkdir()
    for part in ("_config.yml", "_toc.yml", "book"):
        (stage / part).rename(fresh / part)
    moved: list[tuple[Path, Path]] = []
    try:
        for new, name in ((fresh, "run"), (html, "html")):
            if (place / name).exists():
                moves = [(place / name, last / name), (new, place / name)]
            else:
                moves = [(new, place / name)]
            for source, target in moves:
                source.rename(target)
                moved.append((source, target))
    except BaseException:
        for source, target in reversed(moved):
            target.rename(source)
        raise
    return place / "html" / (page.with_suffix(".html") if page else "index.html")
