"""Distillation at larger scales: digits by number of samples and student width, and CIFAR-10."""

from pathlib import Path
from typing import Any, ClassVar

from companion.chapters.data_free.studies import LESSONS, DataSet, Distilled, Lesson, Widths
from companion.datasets import cifar10
from companion.datasets.images import read
from companion.runs.spec import Cell, Count, Floats, Ints, Positive, SweepSpec
from companion.runs.sweeps import Sweep


class DataFree(SweepSpec):
    """Every length with students of the first width, and every further width at the first length."""

    lessons: ClassVar[tuple[Lesson, ...]] = LESSONS

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
            lessons=self.lessons,
        )
        settings = [(first, steps) for steps in self.lengths] + [(z, self.lengths[0]) for z in wider]
        cells = [self.into(Distilled, over_realization=z, steps=n, **shared) for z, n in settings]
        return [sorted(cells, key=lambda cell: -cell.work)]


class MoreNoise(DataFree):
    """The published lesson alone, for students that see more inputs; teachers are those of the others."""

    lessons: ClassVar[tuple[Lesson, ...]] = (("noise", "batch"),)


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
MILLION = Sweep(
    "data_free_million",
    {
        "quick": MoreNoise(over_realizations=(1.0,), lengths=(60,)),
        "laptop": MoreNoise(**LARGER, over_realizations=(1.0,), lengths=(16_000,)),
    },
    ("over_realization",),
)
PATCHES: dict[str, Any] = dict(
    dataset="patches", images=1000, test_images=200, pool=2, over_realizations=(1.0,)
)
CIFAR10: dict[str, Any] = dict(
    dataset="cifar10",
    images=20_000,
    test_images=2000,
    pool=2,
    widths=(8, 16, 16),
    over_realizations=(1.0,),
    seeds=5,
    teacher_steps=800,
)
REAL = Sweep(
    "data_free_cifar10",
    {"quick": DataFree(**PATCHES), "laptop": DataFree(**CIFAR10, lengths=(400,))},
    ("over_realization",),
)
REAL_LONG = Sweep(
    "data_free_cifar10_long",
    {"quick": MoreNoise(**PATCHES, lengths=(40,)), "laptop": MoreNoise(**CIFAR10, lengths=(1600,))},
    ("over_realization",),
)
