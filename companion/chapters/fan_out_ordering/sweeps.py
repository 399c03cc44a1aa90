"""Fan-out ordering: teacher width x polarity x over-realization, the paper's main two-layer sweep."""

from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 4  # a few minutes of one core at paper scale: what an interruption may cost


class FanOut(Grid):
    """The sweep behind success rates, loss curves and L-shape; one cell per teacher width and few seeds."""

    input_dim: Count = 100
    outputs: Count = 50
    teacher_widths: Ints = (10,)
    polarities: Floats = (0.0, 1.0, 2.0)
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    seeds: Count = 4
    samples: Count = 10_000
    learning_rate: Positive = 0.01
    epochs: Count = 10
    steps_per_epoch: Count = 1000
    snapshots: Ints = (0, 1, 2, 3, 5, 7, 10)

    def cells(self) -> list[TwoLayer]:
        seeds = range(1, self.seeds + 1)
        return [
            self.into(TwoLayer, teacher_width=width, seeds=tuple(seeds[first : first + SEEDS_PER_CELL]))
            for width in sorted(self.teacher_widths, reverse=True)
            for first in range(0, self.seeds, SEEDS_PER_CELL)
        ]


PAPER = FanOut(
    teacher_widths=(5, 10, 20),
    polarities=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5),
    seeds=32,
    epochs=100,
    snapshots=(0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)
FAN_OUT = Sweep("fan_out", {"quick": FanOut(), "paper": PAPER}, ("polarity", "over_realization"))
