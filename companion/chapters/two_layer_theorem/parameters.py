"""Parameters of the chapter on two-layer networks, and the cells of its live runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.two_layer_theorem import studies
from companion.experiments.two_layer.spec import TwoLayer
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Fraction, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    teacher_width: Count = 10
    """teacher nodes m (nodes)"""
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    """student nodes per teacher node n / m, each at least 1 (ratio)"""
    polarities: Floats = (0.0, 1.0, 2.0)
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    seeds: Count = 4
    """ensemble members, each with its own teacher, data, start and batches (number)"""
    samples: Annotated[int, Field(ge=2)] = 10_000
    """training samples (number)"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    epochs: Count = 5
    """training time (epochs of 1000 steps)"""
    success_threshold: Fraction = 0.95
    """correlation above which a teacher node counts as specialized, in (0, 1)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensemble; float32 is faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where the ensemble trains; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self.l_shape()  # it refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The ensemble, then the small numbers."""
        small = [self.heat_map(), studies.GradientRule(), studies.CriticalPoints()]
        return [self.l_shape(), studies.TrainedStudents(), studies.Plane(), *small]

    def l_shape(self) -> TwoLayer:
        """The ensemble behind the heat map and the L-shape."""
        return self.into(TwoLayer, seeds=tuple(range(1, self.seeds + 1)), snapshots=(0, self.epochs))

    def heat_map(self) -> TwoLayer:
        """One network of it, whose every correlation is shown: first seed and polarity, a narrow student."""
        narrow = sorted(self.over_realizations)[:2][-1]
        shown = dict(polarities=self.polarities[:1], over_realizations=(narrow,), tables=("pairs",))
        return self.into(TwoLayer, seeds=(1,), snapshots=(0, self.epochs), **shown)
