"""The chapter's small numbers: lines in the plane, the gradient rule, critical points."""

from typing import Annotated

from pydantic import Field

from companion.runs.spec import Cell, Count, Floats, Ints, Positive, Tables


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
