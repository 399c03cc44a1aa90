"""The runs that are rendered beside a book: for the terminal, and as a page of their own."""

import json
import os
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from companion.pages.book import Book
from companion.pages.request import Request, read

LIST = Path("runs") / "index.html"  # in a book's work folder


@dataclass(frozen=True)
class Run:
    """One rendered run.

    page        of its chapter.
    seconds     since the epoch, when it was rendered.
    """

    request: Request
    page: Path
    seconds: float

    @property
    def values(self) -> str:
        """Parameters that were asked for, in words."""
        return ", ".join(f"{name} {json.dumps(value)}" for name, value in self.request.values.items())


def runs(book: Book) -> list[Run]:
    """The latest first; folders that hold no run are passed over."""
    found = []
    for path in (book.work / LIST).parent.glob("*/*.request.json"):
        try:
            request = read(path)
            page = path.parent / "book" / f"{request.chapter}.html"
            found.append(Run(request, page, path.stat().st_mtime))
        except (ValueError, TypeError, OSError):  # cut short, of an older form, or just removed
            continue
    return sorted(found, key=lambda run: (-run.seconds, run.request.name))


def write_list(book: Book) -> Path:
    """Write the page that lists them, which links each run relative to it."""
    head = "<tr><th>run</th><th>chapter</th><th>parameters</th><th>rendered</th></tr>"
    body = (
        '<p>Rendered beside <a href="../html/index.html">the book</a>, the latest first.</p>'
        f"<div><table><thead>{head}</thead><tbody>{''.join(map(_row, runs(book)))}</tbody></table></div>"
    )
    return write_page(book.work / LIST, "Runs of your own", body)


def _row(run: Run) -> str:
    link = f"{run.page.parts[-3]}/book/{run.page.name}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.seconds))
    words = (run.request.chapter, run.values or "as in the book", when)
    cells = "".join(f"<td>{escape(word)}</td>" for word in words)
    return f'<tr><td><a href="{escape(link)}">{escape(run.request.name)}</a></td>{cells}</tr>'


def write_page(target: Path, title: str, body: str) -> Path:
    """Write a page that needs nothing but itself; it appears complete or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    fresh.write_text(PAGE.substitute(title=escape(title), body=body), encoding="utf-8")
    os.replace(fresh, target)
    return target


PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: max-content; margin: 2rem auto; padding: 0 1rem }
div { overflow-x: auto }
table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886 }
tbody th { font-weight: normal; max-width: 20rem; min-width: 10rem }
img { background: white; width: 24rem }
</style></head><body>
<h1>$title</h1>
$body
</body></html>
""")
