"""The chapter's small numbers: lines in the plane, the gradient rule, critical points, small gradients."""

from typing import Annotated

from pydantic import Field

from companion.runs.spec import Cell, Count, Floats, Ints, Positive, Tables

Radii = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


class Plane(Cell):
    """A student in two dimensions, where the boundary of every node is a line one can draw."""

    teacher_width: Count = 5
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    polarity: Annotated[float, Field(ge=0)] = 0.5
    outputs: Count = 10
    samples: Annotated[int, Field(ge=16)] = 4000
    half_width: Positive = 2.0
    student_scale: Positive = 0.2
    learning_rate: Positive = 0.05
    steps: Count = 20_000
    seed: Annotated[int, Field(ge=0)] = 1
    grid: Annotated[int, Field(ge=2)] = 121

    def run(self, *earlier: Tables) -> Tables:
        """Watch the students' lines move onto the teacher's in two dimensions.

        lines       one row per step, network (teacher or student) and node: w_1, w_2, b of the boundary
                    w_1 x_1 + w_2 x_2 + b = 0, and ``strength`` ||w|| ||v||.
        error       one row per step and grid point x_1, x_2: the distance ||f* - f||.
        """
        from companion.chapters.two_layer_theorem.plane import run

        return run(self)


class GradientRule(Cell):
    """The recursive gradient rule against autograd, on random networks with biases, float64."""

    depths: Ints = (2, 3, 4, 5)
    """numbers of weight layers, each at least 2"""
    slopes: Floats = (0.0, 0.1, 0.3)
    """slopes of the activation for negative input, each in [0, 1)"""
    seeds: Count = 8

    def run(self, *earlier: Tables) -> Tables:
        """Table ``rule``: largest difference of the rule from autograd, one row per depth, slope and seed."""
        from companion.chapters.two_layer_theorem.gradient_rule import gradient_rule

        return {"rule": gradient_rule(self.depths, self.slopes, range(self.seeds))}


class CriticalPoints(Cell):
    """Critical points of two-layer students, built by hand: what the theorem says, what it leaves open."""

    seed: Annotated[int, Field(ge=0)] = 0

    def run(self, *earlier: Tables) -> Tables:
        """Tables of critical_points: ``summary``, ``planes``, ``matches``, ``line`` and ``outputs``."""
        from companion.chapters.two_layer_theorem.critical_points import run

        return run(self)


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
        from companion.chapters.two_layer_theorem.small_gradient import run

        return run(self)
