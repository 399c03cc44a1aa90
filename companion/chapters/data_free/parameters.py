"""Parameters of the chapter on distillation from noise, and the cell of its live run."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from companion.chapters.data_free.studies import Distilled, Widths
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale, on digits."""

    per_layer: ClassVar = ("widths",)

    images: Annotated[int, Field(ge=100, lt=1797)] = 1297
    """training digits of 8 x 8 pixels, of 1,797; the others are for the test (number)"""
    widths: Widths = (4, 8, 8)
    """channels of the teacher's layers, three at most (number)"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """student channels per teacher channel in every layer (ratio)"""
    seeds: Count = 3
    """teachers, each with its own start and batches and with a student per lesson (number)"""
    teacher_steps: Count = 150
    """length of the teacher's training on labels (Adam steps)"""
    steps: Count = 120
    """length of a student's training (Adam steps)"""
    batch_size: Annotated[int, Field(ge=2)] = 32
    """inputs per step; noise is fresh at every step (number)"""
    learning_rate: Positive = 0.01
    """peak of Adam's step size, which rises for a tenth of the steps and falls to 0"""
    calibration: Annotated[int, Field(ge=2)] = 500
    """unlabelled images, or noise inputs, for moments that are measured after training (number)"""
    dtype: Literal["float32", "float64"] = "float32"
    """number type of networks"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where networks train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        return [self.distilled()]

    def distilled(self) -> Distilled:
        """Teachers and the students of every lesson."""
        return self.into(Distilled, test_images=1797 - self.images, seeds=tuple(range(1, self.seeds + 1)))
