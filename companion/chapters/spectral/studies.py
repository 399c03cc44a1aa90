"""The chapter's cells: what each of its experiments needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Ints, Positive, Tables

Seeds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Method = Literal["spectral", "direct", "group lasso", "plain"]
Problem = Literal["three layers", "two layers"]


class Students(Cell):
    """Students of one width that learn teachers of several widths in one way, all seeds at once."""

    method: Method = "spectral"
    """spectral coordinates, or the weights themselves with a ridge, a group lasso, or no penalty"""
    problem: Problem = "three layers"
    """the authors' network, hidden nodes under a layer of ReLU nodes that is summed; or without that"""
    width: Count = 20
    """hidden nodes of the student"""
    teacher_widths: Ints = (3, 5, 8)
    seeds: Seeds = (1, 2, 3)
    input_dim: Count = 10
    outputs: Count = 10
    """nodes above the hidden layer, k_2"""
    samples: Count = 3000
    test_samples: Count = 4000
    eigenvalue_penalty: Positive = 5e-4
    """a, of the squares of the eigenvalues"""
    vector_penalty: Positive = 1e-2
    """b, of the squares of the eigenvectors' entries; of those of the weights for the ridge"""
    learning_rate: Positive = 0.005
    """peak of Adam's; plain students have stochastic gradient descent at plain_rate instead"""
    plain_rate: Positive = 0.05
    batch_size: Count = 100
    epochs: Count = 1000
    """passes through the data, in a new order each"""
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "cpu"

    @model_validator(mode="after")
    def _fits(self):
        if self.width < max(self.teacher_widths):
            raise ValueError(
                f"width: must be at least that of every teacher, {max(self.teacher_widths)}, got {self.width}"
            )
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size: must not exceed the {self.samples} samples, got {self.batch_size}")
        return self

    @property
    def steps(self) -> int:
        return self.epochs * (self.samples // self.batch_size)

    @property
    def times(self) -> list[int]:
        """Steps after which sizes are looked at: none, and the last with its halves."""
        return sorted({0, *(self.steps // 2**halved for halved in range(6))})

    @property
    def work(self) -> float:
        return self.steps * self.batch_size * self.width * len(self.seeds) * len(self.teacher_widths)

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``units`` and ``kept`` of students.trained."""
        from companion.chapters.spectral.students import trained

        return trained(self)


class Identities(Cell):
    """The parametrization against full matrices, and the least penalty against a minimization by numbers."""

    inputs: Count = 7
    nodes: Count = 5
    seeds: Count = 16

    def run(self, *earlier: Tables) -> Tables:
        """Table ``errors`` of identities.identities."""
        from companion.chapters.spectral.identities import identities

        return {"errors": identities(self)}
