"""The chapter's cells: students that are trained, pruned and merged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.chapters.pruning.kdpp import MOST_ITEMS
from companion.datasets.cifar10 import CLASSES, SIDE
from companion.runs.spec import Cell, Count, Fraction, Positive, Tables
from ts_core.sizes import over_realized_width

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Pruned(Cell):
    """Erf students of one over-realization, pruned and merged to every number of nodes below their own."""

    input_dim: Count = 60
    teacher_width: Count = 2
    fan_out: Positive = 4.0
    """v*, of every teacher node"""
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    start: Literal["even", "drawn"] = "even"
    """fan-outs 1 + N(0, 1) / 10; or N(0, 1), as released"""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """standard deviation of the noise on the labels"""
    seeds: Seeds = tuple(range(1, 21))
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 1500
    draws: Annotated[int, Field(ge=2)] = 20
    """masks per student, of random and of DPP edges; and shuffles of a kernel"""
    dtype: Literal["float32", "float64"] = "float32"

    @model_validator(mode="after")
    def _fits(self):
        if not 2 <= self.width <= MOST_ITEMS:
            raise ValueError(
                f"over_realization: all subsets of 2 to {MOST_ITEMS} student nodes are tried, "
                f"got {self.width}"
            )
        if self.width > self.input_dim:
            raise ValueError(
                f"input_dim: must be at least the student's {self.width} nodes, got {self.input_dim}"
            )
        return self

    @property
    def width(self) -> int:
        """Student nodes n."""
        return over_realized_width(self.teacher_width, self.over_realization)

    @property
    def work(self) -> float:
        return float(self.steps) * len(self.seeds) * self.batch_size * self.input_dim * self.width

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``students`` and ``errors`` of students.pruned."""
        from companion.chapters.pruning.students import pruned

        return pruned(self)


class Merged(Cell):
    """Students as those of ``Pruned``, merged to the teacher's size; nothing is pruned but for comparison."""

    student: Pruned

    @property
    def work(self) -> float:
        return self.student.work

    def run(self, *earlier: Tables) -> Tables:
        """Table ``merged`` of students.merged."""
        from companion.chapters.pruning.students import merged

        return merged(self.student)


class PrunedClassifiers(Cell):
    """Erf perceptrons that learn images, pruned and merged to several shares of their parameters."""

    dataset: Literal["digits", "patches", "cifar10"] = "digits"
    fingerprint: str = ""
    """which images, wherever they lie on this machine; empty for digits, which come with scikit-learn"""
    pool: Literal[1, 2, 4, 8] = 1
    """pixels averaged along each side"""
    train: Count = 1297
    test: Count = 500
    width: Annotated[int, Field(ge=2)] = 50
    """hidden nodes n"""
    kept: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.2, 0.4, 0.6, 0.8)
    """shares of the parameters that are left"""
    seeds: Seeds = tuple(range(1, 11))
    draws: Annotated[int, Field(ge=2)] = 10
    """subsets or masks per network, of every method that draws"""
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Annotated[int, Field(ge=1)] = 1500
    dtype: Literal["float32", "float64"] = "float32"
    data: str = Field("", exclude=True)
    """folder of the images on this machine, no part of the run's id; empty: the data set's own rule"""

    @model_validator(mode="after")
    def _fits(self):
        if self.batch_size > self.train:
            raise ValueError(
                f"batch_size: must not exceed the {self.train} training images, got {self.batch_size}"
            )
        for share in self.kept:
            if not 1 <= self.nodes(share) < self.width or self.edges(share) < 1:
                raise ValueError(
                    f"kept: {share:g} of {self.width} nodes leaves {self.nodes(share)} nodes, "
                    f"or {self.edges(share)} of {self.input_dim} edges of every node"
                )
        return self

    @property
    def input_dim(self) -> int:
        return 64 if self.dataset == "digits" else 3 * (SIDE // self.pool) ** 2

    def nodes(self, share: float) -> int:
        """Nodes that are left where nodes are pruned."""
        return round(share * self.width)

    def edges(self, share: float) -> int:
        """Edges of every node that are left where edges are pruned: as many parameters as of :meth:`nodes`.

        A node that goes takes its bias and its fan-out weights along.
        """
        return round(self.nodes(share) / self.width * (self.input_dim + 1 + CLASSES)) - 1 - CLASSES

    @property
    def work(self) -> float:
        return float(self.steps) * len(self.seeds) * self.batch_size * self.input_dim * self.width

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``classifiers`` and ``accuracies`` of classifiers.pruned."""
        from companion.chapters.pruning.classifiers import pruned

        return pruned(self)
