"""The chapter's small numbers: students at small gradients, and what they observe; students of any data."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Ints, Positive, Tables
from ts_core.sizes import over_realized_width

Radii = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


class SmallGradient(Cell):
    """Students followed down to tiny gradients, both theorems held against them; float64, CPU.

    A seed draws its own teacher, data and start.
    """

    input_dim: Annotated[int, Field(ge=2)] = 5
    """input dimension d (nodes)"""
    teacher_width: Count = 3
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """student nodes per teacher node n / m (ratio)"""
    outputs: Count = 4
    """output dimension C (nodes)"""
    polarity: Annotated[float, Field(ge=0)] = 1.0
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    teacher_bias: float = -0.1
    """bias of every teacher node and output (rows have ||w|| = 1)"""
    slopes: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(strict=False, min_length=1)] = (
        0.0,
        0.2,
    )
    """slopes of the activation for negative input, each in [0, 1)"""
    seeds: Count = 8
    """ensemble members per slope (number)"""
    samples: Count = 600
    """Gaussian training samples; triples on the teacher planes are added (number)"""
    std: Positive = 1.5
    """standard deviation of every input coordinate"""
    start_scale: Positive = 0.3
    """standard deviation of the student's weights at the start"""
    steps: Count = 150
    """training time (Levenberg-Marquardt steps)"""
    checkpoints: Annotated[int, Field(ge=2)] = 14
    """loss levels at which the theorems are evaluated, the start included (number)"""
    decades: Positive = 16.0
    """distance of the first from the last loss level (powers of ten)"""
    plane_points: Count = 300
    """base points per teacher node of the teacher-aware augmentation (number)"""
    slab_points: Count = 600
    """base points per teacher node kept of the teacher-agnostic data (number)"""
    base_samples: Count = 200_000
    """Gaussian samples that the slab points are taken from (number)"""
    aware_radii: Radii = (0.002, 0.005, 0.01, 0.02, 0.05)
    """radii delta of the teacher-aware augmentation"""
    agnostic_radii: Radii = (0.01, 0.02, 0.05)
    """radii delta of the teacher-agnostic augmentation"""

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``pairs`` (see small_gradient.pairs), ``losses`` and ``undersampled``.

        Of losses there is a row per member and checkpoint.
        """
        from companion.chapters.finite_data.small_gradient import run

        return run(self)


class Geometry(SmallGradient):
    """The same for one slope, of which only counts are kept."""

    slack: Annotated[float, Field(gt=1)] = 10.0
    """how many times larger the gradient may be under the premise that must be refuted"""

    @model_validator(mode="after")
    def _one_slope(self):
        if len(self.slopes) != 1:
            raise ValueError(f"slopes: a geometry has one slope, got {list(self.slopes)}")
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``counts``: per kind of theorem and slack (1 is the theorem), as :func:`tables.counts`.

        dots, dots_above    of the paper's form of the bound: see :func:`tables.scatter`.
        """
        from companion.chapters.finite_data.small_gradient import check

        return check(self)


class LawPremises(Geometry):
    """The same on inputs of any law, whose density is estimated, and with the Gaussian's in its place."""

    slopes: Annotated[tuple[Annotated[float, Field(ge=0, lt=1)], ...], Field(strict=False, min_length=1)] = (
        0.0,
    )
    law: Literal["gaussian", "cube", "student-t", "mixture", "sphere", "corners", "patches", "two-valued"] = (
        "gaussian"
    )
    """law of all inputs; patches of photographs, or a built case without any training (two-valued)"""
    base_samples: Count = 20_000
    """samples that the slab points are taken from, and as many others that eta is estimated on (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``counts`` as :class:`Geometry` has, per kind of theorem and slack, and ``eta_of``.

        eta_of      whose density makes the bounds: the law's or the gaussian's of the same variance.
        eta         the law's, largest of seeds and teacher nodes;  eta_gaussian  of the other.
        """
        from companion.chapters.finite_data.law_premises import run

        return run(self)


class Observation(Cell):
    """Students that start where they observe little of one teacher node, trained by SGD; float64, CPU.

    A seed draws its own teacher, data and batches, which all starts share.
    """

    input_dim: Annotated[int, Field(ge=2)] = 5
    """input dimension d (nodes)"""
    teacher_width: Count = 3
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """student nodes per teacher node n / m (ratio)"""
    outputs: Count = 4
    """output dimension C (nodes)"""
    offsets: Annotated[tuple[float, ...], Field(strict=False, min_length=1)] = (0.0, 2.0, 4.0)
    """how far the students' boundaries start from the points of the teacher's (standard deviations of z)"""
    seeds: Count = 16
    """ensemble members per start (number)"""
    samples: Count = 600
    """Gaussian training samples (number)"""
    std: Positive = 1.5
    """standard deviation of every input coordinate"""
    start_scale: Positive = 0.3
    """size of the student's weights at the start"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement (number)"""
    learning_rate: Positive = 0.02
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    steps: Count = 10_000
    """training time (SGD steps)"""
    looks: Annotated[int, Field(ge=3)] = 14
    """about how often students are looked at, the start included (number)"""
    plane_points: Count = 2000
    """Gaussian points on each teacher plane that the observed share is counted on (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Tables per offset, seed and step.

        shares      and teacher and student node: ``share`` of the plane's points that the student observes,
                    ``expected`` in closed form, and that without biases, ``expected_unbiased``.
        hidden      of the teacher node that students start away from: the largest ``share`` of a student, and
                    the ``sine`` of the angle to the nearest student.
        """
        from companion.chapters.finite_data.observation import run

        return run(self)


PATCH_COMPONENTS = 64  # of the patches of photographs that students can be given


class Specialization(Cell):
    """Students trained on one kind and number of samples, an ensemble member per seed.

    A seed has its own teacher, data, start and stream of batches; they are those of the two-layer experiment.
    """

    input_dim: Count = 100
    """input dimension d (nodes)"""
    outputs: Count = 50
    """output dimension C (nodes)"""
    teacher_width: Count = 5
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    """student nodes per teacher node n / m (ratio)"""
    polarity: Annotated[float, Field(ge=0)] = 1.0
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    seeds: Ints = (1,)
    """ensemble members (seeds)"""
    data: Literal["random", "aware", "plane", "agnostic"] = "random"
    """kind of training data: see inputs.training_inputs"""
    law: Literal["gaussian", "cube", "student-t", "mixture", "sphere", "corners", "patches"] = "gaussian"
    """distribution of random and agnostic data, and of those that students are evaluated on"""
    samples: Count = 300
    """training samples, the augmented ones counted (number)"""
    radius: Positive = 1.0
    """length of the steps of plane and agnostic data"""
    data_std: Positive = 1.5
    """standard deviation of every input coordinate"""
    batch_size: Count = 16
    """samples per SGD step, drawn with replacement; all of them where there are fewer (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    steps_per_epoch: Count = 1000
    """SGD steps between two epochs"""
    snapshots: Ints = (20,)
    """epochs at which students are looked at; training ends with the last one"""
    eval_samples: Annotated[int, Field(ge=2)] = 4000
    """fresh samples for losses and correlations (number)"""
    dtype: Literal["float32", "float64"] = "float32"
    """number type of the ensemble"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where it trains; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _fits(self):
        over_realized_width(self.teacher_width, self.over_realization)
        if self.law != "gaussian" and self.data in ("aware", "plane"):
            raise ValueError(f"law: {self.data} data are made from Gaussian points, got {self.law!r}")
        if self.law == "patches" and (self.data != "random" or self.input_dim > PATCH_COMPONENTS):
            raise ValueError(
                f"law: patches are random data of at most {PATCH_COMPONENTS} inputs, got {self.data} data of "
                f"{self.input_dim}"
            )
        if min(self.snapshots) < 0 or max(self.snapshots) < 1:
            raise ValueError(
                f"snapshots: must be epochs from 0 on, the last at least 1, got {self.snapshots}"
            )
        return self

    @property
    def work(self) -> float:
        """Rough cost: steps x networks x (a constant + the student's width)."""
        width = self.teacher_width * self.over_realization
        steps = max(self.snapshots) * self.steps_per_epoch
        return steps * len(self.seeds) * (15 + width) * (1 + self.input_dim / 100)

    def run(self, *earlier: Tables) -> Tables:
        """Train the students; one row per observation.

        runs        seed, data, law, input_dim, teacher_width, over_realization, polarity, radius, samples (as
                    rounded up by an augmentation), epoch: train_loss, eval_loss (mean over samples and
                    outputs), mean_best_correlation (mean over teacher nodes, fresh samples), max_gradient (of
                    |g_1| over nodes and training samples, rows scaled to norm 1), status ok or diverged.
        nodes       the same keys and teacher (0 = strongest): best_correlation, sine (of the angle to the
                    nearest student), overlap (largest |alpha_kj|).
        """
        from companion.chapters.finite_data.specialization import run

        return run(self)
