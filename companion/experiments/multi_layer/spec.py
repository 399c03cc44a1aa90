"""The paper's multi-layer experiment: its settings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Positive, Tables
from ts_core.sizes import over_realized_width


class MultiLayer(Cell):
    """Networks that train together: one per seed, with its own teacher, data, start and order of batches."""

    input_dim: Count = 20
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (50, 75, 100, 125)
    outputs: Count = 100
    over_realization: float = 2.0
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    samples: Count = 20_000
    loss: Literal["mse", "cross_entropy"] = "mse"
    slope: Annotated[float, Field(ge=0, lt=1)] = 0.0
    data_std: Positive = 10.0
    batch_size: Count = 64
    learning_rates: Annotated[tuple[tuple[int, Positive], ...], Field(min_length=1)] = ((0, 0.2), (20, 0.1))
    epochs: Count = 200
    snapshots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1, 2, 5, 10, 20, 50, 100, 200)
    tuned_on: Literal["own", "evaluation"] = "own"
    tuning_samples: Annotated[int, Field(ge=2)] = 10_240
    eval_samples: Annotated[int, Field(ge=2)] = 10_240
    beta_samples: Count = 1024
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    tables: tuple[Literal["runs", "layers", "students"], ...] = ("runs", "layers")

    @model_validator(mode="after")
    def _fits(self):
        for width in self.hidden:
            over_realized_width(width, self.over_realization)
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        if self.loss == "cross_entropy" and self.outputs < 2:
            raise ValueError(
                f"outputs: cross_entropy tells classes apart and needs at least 2, got {self.outputs}"
            )
        if max(self.snapshots, default=0) != self.epochs:
            raise ValueError(
                f"snapshots: must end with the last epoch, {self.epochs}, got {list(self.snapshots)}"
            )
        if self.learning_rates[0][0] != 0 or [e for e, _ in self.learning_rates] != sorted(
            {e for e, _ in self.learning_rates}
        ):
            raise ValueError(
                f"learning_rates: epochs must rise from 0, got {[e for e, _ in self.learning_rates]}"
            )
        for name in ("seeds", "snapshots"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: values must differ, got {list(getattr(self, name))}")
        return self

    @property
    def steps_per_epoch(self) -> int:
        return self.samples // self.batch_size

    @property
    def student_sizes(self) -> tuple[int, ...]:
        """Nodes of every layer of a student, input and output included."""
        widths = [over_realized_width(width, self.over_realization) for width in self.hidden]
        return self.input_dim, *widths, self.outputs

    @property
    def work(self) -> float:
        """Rough cost, in multiply-adds."""
        sizes = self.student_sizes
        weights = sum(a * b for a, b in zip(sizes, sizes[1:]))
        return float(self.epochs) * self.samples * len(self.seeds) * weights

    def run(self, *earlier: Tables) -> Tables:
        """Train the networks; returns the tables that are asked for, one row per observation.

        runs        seed, depth (hidden layers), samples, loss, over_realization, learning_rate (the first),
                    tuned_on, epoch: train_loss (on as many samples as are evaluated on), eval_loss,
                    status ok or diverged.
        layers      the same keys and layer (1 = lowest): mean_best_correlation, the mean over *teacher*
                    nodes of the best student's; mean_best_teacher, the mean over *student* nodes of the
                    best teacher's.
        students    the same, layer and student: best_correlation with a teacher, root_beta = sqrt(E beta_kk),
                    root_h = sqrt(E H_kk) and output_std, the standard deviation of its output, evaluation
                    data. A node's scale cancels in root_beta times output_std.
        """
        from companion.experiments.multi_layer.run import run

        return run(self)
