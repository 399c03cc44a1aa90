"""Sample complexity: teacher-aware against random training data, for growing training sets."""

from typing import Annotated, Literal

from pydantic import Field

from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep


class SampleComplexity(Grid):
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

    def cells(self) -> list[TwoLayer]:
        every, seeds = tuple(range(self.epochs + 1)), tuple(range(1, self.seeds + 1))
        shared = dict(polarities=(self.polarity,), seeds=seeds, snapshots=every, tables=("runs",))
        return [
            self.into(TwoLayer, samples=count, data=kind, **shared)
            for count in self.samples
            for kind in ("aware", "random")
        ]


PAPER = SampleComplexity(
    samples=(*range(30, 211, 15), 270, 330, 390, 450, 510, 570, 630, 690, 720, 780, 840, 900, 960),
    seeds=32,
    epochs=20,
    steps_per_epoch=5000,
)
SAMPLE_COMPLEXITY = Sweep(
    "sample_complexity", {"quick": SampleComplexity(), "paper": PAPER}, ("polarity", "over_realization")
)
