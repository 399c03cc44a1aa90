"""Parameters of the chapter on finite data, and the cells of its live runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.finite_data import studies
from companion.chapters.finite_data.sweeps import SampleComplexity
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    over_realizations: Floats = (1.0, 5.0)
    """student nodes per teacher node n / m, each at least 1 (ratio)"""
    seeds: Count = 8
    """ensemble members, each with its own teacher, data, start and batches (number)"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    sample_sizes: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(strict=False, min_length=1)] = (
        60,
        240,
        960,
    )
    """sizes of the training set, each at least 2 (samples)"""
    sample_steps: Count = 500
    """training time (SGD steps per epoch, of 5 epochs)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the paper-scale sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self.sample_complexity().cells()  # each refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The students at small gradients, those of a hidden node, then a cell per size and kind of data."""
        return [studies.SmallGradient(), studies.Observation(), *self.sample_complexity().cells()]

    def sample_complexity(self) -> SampleComplexity:
        """The quick sample-complexity sweep; teacher width and polarity are the paper's own."""
        budget = dict(samples=self.sample_sizes, steps_per_epoch=self.sample_steps)
        return self.into(SampleComplexity, teacher_width=5, epochs=5, **budget)
