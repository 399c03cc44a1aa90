"""Students at the published penalties: several widths by the main methods, one width by all."""

from typing import Any

from companion.chapters.spectral.studies import Method, Problem, Students
from companion.runs.spec import Cell, Count, Grid, Ints, Positive
from companion.runs.sweeps import Sweep

Part = tuple[Method, Problem, tuple[int, ...]]


class Sizes(Grid):
    """A cell per method and student width; all seeds and teachers of a cell train together."""

    parts: tuple[Part, ...] = (("spectral", "three layers", (8,)), ("plain", "two layers", (8,)))
    """method, problem, student widths"""
    teacher_widths: Ints = (3, 5)
    seeds: Count = 2
    samples: Count = 1000
    epochs: Count = 20
    eigenvalue_penalty: Positive = 5e-4
    vector_penalty: Positive = 1e-2

    def cells(self) -> list[Cell]:
        cells = [
            self.into(
                Students, method=method, problem=problem, width=width, seeds=tuple(range(1, self.seeds + 1))
            )
            for method, problem, widths in self.parts
            for width in widths
        ]
        return sorted(cells, key=lambda cell: -cell.work)


WIDTHS = (10, 20, 40)
LARGER: dict[str, Any] = dict(teacher_widths=(3, 5, 8), seeds=10, samples=3000, epochs=600)
SIZES = Sweep(
    "spectral",
    {
        "quick": Sizes(),
        # the published runs have 10,000 samples, batches of 300 and 2000 epochs
        "laptop": Sizes(
            parts=(
                ("spectral", "three layers", WIDTHS),
                ("direct", "three layers", WIDTHS),
                ("plain", "two layers", WIDTHS),
            ),
            **LARGER,
        ),
    },
)
MECHANISM = Sweep(
    "spectral_mechanism",
    {
        "quick": Sizes(parts=(("group lasso", "three layers", (8,)), ("spectral", "two layers", (8,)))),
        "laptop": Sizes(
            parts=(
                ("spectral", "three layers", (20,)),
                ("direct", "three layers", (20,)),
                ("group lasso", "three layers", (20,)),
                ("plain", "three layers", (20,)),
                ("spectral", "two layers", (20,)),
            ),
            **LARGER,
        ),
    },
)
