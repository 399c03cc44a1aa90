"""The convolutional experiment: settings of a pruned teacher and of the students that learn its outputs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.datasets.cifar10 import SIDE
from companion.runs.spec import Cell, Count, Positive, Spec, Tables
from ts_core.sizes import over_realized_width


class Training(Spec):
    """How one network trains: epochs of shuffled batches, warm-up and half a cosine of the learning rate."""

    epochs: Annotated[int, Field(ge=0)] = 20
    batch_size: Annotated[int, Field(ge=2)] = 128
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: Positive = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class Teacher(Cell):
    """One teacher on one set of images; ``fingerprint`` says which, wherever they lie on this machine."""

    dataset: Literal["cifar10", "patches"]
    fingerprint: str
    images: Count
    """training images, the validation images among them"""
    validation_images: Count
    test_images: Count
    pool: Annotated[int, Field(ge=1, le=2)] = 1
    """pixels averaged along each side"""
    shift: Annotated[int, Field(ge=0, le=8)] = 4
    """random crops move an image by up to so many pixels"""
    width: Count = 64
    prune: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(min_length=1)] = (
        0.3,
        0.5,
        0.5,
        0.7,
    )
    norm: Literal["after", "before", "none"] = "after"
    """BatchNorm after ReLU, before it, or none, for the teacher and its students"""
    training: Training = Training(learning_rate=0.1, weight_decay=5e-4)
    tuning: Training = Training(epochs=5, learning_rate=0.02, weight_decay=5e-4)
    seed: Annotated[int, Field(ge=0)] = 1
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data: str = Field("", exclude=True)
    """folder of the images on this machine, no part of the run's id; empty: the data set's own rule"""

    @property
    def side(self) -> int:
        return SIDE // self.pool

    @property
    def active_widths(self) -> tuple[int, ...]:
        return tuple(self.width - int(ratio * self.width) for ratio in self.prune)

    @model_validator(mode="after")
    def _fits(self):
        if self.side <= 2 * len(self.prune):
            raise ValueError(f"prune: {len(self.prune)} layers leave nothing of images of {self.side} pixels")
        learned = self.images - self.validation_images
        for training in (self.training, self.tuning):
            if training.batch_size > learned:
                raise ValueError(
                    f"batch_size: must not exceed the {learned} training images left beside validation, "
                    f"got {training.batch_size}"
                )
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Train, prune, fine-tune and cut down one teacher.

        epochs      phase (training or tuning), epoch, train_loss (cross-entropy), validation_accuracy,
                    test_accuracy, selected.
        channels    layer (1 is the lowest), channel, fan_out (mean absolute weight), active.
        weights     parameter, index, value: the pruned teacher, only its active channels, its outputs
                    in units of their spread.
        images      one row: dataset, fingerprint, official (the verified archive of CIFAR-10).
        """
        from companion.experiments.convolutional.teacher import run

        return run(self)


class Student(Cell):
    """One student, paired with the others of its seed.

    Students of one seed see the same batches and crops, whatever their over-realization.
    """

    teacher: Teacher
    over_realization: float
    seed: Annotated[int, Field(ge=0)]
    training: Training

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(over_realized_width(n, self.over_realization) for n in self.teacher.active_widths)

    @model_validator(mode="after")
    def _fits(self):
        learned = self.teacher.images - self.teacher.validation_images
        if self.training.batch_size > learned:
            raise ValueError(
                f"batch_size: must not exceed the {learned} training images, got {self.training.batch_size}"
            )
        _ = self.widths  # refuses what is not whole
        return self

    @property
    def device(self) -> str:
        return self.teacher.device

    def run(self, *earlier: Tables) -> Tables:
        """Train one student; one row per observation, all with seed and over_realization.

        earlier     the tables of the teacher's run.
        runs        epoch: train_loss, validation_loss, test_loss (mean over images and outputs of the squared
                    error), validation_accuracy, test_accuracy (of the labels), validation_agreement,
                    test_agreement (with the teacher's decisions), selected (best validation accuracy),
                    status ok or diverged.
        units       epoch, layer (1 is the lowest), teacher (active channel): student, the channel that
                    correlates best with it on the test images, and best_correlation.
        filters     first and last epoch, teacher (active channel of layer 1), student: weight, by colour,
                    row and column.
        """
        from companion.experiments.convolutional.students import run

        return run(self, *earlier)
