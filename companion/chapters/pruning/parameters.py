"""Parameters of the chapter on pruning, and the cells of its live runs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.pruning.studies import Pruned, PrunedClassifiers
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 60
    """input dimension d (nodes)"""
    teacher_width: Count = 2
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    """student nodes per teacher node z; all subsets of z m nodes are tried, so 14 nodes at most (ratio)"""
    fan_out: Positive = 4.0
    """fan-out weight v* of every teacher node"""
    noise: Annotated[float, Field(ge=0)] = 2.0
    """standard deviation of the label noise of the noisy students (in units of the output)"""
    seeds: Annotated[int, Field(ge=2)] = 20
    """students of each kind, each with its own teacher, samples and start (number)"""
    batch_size: Count = 50
    """samples per SGD step, each seen once (number)"""
    learning_rate: Positive = 0.1
    """SGD step size for the loss 1/2 (f* - f)^2, both layers"""
    steps: Count = 1000
    """length of the training (SGD steps)"""
    draws: Annotated[int, Field(ge=2)] = 20
    """masks per student, of random and of DPP edges, and shuffles of its kernel (number)"""
    classifiers: Annotated[int, Field(ge=2)] = 10
    """perceptrons that learn handwritten digits (number)"""
    classifier_width: Annotated[int, Field(ge=5)] = 40
    """their hidden nodes (nodes)"""
    classifier_steps: Count = 800
    """length of their training (SGD steps)"""
    dtype: Literal["float32", "float64"] = "float32"
    """number type of the training; pruning is float64"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Students of both starts, then noisy ones, then classifiers."""
        return [*self.clean(), self.noisy(), self.on_digits()]

    def clean(self) -> list[Pruned]:
        """Without label noise, from even and from drawn fan-outs."""
        return [self._cell(start=start, noise=0.0) for start in ("even", "drawn")]

    def noisy(self) -> Pruned:
        return self._cell(start="even")

    def on_digits(self) -> PrunedClassifiers:
        """Perceptrons on handwritten digits, ten draws of each of their masks and subsets."""
        return PrunedClassifiers(
            width=self.classifier_width,
            seeds=tuple(range(1, self.classifiers + 1)),
            steps=self.classifier_steps,
            dtype=self.dtype,
        )

    def _cell(self, **changes) -> Pruned:
        return self.into(Pruned, seeds=tuple(range(1, self.seeds + 1)), **changes)
