"""Distillation at larger scales: digits by number of samples and student width, and CIFAR-10."""

from pathlib import Path
from typing import Any

from companion.chapters.data_free.studies import LESSONS, DataSet, Distilled, Widths
from companion.datasets import cifar10
from companion.datasets.images import read
from companion.runs.spec import Cell, Count, Floats, Ints, Positive, SweepSpec
from companion.runs.sweeps import Sweep


class DataFree(SweepSpec):
    """Every length with students of the first width, and every further width at the first length."""

    dataset: DataSet = "digits"
    images: Count = 1297
    test_images: Count = 500
    pool: Count = 1
    widths: Widths = (4, 6, 6)
    over_realizations: Floats = (1.0, 2.0)
    seeds: Count = 2
    teacher_steps: Count = 20
    lengths: Ints = (20,)
    """steps of the students"""
    batch_size: Count = 64
    learning_rate: Positive = 0.01

    def check(self, data: Path | None) -> None:
        """Refuses images that are missing or damaged (DataError)."""
        if self.dataset == "cifar10":
            cifar10.read(cifar10.data_folder(data))

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        """Students of images on this machine; raises DataError when they cannot be read."""
        first, *wider = self.over_realizations
        shared = dict(
            seeds=tuple(range(1, self.seeds + 1)),
            fingerprint=read(self.dataset, data)[1],
            data=str(data or ""),
            lessons=LESSONS,
        )
        settings = [(first, steps) for steps in self.lengths] + [(z, self.lengths[0]) for z in wider]
        cells = [self.into(Distilled, over_realization=z, steps=n, **shared) for z, n in settings]
        return [sorted(cells, key=lambda cell: -cell.work)]


LARGER: dict[str, Any] = dict(widths=(8, 16, 16), seeds=5, teacher_steps=400)
DIGITS = Sweep(
    "data_free",
    {"quick": DataFree(), "laptop": DataFree(**LARGER, lengths=(400, 100))},
    ("over_realization",),
)
LONG = Sweep(
    "data_free_long",
    {
        "quick": DataFree(over_realizations=(1.0,), lengths=(40,)),
        "laptop": DataFree(**LARGER, over_realizations=(1.0,), lengths=(1600,)),
    },
    ("over_realization",),
)
REAL = Sweep(
    "data_free_cifar10",
    {
        "quick": DataFree(dataset="patches", images=1000, test_images=200, pool=2, over_realizations=(1.0,)),
        "laptop": DataFree(
            dataset="cifar10",
            images=20_000,
            test_images=2000,
            pool=2,
            widths=(8, 16, 16),
            over_realizations=(1.0,),
            seeds=5,
            teacher_steps=800,
            lengths=(400,),
        ),
    },
    ("over_realization",),
)
