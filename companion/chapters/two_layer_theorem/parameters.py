"""Parameters of the chapter on two-layer networks, and the cells of its live runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.two_layer_theorem import studies
from companion.chapters.two_layer_theorem.sweeps import SampleComplexity
from companion.experiments.two_layer.spec import TwoLayer
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Fraction, Ints, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    teacher_width: Count = 10
    """teacher nodes m of the L-shape (nodes)"""
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    """student nodes per teacher node n / m, each at least 1 (ratio)"""
    polarities: Floats = (0.0, 1.0, 2.0)
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    seeds: Count = 4
    """ensemble members, each with its own teacher, data, start and batches (number)"""
    samples: Annotated[int, Field(ge=2)] = 10_000
    """training samples of the L-shape (number)"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    epochs: Count = 10
    """L-shape training time (epochs of 1000 steps)"""
    success_threshold: Fraction = 0.95
    """correlation above which a teacher node counts as specialized, in (0, 1)"""
    sample_sizes: Ints = (30, 60, 120, 240, 480, 960)
    """training-set sizes of the sample-complexity run (samples)"""
    sample_steps: Count = 2000
    """steps per epoch of the sample-complexity run, which has 5 epochs (SGD steps)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the paper-scale sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self.l_shape(), self.sample_complexity().cells()  # each refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The two ensembles, then the small numbers."""
        small = [studies.CriticalPoints(), self.heat_map(), studies.GradientRule()]
        long = [self.l_shape(), studies.SmallGradient(), studies.Plane()]
        return [*long, *self.sample_complexity().cells(), *small]

    def l_shape(self) -> TwoLayer:
        """The ensemble behind the heat map and the L-shape."""
        return self.into(TwoLayer, seeds=tuple(range(1, self.seeds + 1)), snapshots=(0, self.epochs))

    def heat_map(self) -> TwoLayer:
        """One network of it, whose every correlation is shown: first seed and polarity, a narrow student."""
        narrow = sorted(self.over_realizations)[:2][-1]
        shown = dict(polarities=self.polarities[:1], over_realizations=(narrow,), tables=("pairs",))
        return self.into(TwoLayer, seeds=(1,), snapshots=(0, self.epochs), **shown)

    def sample_complexity(self) -> SampleComplexity:
        """The quick sample-complexity sweep; teacher width, polarity and budget are the paper's own."""
        budget = dict(samples=self.sample_sizes, steps_per_epoch=self.sample_steps)
        return self.into(SampleComplexity, teacher_width=5, epochs=5, **budget)
