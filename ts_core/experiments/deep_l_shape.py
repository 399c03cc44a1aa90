"""The multi-layer L-shape: best-teacher correlation against sqrt(E beta_kk) of every student node, layer by layer."""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Ints, Spec

SEED = 2351  # of its own, as the released command gives the figure; our streams differ from its generator


class DeepLShape(Spec):
    """One student per over-realization, looked at after the given epochs; the last of them ends its training."""

    hidden: Ints = (10, 15, 20, 25)
    students: tuple[tuple[float, tuple[int, ...]], ...] = ((4.0, (0, 2, 4)),)
    samples: Count = 2000

    def cells(self) -> list[Cell]:
        """Cells of this sweep; raises SpecError if any of them cannot be run."""
        return [
            Cell(hidden=self.hidden, over_realization=ratio, samples=self.samples, epochs=max(epochs), snapshots=epochs,
                 seeds=(SEED,), tables=("runs", "layers", "students"))
            for ratio, epochs in self.students
        ]


PAPER = DeepLShape(
    hidden=(50, 75, 100, 125), students=((10.0, (0, 3, 10)), (3.0, (0, 10, 30, 60))), samples=200_000
)  # the released run is 10x for 100 epochs; ten epochs are what two cores do in ten minutes
