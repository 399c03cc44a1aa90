"""Sample complexity: the published sweep, and how many samples specialization needs, along every quantity."""

import math
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from companion.chapters.finite_data.studies import Geometry, LawPremises, Specialization
from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Count, Floats, Grid, Ints, Positive
from companion.runs.sweeps import Sweep
from ts_core.sizes import log_spaced, over_realized_width

Kinds = Annotated[tuple[Literal["random", "aware", "plane"], ...], Field(strict=False, min_length=1)]


class SampleComplexity(Grid):
    """The sweep behind the sample-complexity figure; one cell per kind of data and number of samples."""

    input_dim: Count = 100
    outputs: Count = 50
    teacher_width: Count = 5
    polarity: Annotated[float, Field(ge=0)] = 1.0
    over_realizations: Floats = (1.0, 2.0, 5.0, 10.0)
    samples: Ints = (30, 60, 120, 240, 480, 960)
    seeds: Count = 4
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Count = 5
    steps_per_epoch: Count = 2000
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def cells(self) -> list[TwoLayer]:
        every, seeds = tuple(range(self.epochs + 1)), tuple(range(1, self.seeds + 1))
        shared = dict(polarities=(self.polarity,), seeds=seeds, snapshots=every, tables=("runs",))
        return [
            self.into(TwoLayer, samples=count, data=kind, **shared)
            for count in self.samples
            for kind in ("aware", "random")
        ]


PAPER = SampleComplexity(
    samples=(*range(30, 211, 15), 270, 330, 390, 450, 510, 570, 630, 690, 720, 780, 840, 900, 960),
    seeds=32,
    epochs=20,
    steps_per_epoch=5000,
)
SAMPLE_COMPLEXITY = Sweep(
    "sample_complexity", {"quick": SampleComplexity(), "paper": PAPER}, ("polarity", "over_realization")
)


class Geometries(Grid):
    """Premises of the small-gradient theorem in many geometries: one setting at a time leaves the centre.

    The centre has the first value of each setting.
    """

    input_dims: Ints = (5, 3)
    """input dimensions d (nodes)"""
    teacher_widths: Ints = (3, 2)
    """teacher nodes m (nodes)"""
    outputs: Ints = (4, 2)
    """output dimensions C (nodes)"""
    slopes: Floats = (0.0, 0.2)
    """slopes of the activation for negative input, each in [0, 1)"""
    teacher_biases: Floats = (-0.1, -1.0)
    """biases of all teacher nodes and outputs"""
    seeds: Count = 2
    """ensemble members per geometry (number)"""
    steps: Count = 60
    """training time (Levenberg-Marquardt steps)"""

    def cells(self) -> list[Geometry]:
        varied = {
            "input_dim": self.input_dims,
            "teacher_width": self.teacher_widths,
            "outputs": self.outputs,
            "slopes": [(slope,) for slope in self.slopes],
            "teacher_bias": self.teacher_biases,
        }
        budget = {"seeds": self.seeds, "steps": self.steps}
        centre = budget | {name: values[0] for name, values in varied.items()}
        others = [{name: value} for name, values in varied.items() for value in values[1:]]
        cells = [Geometry(**centre | other) for other in ({}, *others)]
        return sorted(cells, key=lambda cell: -cell.input_dim)


GEOMETRIES = Sweep(
    "geometries",
    {
        "quick": Geometries(),
        "laptop": Geometries(
            input_dims=(5, 3, 10, 20),
            teacher_widths=(3, 2, 5),
            outputs=(4, 2, 10),
            slopes=(0.0, 0.2, 0.5),
            teacher_biases=(-0.1, -1.0, 0.5),
            seeds=4,
            steps=120,
        ),
    },
    ("slope", "teacher_bias", "slack"),
)


class PremisesOfLaws(Grid):
    """Premises of the small-gradient theorem on inputs of several laws, a cell each."""

    laws: Annotated[
        tuple[
            Literal["gaussian", "cube", "student-t", "mixture", "sphere", "corners", "patches", "two-valued"],
            ...,
        ],
        Field(strict=False, min_length=1),
    ] = ("gaussian", "two-valued")
    seeds: Count = 2
    """ensemble members per law (number)"""
    steps: Count = 60
    """training time (Levenberg-Marquardt steps)"""

    def cells(self) -> list[LawPremises]:
        return [LawPremises(law=law, seeds=self.seeds, steps=self.steps) for law in self.laws]


LAW_PREMISES = Sweep(
    "law_premises",
    {
        "quick": PremisesOfLaws(),
        "laptop": PremisesOfLaws(
            laws=("gaussian", "cube", "student-t", "mixture", "sphere", "corners", "patches", "two-valued"),
            seeds=4,
            steps=120,
        ),
    },
    ("slope", "slack"),
)


class SamplesNeeded(Grid):
    """Students on growing training sets, along one quantity at a time: d, m, and n / m.

    Random data and triples of small steps (kind plane) have N = f d samples, or triples, for every factor f;
    the released recipe (kind aware), which needs so few, a number of triples per teacher node. Polarity 0:
    with unequal teacher nodes the weak ones of a wide teacher wait for time, not for samples. Twenty thousand
    steps instead of ten moved no mean correlation by more than .003 at d = 50 (six seeds).
    """

    input_dims: Ints = (10, 20, 40)
    teacher_widths: Ints = (3, 5)
    over_realizations: Floats = (2.0,)
    input_dim: Count = 20
    """where m and n / m are varied"""
    teacher_width: Count = 5
    """where d and n / m are varied"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """where d and m are varied"""
    kinds: Kinds = ("random", "aware", "plane")
    factors: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (1.4, 2.8, 5.6)
    node_triples: Ints = (1, 4)
    epsilon: Positive = 1.0
    """of the theorem, which sets the length of the small steps, 2 epsilon / K^{3/2}"""
    outputs: Count = 50
    seeds: Count = 4
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Annotated[int, Field(ge=2)] = 2
    steps_per_epoch: Count = 1000
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def cells(self) -> list[Specialization]:
        d, m, ratio = self.input_dim, self.teacher_width, self.over_realization
        places = [
            *((each, m, ratio) for each in self.input_dims),
            *((d, each, ratio) for each in self.teacher_widths),
            *((d, m, each) for each in self.over_realizations),
        ]
        shared = dict(polarity=0.0, seeds=_first(self.seeds), snapshots=(self.epochs // 2, self.epochs))
        cells = [
            self.into(
                Specialization,
                input_dim=d,
                teacher_width=m,
                over_realization=ratio,
                data=kind,
                samples=samples,
                radius=small_step(m, ratio, self.epsilon) if kind == "plane" else 1.0,
                **shared,
            )
            for kind in self.kinds
            for d, m, ratio in dict.fromkeys(places)
            for samples in self._samples(kind, d, m)
        ]
        return _longest_first(cells)

    def _samples(self, kind: str, input_dim: int, teacher_width: int) -> list[int]:
        if kind == "aware":
            return [3 * teacher_width * count for count in self.node_triples]
        return [round(factor * input_dim) * (3 if kind == "plane" else 1) for factor in self.factors]


class AngleLevels(Grid):
    """Students trained to small angles on random data and looked at often.

    Along N for one geometry, at N = 8 d along d and m, and there once more with unequal teacher nodes.
    """

    input_dims: Ints = (10, 20)
    teacher_widths: Ints = (5,)
    factors: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (4.0, 8.0)
    input_dim: Count = 20
    teacher_width: Count = 5
    factor: Positive = 8.0
    """N / d where d and m are varied"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    polarities: Floats = (0.0, 1.0)
    outputs: Count = 50
    seeds: Count = 4
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Count = 20
    steps_per_epoch: Count = 100
    looks: Annotated[int, Field(ge=2)] = 8
    """epochs at which the students are looked at, evenly spaced on a log scale (about as many)"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def cells(self) -> list[Specialization]:
        d, m, factor = self.input_dim, self.teacher_width, self.factor
        places = [
            *((each, m, factor, self.polarities[0]) for each in self.input_dims),
            *((d, each, factor, self.polarities[0]) for each in self.teacher_widths),
            *((d, m, each, self.polarities[0]) for each in self.factors),
            *((d, m, factor, each) for each in self.polarities),
        ]
        shared = dict(seeds=_first(self.seeds), snapshots=tuple(log_spaced(self.epochs, self.looks)))
        cells = [
            self.into(
                Specialization,
                input_dim=d,
                teacher_width=m,
                samples=round(factor * d),
                polarity=polarity,
                **shared,
            )
            for d, m, factor, polarity in dict.fromkeys(places)
        ]
        return _longest_first(cells)


class _Taught(Grid):
    """Students of growing training sets: what is the same whatever their inputs are."""

    teacher_width: Count = 5
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    outputs: Count = 50
    seeds: Count = 4
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    epochs: Annotated[int, Field(ge=2)] = 2
    steps_per_epoch: Count = 1000
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"


class OtherInputs(_Taught):
    """Growing training sets of another kind: inputs that are not Gaussian, and the agnostic augmentation.

    N = f d random samples of every law; raw samples with their 2 d neighbours, at the small steps of the
    theorem and at ``wide_radius``, beside random ones at the same dimensions.
    """

    laws: Annotated[
        tuple[Literal["gaussian", "cube", "student-t", "mixture", "sphere", "corners"], ...],
        Field(strict=False, min_length=1),
    ] = ("gaussian", "mixture")
    input_dim: Count = 20
    """where the laws are compared"""
    augmented_dims: Ints = (10,)
    """where the augmentation is"""
    factors: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (1.4, 2.8, 5.6)
    raw_samples: Ints = (4, 16)
    epsilon: Positive = 1.0
    """of the theorem, which sets the length of the small steps, 2 epsilon / K^{3/2}"""
    wide_radius: Positive = 1.5
    """the other length of the steps: one standard deviation of an input"""

    def cells(self) -> list[Specialization]:
        steps = small_step(self.teacher_width, self.over_realization, self.epsilon), self.wide_radius
        drawn = [(d, "gaussian") for d in self.augmented_dims] + [(self.input_dim, law) for law in self.laws]
        settings = [
            *(
                dict(input_dim=d, law=law, samples=round(factor * d))
                for d, law in dict.fromkeys(drawn)
                for factor in self.factors
            ),
            *(
                dict(input_dim=d, data="agnostic", radius=radius, samples=raw * (2 * d + 1))
                for d in self.augmented_dims
                for radius in steps
                for raw in self.raw_samples
            ),
        ]
        shared = dict(polarity=0.0, seeds=_first(self.seeds), snapshots=(self.epochs // 2, self.epochs))
        return _longest_first(self.into(Specialization, **each, **shared) for each in settings)


class PatchInputs(_Taught):
    """Growing training sets of patches of photographs, beside the Gaussian ones of :class:`OtherInputs`."""

    input_dim: Count = 20
    factors: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (1.4, 2.8, 5.6)

    def cells(self) -> list[Specialization]:
        shared = dict(law="patches", polarity=0.0, seeds=_first(self.seeds))
        looks = (self.epochs // 2, self.epochs)
        return _longest_first(
            self.into(Specialization, samples=round(factor * self.input_dim), snapshots=looks, **shared)
            for factor in self.factors
        )


def small_step(teacher_width: int, over_realization: float, epsilon: float) -> float:
    """The theorem's length of the augmentation steps, 2 epsilon / K^{3/2} with K = m + n, to six digits."""
    nodes = teacher_width + over_realized_width(teacher_width, over_realization)
    return round(2 * epsilon / math.pow(nodes, 1.5), 6)


def _first(seeds: int) -> tuple[int, ...]:
    return tuple(range(1, seeds + 1))


def _longest_first(cells: Iterable[Specialization]) -> list[Specialization]:
    return sorted(cells, key=lambda cell: -cell.work)


FACTORS = (1.4, 2.0, 2.8, 4.0, 5.6)
NEEDED = dict(
    input_dims=(20, 50, 100, 200),
    teacher_widths=(3, 5, 10, 20),
    over_realizations=(1.0, 2.0, 5.0, 10.0),
    input_dim=100,
    kinds=("random", "aware", "plane"),
    factors=FACTORS,
    node_triples=(1, 2, 4, 8, 16, 32),
)
SAMPLES_NEEDED = Sweep(
    "samples_needed",
    {
        "quick": SamplesNeeded(),
        "laptop": SamplesNeeded(**NEEDED, seeds=16, epochs=10),
        "paper": SamplesNeeded(**NEEDED, seeds=32, epochs=100),
    },
    ("polarity", "over_realization", "radius"),
)
ANGLES = dict(
    input_dims=(20, 50, 100, 200),
    teacher_widths=(3, 5, 10, 20),
    factors=(2.8, 4.0, 5.6, 8.0, 11.0, 16.0),
    input_dim=50,
    polarities=(0.0, 1.0),
    epochs=1000,
    looks=24,
)
ANGLE_LEVELS = Sweep(
    "angle_levels",
    {
        "quick": AngleLevels(),
        "laptop": AngleLevels(**ANGLES, seeds=8),
        "paper": AngleLevels(**ANGLES, seeds=32),
    },
    ("polarity", "over_realization", "radius"),
)
OTHER = dict(
    laws=("gaussian", "cube", "student-t", "mixture", "sphere", "corners"),
    input_dim=50,
    augmented_dims=(10, 20, 50),
    factors=FACTORS,
    raw_samples=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
OTHER_INPUTS = Sweep(
    "other_inputs",
    {
        "quick": OtherInputs(),
        "laptop": OtherInputs(**OTHER, seeds=12, epochs=10),
        "paper": OtherInputs(**OTHER, seeds=32, epochs=100),
    },
    ("polarity", "over_realization", "radius"),
)
PATCH_INPUTS = Sweep(
    "patch_inputs",
    {
        "quick": PatchInputs(),
        "laptop": PatchInputs(input_dim=50, factors=FACTORS, seeds=12, epochs=10),
        "paper": PatchInputs(input_dim=50, factors=FACTORS, seeds=32, epochs=100),
    },
    ("polarity", "over_realization", "radius"),
)
