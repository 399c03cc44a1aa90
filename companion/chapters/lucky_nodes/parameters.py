"""Parameters of the chapter on lucky nodes, and the cells of its live runs."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from companion.chapters.lucky_nodes.studies import (
    Decay,
    Frozen,
    Luck,
    Matched,
    Overlapping,
    OwnWeights,
    Projection,
    Relation,
    RichGetRicher,
    Width,
)
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Floats, Fraction, Ints, Positive
from ts_core.sizes import log_spaced

ENDINGS = (".pt", ".pth", ".safetensors")  # of files of weights
FIRST_EPOCHS = (0, 1, 2, 3, 4)  # baselines of the ranks, as in the published figures


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    per_layer: ClassVar = ("hidden",)

    input_dim: Count = 20
    """input dimension d of the deep students (nodes)"""
    hidden: Ints = (10, 15, 20, 25)
    """teacher nodes per hidden layer, lowest first (nodes)"""
    outputs: Count = 100
    """output dimension C of the deep students (nodes)"""
    over_realization: Annotated[float, Field(gt=1)] = 4.0
    """student nodes per teacher node of the deep students, above 1, so that someone can lose (ratio)"""
    seeds: Count = 6
    """deep students, each with its own teacher, data, start and batches (number)"""
    samples: Annotated[int, Field(ge=64)] = 6400
    """training samples of the deep students (number)"""
    epochs: Annotated[int, Field(ge=1)] = 4
    """length of their training, and of their tickets' (passes through the data)"""
    batch_size: Count = 64
    """samples per SGD step of the deep students, shuffled every epoch (number)"""
    learning_rate: Positive = 0.1
    """SGD step size of the deep students, in the convention of torch.nn.MSELoss"""
    decay_steps: Annotated[int, Field(ge=16)] = 1200
    """length of the runs on fan-out decay (SGD steps)"""
    decay_seeds: Count = 4
    """two-layer students of each start (number)"""
    close: Fraction = 0.99
    """cosine above which a student node sits on a teacher node, in (0, 1)"""
    trials: Count = 32
    """trials of the perfectly matched case for each coupling (number)"""
    widths: Floats = (1.0, 5.0, 20.0)
    """student nodes per teacher node in the runs on used width, each at least 1 (ratio)"""
    width_steps: Annotated[int, Field(ge=16)] = 1500
    """length of the runs on used width (SGD steps)"""
    weights: str = ""
    """a file of weights of your own whose batch normalizations are looked at: its whole path, ending in .pt,
    .pth or .safetensors; empty: none
    """
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the sweeps' and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        if self.weights and not (
            os.path.isabs(self.weights) and os.path.isfile(self.weights) and self.weights.endswith(ENDINGS)
        ):
            raise ValueError(
                f"weights: must be the whole path of a file that ends in {', '.join(ENDINGS)}, "
                f"got {self.weights[:80]!r}"
            )
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The deep students first, which take longest."""
        return [
            self.deep(),
            *self.decay(),
            *self.used(),
            Relation(),
            self.matched(),
            Frozen(),
            RichGetRicher(),
            Overlapping(),
            Projection(),
            *self.own_weights(),
        ]

    def deep(self) -> Luck:
        """Deep students and their tickets."""
        return self.into(
            Luck,
            seeds=tuple(range(1, self.seeds + 1)),
            looks=tuple(epoch for epoch in FIRST_EPOCHS if epoch <= self.epochs),
            eval_samples=(192, 1024, 4096),
            tickets=True,
            matrices=True,
        )

    def decay(self) -> list[Decay]:
        """A start near the teacher, and a random one."""
        return [
            Decay(
                start=start,
                seeds=tuple(range(1, self.decay_seeds + 1)),
                steps=self.decay_steps,
                looks=tuple(log_spaced(self.decay_steps, 10)),
                close=self.close,
                dtype=self.dtype,
                device=self.device,
            )
            for start in ((1.0, 1.0), ())
        ]

    def matched(self) -> Matched:
        return Matched(trials=self.trials)

    def used(self) -> list[Width]:
        """A small and a large start."""
        return [
            Width(
                over_realizations=self.widths,
                start=start,
                steps=self.width_steps,
                looks=tuple(log_spaced(self.width_steps, 8)),
                dtype=self.dtype,
                device=self.device,
            )
            for start in ("small", "large")
        ]

    def own_weights(self) -> list[OwnWeights]:
        """One cell, or none without a file."""
        if not self.weights:
            return []
        return [
            OwnWeights(digest=hashlib.sha256(Path(self.weights).read_bytes()).hexdigest(), file=self.weights)
        ]
