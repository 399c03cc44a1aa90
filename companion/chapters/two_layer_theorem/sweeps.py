"""Sample complexity: teacher-aware against random training data, for growing training sets."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from ts_core.experiments.spec import Count, Floats, Ints, Positive, Spec
from ts_core.experiments.two_layer import Cell


class SampleComplexity(Spec):
    """The sweep behind the sample-complexity figure; one cell per kind of data and number of samples."""

    input_dim: Count = 100
    outputs: Count = 50
    teacher_width: Count = 5
    polarity: Annotated[float, Field(ge=0)] = 1.0
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    samples: Ints = (30, 60, 120, 240, 480, 960)
    seeds: Count = 4
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Count = 5
    steps_per_epoch: Count = 2000
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def cells(self) -> list[Cell]:
        """Cells of this sweep; raises SpecError if any of them cannot be run."""
        return [
            Cell(
                input_dim=self.input_dim, outputs=self.outputs, teacher_width=self.teacher_width,
                over_realizations=self.over_realizations, polarities=(self.polarity,),
                seeds=tuple(range(1, self.seeds + 1)), data=kind, samples=count, batch_size=self.batch_size,
                learning_rate=self.learning_rate, epochs=self.epochs, steps_per_epoch=self.steps_per_epoch,
                snapshots=tuple(range(self.epochs + 1)), dtype=self.dtype, device=self.device, tables=("runs",),
            )
            for count in self.samples
            for kind in ("aware", "random")
        ]


PAPER = SampleComplexity(
    samples=(*range(30, 211, 15), 270, 330, 390, 450, 510, 570, 630, 690, 720, 780, 840, 900, 960), seeds=32,
    epochs=20, steps_per_epoch=5000,
)


def over_epochs(runs: pd.DataFrame) -> pd.DataFrame:
    """One row per run, as the released plots aggregate it: the minimum of every column over the trained epochs.

    For the losses that is early stopping by an oracle; for ``mean_best_correlation`` it is the *worst* epoch, a
    pessimistic number (``last_correlation`` has the final one). A diverged run is NaN throughout.
    """
    keys = ["seed", "data", "samples", "over_realization"]
    trained = runs[runs.epoch > 0].sort_values("epoch")
    values = ["train_loss", "eval_loss", "mean_best_correlation"]
    table = trained.groupby(keys)[values].min()
    last = trained.groupby(keys).last()
    table["last_correlation"], table["status"] = last.mean_best_correlation, last.status
    table.loc[table.status != "ok", [*values, "last_correlation"]] = np.nan  # not the minimum before it broke
    return table.reset_index()


def advantage(table: pd.DataFrame, samples: int) -> pd.DataFrame:
    """Aware minus random of every column, paired by seed, at one number of samples: ``(seed, over_realization)`` rows."""
    at = table[table.samples == samples].set_index(["seed", "over_realization", "data"])
    values = at[["train_loss", "eval_loss", "mean_best_correlation", "last_correlation"]].unstack("data")
    return (values.xs("aware", axis=1, level=1) - values.xs("random", axis=1, level=1)).reset_index()
