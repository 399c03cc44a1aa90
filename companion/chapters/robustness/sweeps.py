"""The chapter's sweeps: ways to train x noise ratios, deep students, moved inputs."""

from typing import get_args

from companion.chapters.robustness.studies import Augmentation, Deep, Method, Students
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 5  # a minute of one core


def _groups(seeds: int) -> list[tuple[int, ...]]:
    """Seeds from 1 on, as many together as a cell has."""
    every = tuple(range(1, seeds + 1))
    return [every[first : first + SEEDS_PER_CELL] for first in range(0, seeds, SEEDS_PER_CELL)]


class Methods(Grid):
    """Every method at every noise ratio, as many students per seed as a rank correlation asks for."""

    methods: tuple[Method, ...] = ("standard", "adversarial")
    noises: Floats = (0.0, 0.1, 0.4)
    seeds: Count = 4
    batch_size: Count = 32
    steps: Count = 1200
    learning_rate: Positive = 0.01

    def cells(self) -> list[Students]:
        cells = [
            self.into(Students, method=method, seeds=seeds)
            for method in self.methods
            for seeds in _groups(self.seeds)
        ]
        return sorted(cells, key=lambda cell: -cell.work)


class DeepStudents(Grid):
    """Deep students on inputs in S."""

    input_dim: Count = 40
    rank: Count = 20
    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 2.0
    seeds: Count = 3
    steps: Count = 1500

    def cells(self) -> list[Deep]:
        return [self.into(Deep, seeds=seeds) for seeds in _groups(self.seeds)]


class Moved(Grid):
    """Inputs that are moved, inside S and out of it."""

    size: Positive = 0.5
    seeds: Count = 4
    steps: Count = 1200

    def cells(self) -> list[Augmentation]:
        return [self.into(Augmentation, seeds=seeds) for seeds in _groups(self.seeds)]


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
DEEP = Sweep("robustness_deep", {"quick": DeepStudents(), "laptop": DeepStudents(seeds=15, steps=6000)})
MOVED = Sweep("robustness_moved", {"quick": Moved(), "laptop": Moved(seeds=15, steps=3000)})
