"""The sweep over the size of the training set with wider students, as far as two cores reach."""

from ts_core.experiments.dataset_size import PAPER as NARROW, DatasetSize
from ts_core.experiments.spec import Floats


class WiderStudents(DatasetSize):
    """Squared error, students five times as wide as their teachers; otherwise :class:`DatasetSize`."""

    losses: tuple[str, ...] = ("mse",)
    over_realizations: Floats = (5.0,)


PAPER = WiderStudents(
    hidden=NARROW.hidden, sample_sizes=(5000, 10_000, 20_000), seeds=NARROW.seeds, epochs=NARROW.epochs,
    snapshots=NARROW.snapshots,
)  # the released sweep goes on to 500,000 samples
