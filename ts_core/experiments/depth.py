"""Over-realization and depth, beyond the paper: how far up does specialization go, for how many samples?"""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Ints, Positive, Spec


class Depth(Spec):
    """Narrow teachers of several depths; one cell per number of hidden layers and size of the training set."""

    width: Count = 15
    hidden_layers: Ints = (2, 4)
    over_realization: Positive = 4.0
    sample_sizes: Ints = (500, 2000)
    seeds: Count = 3
    epochs: Count = 10
    snapshots: Ints = (0, 1, 3, 10)

    def cells(self) -> list[Cell]:
        """Cells of this sweep, the longest first; raises SpecError if any of them cannot be run."""
        cells = [
            Cell(hidden=(self.width,) * layers, over_realization=self.over_realization, samples=samples, epochs=self.epochs,
                 snapshots=self.snapshots, seeds=tuple(range(1, self.seeds + 1)))
            for layers in self.hidden_layers
            for samples in self.sample_sizes
        ]
        return sorted(cells, key=lambda cell: -cell.work)


PAPER = Depth(
    hidden_layers=(2, 4, 6), sample_sizes=(1000, 3000, 10_000, 30_000, 100_000), seeds=5, epochs=100,
    snapshots=(0, 1, 3, 10, 30, 100),
)  # the scale of the book: the papers have no such experiment
