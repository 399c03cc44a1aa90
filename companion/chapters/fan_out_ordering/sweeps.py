"""Fan-out ordering: teacher width x polarity x over-realization, the paper's main two-layer sweep."""

from ts_core.experiments.spec import Count, Floats, Ints, Positive, Spec
from ts_core.experiments.two_layer import Cell

SEEDS_PER_CELL = 4  # a few minutes of one core at paper scale: what an interruption may cost


class FanOut(Spec):
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

    def cells(self) -> list[Cell]:
        """Cells of this sweep; raises SpecError if any of them cannot be run."""
        seeds = range(1, self.seeds + 1)
        shared = self.model_dump(exclude={"teacher_widths", "seeds"})
        return [
            Cell(teacher_width=width, seeds=tuple(seeds[first:first + SEEDS_PER_CELL]), **shared)
            for width in sorted(self.teacher_widths, reverse=True)
            for first in range(0, self.seeds, SEEDS_PER_CELL)
        ]


PAPER = FanOut(
    teacher_widths=(5, 10, 20), polarities=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5), seeds=32, epochs=100,
    snapshots=(0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100),
)
