"""Parameters of the chapter on fan-out ordering, and the cell of its live run."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.fan_out_ordering import studies
from companion.experiments.two_layer.spec import TwoLayer
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Fraction, Positive
from ts_core.sizes import log_spaced


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    teacher_width: Count = 10
    """teacher nodes m of the live run (nodes)"""
    over_realizations: Floats = (1.0, 5.0)
    """student nodes per teacher node n / m in the live run, each at least 1 (ratio)"""
    polarities: Floats = (1.0, 2.0)
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    seeds: Count = 6
    """ensemble members of the live run, each with its own teacher, data, start and batches (number)"""
    samples: Annotated[int, Field(ge=2)] = 10_000
    """training samples (number)"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    steps: Annotated[int, Field(ge=100)] = 10_000
    """length of the live run (SGD steps; whole hundreds)"""
    success_threshold: Fraction = 0.95
    """correlation above which a teacher node counts as specialized, in (0, 1);
    up to .85 an affine node can meet it
    """
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the paper-scale sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        if self.steps % 100:
            raise ValueError(f"steps: must be a multiple of 100, got {self.steps}")
        self.live()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The live run, then the runs of two figures."""
        return [self.live(), studies.CONVERGENCE, studies.GradientLevels()]

    def live(self) -> TwoLayer:
        """The live ensemble, looked at often: an epoch here is 100 steps."""
        return self.into(
            TwoLayer,
            seeds=tuple(range(1, self.seeds + 1)),
            epochs=self.steps // 100,
            steps_per_epoch=100,
            eval_samples=2000,
            snapshots=tuple(log_spaced(self.steps // 100, 25)),
            tables=("teachers",),
        )
