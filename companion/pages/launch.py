"""Where readers open a notebook on other machines: the address of the repository, and a first cell.

The address stands in ``_config.yml``. Without one there are no buttons and no such cells.
"""

from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml

from companion.pages import notebooks

TAG = "launch"
CELL = """\
# On Colab: install the book (everywhere else nothing happens)
import sys

if "google.colab" in sys.modules:
    %pip install --quiet "{requirement}"\
"""


@dataclass(frozen=True)
class Repository:
    """Where the sources are published.

    url         without the last slash.
    branch      the one that readers open.
    """

    url: str
    branch: str

    @property
    def requirement(self) -> str:
        """What pip installs: the book, and what its chapters on images need."""
        return f"student-specialization[images] @ git+{self.url}@{self.branch}"


def repository(root: Path) -> Repository | None:
    """The address that the book at root is configured with; None if it is empty."""
    found = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8")).get("repository") or {}
    url = str(found.get("url") or "").rstrip("/")
    return Repository(url, found.get("branch") or "main") if url else None


def write_cell(path: Path, where: Repository | None) -> None:
    """Make the cell that installs the book the first one of a notebook; without an address there is none."""
    notebook = notebooks.read(path)
    old = [cell for cell in notebook.cells if TAG in notebooks.tags(cell)]
    others = [cell for cell in notebook.cells if cell not in old]
    new = []
    if where:
        cell = nbformat.v4.new_code_cell(CELL.format(requirement=where.requirement), id=TAG)
        cell.metadata.tags = [TAG, "remove-cell"]
        new = [cell]
    if [cell.source for cell in old] != [cell.source for cell in new]:
        notebook.cells = new + others
        nbformat.write(notebook, path)
