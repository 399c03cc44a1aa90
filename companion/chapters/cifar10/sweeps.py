"""The CIFAR-10 experiment at three scales: a pruned teacher, then students by over-realization and seed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.datasets import cifar10
from companion.datasets.images import chosen, read
from companion.experiments.convolutional.spec import Student, Teacher, Training
from companion.runs.spec import Cell, Count, Floats, Positive, SweepSpec
from companion.runs.sweeps import Sweep

Ratios = Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(strict=False, min_length=1)]


class Cifar10(SweepSpec):
    """Settings of the experiment; the defaults are the quick scale."""

    dataset: Literal["auto", "patches", "cifar10"] = "auto"
    """images: cifar10, patches of photographs that ship with scikit-image, or auto:
    cifar10 where its files are, else patches
    """
    images: Annotated[int, Field(ge=100)] = 1500
    """training images, with the validation images among them (number)"""
    validation_images: Annotated[int, Field(ge=10)] = 250
    """training images set aside to select the epoch (number)"""
    test_images: Annotated[int, Field(ge=10)] = 600
    """test images, for accuracies and correlations (number)"""
    pool: Annotated[int, Field(ge=1, le=2)] = 2
    """pixels averaged along each side of the 32 x 32 images, 1 or 2 (pixels)"""
    width: Count = 12
    """channels of every teacher layer before pruning (number)"""
    prune: Ratios = (0.3, 0.5, 0.5, 0.7)
    """share of channels pruned per layer, in [0, 1); as many 3 x 3 convolutions as values (fractions)"""
    over_realizations: Floats = (1.0, 2.0)
    """student channels per active teacher channel, each at least 1 (ratio)"""
    seeds: Count = 3
    """students per over-realization, each with its own start, batches and crops (number)"""
    batch_size: Annotated[int, Field(ge=2)] = 25
    """images per step, drawn without replacement (number)"""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """sgd has momentum .9"""
    teacher_epochs: Count = 8
    """passes over the labelled training images (number)"""
    tuning_epochs: Count = 3
    """passes over them after pruning (number)"""
    teacher_rate: Positive = 0.005
    """largest learning rate of the teacher's cross-entropy, for training and for fine-tuning"""
    student_epochs: Count = 6
    """passes over the unlabelled training images (number)"""
    student_rate: Positive = 0.004
    """largest learning rate of the students, for 1/2 ||f* - f||^2 summed over outputs of standard deviation
    1
    """
    dtype: Literal["float64", "float32"] = "float64"
    """number type; float32 is the larger scales' and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where networks train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self._students(self._teacher("patches", ""))  # refuses what cannot be run, whatever the images
        return self

    def check(self, data: Path | None) -> None:
        """Refuses images that are asked for by name and missing or damaged (DataError)."""
        if self.dataset == "cifar10" or data:
            cifar10.read(cifar10.data_folder(data))

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        """The teacher, then its students; raises DataError when the images cannot be read."""
        source = chosen(self.dataset, data)
        teacher = self._teacher(source, read(source, data)[1], str(data or ""))
        return [[teacher], self._students(teacher)]

    def _teacher(self, dataset: str, fingerprint: str, data: str = "") -> Teacher:
        shared = dict(batch_size=self.batch_size, optimizer=self.optimizer, weight_decay=5e-4)
        return self.into(
            Teacher,
            dataset=dataset,
            fingerprint=fingerprint,
            data=data,
            shift=4 // self.pool,
            training=Training(epochs=self.teacher_epochs, learning_rate=self.teacher_rate, **shared),
            tuning=Training(epochs=self.tuning_epochs, learning_rate=self.teacher_rate, **shared),
        )

    def _students(self, teacher: Teacher) -> list[Student]:
        training = self.into(Training, epochs=self.student_epochs, learning_rate=self.student_rate)
        return [
            Student(teacher=teacher, over_realization=ratio, seed=seed, training=training)
            for ratio in sorted(self.over_realizations, reverse=True)
            for seed in range(1, self.seeds + 1)
        ]


REAL = dict(
    dataset="cifar10",
    images=50_000,
    validation_images=5000,
    test_images=10_000,
    pool=1,
    batch_size=128,
    dtype="float32",
)
LAPTOP = Cifar10(
    **REAL,
    width=16,
    teacher_epochs=20,
    tuning_epochs=6,
    student_epochs=20,
    teacher_rate=0.005,
    student_rate=0.003,
)
PAPER = Cifar10(  # a wider top layer needs smaller rates
    **REAL,
    width=64,
    over_realizations=(1.0, 2.0, 5.0),
    teacher_epochs=200,
    tuning_epochs=50,
    student_epochs=100,
    teacher_rate=0.00125,
    student_rate=0.0005,
)
CIFAR10 = Sweep("cifar10", {"quick": Cifar10(), "laptop": LAPTOP, "paper": PAPER}, ("over_realization",))
