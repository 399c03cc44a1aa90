"""The chapter's cells: what each of its experiments needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.experiments.convolutional.spec import Teacher, Training
from companion.runs.spec import Cell, Count, Floats, Fraction, Ints, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Ratios = Annotated[tuple[Annotated[float, Field(ge=1)], ...], Field(min_length=1)]
Looks = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Relation(Cell):
    """The gradient-overlap relation, exact, released and separated, on random pairs that nobody trained."""

    depths: Ints = (2, 3, 4)
    """weight layers"""
    widths: Ints = (5, 20, 40)
    """teacher nodes per hidden layer; students have twice as many"""
    biases: Floats = (0.0, 0.5)
    """standard deviations of all biases"""
    seeds: Count = 16
    samples: Count = 1024
    """over which the means are taken; exact forms are compared on a few of them"""

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``exact`` and ``separation`` of relation.relation."""
        from companion.chapters.lucky_nodes.relation import relation

        return relation(self)


class Matched(Cell):
    """The perfectly matched case: students near their own teachers, at several overlaps of the fan-outs."""

    nodes: Count = 6
    couplings: Floats = (0.01, 0.03, 0.1, 0.3)
    """standard deviations of the entries of V - I"""
    trials: Count = 48
    theta_0: Positive = 0.5
    """angles start below it (radians)"""
    threshold: float = 1.0
    """pre-activation above which a node is active (standard deviations)"""
    horizon: Positive = 120.0
    interval: Positive = 1.0
    step: Positive = 1.0

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``paths`` and ``trials`` of matching.matched."""
        from companion.chapters.lucky_nodes.matching import matched

        return matched(self)


class Overlapping(Cell):
    """The perfectly matched case again, at thresholds that set how often two nodes are active together."""

    nodes: Count = 6
    couplings: Floats = (0.0, 0.15)
    """standard deviations of the entries of V - I"""
    thresholds: Floats = (0.0, 0.5, 1.0, 1.5)
    """pre-activations above which a node is active (standard deviations)"""
    trials: Count = 16
    theta_0: Positive = 0.5
    """angles start below it (radians)"""
    horizon: Positive = 15.0
    """in units of the time in which the angle of the slowest node, were it alone, falls by a factor of e"""
    step: Positive = 0.2
    """in the same units"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``rates`` of overlapping.overlapping."""
        from companion.chapters.lucky_nodes.overlapping import overlapping

        return {"rates": overlapping(self)}


class RichGetRicher(Cell):
    """How fast one node turns towards one teacher node, by its angle."""

    input_dim: Count = 20
    angles: Count = 24
    seeds: Count = 16
    samples: Count = 4096

    def run(self, *earlier: Tables) -> Tables:
        """Table ``rates`` of matching.rates."""
        from companion.chapters.lucky_nodes.matching import rates

        return {"rates": rates(self)}


class Frozen(Cell):
    """The top layer alone: lucky nodes equal the teacher's, features stay, fan-outs move."""

    input_dim: Count = 8
    teacher_width: Count = 5
    others: Count = 10
    outputs: Count = 4
    duplicates: Annotated[int, Field(ge=0)] = 2
    """of the others that equal a teacher node in the second case; the first has none"""
    seeds: Count = 8
    samples: Count = 4000
    learning_rate: Positive = 0.05
    batch_size: Count = 64
    steps: Count = 4000
    look: Count = 200
    """steps between two looks"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``fan_outs`` of frozen.frozen."""
        from companion.chapters.lucky_nodes.frozen import frozen

        return {"fan_outs": frozen(self)}


class Decay(Cell):
    """Two-layer students with unit-norm columns, in the setting of the published fan-out figure."""

    input_dim: Count = 10
    teacher_width: Count = 20
    outputs: Count = 30
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    start: Annotated[tuple[float, ...], Field(max_length=2)] = (1.0, 1.0)
    """how much of the teacher the first m students begin with, in each layer; () is none, a random start"""
    gradient: Literal["separated", "exact"] = "exact"
    """separated and cropped, as in the released matrix code; or the gradient"""
    seeds: Seeds = (1, 2, 3, 4)
    learning_rate: Positive = 0.05
    batch_size: Count = 64
    steps: Count = 4000
    looks: Looks = (0, 100, 400, 1000, 2000)
    close: Fraction = 0.99
    """cosine above which a student sits on a teacher node"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        over_realized_width(self.teacher_width, self.over_realization)
        if len(self.start) == 1 or any(part < 0 for part in self.start):
            raise ValueError(f"start: two parts of at least 0, or none, got {list(self.start)}")
        if max(self.looks) > self.steps:
            raise ValueError(f"looks: must lie in 0..{self.steps} (steps), got {list(self.looks)}")
        return self

    @property
    def times(self) -> list[int]:
        """Steps after which students are looked at, the last one included."""
        return sorted({*self.looks, self.steps})

    @property
    def work(self) -> float:
        return self.steps * len(self.seeds) * self.teacher_width * self.over_realization

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``norms`` and ``modes`` of decay.decay."""
        from companion.chapters.lucky_nodes.decay import decay

        return decay(self)


class Luck(Cell):
    """Deep students in the setting of the published rank figures: winners, their ranks, their tickets."""

    input_dim: Count = 20
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (10, 15, 20, 25)
    outputs: Count = 100
    over_realization: Annotated[float, Field(ge=1)] = 10.0
    seeds: Seeds = (1,)
    samples: Count = 100_000
    data_std: Positive = 10.0
    data: Literal["finite", "fresh"] = "finite"
    """the same samples every epoch, or new ones"""
    start: Literal["random", "halved", "negated", "same sign"] = "random"
    """as drawn; all weights halved; negated; with the signs of the teacher's weights (1x only)"""
    norm: Literal["none", "after"] = "none"
    """affine batch normalization of the students behind every ReLU, or none"""
    batch_size: Count = 64
    learning_rate: Positive = 0.1
    """in the convention of torch.nn.MSELoss"""
    epochs: Count = 40
    looks: Looks = (0, 1, 2, 3, 4, 10, 20)
    """epochs after which students are looked at"""
    eval_samples: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)] = (
        192,
        1024,
        10_240,
    )
    """numbers of samples that ranks are taken from"""
    tickets: bool = False
    """whether to train again from parts of the student"""
    matrices: bool = False
    """whether to keep the overlap matrices of the first seed"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _fits(self):
        for width in self.hidden:
            over_realized_width(width, self.over_realization)
        if self.start == "same sign" and self.over_realization != 1:
            raise ValueError(
                f"start: same sign needs as many students as teachers, got {self.over_realization:g}x"
            )
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        if max(self.looks) > self.epochs or 0 not in self.looks:
            raise ValueError(
                f"looks: must be epochs in 0..{self.epochs}, 0 among them, got {list(self.looks)}"
            )
        if self.tickets and (1 not in self.looks or self.over_realization == 1):
            raise ValueError("tickets: need a look after epoch 1, and students to spare")
        if self.tickets and self.norm != "none":
            raise ValueError(f"tickets: only without normalization, got norm {self.norm}")
        return self

    @property
    def times(self) -> list[int]:
        """Epochs after which students are looked at, the last one included."""
        return sorted({*self.looks, self.epochs})

    @property
    def sizes(self) -> tuple[int, ...]:
        """Nodes of every layer of a student, input and output included."""
        widths = [over_realized_width(width, self.over_realization) for width in self.hidden]
        return self.input_dim, *widths, self.outputs

    @property
    def steps_per_epoch(self) -> int:
        return self.samples // self.batch_size

    @property
    def work(self) -> float:
        weights = sum(a * b for a, b in zip(self.sizes, self.sizes[1:]))
        return float(self.epochs) * self.samples * len(self.seeds) * weights

    def run(self, *earlier: Tables) -> Tables:
        """Tables of luck.luck: ``layers``, ``ranks``, ``best``, ``blocks``, what is asked for."""
        from companion.chapters.lucky_nodes.luck import luck

        return luck(self)


class Width(Cell):
    """Two-layer students of many widths and starts, without penalty or with weight decay: what they use."""

    input_dim: Count = 20
    teacher_width: Count = 5
    outputs: Count = 10
    over_realizations: Ratios = (1.0, 5.0, 20.0)
    start: Literal["perturbed", "small", "large"] = "small"
    """teacher plus small noise in the first m students; all entries small; ten times as large"""
    scale: Positive = 0.05
    """standard deviation of the entries of a small start"""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    seeds: Seeds = (1, 2, 3, 4)
    samples: Count = 10_000
    data_std: Positive = 1.5
    batch_size: Count = 16
    learning_rate: Positive = 0.01
    steps: Count = 5000
    looks: Looks = (0, 1000)
    share: Fraction = 0.99
    """of the output variance that the effective nodes carry"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        for ratio in self.over_realizations:
            over_realized_width(self.teacher_width, ratio)
        if max(self.looks) > self.steps:
            raise ValueError(f"looks: must lie in 0..{self.steps} (steps), got {list(self.looks)}")
        return self

    @property
    def times(self) -> list[int]:
        """Steps after which students are looked at, the last one included."""
        return sorted({*self.looks, self.steps})

    @property
    def work(self) -> float:
        return self.steps * len(self.seeds) * self.teacher_width * sum(self.over_realizations)

    def run(self, *earlier: Tables) -> Tables:
        """Table ``used`` of regularization.used."""
        from companion.chapters.lucky_nodes.regularization import used

        return {"used": used(self)}


class Projection(Cell):
    """Batch normalization, before and after the ReLU: what gradients are orthogonal to."""

    input_dim: Count = 7
    nodes: Count = 5
    samples: Count = 64
    eps: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.0, 1e-5, 1e-3, 1e-1)
    """added to the variances"""
    seeds: Count = 16

    def run(self, *earlier: Tables) -> Tables:
        """Table ``leaks`` of projection.leaks."""
        from companion.chapters.lucky_nodes.projection import leaks

        return {"leaks": leaks(self)}


class ImageLuck(Cell):
    """A teacher trained on the labels of images, and students of several widths that learn its outputs."""

    teacher: Teacher
    """images, width and training of the teacher, which is not pruned; its seed is the students', too"""
    network: Literal["convolutional", "fully connected"] = "convolutional"
    over_realizations: Ratios = (1.0, 2.0, 10.0)
    training: Training = Training(epochs=5, batch_size=32, learning_rate=0.003)

    @model_validator(mode="after")
    def _fits(self):
        for ratio in self.over_realizations:
            over_realized_width(self.teacher.width, ratio)
        if any(self.teacher.prune):
            raise ValueError(f"teacher: nothing of it may be pruned, got shares {list(self.teacher.prune)}")
        learned = self.teacher.images - self.teacher.validation_images
        if self.training.batch_size > learned:
            raise ValueError(
                f"batch_size: must not exceed the {learned} training images, got {self.training.batch_size}"
            )
        if self.training.epochs < 1:
            raise ValueError(f"epochs: students need at least 1, got {self.training.epochs}")
        return self

    @property
    def device(self) -> str:
        return self.teacher.device

    @property
    def work(self) -> float:
        positions = 300.0 if self.network == "convolutional" else 10.0  # of a convolution, about
        return self.training.epochs * self.teacher.images * positions * sum(self.over_realizations) ** 2

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``layers``, ``ranks`` and ``teachers`` of image_luck.image_luck."""
        from companion.chapters.lucky_nodes.image_luck import image_luck

        return image_luck(self)


class NormBiases(Cell):
    """A classifier of images: biases of its normalization before the ReLU, and overlaps of its gates."""

    shape: Literal["convolutional", "vgg11", "vgg13", "vgg16", "vgg19"] = "convolutional"
    """plain convolutions of the teacher's width; or the published shape with fewer channels"""
    narrow: Annotated[int, Field(ge=1, le=64)] = 8
    """by which the channels of a published shape are divided"""
    teacher: Teacher
    """images, training and seed, and whether there is batch normalization"""

    @model_validator(mode="after")
    def _fits(self):
        if self.teacher.norm == "after":
            raise ValueError("norm: must be before (the ReLU) or none, got after")
        if self.shape != "convolutional" and self.teacher.pool != 1:
            raise ValueError(f"pool: {self.shape} halves images five times, so 1, got {self.teacher.pool}")
        return self

    @property
    def device(self) -> str:
        return self.teacher.device

    @property
    def work(self) -> float:
        layers = 4 if self.shape == "convolutional" else int(self.shape.removeprefix("vgg"))
        return float(self.teacher.training.epochs * self.teacher.images * layers)

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``biases`` and ``gates`` of norm_biases.norm_biases."""
        from companion.chapters.lucky_nodes.norm_biases import norm_biases

        return norm_biases(self)


class OwnWeights(Cell):
    """Biases of batch normalization in a file of weights that the reader has."""

    digest: str
    """SHA-256 of the file, which says what it is wherever it lies"""
    file: str = Field("", exclude=True)

    def run(self, *earlier: Tables) -> Tables:
        """Table ``biases`` of weight_files.normalizations."""
        from companion.chapters.lucky_nodes.weight_files import normalizations

        return {"biases": normalizations(self.file)}
