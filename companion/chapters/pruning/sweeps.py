"""Pruning: over-realization x label noise from even fan-outs, and the released start; and on images."""

from pathlib import Path
from typing import Literal

from companion.chapters.pruning.studies import Merged, Pruned, PrunedClassifiers
from companion.datasets import cifar10
from companion.datasets.images import chosen, read
from companion.runs.spec import Cell, Count, Floats, Grid, Positive, SweepSpec
from companion.runs.sweeps import Sweep


class Pruning(Grid):
    """Every over-realization and every noise on its own, the others at their first value; both starts."""

    input_dim: Count = 20
    over_realizations: Floats = (3.0, 1.5)
    noises: Floats = (0.0, 2.0)
    seeds: Count = 4
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 100

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        first = self.over_realizations[0]
        pairs = [(z, self.noises[0]) for z in self.over_realizations] + [(first, s) for s in self.noises[1:]]
        cells = [
            self.into(Pruned, start=start, over_realization=z, noise=noise, seeds=seeds)
            for z, noise in pairs
            for start in ("even", "drawn")
        ]
        return sorted(cells, key=lambda cell: -cell.work)


PRUNING = Sweep(
    "pruning",
    {
        "quick": Pruning(),
        "laptop": Pruning(
            input_dim=60,
            over_realizations=(3.0, 1.5, 2.0, 4.0, 6.0),
            noises=(0.0, 1.0, 2.0, 4.0),
            seeds=24,
            steps=3000,
        ),
    },
    ("over_realization", "noise"),
)


class Merging(Grid):
    """Students from even fan-outs, of every over-realization and every label noise, merged."""

    input_dim: Count = 20
    over_realizations: Floats = (2.0, 3.0)
    noises: Floats = (1.0, 4.0)
    seeds: Count = 4
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 100

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        cells = [
            Merged(student=self.into(Pruned, over_realization=z, noise=noise, seeds=seeds, draws=2))
            for z in self.over_realizations
            for noise in self.noises
        ]
        return sorted(cells, key=lambda cell: -cell.work)


MERGING = Sweep(
    "merging",
    {
        "quick": Merging(),
        "laptop": Merging(
            input_dim=60,
            over_realizations=(2.0, 3.0, 4.0, 6.0),
            noises=(0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
            seeds=12,
            steps=3000,
        ),
    },
    ("over_realization", "noise"),
)


class PrunedImages(SweepSpec):
    """Perceptrons on images, pruned and merged; one cell."""

    dataset: Literal["digits", "auto", "patches", "cifar10"] = "digits"
    """auto is cifar10 where its files are, else patches"""
    pool: Literal[1, 2, 4, 8] = 1
    train: Count = 1297
    test: Count = 500
    width: Count = 40
    seeds: Count = 10
    draws: Count = 10
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 800

    def check(self, data: Path | None) -> None:
        if self.dataset == "cifar10":
            cifar10.read(cifar10.data_folder(data))

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        source = chosen(self.dataset, data)
        return [
            [
                self.into(
                    PrunedClassifiers,
                    dataset=source,
                    fingerprint="" if source == "digits" else read(source, data)[1],
                    data=str(data or ""),
                    seeds=tuple(range(1, self.seeds + 1)),
                )
            ]
        ]


PRUNING_IMAGES = Sweep(
    "pruning_images",
    {
        "quick": PrunedImages(),
        "laptop": PrunedImages(
            dataset="cifar10", pool=4, train=20_000, test=5000, batch_size=100, steps=3000
        ),
    },
    ("kept",),
)
