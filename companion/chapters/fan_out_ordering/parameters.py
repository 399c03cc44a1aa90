"""The chapter on fan-out ordering: its parameters, and the tables behind its pictures."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from ts_core.experiments.chapter import Chapter
from ts_core.experiments.spec import Count, Floats, Fraction, Positive
from ts_core.experiments.two_layer import Cell
from ts_core.training import log_spaced


class FanOutOrdering(Chapter):
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
    """correlation above which a teacher node counts as specialized, in (0, 1); up to .85 an affine node can meet it"""
    flow_seeds: Count = 4
    """starts of the population flow (number)"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the paper-scale sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""
    results: str = "auto"
    """folder that keeps finished runs, so that a second run resumes; auto is _build/cells of the project"""

    @model_validator(mode="after")
    def _runnable(self):
        if self.steps % 100:
            raise ValueError(f"steps: must be a multiple of 100, got {self.steps}")
        self.live()  # refuses what it cannot run
        return self

    def live(self) -> Cell:
        """The live ensemble, looked at often: an epoch here is 100 steps."""
        return Cell(
            input_dim=self.input_dim, outputs=self.outputs, teacher_width=self.teacher_width,
            over_realizations=self.over_realizations, polarities=self.polarities,
            seeds=tuple(range(1, self.seeds + 1)), samples=self.samples, batch_size=self.batch_size,
            learning_rate=self.learning_rate, epochs=self.steps // 100, steps_per_epoch=100, eval_samples=2000,
            snapshots=tuple(log_spaced(self.steps // 100, 25)), dtype=self.dtype, device=self.device,
            tables=("teachers",),
        )


def success_rate(teachers: pd.DataFrame, threshold: float, epochs: tuple[int, ...]) -> pd.DataFrame:
    """Share of seeds in which a student correlates above ``threshold`` with each teacher node, in [0, 1].

    teachers    table of :func:`ts_core.experiments.two_layer.run`.
    returns     one row per teacher_width, polarity, over_realization, epoch and teacher (0 = strongest).
    """
    shown = teachers[teachers.epoch.isin(epochs)]
    keys = ["teacher_width", "polarity", "over_realization", "epoch", "teacher"]
    hit = (shown.best_correlation > threshold).where(shown.best_correlation.notna()).astype(float)  # not the diverged
    return shown.assign(success_rate=hit).groupby(keys).success_rate.mean().reset_index()


def loss_curves(runs: pd.DataFrame) -> pd.DataFrame:
    """log10 of the evaluation loss of every run that did not diverge; losses of 0 are set to the smallest float32."""
    shown = runs[runs.status == "ok"]
    return shown.assign(log10_eval_loss=np.log10(shown.eval_loss.astype(float).clip(lower=np.finfo("float32").tiny)))
