"""The chapter's sweeps: the size of the training set, and what explains or extends it."""

from companion.chapters.lowest_layer.studies import LeakyMultiLayer
from companion.experiments.multi_layer.spec import MultiLayer
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep
from ts_core.sizes import log_spaced

SEEDS_PER_CELL = 5  # what trains together; about ten minutes of one core for the largest cell
SEED = 2351  # of the L-shape, as the released command gives the figure; our streams differ from its generator
WIDTHS = (50, 75, 100, 125)  # of the paper's teachers
LOOKS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200)
KEYS = ("over_realization", "learning_rate")


class DatasetSize(Grid):
    """Both losses, several training sizes; one cell per loss, size, over-realization and few seeds."""

    hidden: Ints = (10, 15, 20, 25)
    losses: tuple[str, ...] = ("mse", "cross_entropy")
    over_realizations: Floats = (2.0,)
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    epochs: Count = 20
    snapshots: Ints = (0, 1, 2, 5, 10, 20)

    def cells(self) -> list[MultiLayer]:
        seeds = range(1, self.seeds + 1)
        cells = [
            self.into(
                MultiLayer,
                over_realization=ratio,
                samples=samples,
                loss=loss,
                seeds=tuple(seeds[first : first + SEEDS_PER_CELL]),
            )
            for first in range(0, self.seeds, SEEDS_PER_CELL)
            for ratio in self.over_realizations
            for samples in self.sample_sizes
            for loss in self.losses
        ]
        return sorted(cells, key=lambda cell: -cell.work)


class WiderStudents(DatasetSize):
    """Squared error, students five times as wide as their teachers; otherwise :class:`DatasetSize`."""

    losses: tuple[str, ...] = ("mse",)
    over_realizations: Floats = (5.0,)


class EqualBudget(Grid):
    """Squared error, several sizes of the training set; one cell per size."""

    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 2.0
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    samples_seen: Count = 50_000
    looks: Count = 6

    def cells(self) -> list[MultiLayer]:
        passes = {
            samples: self.samples_seen // samples for samples in sorted(self.sample_sizes, reverse=True)
        }
        return [
            self.into(
                MultiLayer,
                samples=samples,
                seeds=tuple(range(1, self.seeds + 1)),
                epochs=epochs,
                snapshots=tuple(log_spaced(epochs, self.looks)),
            )
            for samples, epochs in passes.items()
        ]


class CrossEntropyRate(Grid):
    """One cell per learning rate (halved after 20 epochs, as everywhere) and size of the training set."""

    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 2.0
    learning_rates: Floats = (0.1, 0.05)
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    epochs: Count = 20
    snapshots: Ints = (0, 1, 2, 5, 10, 20)

    def cells(self) -> list[MultiLayer]:
        return [
            self.into(
                MultiLayer,
                loss="cross_entropy",
                samples=samples,
                learning_rates=((0, rate), (20, rate / 2)),
                seeds=tuple(range(1, self.seeds + 1)),
            )
            for samples in sorted(self.sample_sizes, reverse=True)
            for rate in self.learning_rates
        ]


class DeepLShape(Grid):
    """Single students, each with its over-realization, training samples and epochs at which it is looked at.

    The last of them ends it.
    """

    hidden: Ints = (10, 15, 20, 25)
    students: tuple[tuple[float, int, tuple[int, ...]], ...] = ((4.0, 2000, (0, 2, 4)),)

    def cells(self) -> list[MultiLayer]:
        return [
            self.into(
                MultiLayer,
                over_realization=ratio,
                samples=samples,
                epochs=max(epochs),
                snapshots=epochs,
                seeds=(SEED,),
                tables=("runs", "layers", "students"),
            )
            for ratio, samples, epochs in self.students
        ]


class Depth(Grid):
    """Narrow teachers of several depths; a cell per number of hidden layers and size of the training set."""

    width: Count = 15
    hidden_layers: Ints = (2, 4)
    over_realization: Positive = 4.0
    sample_sizes: Ints = (500, 2000)
    seeds: Count = 3
    epochs: Count = 10
    snapshots: Ints = (0, 1, 3, 10)

    def cells(self) -> list[MultiLayer]:
        cells = [
            self.into(
                MultiLayer,
                hidden=(self.width,) * layers,
                samples=samples,
                seeds=tuple(range(1, self.seeds + 1)),
            )
            for layers in self.hidden_layers
            for samples in self.sample_sizes
        ]
        return sorted(cells, key=lambda cell: -cell.work)


class DeepSlopes(Grid):
    """Leaky students of leaky teachers beside ReLU, paired: the same draws, starts and batches, and a teacher
    tuned for its slope; one cell per slope and size of the training set.
    """

    slopes: Floats = (0.0, 0.1, 0.3)
    hidden: Ints = (10, 15, 20, 25)
    over_realization: Positive = 4.0
    sample_sizes: Ints = (1000, 5000)
    seeds: Count = 3
    epochs: Count = 5
    snapshots: Ints = (0, 1, 2, 5)

    def cells(self) -> list[LeakyMultiLayer]:
        cells = [
            self.into(LeakyMultiLayer, slope=slope, samples=samples, seeds=tuple(range(1, self.seeds + 1)))
            for samples in self.sample_sizes
            for slope in self.slopes
        ]
        return sorted(cells, key=lambda cell: -cell.work)


DATASET_SIZE = Sweep(
    "dataset_size",
    {
        "quick": DatasetSize(),
        "laptop": DatasetSize(
            hidden=WIDTHS, sample_sizes=(5000, 10_000, 20_000, 50_000), seeds=5, epochs=200, snapshots=LOOKS
        ),
        # the released sweep and the 10x students of the figures; `companion cost` says what it takes
        "paper": DatasetSize(
            hidden=WIDTHS,
            over_realizations=(2.0, 5.0, 10.0),
            sample_sizes=(5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000),
            seeds=10,
            epochs=200,
            snapshots=LOOKS,
        ),
    },
    KEYS,
)
WIDER_STUDENTS = Sweep(
    "wider_students",
    {
        "quick": WiderStudents(),
        "laptop": WiderStudents(
            hidden=WIDTHS, sample_sizes=(5000, 10_000, 20_000), seeds=5, epochs=200, snapshots=LOOKS
        ),
    },
    KEYS,
)
EQUAL_BUDGET = Sweep(
    "equal_budget",
    {
        "quick": EqualBudget(),
        # 4000 epochs of the smallest set, 400 of the largest; twenty minutes of one core each
        "laptop": EqualBudget(
            hidden=WIDTHS,
            sample_sizes=(5000, 10_000, 20_000, 50_000),
            seeds=5,
            samples_seen=20_000_000,
            looks=24,
        ),
    },
    KEYS,
)
CROSS_ENTROPY_RATE = Sweep(
    "cross_entropy_rate",
    {
        "quick": CrossEntropyRate(),
        # the sizes for which a published curve of the cross-entropy exists and two cores suffice
        "laptop": CrossEntropyRate(
            hidden=WIDTHS, sample_sizes=(20_000, 50_000), seeds=5, epochs=200, snapshots=LOOKS
        ),
    },
    KEYS,
)
DEEP_L_SHAPE = Sweep(
    "deep_l_shape",
    {
        "quick": DeepLShape(),
        # the released run is 10x on 200,000 samples for 100 epochs; these are its first ten
        "laptop": DeepLShape(
            hidden=WIDTHS, students=((10.0, 200_000, (0, 3, 10)), (2.0, 50_000, (0, 20, 100, 200)))
        ),
    },
    KEYS,
)
DEPTH = Sweep(
    "depth",
    {
        "quick": Depth(),
        # the papers have no such experiment
        "laptop": Depth(
            hidden_layers=(2, 4, 6),
            sample_sizes=(1000, 3000, 10_000, 30_000),
            seeds=5,
            epochs=100,
            snapshots=(0, 1, 3, 10, 30, 100),
        ),
    },
    KEYS,
)
DEEP_SLOPES = Sweep(
    "deep_slopes",
    {
        "quick": DeepSlopes(),
        # the paper's theorem covers Leaky ReLU, its experiments do not
        "laptop": DeepSlopes(
            sample_sizes=(1000, 20_000),
            seeds=10,
            epochs=60,
            snapshots=(0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 60),
        ),
    },
    ("slope", "over_realization", "learning_rate"),
)
