"""The multi-layer L-shape: best-teacher correlation against sqrt(E beta_kk) of every student node, layer by layer."""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Ints, Spec

SEED = 2351  # of its own, as the released command gives the figure; our streams differ from its generator


class DeepLShape(Spec):
    """Single students, each with its over-realization, training samples and the epochs it is looked at (the last ends it)."""

    hidden: Ints = (10, 15, 20, 25)
    students: tuple[tuple[float, int, tuple[int, ...]], ...] = ((4.0, 2000, (0, 2, 4)),)

    def cells(self) -> list[Cell]:
        """Cells of this sweep; raises SpecError if any of them cannot be run."""
        return [
            Cell(hidden=self.hidden, over_realization=ratio, samples=samples, epochs=max(epochs), snapshots=epochs,
                 seeds=(SEED,), tables=("runs", "layers", "students"))
            for ratio, samples, epochs in self.students
        ]


PAPER = DeepLShape(  # the released run is 10x on 200,000 samples for 100 epochs; two cores do its first ten in ten minutes
    hidden=(50, 75, 100, 125), students=((10.0, 200_000, (0, 3, 10)), (2.0, 50_000, (0, 20, 100, 200)))
)
