"""The chapter's small numbers: areas by formula."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from companion.chapters.polygon.tables import share
from companion.runs.spec import Cell, Positive, Tables


class Areas(Cell):
    """The regular polygon inside a circle."""

    sides: Annotated[int, Field(ge=3)] = 12
    radius: Positive = 1.0

    def run(self, *earlier: Tables) -> Tables:
        """Table ``areas``, of one row: the areas of polygon and circle, and the share of the circle."""
        import numpy as np  # a real study computes with torch, which a page that only redraws must not load

        circle = np.pi * self.radius**2
        filled = share(self.sides)
        row = dict(sides=self.sides, polygon=filled * circle, circle=circle, share=filled)
        return {"areas": pd.DataFrame([row])}
