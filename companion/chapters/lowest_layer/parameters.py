"""Parameters of the chapter on multi-layer networks, and the cells of its live runs."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from companion.chapters.lowest_layer import studies
from companion.experiments.multi_layer.spec import MultiLayer
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Fraction, Ints, Positive
from ts_core.sizes import log_spaced

FEW_PASSES = 200  # epochs on the small training set, as in the released sweep


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    per_layer: ClassVar = ("hidden",)

    input_dim: Count = 20
    """input dimension d (nodes)"""
    hidden: Ints = (10, 15, 20, 25)
    """teacher nodes per hidden layer, lowest first (nodes)"""
    outputs: Count = 100
    """output dimension C (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 4.0
    """student nodes per teacher node in every hidden layer, at least 1 (ratio)"""
    seeds: Count = 5
    """ensemble members, each with its own teacher, data, start and batches (number)"""
    samples: Count = 20_000
    """training samples of the main live run (number)"""
    few_samples: Count = 500
    """training samples of the run that fails for want of data (number)"""
    loss: Literal["mse", "cross_entropy"] = "mse"
    """what the student minimizes: squared error, or cross-entropy against the teacher's largest output"""
    batch_size: Count = 64
    """samples per SGD step, shuffled every epoch (number)"""
    learning_rate: Positive = 0.2
    """SGD step size of the first 20 epochs, in the convention of torch.nn.MSELoss and CrossEntropyLoss;
    then half
    """
    epochs: Count = 16
    """length of the main live run (passes through the data)"""
    threshold: Fraction = 0.95
    """mean best-student correlation at which a layer counts as specialized, in (0, 1)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the stored sweeps' and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        if len(self.hidden) < 2:
            raise ValueError(
                "hidden: needs at least 2 layers, so that there is one above the lowest; "
                f"got {list(self.hidden)}"
            )
        self.live()  # refuses what it cannot run
        self.few()
        return self

    def live_cells(self) -> list[Cell]:
        """The live runs, then the small numbers."""
        numbers = [studies.LocalKinks(), studies.PerfectStudents(), studies.CellTriples()]
        return [self.live(), *self.few(), *numbers]

    def live(self) -> MultiLayer:
        """The main live run, looked at after every epoch."""
        return self._cell(
            samples=self.samples,
            epochs=self.epochs,
            snapshots=tuple(range(self.epochs + 1)),
            tables=("runs", "layers", "students"),
            beta_samples=64,  # at every look: more would take longer than the training
        )

    def few(self) -> list[MultiLayer]:
        """The run on too few samples, with a teacher tuned on its own or on the evaluation samples."""
        times = tuple(log_spaced(FEW_PASSES, 8))
        return [
            self._cell(samples=self.few_samples, epochs=FEW_PASSES, snapshots=times, tuned_on=tuned)
            for tuned in ("own", "evaluation")
        ]

    def _cell(self, **changes) -> MultiLayer:
        return self.into(
            MultiLayer,
            seeds=tuple(range(1, self.seeds + 1)),
            tuning_samples=4096,
            eval_samples=4096,
            learning_rates=((0, self.learning_rate), (20, self.learning_rate / 2)),
            **changes,
        )
