"""The paper's two-layer experiment: its settings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Positive, Tables
from ts_core.sizes import over_realized_width


class TwoLayer(Cell):
    """Networks that train together on one kind and number of samples: every seed, polarity, over-realization.

    A seed has one data set, one first teacher layer and one stream of batches, which its polarities and
    over-realizations share; they are therefore paired.
    """

    input_dim: Count = 100
    outputs: Count = 50
    teacher_width: Count = 10
    over_realizations: Annotated[tuple[float, ...], Field(min_length=1)] = (1.0, 2.0, 5.0, 10.0)
    polarities: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.0, 1.0, 2.0)
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    data: Literal["random", "aware"] = "random"
    samples: Annotated[int, Field(ge=2)] = 10_000
    data_std: Positive = 1.5
    aware_step_min: Positive = 2.0
    aware_step_range: Positive = 2.0
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Count = 100
    steps_per_epoch: Count = 1000
    snapshots: tuple[Annotated[int, Field(ge=0)], ...] = (
        0,
        1,
        2,
        3,
        5,
        7,
        10,
        15,
        20,
        30,
        40,
        55,
        70,
        85,
        100,
    )
    eval_samples: Annotated[int, Field(ge=2)] = 10_000
    student_scale: Positive = 0.005
    teacher_bias: float = -0.1
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    tables: tuple[Literal["runs", "teachers", "students", "pairs"], ...] = ("runs", "teachers", "students")

    @model_validator(mode="after")
    def _fits(self):
        for ratio in self.over_realizations:
            over_realized_width(self.teacher_width, ratio)
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        if max(self.snapshots, default=0) != self.epochs:
            raise ValueError(
                f"snapshots: must end with the last epoch, {self.epochs}, got {list(self.snapshots)}"
            )
        for name in ("seeds", "polarities", "over_realizations", "snapshots"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: values must differ, got {list(getattr(self, name))}")
        return self

    @property
    def work(self) -> float:
        """Rough cost: steps x networks x (a constant + the student's width)."""
        widths = sum(15 + self.teacher_width * ratio for ratio in self.over_realizations)
        return self.epochs * self.steps_per_epoch * len(self.seeds) * len(self.polarities) * widths

    def run(self, *earlier: Tables) -> Tables:
        """Train the networks; returns the tables that are asked for, one row per observation.

        runs        seed, data, samples, polarity, over_realization, epoch: train_loss, eval_loss (mean over
                    samples and outputs), mean_best_correlation (mean over teacher nodes, evaluation data),
                    status ok or diverged.
        teachers    the same keys and teacher (0 = strongest): fan_out_norm, best_correlation on the
                    evaluation data.
        students    last epoch only, and student: fan_out_norm, best_correlation with a teacher on the
                    training data.
        pairs       the same keys, teacher and student: correlation on the evaluation data.
        """
        from companion.experiments.two_layer.run import run

        return run(self)
