"""The chapter's small numbers: students at small gradients."""

from typing import Annotated

from pydantic import Field

from companion.runs.spec import Cell, Count, Positive, Tables

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
