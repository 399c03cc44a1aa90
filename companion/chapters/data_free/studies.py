"""The chapter's cell: teachers on real images, and the students they teach on several inputs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Widths = Annotated[tuple[Count, ...], Field(strict=False, min_length=1, max_length=3)]
DataSet = Literal["digits", "patches", "cifar10"]
Source = Literal["noise", "matched noise", "images"]
Statistics = Literal["stored", "batch"]
Lesson = tuple[Source, Statistics]
CLASSES = 10
LESSONS: tuple[Lesson, ...] = (
    ("noise", "stored"),
    ("noise", "batch"),
    ("matched noise", "stored"),
    ("images", "stored"),
)
"""what students see, and what the teacher that labels it normalizes with"""


class Distilled(Cell):
    """Teachers that learn labels and students that learn the teachers' outputs, all seeds at once."""

    dataset: DataSet = "digits"
    fingerprint: str = ""
    """which images, wherever they lie on this machine"""
    images: Count = 1297
    """training images of the teacher, and of the students that see images"""
    test_images: Count = 500
    pool: Annotated[int, Field(ge=1, le=4)] = 1
    """pixels averaged along each side"""
    widths: Widths = (8, 16, 16)
    """channels of the teacher's layers"""
    over_realization: Positive = 1.0
    """student channels per teacher channel"""
    lessons: Annotated[tuple[Lesson, ...], Field(min_length=1)] = LESSONS
    seeds: Seeds = (1, 2, 3)
    teacher_steps: Count = 150
    steps: Count = 150
    batch_size: Annotated[int, Field(ge=2)] = 64
    learning_rate: Positive = 0.01
    """peak of Adam's, for teachers and students"""
    calibration: Annotated[int, Field(ge=2)] = 1000
    """inputs for moments that are measured after training, and for shifts"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data: str = Field("", exclude=True)
    """folder of the images on this machine, no part of the run's id; empty: the data set's own rule"""

    @model_validator(mode="after")
    def _fits(self):
        for name in ("batch_size", "calibration"):
            if getattr(self, name) > self.images:
                raise ValueError(
                    f"{name}: must not exceed the {self.images} training images, got {getattr(self, name)}"
                )
        _ = self.student_widths  # refuses what is not whole
        return self

    @property
    def student_widths(self) -> tuple[int, ...]:
        return tuple(over_realized_width(n, self.over_realization) for n in self.widths)

    @property
    def work(self) -> float:
        return float(self.steps) * len(self.lessons) * len(self.seeds) * self.batch_size

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``accuracy``, ``shift``, ``labels`` and ``units`` of distillation.distilled."""
        from companion.chapters.data_free.distillation import distilled

        return distilled(self)
