"""Fates of random starts over width and polarity; few samples; long times; noisy labels."""

from typing import Annotated, Literal

from pydantic import Field

from companion.chapters.catalyst_dynamics.studies import Convergence, Fates, FewSamples, NoisyRecovery
from companion.runs.spec import Count, Floats, Fraction, Grid, Ints, Positive
from companion.runs.sweeps import Sweep


class Fate(Grid):
    """Fates of random starts; a cell per width, the phase map first.

    For students that are too narrow the teacher's fan-outs overlap, so that each student sees every node.
    """

    widths: Floats = (1.0, 1.4, 2.0)
    """n / m of the phase map"""
    narrow: Floats = (0.6, 1.0)
    """n / m of the starts that are followed until they rest"""
    overlap: Fraction = 0.3
    polarities: Floats = (0.0, 1.0)
    teacher_width: Count = 5
    input_dim: Count = 10
    seeds: Count = 12

    def cells(self) -> list[Fates]:
        cells = [self.into(Fates, over_realization=ratio, overlap=0.0) for ratio in self.widths]
        cells += [
            self.into(Fates, over_realization=ratio, to_rest=True, polarities=NARROW_POLARITIES)
            for ratio in self.narrow
        ]
        return sorted(cells, key=lambda cell: -cell.work)


NARROW_POLARITIES = (0.0, 1.0)
LAPTOP = Fate(
    widths=(1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 3.0, 4.0, 8.0, 16.0),
    narrow=(0.4, 0.6, 0.8, 1.0),
    polarities=(0.0, 0.5, 1.0, 1.5, 2.0),
    seeds=200,
)
FATES = Sweep("fates", {"quick": Fate(), "laptop": LAPTOP}, ("polarity", "over_realization", "overlap"))


class Samples(Grid):
    """Random starts on few samples; a cell per size of the training set."""

    over_realizations: Floats = (1.0, 2.0, 4.0)
    sizes: Ints = (32, 128)
    """training samples N (number)"""
    polarity: Positive = 1.0
    seeds: Count = 8

    def cells(self) -> list[FewSamples]:
        return [self.into(FewSamples, train_samples=size) for size in self.sizes]


FEW_SAMPLES = Sweep(
    "few_samples",
    {
        "quick": Samples(),
        "laptop": Samples(
            over_realizations=(1.0, 2.0, 4.0, 8.0), sizes=(16, 32, 64, 128, 256, 512, 1024), seeds=64
        ),
    },
    ("polarity", "over_realization"),
)


class LongTime(Grid):
    """Time until gradients are small, over polarity and width; a cell for each."""

    over_realizations: Floats = (2.0,)
    polarities: Floats = (0.0, 1.0)
    level: Positive = 0.03
    seeds: Count = 4

    def cells(self) -> list[Convergence]:
        return [
            self.into(Convergence, over_realization=ratio, polarity=polarity)
            for ratio in self.over_realizations
            for polarity in self.polarities
        ]


LONG_TIME = Sweep(
    "long_time",
    {
        "quick": LongTime(),
        "laptop": LongTime(over_realizations=(1.0, 2.0, 4.0), polarities=(0.0, 0.5, 1.0, 1.5, 2.0), seeds=20),
    },
    ("polarity", "over_realization"),
)


class Noisy(Grid):
    """Students of noisy labels; a cell per law of the noise."""

    laws: Annotated[
        tuple[Literal["gaussian", "uniform", "signs", "student-t", "wave"], ...],
        Field(strict=False, min_length=1),
    ] = ("gaussian", "wave")
    noises: Floats = (0.001, 0.01)
    seeds: Count = 4

    def cells(self) -> list[NoisyRecovery]:
        return [self.into(NoisyRecovery, law=law) for law in self.laws]


NOISY = Sweep(
    "noisy_recovery",
    {
        "quick": Noisy(),
        "laptop": Noisy(
            laws=("gaussian", "uniform", "signs", "student-t", "wave"),
            noises=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
            seeds=12,
        ),
    },
    ("noise",),
)
