"""Fan-out ordering: teacher width x polarity x over-realization, the paper's main two-layer sweep."""

from companion.chapters.fan_out_ordering.studies import LeakyTwoLayer, Stages
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


class StagesOfTraining(Grid):
    """Students looked at often; a cell per few seeds."""

    seeds: Count = 4
    steps: Count = 5000
    looks: Count = 60

    def cells(self) -> list[Stages]:
        seeds = range(1, self.seeds + 1)
        each = 2 * SEEDS_PER_CELL
        groups = [tuple(seeds[first : first + each]) for first in range(0, self.seeds, each)]
        return [self.into(Stages, seeds=group) for group in groups]


STAGES = Sweep(
    "stages",
    {
        "quick": StagesOfTraining(),
        "laptop": StagesOfTraining(seeds=16, steps=10_000, looks=120),
        "paper": StagesOfTraining(seeds=32, steps=50_000, looks=200),
    },
    ("polarity",),
)


class Slopes(Grid):
    """Leaky students of leaky teachers beside ReLU, paired; one cell per slope and few seeds."""

    slopes: Floats = (0.0, 0.1, 0.3)
    teacher_width: Count = 10
    polarities: Floats = (0.0, 1.0, 2.0)
    over_realizations: Floats = (1.0, 2.0, 5.0)
    seeds: Count = 4
    samples: Count = 10_000
    epochs: Count = 2
    steps_per_epoch: Count = 1000
    snapshots: Ints = (0, 1, 2)
    eval_samples: Count = 4000

    def cells(self) -> list[LeakyTwoLayer]:
        seeds = range(1, self.seeds + 1)
        return [
            self.into(
                LeakyTwoLayer,
                slope=slope,
                seeds=tuple(seeds[first : first + SEEDS_PER_CELL]),
                tables=("runs", "teachers"),
            )
            for first in range(0, self.seeds, SEEDS_PER_CELL)
            for slope in self.slopes
        ]


SLOPES = Sweep(
    "slopes",
    {
        "quick": Slopes(),
        "laptop": Slopes(seeds=8, epochs=5, snapshots=(0, 1, 2, 3, 5)),
        "paper": Slopes(seeds=32, epochs=20, snapshots=(0, 1, 2, 3, 5, 7, 10, 15, 20)),
    },
    ("slope", "polarity", "over_realization"),
)
