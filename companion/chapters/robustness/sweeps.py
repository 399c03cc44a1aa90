"""The chapter's sweeps: ways to train x noise ratios, deep students, moved inputs, students on images."""

from pathlib import Path
from typing import Literal, get_args

from companion.chapters.robustness.studies import Augmentation, Deep, Method, Pictures, Students
from companion.datasets import cifar10
from companion.datasets.images import chosen, read
from companion.runs.spec import Cell, Count, Floats, Grid, Ints, Positive, SweepSpec
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 5  # a minute of one core
PICTURES_PER_CELL = 2  # some minutes of one core


def _groups(seeds: int, together: int = SEEDS_PER_CELL) -> list[tuple[int, ...]]:
    """Seeds from 1 on, as many together as a cell has."""
    every = tuple(range(1, seeds + 1))
    return [every[first : first + together] for first in range(0, seeds, together)]


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


class OnImages(SweepSpec):
    """Students of a ConvNet, trained in every way on images."""

    dataset: Literal["digits", "auto", "patches", "cifar10"] = "digits"
    """auto is cifar10 where its files are, else patches"""
    images: Count = 1000
    test_images: Count = 500
    pool: Count = 1
    widths: Ints = (4, 8, 16)
    over_realization: Positive = 1.5
    radii: Floats = (0.05, 0.15)
    radius: Positive = 0.1
    seeds: Count = 4
    batch_size: Count = 32
    teacher_steps: Count = 200
    steps: Count = 200
    attacked: Count = 200

    def check(self, data: Path | None) -> None:
        """Refuses CIFAR-10 that is asked for and missing or damaged (DataError)."""
        if self.dataset == "cifar10":
            cifar10.read(cifar10.data_folder(data))

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        source = chosen(self.dataset, data)
        shared = dict(dataset=source, fingerprint=read(source, data)[1], data=str(data or ""))
        return [
            [self.into(Pictures, seeds=seeds, **shared) for seeds in _groups(self.seeds, PICTURES_PER_CELL)]
        ]


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
ON_IMAGES = Sweep(
    "robustness_images",
    {
        "quick": OnImages(),
        "laptop": OnImages(
            dataset="cifar10", images=5000, pool=2, widths=(6, 12, 24), teacher_steps=400, steps=300
        ),
    },
    ("moved",),
)
