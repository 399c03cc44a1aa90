"""What a reader asks for: one frozen record, made and checked in one place.

It is handed to the kernel as a file.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from companion.pages.book import Book
from companion.pages.notebooks import BookError
from companion.pages.parameters import choose, merge, parse, read_values, shortened
from companion.pages.parameters import defaults as standing_values
from companion.runs.store import check_writable

LONGEST_NAME = 100  # letters of the name of a run: a file system takes 255 bytes


@dataclass(frozen=True)
class Request:
    """One chapter to execute.

    values      parameters that were asked for, as papermill takes them.
    results     folder of finished cells, written to by the run.
    data        folder of input data; empty where nobody named one.
    name        of the run: its folder.
    workers     processes that may compute its cells; 1 is the notebook's own.
    standing    the defaults of the parameters in ``values``.
    """

    chapter: str
    values: Mapping[str, Any]
    results: str
    data: str = ""
    name: str = ""
    workers: int = 1
    standing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data_folder(self) -> Path | None:
        return Path(self.data) if self.data else None

    def save(self, folder: Path) -> None:
        """Write the request beside a staged notebook."""
        place(folder, self.chapter).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def place(folder: Path, chapter: str) -> Path:
    return folder / f"{chapter}.request.json"


def defaults(book: Book, chapter: str, data: Path | None = None) -> Request:
    """A chapter at its default parameters."""
    return Request(chapter, {}, str(book.cells), str(data or ""), chapter)


def ask(
    book: Book,
    chapter: str,
    words: Sequence[tuple[str, str]] = (),
    *,
    file: Path | None = None,
    data: Path | None = None,
    results: Path | None = None,
    name: str = "",
) -> Request:
    """A checked request from the words of a command line.

    words           names and values of parameters; they win over those of ``file`` (YAML).
    data, results   as in :class:`Request`.
    name            as there; where none is given it comes from the chapter and its values.
    raises          BookError, StoreError, or what the chapter's ``check`` raises: nothing has started then.
    """
    spec = book.chapters[choose(chapter, list(book.chapters), "chapter")]
    given = [read_values(file) if file else {}, {key: parse(key, text) for key, text in words}]
    values = merge(spec, *given)
    results = (results or book.cells).resolve()
    data = data.resolve() if data else None
    check_writable(results)
    spec(**values).check(data)
    name = name or (f"{chapter}-{digest(values)}" if values else chapter)
    if Path(name).name != name or name.startswith(".") or len(name) > LONGEST_NAME or not name.isprintable():
        raise BookError(f"the name of a run must be that of a folder, got {shortened(name)}")
    standing = {key: value for key, value in standing_values(spec).items() if key in values}
    return Request(chapter, values, str(results), str(data or ""), name, standing=standing)


def digest(values: Any) -> str:
    """Eight letters that tell plain values from others."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]


def asked(book: Book, chapter: str, folder: Path) -> Request:
    """The request beside a notebook; the chapter's defaults where there is none, as in an editor."""
    path = place(folder, chapter)
    return read(path) if path.exists() else defaults(book, chapter)


def read(path: Path) -> Request:
    """The request in a file.

    raises      ValueError or TypeError for what is none.
    """
    try:
        found = Request(**json.loads(path.read_text(encoding="utf-8")))
    except RecursionError:
        raise ValueError(f"{path} is no request") from None
    texts = (found.chapter, found.results, found.data, found.name)
    mappings = (found.values, found.standing)
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(m, dict) for m in mappings):
        raise ValueError(f"{path} is no request")
    return found
