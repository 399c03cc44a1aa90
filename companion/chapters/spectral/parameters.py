"""Parameters of the chapter on the spectral parametrization, and the cells of its live runs."""

from typing import Literal

from pydantic import model_validator

from companion.chapters.spectral.studies import Identities, Students
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Fraction, Ints, Positive


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    teacher_width: Count = 3
    """nodes of the teacher's hidden layer, m (nodes)"""
    widths: Ints = (6, 12)
    """nodes of the students' hidden layers, n, each at least those of the teacher (nodes)"""
    seeds: Count = 6
    """students of each width and method, each with its own teacher, data, start and batches (number)"""
    input_dim: Count = 10
    """input dimension d (nodes)"""
    outputs: Count = 10
    """nodes of the layer above the hidden one, k_2 (nodes)"""
    eigenvalue_penalty: Positive = 0.01
    """a, L2 penalty of the eigenvalues, beside the mean squared error; the published one is 5e-4"""
    vector_penalty: Positive = 0.09
    """b, L2 penalty of the eigenvectors' entries, in direct training of the weights; published: .01"""
    learning_rate: Positive = 0.02
    """peak of Adam's step size, which rises for a tenth of the steps and falls to 0"""
    samples: Count = 1000
    """training samples (number)"""
    batch_size: Count = 50
    """samples per step, shuffled every epoch (number)"""
    epochs: Count = 150
    """length of the live runs (passes through the data)"""
    alive: Fraction = 0.05
    """a node survives if its size is above this share of the largest, in (0, 1), published"""
    dtype: Literal["float32", "float64"] = "float64"
    """number type of the trained ensembles; float32 is the sweep's and faster"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        if min(self.widths) < self.teacher_width:
            raise ValueError(
                f"widths: each must be at least teacher_width, {self.teacher_width}, got {min(self.widths)}"
            )
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """Students by three methods, then what holds exactly."""
        return [*self.students(), Identities()]

    def students(self) -> list[Students]:
        """Spectral, direct and plain students of all widths, the widest first."""
        parts = ("spectral", "three layers"), ("direct", "three layers"), ("plain", "two layers")
        return [
            self.into(
                Students,
                method=method,
                problem=problem,
                width=width,
                teacher_widths=(self.teacher_width,),
                seeds=tuple(range(1, self.seeds + 1)),
                test_samples=1000,
            )
            for width in sorted(self.widths, reverse=True)
            for method, problem in parts
        ]
