"""Ways to teach small ConvNets: two sizes of students and several numbers of labelled images."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from companion.chapters.factor_transfer.studies import Method, Students, Teachers, Widths
from companion.datasets import cifar10
from companion.datasets.images import read
from companion.runs.spec import Cell, Count, Fraction, Ints, Positive, SweepSpec
from companion.runs.sweeps import Sweep

METHODS: tuple[Method, ...] = get_args(Method)


class Transfers(SweepSpec):
    """Settings of the experiment; the defaults are the quick scale."""

    dataset: Literal["digits", "patches", "cifar10"] = "digits"
    """images: digits of scikit-learn, patches of photographs of scikit-image, or cifar10"""
    images: Annotated[int, Field(ge=100)] = 1000
    """training images of the teacher, all with their labels (number)"""
    test_images: Annotated[int, Field(ge=100)] = 500
    """test images, for accuracies, reconstructions and correlations (number)"""
    pool: Annotated[int, Field(ge=1, le=2)] = 1
    """pixels averaged along each side, 1 or 2 (pixels)"""
    widths: Widths = (8, 16, 32)
    """channels of the teacher's three layers (number)"""
    divisors: Ints = (4,)
    """channels of a teacher layer over those of the student, which has about the squared share of the
    parameters (ratio)
    """
    labels: Ints = (100,)
    """images that a student trains on, with their labels (number)"""
    seeds: Count = 5
    """teachers, each with its paraphraser, labelled images and students (number)"""
    rate: Fraction = 0.5
    """paraphrase rate k, factors per channel of the teacher's top layer, in (0, 1)"""
    batch_size: Annotated[int, Field(ge=2)] = 32
    """images per step, drawn without replacement (number)"""
    learning_rate: Positive = 0.05
    """peak of the learning rate of teachers and students, which falls to 0"""
    teacher_steps: Count = 150
    """steps of the teacher (number)"""
    paraphraser_steps: Count = 150
    """steps of Adam of the paraphraser (number)"""
    steps: Count = 100
    """steps of every student, whatever the method and the number of labels (number)"""
    beta: Positive = 500.0
    """weight of the distance of factors, and of hints, as released for factors of 2048 entries"""
    attention_weight: Positive = 1000.0
    """weight of the squared distances of attention maps, as released for images of 32 pixels"""
    temperature: Positive = 4.0
    """temperature of soft labels"""
    dtype: Literal["float64", "float32"] = "float64"
    """number type; float32 is the larger scale's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where networks train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self._students(self._teachers(""))  # refuses what cannot be run
        return self

    def check(self, data: Path | None) -> None:
        """Refuses CIFAR-10 that is asked for and missing or damaged (DataError)."""
        if self.dataset == "cifar10":
            cifar10.read(cifar10.data_folder(data))

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        """The teachers, then their students; raises DataError when the images cannot be read."""
        teachers = self._teachers(read(self.dataset, data)[1], str(data or ""))
        return [[teachers], sorted(self._students(teachers), key=lambda cell: -cell.work)]

    def _teachers(self, fingerprint: str, data: str = "") -> Teachers:
        return self.into(
            Teachers,
            seeds=tuple(range(1, self.seeds + 1)),
            fingerprint=fingerprint,
            data=data,
            steps=self.teacher_steps,
        )

    def _students(self, teachers: Teachers) -> list[Students]:
        return [
            self.into(Students, teachers=teachers, method=method, divisor=divisor, labels=labels)
            for labels in self.labels
            for divisor in sorted(self.divisors, reverse=True)
            for method in METHODS
        ]


LAPTOP: dict[str, Any] = dict(
    dataset="cifar10",
    images=5000,
    test_images=2000,
    pool=2,
    widths=(12, 24, 48),
    divisors=(2, 4),
    labels=(500, 1500, 5000),
    seeds=5,
    batch_size=64,
    teacher_steps=600,
    paraphraser_steps=400,
    steps=250,
    dtype="float32",
)
TRANSFERS = Sweep(
    "factor_transfer", {"quick": Transfers(), "laptop": Transfers(**LAPTOP)}, inner=("weights",)
)
ALL: dict[str, Any] = dict(
    images=50_000, labels=(50_000,), divisors=(4,), teacher_steps=800, steps=800
)  # an epoch of each
EVERY_LABEL = Sweep(
    "factor_transfer_all",
    {"quick": Transfers(labels=(1000,)), "laptop": Transfers(**LAPTOP | ALL)},
    inner=("weights",),
)
