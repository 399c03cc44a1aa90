"""What tests of pages share: the book, executed and rendered, and a browser without a network."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from nbformat import NotebookNode

from companion import chapters, project
from companion.pages import build, notebooks, request
from companion.runs.workers import cores
from tests import outputs
from tests.toy_book import ROOT

SOURCES = ("_config.yml", "_toc.yml", "book")
CODE = ("companion", "ts_core")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def last_build(*sources: str) -> Path | None:
    """The pages of the last build, if they are younger than all these files and folders."""
    last = ROOT / "_build" / "html"
    files = [
        path
        for part in sources
        for path in [ROOT / part, *(ROOT / part).rglob("*")]
        if "__pycache__" not in path.parts
    ]
    youngest = max(path.stat().st_mtime for path in files)
    whole = (last / "index.html").exists() and (last / "index.html").stat().st_mtime > youngest
    return last if whole else None


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """The rendered book: the last build if it is younger than every source, else the stored notebooks."""
    if last := last_build(*SOURCES):
        return last
    root = tmp_path_factory.mktemp("book")
    for part in SOURCES:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, root / part)
    with build.renderer(root) as waiting:
        return build.render(waiting, root, root)


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> dict[Path, NotebookNode]:
    """Every notebook as it is executed at its defaults, without input data.

    The last build has done so, from nothing, if it is younger than every source and all code; what it shows
    otherwise than it is stored is executed again, for it may have had data.
    """
    book, found = project.book(chapters.parameters()), {}
    if last := last_build(*SOURCES, *CODE):
        for page in book.pages():
            built = notebooks.read(last / "_sources" / page)
            if not outputs.differences(notebooks.read(ROOT / page), built):
                found[page] = built
    stage, left = tmp_path_factory.mktemp("executed"), [page for page in book.pages() if page not in found]
    shutil.copytree(ROOT / "book", stage / "book", ignore=shutil.ignore_patterns(*build.NOT_STAGED))
    for page in left:
        request.defaults(book, page.stem, build.no_data(book)).save((stage / page).parent)

    def execute(page: Path) -> None:
        with suppress(notebooks.BookError):  # the notebook then holds why
            notebooks.execute(stage / page, {})

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(execute, [page for page in left if page.stem not in build.COLLECT]))
        list(pool.map(execute, [page for page in left if page.stem in build.COLLECT]))
    return found | {page: notebooks.read(stage / page) for page in left}


@pytest.fixture(scope="session")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed; on Debian: apt-get install chromium-driver")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--allow-file-access-from-files",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(DRIVER))  # both paths given, so that it never looks for a download
    yield driver
    driver.quit()
