"""The chapter's cells: what each of its experiments needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Fraction, Positive, Tables

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Widths = Annotated[tuple[Count, ...], Field(strict=False, min_length=3, max_length=3)]
Method = Literal["labels", "soft labels", "hints", "attention", "factors", "factors, as printed"]
SIDES = {"digits": 8, "patches": 32, "cifar10": 32}


class Images(Cell):
    """Which images, and what every network of an experiment shares; no experiment by itself."""

    dataset: Literal["digits", "patches", "cifar10"] = "digits"
    fingerprint: str = ""
    data: str = Field("", exclude=True)
    """folder of the images on this machine, no part of the run's id; empty: the data set's own rule"""
    images: Count = 1000
    """training images of the teacher"""
    test_images: Count = 500
    pool: Annotated[int, Field(ge=1, le=2)] = 1
    """pixels averaged along each side"""
    batch_size: Annotated[int, Field(ge=2)] = 32
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    seeds: Seeds = (1, 2, 3)
    """each has its own teacher, paraphraser, labelled images and student"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def side(self) -> int:
        return SIDES[self.dataset] // self.pool


class Teachers(Images):
    """Teachers that learn all images with their labels, and paraphrasers of what they see in them."""

    widths: Widths = (8, 16, 32)
    """channels of the three layers"""
    rate: Fraction = 0.5
    """paraphrase rate k: factors per channel of the teacher's top layer"""
    steps: Count = 300
    learning_rate: Positive = 0.05
    paraphraser_steps: Count = 200
    paraphraser_learning_rate: Positive = 0.002
    """peak of Adam's"""

    @model_validator(mode="after")
    def _fits(self):
        if self.batch_size > self.images:
            raise ValueError(f"batch_size: must not exceed the {self.images} images, got {self.batch_size}")
        if self.factors < 1:
            raise ValueError(f"rate: must leave a factor of {self.widths[-1]} channels, got {self.rate}")
        return self

    @property
    def factors(self) -> int:
        """Channels of a factor, km."""
        return round(self.rate * self.widths[-1])

    @property
    def entries(self) -> int:
        """Numbers in the factor of one image."""
        return self.factors * (-(-self.side // 4)) ** 2

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``teachers``, ``paraphrasers`` and ``weights`` of teachers.trained."""
        from companion.chapters.factor_transfer.teachers import trained

        return trained(self)


class Students(Cell):
    """Students of one size that see some of the images and learn in one way, a student per teacher."""

    teachers: Teachers
    method: Method = "labels"
    divisor: Count = 2
    """channels of each teacher layer over those of the student"""
    labels: Count = 100
    """images that the student trains on, with their labels"""
    steps: Count = 200
    learning_rate: Positive = 0.05
    beta: Positive = 500.0
    """weight of the distance of factors, and of hints, in the released networks"""
    attention_weight: Positive = 1000.0
    """weight of the squared distance of attention maps, summed over layers, in the released networks"""
    temperature: Positive = 4.0
    soft_share: Fraction = 0.9
    """weight of the soft labels; the rest is that of the labels"""

    @model_validator(mode="after")
    def _fits(self):
        if self.labels > self.teachers.images:
            raise ValueError(
                f"labels: must not exceed the teacher's {self.teachers.images} images, got {self.labels}"
            )
        if self.labels < self.teachers.batch_size:
            raise ValueError(
                f"labels: must fill a batch of {self.teachers.batch_size} images, got {self.labels}"
            )
        if any(n % self.divisor for n in self.teachers.widths):
            raise ValueError(
                f"divisor: must divide the teacher's widths {list(self.teachers.widths)}, got {self.divisor}"
            )
        return self

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(n // self.divisor for n in self.teachers.widths)

    @property
    def device(self) -> str:
        return self.teachers.device

    @property
    def work(self) -> float:
        return self.steps * len(self.teachers.seeds) * (2.0 if self.method.startswith("factors") else 1.0)

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``students`` and ``layers`` of students.trained; ``earlier`` are those of the teachers."""
        from companion.chapters.factor_transfer.students import trained

        return trained(self, *earlier)


class Identities(Cell):
    """What no transfer loss sees: feature maps whose channels are mixed."""

    channels: Count = 6
    factors: Count = 4
    side: Count = 5
    seeds: Count = 16

    def run(self, *earlier: Tables) -> Tables:
        """Table ``errors`` of identities.identities."""
        from companion.chapters.factor_transfer.identities import identities

        return {"errors": identities(self)}
