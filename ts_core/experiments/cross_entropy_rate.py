"""Cross-entropy at smaller learning rates than the squared error's: does the rate explain the published curves?"""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Floats, Ints, Positive, Spec


class CrossEntropyRate(Spec):
    """One cell per learning rate (halved after 20 epochs, as everywhere) and size of the training set."""

    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 2.0
    learning_rates: Floats = (0.1, 0.05)
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    epochs: Count = 20
    snapshots: Ints = (0, 1, 2, 5, 10, 20)

    def cells(self) -> list[Cell]:
        """Cells of this sweep, the longest first; raises SpecError if any of them cannot be run."""
        return [
            Cell(hidden=self.hidden, over_realization=self.over_realization, loss="cross_entropy", samples=samples,
                 learning_rates=((0, rate), (20, rate / 2)), seeds=tuple(range(1, self.seeds + 1)), epochs=self.epochs,
                 snapshots=self.snapshots)
            for samples in sorted(self.sample_sizes, reverse=True)
            for rate in self.learning_rates
        ]


PAPER = CrossEntropyRate(
    hidden=(50, 75, 100, 125), sample_sizes=(20_000, 50_000), seeds=5, epochs=200,
    snapshots=(0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200),
)  # the sizes for which a published curve of the cross-entropy exists and two cores suffice
