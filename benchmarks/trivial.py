"""A cell that computes nothing: what is left is what its keeping costs. Worker processes import it."""

import pandas as pd

from companion.runs.identity import Project
from companion.runs.spec import Cell, Tables

PROJECT = Project(("companion.runs",))
ROWS = 20


class Trivial(Cell):
    """A table of a few rows that are not worth a cell."""

    number: int

    def run(self, *earlier: Tables) -> Tables:
        half = self.number / 2
        return {
            "rows": pd.DataFrame({"number": self.number, "row": range(ROWS), "half": half, "status": "ok"})
        }
