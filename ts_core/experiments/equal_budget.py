"""Equal budgets: as many samples seen whatever the size of the training set, as in the earliest published runs."""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Ints, Positive, Spec
from ts_core.training import log_spaced


class EqualBudget(Spec):
    """Squared error, several sizes of the training set; one cell per size."""

    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 2.0
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    samples_seen: Count = 50_000
    looks: Count = 6

    def cells(self) -> list[Cell]:
        """Cells of this sweep, all equally long; raises SpecError if any of them cannot be run."""
        return [
            Cell(hidden=self.hidden, over_realization=self.over_realization, samples=samples, seeds=tuple(range(1, self.seeds + 1)),
                 epochs=self.samples_seen // samples, snapshots=tuple(log_spaced(self.samples_seen // samples, self.looks)))
            for samples in sorted(self.sample_sizes, reverse=True)
        ]


PAPER = EqualBudget(
    hidden=(50, 75, 100, 125), sample_sizes=(5000, 10_000, 20_000, 50_000), seeds=5, samples_seen=20_000_000, looks=24
)  # 4000 epochs of the smallest set, 400 of the largest; twenty minutes of one core each
