"""The chapter's small numbers: lines in the plane, the gradient rule, critical points."""

from typing import Annotated

from pydantic import Field

from companion.runs.spec import Cell, Count, Floats, Ints, Positive, Tables

OverRealization = Annotated[float, Field(ge=1)]


class Plane(Cell):
    """A student in two dimensions, where the boundary of every node is a line one can draw."""

    teacher_width: Count = 5
    over_realization: OverRealization = 3.0
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
        """Tables of critical_points: summary, planes, matches, line, outputs, kinks and boundaries."""
        from companion.chapters.two_layer_theorem.critical_points import run

        return run(self)


class TrainedStudents(Cell):
    """Students trained to a zero gradient of all samples together, with and without noise on their labels.

    float64, CPU; a seed draws its own teacher, data, noise and starts.
    """

    input_dim: Count = 5
    """input dimension d (nodes)"""
    teacher_width: Count = 3
    """teacher nodes m (nodes)"""
    outputs: Count = 4
    """output dimension C (nodes)"""
    over_realizations: Annotated[tuple[OverRealization, ...], Field(strict=False, min_length=1)] = (
        1.0,
        2.0,
        4.0,
    )
    """student nodes per teacher node n / m, each at least 1 (ratio)"""
    noisy_over_realization: OverRealization = 2.0
    """the same, of the students that learn labels with noise"""
    polarity: Annotated[float, Field(ge=0)] = 0.5
    """p: fan-out norm of teacher node j decays like j^-p (exponent)"""
    noise: Positive = 0.1
    """standard deviation of the noise on each label"""
    seeds: Count = 8
    """ensemble members per over-realization (number)"""
    samples: Count = 300
    """Gaussian training samples (number)"""
    std: Positive = 1.5
    """standard deviation of every input coordinate"""
    start_scale: Positive = 0.3
    """standard deviation of the student's weights at the start"""
    steps: Count = 150
    """training time (Levenberg-Marquardt steps)"""
    checkpoints: Annotated[int, Field(ge=2)] = 13
    """loss levels at which gradients are looked at, the start included; the end is one more (number)"""
    decades: Positive = 24.0
    """distance of the first from the last loss level (powers of ten)"""
    tolerance: Positive = 0.1
    """distance below which two hyperplanes count as one (of rows with biases, scaled to ||w|| = 1)"""
    batch_size: Count = 16
    """samples per SGD step afterwards, drawn with replacement (number)"""
    learning_rate: Positive = 0.01
    """SGD step size for the loss 1/2 ||f* - f||^2 summed over outputs"""
    sgd_decades: Annotated[int, Field(ge=1)] = 3
    """SGD steps (powers of ten)"""

    def run(self, *earlier: Tables) -> Tables:
        """Tables per over_realization, noise and seed.

        gradients   and checkpoint: loss, sizes of the gradient of a ``single`` sample (root mean square) and
                    of the ``full`` one, of all samples together, largest ``residual`` |f* - f| of a sample.
        moved       and step of SGD from the last checkpoint: ``distance`` from it, relative to the weights.
        pruned      nodes and losses before and after; see :func:`trained_students.pruned`.
        """
        from companion.chapters.two_layer_theorem.trained_students import run

        return run(self)
