"""Writes the toy chapter; run it after an edit: python tests/data/toy/make_toy.py."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """\
sides: int = 12  # polygon sides (number)
radius: float = 1.0  # of the circle (metres)
bars: list[float] = [0.9, 0.99]  # share of the circle's area to reach (ratio)
label: str = "inside"  # which polygon (word)
breaks: bool = False  # whether the chapter fails half-way (truth value)"""

CODE = """\
area = sides / 2 * radius**2 * math.sin(2 * math.pi / sides)
if breaks:
    raise RuntimeError("asked to break")
area"""

CLAIMS = """\
share = area / (math.pi * radius**2)
claims.table(
    claims.Claim(id=f"toy/share-{bar:g}", place="Euclid", sentence=f"The {label} polygon fills the circle up to {bar:g}",
                 value=share, low=share, high=share, at_least=bar)
    for bar in bars
)"""

if __name__ == "__main__":
    cells = [
        new_markdown_cell("# Polygon\n\nThe area is $\\tfrac n2 r^2\\sin\\tfrac{2\\pi}n$.", id="what"),
        new_code_cell("import math\n\nfrom ts_core import claims", id="imports"),
        new_code_cell(PARAMETERS, id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell(CODE, id="area"),
        new_code_cell(CLAIMS, id="claims"),
        new_markdown_cell("## Run it yourself\n\n`python -m ts_core run toy -p sides 6`", id="run"),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), Path(__file__).parent / "book" / "toy.ipynb")
