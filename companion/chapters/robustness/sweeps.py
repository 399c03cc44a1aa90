"""The chapter's sweep: ways to train x noise ratios, with students enough per seed for a rank correlation."""

from typing import get_args

from companion.chapters.robustness.studies import Method, Students
from companion.runs.spec import Count, Floats, Grid, Positive
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 5  # a minute of one core


class Methods(Grid):
    """Every method at every noise ratio; a cell has one method and a few seeds."""

    methods: tuple[Method, ...] = ("standard", "adversarial")
    noises: Floats = (0.0, 0.1, 0.4)
    seeds: Count = 4
    batch_size: Count = 32
    steps: Count = 1200
    learning_rate: Positive = 0.01

    def cells(self) -> list[Students]:
        seeds = range(1, self.seeds + 1)
        cells = [
            self.into(Students, method=method, seeds=tuple(seeds[first : first + SEEDS_PER_CELL]))
            for method in self.methods
            for first in range(0, self.seeds, SEEDS_PER_CELL)
        ]
        return sorted(cells, key=lambda cell: -cell.work)


ROBUSTNESS = Sweep(
    "robustness",
    {
        "quick": Methods(),
        "laptop": Methods(
            methods=get_args(Method),
            noises=(0.0, 0.05, 0.1, 0.2, 0.4, 1.0),
            seeds=10,
            batch_size=128,
            steps=3000,
        ),
    },
    ("noise", "radius"),
)
