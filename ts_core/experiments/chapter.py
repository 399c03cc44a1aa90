"""What the parameters of every chapter have in common."""

from pathlib import Path

from pydantic import model_validator

from ts_core.experiments.spec import Spec
from ts_core.store import CELLS, check_writable


class Chapter(Spec):
    """Base of a chapter's parameters; the last of them is ``results``, the folder that keeps finished runs.

    raises      SpecError, or StoreError when that folder cannot be written.
    """

    @property
    def cells_folder(self) -> Path:
        return CELLS if self.results == "auto" else Path(self.results)

    @model_validator(mode="after")
    def _writable(self):
        check_writable(self.cells_folder)
        return self
