"""The multi-layer L-shape: best-teacher correlation against sqrt(E beta_kk) of every student node, layer by layer."""

from ts_core.experiments.multi_layer import Cell
from ts_core.experiments.spec import Count, Ints, Positive, Spec

SEED = 2351  # of its own, as the released command gives the figure; our streams differ from its generator


class DeepLShape(Spec):
    """One wide student, looked at a few times."""

    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 4.0
    samples: Count = 2000
    epochs: Count = 4
    snapshots: Ints = (0, 2, 4)

    def cells(self) -> list[Cell]:
        return [Cell(**self.model_dump(), seeds=(SEED,), tables=("runs", "layers", "students"))]


PAPER = DeepLShape(
    hidden=(50, 75, 100, 125), over_realization=10.0, samples=200_000, epochs=10, snapshots=(0, 3, 10)
)  # the released run has 100 epochs; its published figure hardly changes from epoch 10 to 20
