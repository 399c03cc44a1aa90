"""The chapter's cells: what each of its experiments needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Noises = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)]
Method = Literal[
    "standard",
    "adversarial",
    "adversarial and clean",
    "confidence-calibrated",
    "Jacobian",
    "robust features",
    "standard features",
]
DType = Literal["float32", "float64"]
Device = Literal["auto", "cpu", "cuda"]


class Setting(Cell):
    """Two-layer teachers, and students that see inputs near a subspace S."""

    input_dim: Count = 20
    rank: Count = 8
    """dimension d0 of S"""
    teacher_width: Count = 6
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    outputs: Count = 10
    teacher_bias: Annotated[float, Field(ge=0)] = 0.2
    """standard deviation of the teacher's biases"""
    student_scale: Positive = 0.3
    """standard deviation of a student's weights at the start"""
    seeds: Seeds = (1, 2, 3, 4)
    batch_size: Count = 128
    steps: Annotated[int, Field(ge=1)] = 3000
    learning_rate: Positive = 0.003
    """peak; it falls to 0 along half a cosine"""
    dtype: DType = "float32"
    device: Device = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        if self.rank >= self.input_dim:
            raise ValueError(f"rank: must be below the input dimension {self.input_dim}, got {self.rank}")
        over_realized_width(self.teacher_width, self.over_realization)
        return self

    @property
    def width(self) -> int:
        """Student nodes n."""
        return over_realized_width(self.teacher_width, self.over_realization)

    @property
    def work(self) -> float:
        return self.steps * self.batch_size * len(self.seeds)


class Students(Setting):
    """One way to train, at several noise ratios; all its students train as one ensemble."""

    method: Method = "standard"
    noises: Noises = (0.0, 0.1, 0.4)
    """r: noise in all directions, as a share of the inputs' spread inside S"""
    train_radius: Positive = 0.5
    """of the attacks in training, l2"""
    train_attack_steps: Count = 3
    jacobian_weight: Positive = 0.01
    """of E||ds/dx||_F^2 in the objective of Jacobian regularization"""
    feature_samples: Annotated[int, Field(ge=1)] = 4096
    """inputs per student whose features are those of another input, for the two methods named after them"""
    feature_steps: Count = 200
    """of gradient descent that make them"""
    radii: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.1, 0.25, 0.5, 1.0)
    """of the attacks that students are held against, l2"""
    radius: Positive = 0.5
    """of all attacks of one size; in l_inf it is this over the root of d"""
    attack_steps: Count = 10
    attacked: Annotated[int, Field(ge=2)] = 1000
    """samples in S that are attacked"""
    eval_samples: Annotated[int, Field(ge=2)] = 4000

    @model_validator(mode="after")
    def _measurable(self):
        if self.attacked > self.eval_samples:
            raise ValueError(
                f"attacked: must not exceed the {self.eval_samples} samples, got {self.attacked}"
            )
        if "features" in self.method and self.batch_size > self.feature_samples:
            raise ValueError(
                f"batch_size: must not exceed the {self.feature_samples} feature_samples, "
                f"got {self.batch_size}"
            )
        if self.radius not in self.radii:
            raise ValueError(f"radius: must be one of the radii {list(self.radii)}, got {self.radius}")
        for name in ("seeds", "noises", "radii"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise ValueError(f"{name}: values must differ, got {list(getattr(self, name))}")
        return self

    @property
    def work(self) -> float:
        attacked = self.method not in ("standard", "Jacobian", "standard features")
        return super().work * len(self.noises) * (1 + 4 * attacked)

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``runs``, ``nodes`` and ``attacks`` of students.students."""
        from companion.chapters.robustness.students import students

        return students(self)


class Leak(Setting):
    """What optimizers do to the weights outside of S when every input lies in S."""

    seeds: Seeds = (1, 2, 3, 4)
    batch_size: Count = 32
    steps: Annotated[int, Field(ge=1)] = 800
    learning_rate: Positive = 0.02
    """of plain SGD; momentum has half of it, Adam a quarter"""
    weight_decay: Positive = 0.1
    dtype: DType = "float64"

    def run(self, *earlier: Tables) -> Tables:
        """Table ``drift`` of leaks.leaks."""
        from companion.chapters.robustness.leaks import leaks

        return {"drift": leaks(self)}


class Augmentation(Setting):
    """Students that see, beside inputs in S, some that are moved, labelled by the teacher: where to?"""

    seeds: Seeds = (1, 2, 3, 4)
    batch_size: Annotated[int, Field(ge=2)] = 64
    """half of it moved"""
    steps: Annotated[int, Field(ge=1)] = 1200
    learning_rate: Positive = 0.01
    size: Positive = 0.5
    """how far inputs are moved, always"""
    radius: Positive = 0.5
    """of the attack afterwards"""
    attack_steps: Count = 10
    attacked: Annotated[int, Field(ge=2)] = 500
    dtype: DType = "float64"

    def run(self, *earlier: Tables) -> Tables:
        """Table ``moved`` of augmentation.augmented."""
        from companion.chapters.robustness.augmentation import augmented

        return {"moved": augmented(self)}


class Deep(Cell):
    """Deep teachers and students, inputs in S: every layer looked at, on S and on full-rank inputs."""

    input_dim: Count = 40
    rank: Count = 20
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (10, 15, 20, 25)
    outputs: Count = 30
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    seeds: Seeds = (1, 2, 3)
    batch_size: Count = 32
    steps: Annotated[int, Field(ge=1)] = 1500
    learning_rate: Positive = 0.003
    eval_samples: Annotated[int, Field(ge=2)] = 2000
    dtype: DType = "float64"
    device: Device = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        if self.rank >= self.input_dim:
            raise ValueError(f"rank: must be below the input dimension {self.input_dim}, got {self.rank}")
        for width in self.hidden:
            over_realized_width(width, self.over_realization)
        return self

    @property
    def work(self) -> float:
        return 4.0 * self.steps * self.batch_size * len(self.seeds)

    def run(self, *earlier: Tables) -> Tables:
        """Table ``layers`` of deep.deep."""
        from companion.chapters.robustness.deep import deep

        return {"layers": deep(self)}


class Pictures(Cell):
    """ConvNets that learn a ConvNet's answers to images: as they are, moved at random, or under attack."""

    dataset: Literal["digits", "patches", "cifar10"] = "digits"
    fingerprint: str = ""
    """which images, wherever they lie on this machine; empty: not asked"""
    data: str = Field("", exclude=True)
    """folder of the images on this machine, no part of the run's id; empty: the data set's own rule"""
    images: Count = 1000
    test_images: Count = 500
    pool: Annotated[int, Field(ge=1, le=2)] = 1
    """pixels averaged along each side"""
    widths: Annotated[tuple[Count, ...], Field(min_length=3, max_length=3)] = (4, 8, 16)
    """channels of the teacher's layers"""
    over_realization: Annotated[float, Field(ge=1)] = 1.5
    radii: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.05, 0.15)
    """how far inputs are moved in training, over the mean length of an image"""
    radius: Positive = 0.1
    """the same of the attacks that all students are held against"""
    train_attack_steps: Count = 2
    attack_steps: Count = 10
    seeds: Seeds = (1, 2)
    """each has its own teacher, start and batches"""
    batch_size: Annotated[int, Field(ge=2)] = 32
    teacher_steps: Count = 200
    teacher_rate: Positive = 0.05
    """peak of SGD with momentum"""
    steps: Count = 200
    learning_rate: Positive = 0.005
    """peak of Adam's"""
    looks: Annotated[int, Field(ge=2)] = 10
    """states of a student, evenly spaced in time, that are compared"""
    attacked: Count = 200
    """test images that are attacked"""
    dtype: DType = "float32"
    device: Device = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        for name, limit in (("batch_size", "images"), ("attacked", "test_images"), ("looks", "steps")):
            if getattr(self, name) > getattr(self, limit):
                raise ValueError(
                    f"{name}: must not exceed the {getattr(self, limit)} {limit}, got {getattr(self, name)}"
                )
        if len(set(self.radii)) < len(self.radii):
            raise ValueError(f"radii: values must differ, got {list(self.radii)}")
        _ = self.student_widths  # refuses what is not whole
        return self

    @property
    def student_widths(self) -> tuple[int, ...]:
        return tuple(over_realized_width(n, self.over_realization) for n in self.widths)

    @property
    def ways(self) -> list[tuple[str, float]]:
        """Ways to train: what is done to the inputs, and how far they are moved by it."""
        return [("standard", 0.0), *((name, r) for name in ("random", "adversarial") for r in self.radii)]

    @property
    def work(self) -> float:
        return float(self.steps * self.batch_size * len(self.seeds))

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``students`` and ``layers`` of pictures.pictures."""
        from companion.chapters.robustness.pictures import pictures

        return pictures(self)
