"""What tests of pages share: the rendered book, and a browser without a network."""

import shutil
from pathlib import Path

import pytest

from companion.pages import build
from tests.toy_book import ROOT

SOURCES = ("_config.yml", "_toc.yml", "book")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """The rendered book: the last build if it is younger than every source, else the stored notebooks."""
    last = ROOT / "_build" / "html"
    sources = [
        path
        for part in SOURCES
        for path in [ROOT / part, *(ROOT / part).rglob("*")]
        if "__pycache__" not in path.parts
    ]
    youngest = max(path.stat().st_mtime for path in sources)
    if (last / "index.html").exists() and (last / "index.html").stat().st_mtime > youngest:
        return last
    root = tmp_path_factory.mktemp("book")
    for part in SOURCES:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, root / part)
    with build.renderer(root) as waiting:
        return build.render(waiting, root, root)


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
