"""The chapter's sweeps: fan-out decay, winners and tickets of deep students, widths that are used."""

from pathlib import Path
from typing import Literal

from companion.chapters.lucky_nodes.studies import Decay, ImageLuck, Luck, NormBiases, Width
from companion.datasets import cifar10
from companion.datasets.images import chosen, read
from companion.experiments.convolutional.spec import Teacher, Training
from companion.runs.spec import Cell, Count, Floats, Grid, Ints, Positive, SweepSpec
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 8  # what trains together; a few minutes of one core
WIDE = 20.0  # from here on a cell has one seed
STARTS = ((1.0, 0.0), (1.0, 0.3), (1.0, 1.0), (0.3, 1.0), ())
BOTH = ((1.0, 1.0), ())  # starts that are trained by the exact gradient, too
KEYS = ("over_realization", "weight_decay")


def _by_work(cells: list[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: -cell.work)


class FanOutDecay(Grid):
    """Start x over-realization by the separated gradient; two of the starts by the exact one as well."""

    over_realizations: Floats = (2.0,)
    seeds: Count = 2
    steps: Count = 400
    looks: Ints = (0, 100)

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        return _by_work(
            [
                self.into(Decay, over_realization=ratio, start=start, gradient=gradient, seeds=seeds)
                for ratio in self.over_realizations
                for gradient, starts in (("separated", STARTS), ("exact", BOTH))
                for start in starts
            ]
        )


class Ranks(Grid):
    """Students of several widths, and some with another start or other data; a cell has a few seeds."""

    hidden: Ints = (10, 15, 20, 25)
    students: tuple[tuple[float, int, bool], ...] = ((1.0, 2, False), (2.0, 2, True))
    """over-realization, number of seeds, whether tickets are trained"""
    variants: tuple[tuple[float, int, str, str], ...] = ((1.0, 2, "same sign", "finite"),)
    """over-realization, number of seeds, start, data"""
    samples: Count = 2000
    epochs: Count = 4
    looks: Ints = (0, 1, 2)
    eval_samples: Ints = (192, 1024)

    def cells(self) -> list[Cell]:
        plain = [(ratio, seeds, "random", "finite", tickets) for ratio, seeds, tickets in self.students]
        others = [(*variant, False) for variant in self.variants]
        return _by_work(
            [
                self.into(
                    Luck,
                    over_realization=ratio,
                    start=start,
                    data=data,
                    tickets=tickets,
                    seeds=tuple(range(first, min(first + together, seeds + 1))),
                )
                for ratio, seeds, start, data, tickets in (*plain, *others)
                for together in [1 if ratio >= WIDE else SEEDS_PER_CELL]
                for first in range(1, seeds + 1, together)
            ]
        )


class NormalizedStudents(Grid):
    """The same students with affine batch normalization behind the ReLU and without."""

    over_realization: float = 2.0
    seeds: Count = 2
    samples: Count = 2000
    epochs: Count = 2
    looks: Ints = (0, 1)
    eval_samples: Ints = (1024,)

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        return [self.into(Luck, norm=norm, seeds=seeds) for norm in ("after", "none")]


class UsedWidth(Grid):
    """Every start without a penalty and with weight decay; all widths of a start train together."""

    over_realizations: Floats = (1.0, 5.0)
    weight_decays: Floats = (0.0, 0.003)
    seeds: Count = 2
    steps: Count = 1000
    looks: Ints = (0, 100)

    def cells(self) -> list[Cell]:
        return _by_work(
            [
                self.into(
                    Width,
                    start=start,
                    weight_decay=decay,
                    seeds=tuple(range(first, min(first + SEEDS_PER_CELL, self.seeds + 1))),
                )
                for start in ("perturbed", "small", "large")
                for decay in self.weight_decays
                for first in range(1, self.seeds + 1, SEEDS_PER_CELL)
            ]
        )


class Images(SweepSpec):
    """What both sweeps on images share: which ones, and how teachers are trained."""

    dataset: Literal["auto", "patches", "cifar10"] = "auto"
    images: Count = 400
    validation_images: Count = 100
    test_images: Count = 100
    pool: Literal[1, 2] = 2
    width: Count = 4
    seeds: Count = 2
    batch_size: Count = 25
    teacher_epochs: Count = 2
    teacher_rate: Positive = 0.01

    def check(self, data: Path | None) -> None:
        if self.dataset == "cifar10":
            cifar10.read(cifar10.data_folder(data))

    def teachers(self, data: Path | None, **changes) -> list[Teacher]:
        """One per seed; nothing is pruned."""
        source = chosen(self.dataset, data)
        training = self.into(
            Training, epochs=self.teacher_epochs, learning_rate=self.teacher_rate, weight_decay=5e-4
        )
        known = dict(dataset=source, fingerprint=read(source, data)[1], data=str(data or ""))
        return [
            self.into(
                Teacher,
                **known,
                shift=4 // self.pool,
                prune=(0.0,) * 4,
                training=training,
                tuning=training,
                seed=seed,
                **changes,
            )
            for seed in range(1, self.seeds + 1)
        ]


class LuckOnImages(Images):
    """Convolutional and fully connected teachers by seed; all widths of students of one are a cell."""

    over_realizations: Floats = (1.0, 2.0)
    student_epochs: Count = 2
    student_rate: Positive = 0.003

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        training = self.into(Training, epochs=self.student_epochs, learning_rate=self.student_rate)
        cells: list[Cell] = [
            self.into(ImageLuck, teacher=teacher, network=network, training=training)
            for teacher in self.teachers(data)
            for network in ("convolutional", "fully connected")
        ]
        return [_by_work(cells)]


class Biases(Images):
    """The chapter's own convolutional shape with and without normalization, and published shapes with it."""

    pool: Literal[1] = 1
    shapes: tuple[str, ...] = ("vgg11",)
    narrow: Count = 16

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        normalized, plain = (self.teachers(data, norm=norm) for norm in ("before", "none"))
        cells: list[Cell] = [
            NormBiases(shape=shape, narrow=self.narrow, teacher=teacher)
            for shape, teachers in (
                *((shape, normalized) for shape in ("convolutional", *self.shapes)),
                ("convolutional", plain),
            )
            for teacher in teachers
        ]
        return [_by_work(cells)]


FAN_OUT_DECAY = Sweep(
    "lucky_decay",
    {
        "quick": FanOutDecay(),
        # the published panels; its logged iterations are hundreds of steps
        "paper": FanOutDecay(
            over_realizations=(2.0, 5.0, 10.0), seeds=8, steps=19_900, looks=(0, 2000, 4000, 6000, 8000)
        ),
    },
    KEYS,
)
RANKS = Sweep(
    "lucky_ranks",
    {
        "quick": Ranks(),
        # the first epochs of the published runs, with their seeds up to 20x
        "laptop": Ranks(
            students=(
                (1.0, 32, False),
                (2.0, 32, False),
                (5.0, 32, True),
                (10.0, 32, True),
                (20.0, 32, False),
                (50.0, 5, False),
            ),
            variants=(
                (1.0, 32, "same sign", "finite"),
                (1.0, 32, "random", "fresh"),
                (5.0, 32, "random", "fresh"),
                (5.0, 32, "negated", "finite"),
                (5.0, 32, "halved", "finite"),
                (20.0, 32, "halved", "finite"),
                (50.0, 5, "halved", "finite"),
            ),
            samples=100_000,
            epochs=5,
            looks=(0, 1, 2, 3, 4),
            eval_samples=(192, 1024, 10_240),
        ),
        # the published figures have 32 seeds and 99 epochs at every width
        "paper": Ranks(
            students=(
                (1.0, 32, False),
                (2.0, 32, False),
                (5.0, 32, True),
                (10.0, 16, True),
                (20.0, 6, False),
                (50.0, 3, False),
            ),
            variants=(
                (1.0, 32, "same sign", "finite"),
                (1.0, 32, "random", "fresh"),
                (5.0, 16, "negated", "finite"),
                (5.0, 16, "random", "fresh"),
            ),
            samples=100_000,
            epochs=40,
            looks=(0, 1, 2, 3, 4, 10, 20),
            eval_samples=(192, 1024, 10_240),
        ),
    },
    KEYS,
)
NORMALIZED = Sweep(
    "lucky_norm",
    {
        "quick": NormalizedStudents(),
        "laptop": NormalizedStudents(
            over_realization=10.0,
            seeds=5,
            samples=100_000,
            epochs=5,
            looks=(0, 1, 2, 3, 4),
            eval_samples=(192, 1024, 10_240),
        ),
    },
    KEYS,
)
USED_WIDTH = Sweep(
    "lucky_width",
    {
        "quick": UsedWidth(),
        "laptop": UsedWidth(
            over_realizations=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
            seeds=32,
            steps=60_000,
            looks=(0, 1000, 5000, 20_000),
        ),
    },
    KEYS,
)
LUCK_ON_IMAGES = Sweep(
    "lucky_images",
    {
        "quick": LuckOnImages(),
        # fewer channels, images and epochs than the published run, half its pixels along each side
        "laptop": LuckOnImages(
            dataset="cifar10",
            images=2500,
            validation_images=250,
            test_images=500,
            width=6,
            over_realizations=(1.0, 2.0, 10.0),
            seeds=20,
            batch_size=32,
            teacher_epochs=6,
            student_epochs=4,
        ),
    },
    ("over_realization",),
)
BIASES = Sweep(
    "lucky_biases",
    {
        "quick": Biases(),
        "laptop": Biases(
            dataset="cifar10",
            images=3200,
            validation_images=200,
            test_images=250,
            width=16,
            seeds=3,
            batch_size=40,
            teacher_epochs=7,
            teacher_rate=0.02,
            shapes=("vgg11", "vgg13", "vgg16", "vgg19"),
            narrow=8,
        ),
    },
)
