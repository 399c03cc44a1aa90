"""The rendered book as one PDF: its pages joined into one long page, which a browser prints.

So numbers, links and formulas are those of the pages; headings become bookmarks, and pictures stay vectors.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from companion.pages.book import Book
from companion.pages.notebooks import BookError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Left out: what only a screen can use, code and facts that the pages fold away, and marks of links.
ON_SCREEN = (
    "script, details.above-input, details.provenance, .headerlink, .sd-summary-state-marker, .tocwrapper, "
    ".figure-data"
)
PLACE = "--"  # between a page's name and an anchor of it: anchors are unique on a page, not in the book


@dataclass(frozen=True)
class Part:
    """Pages under one heading of the table of contents, relative to the book's root, without their ending."""

    title: str
    pages: tuple[str, ...]


def write(book: Book) -> Path:
    """Print the book as it was rendered last.

    returns     the file, beside the rendered pages: all of it or the last one.
    raises      BookError where nothing was rendered, or no browser is there to print it.
    """
    html = book.work / "html"
    if not (html / "index.html").exists():
        raise BookError(f"{html} holds no rendered book; python -m companion build makes it")
    config = yaml.safe_load((book.root / "_config.yml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(dir=book.work) as folder:
        page = html / ".whole.html"
        page.write_text(joined(html, parts(book.root), config["title"], config["author"]), encoding="utf-8")
        try:
            printed(page, target := Path(folder) / "book.pdf")
        finally:
            page.unlink()
        os.replace(target, book.work / "book.pdf")
    return book.work / "book.pdf"


def parts(root: Path) -> list[Part]:
    """The table of contents of the book at root: the landing page, then its parts in reading order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    named = [Part(part["caption"], tuple(page["file"] for page in part["chapters"])) for part in toc["parts"]]
    return [Part("", (toc["root"],)), *named]


def joined(html: Path, contents: Sequence[Part], title: str, author: str) -> str:
    """One page with the articles of many, in the order of the contents, to lie in the folder ``html``.

    Links between these pages lead from place to place within it; links to other files are words.
    """
    from bs4 import BeautifulSoup

    soup = {
        page: BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
        for part in contents
        for page in part.pages
    }
    articles = [_article(page, soup[page], set(soup)) for page in soup]
    first, head = next(iter(soup)), []
    for link in soup[first].select("head link[rel=stylesheet]"):
        head.append(f'<link rel="stylesheet" href="{_path(first, link["href"])}">')
    for script in soup[first].select("head script"):  # formulas
        if "mathjax" in script.get("src", ""):
            head.append(f'<script defer src="{_path(first, script["src"])}"></script>')
        elif script.text.startswith("window.MathJax"):
            head.append(str(script))
    head.append('<link rel="stylesheet" href="_static/pdf.css">')
    return (
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>{title}</title>{''.join(head)}</head>"
        f'<body class="bd-content"><header class="cover"><p>{title}</p>'
        f"<p>{author}</p></header><nav>{''.join(_contents(contents, soup))}</nav>"
        f"{''.join(map(str, articles))}</body></html>"
    )


def printed(page: Path, target: Path) -> None:
    """Have a browser print a page, its formulas set and its pictures loaded, with bookmarks.

    raises      BookError without a browser, or with what it said instead of printing.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        raise BookError("no browser to print with (chromium or Chrome); on Debian: apt-get install chromium")
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    words += ["--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"]
    # Time as the page sees it stands still while it works, so a slow machine prints the same.
    words += ["--virtual-time-budget=100000", "--no-pdf-header-footer", "--generate-pdf-document-outline"]
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *words, f"--user-data-dir={profile}", f"--print-to-pdf={target}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True)
    if not target.exists():
        raise BookError(f"{browser} printed nothing: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    import pikepdf

    with pikepdf.open(
        target, allow_overwriting_input=True
    ) as pdf:  # what it tells screen readers, compressed
        pdf.save(object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _article(page: str, soup: Any, pages: set[str]) -> Any:
    """The article of a page, with anchors and addresses as they are in the whole."""
    article = soup.select_one("article")
    for left_out in article.select(ON_SCREEN):
        left_out.decompose()
    for output in article.select("details.below-input"):  # it stands without the words that unfold it
        output.summary.decompose()
        output.unwrap()
    for details in article.select("details"):
        details["open"] = ""
    for anchor in article.select("[id]"):
        anchor["id"] = _anchor(page, anchor["id"])
    article["id"] = _anchor(page)
    for image in article.select("img[src]"):
        image["src"] = _path(page, image["src"])
        image.attrs.pop("loading", None)
    for link in article.select("a[href]"):
        address = urlsplit(link["href"])
        if address.scheme in ("http", "https", "mailto"):
            continue
        leads = _path(page, address.path).removesuffix(".html") if address.path else page
        if leads in pages:
            link["href"] = "#" + _anchor(leads, unquote(address.fragment))
        else:
            del link["href"]
    return article


def _contents(contents: Sequence[Part], soup: dict[str, Any]) -> Iterator[str]:
    """Parts, pages and their sections; called when the articles have their anchors."""
    for part in contents:
        yield f"<p>{part.title}</p><ul>"
        for page in part.pages:
            article = soup[page].select_one("article")
            yield f'<li><a href="#{article["id"]}">{_words(article.select_one("h1"))}</a><ul>'
            for section in article.select("section:has(> h2)"):
                yield f'<li><a href="#{section["id"]}">{_words(section.select_one("h2"))}</a></li>'
            yield "</ul></li>"
        yield "</ul>"


def _words(heading: Any) -> str:
    return "".join(map(str, heading.contents))


def _anchor(page: str, name: str = "") -> str:
    return f"{PurePosixPath(page).name}{PLACE}{name}"


def _path(page: str, address: str) -> str:
    """An address on a page, from the root of the pages."""
    return os.path.normpath(PurePosixPath(page).parent / address)
