"""Specialization of every layer against the number of training samples: the paper's multi-layer sweep."""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Floats, Ints, Spec

SEEDS_PER_CELL = 5  # what trains together; about ten minutes of one core for the largest cell


class DatasetSize(Spec):
    """Both losses, several sizes of the training set; one cell per loss, size, over-realization and few seeds."""

    hidden: Ints = (10, 15, 20, 25)
    losses: tuple[str, ...] = ("mse", "cross_entropy")
    over_realizations: Floats = (2.0,)
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    epochs: Count = 20
    snapshots: Ints = (0, 1, 2, 5, 10, 20)

    def cells(self) -> list[Cell]:
        """Cells of this sweep, the longest first; raises SpecError if any of them cannot be run."""
        seeds = range(1, self.seeds + 1)
        cells = [
            Cell(hidden=self.hidden, over_realization=ratio, samples=samples, loss=loss, epochs=self.epochs,
                 snapshots=self.snapshots, seeds=tuple(seeds[first:first + SEEDS_PER_CELL]))
            for first in range(0, self.seeds, SEEDS_PER_CELL)
            for ratio in self.over_realizations
            for samples in self.sample_sizes
            for loss in self.losses
        ]
        return sorted(cells, key=lambda cell: -cell.work)


PAPER = DatasetSize(
    hidden=(50, 75, 100, 125), sample_sizes=(5000, 10_000, 20_000, 50_000), seeds=5, epochs=200,
    snapshots=(0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200),
)  # the released sweep has over-realization 5 and sizes up to 500,000 too
