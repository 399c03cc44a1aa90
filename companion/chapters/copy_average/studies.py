"""The chapter's numbers, each a cell."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Fraction, Ints, Positive, Tables

Activation = Literal["erf", "relu"]
AnyActivation = Literal["erf", "relu", "leaky", "tanh", "sigmoid", "softplus"]


class Flows(Cell):
    """Gradient flow of random students, fewer nodes than their teacher has, followed until they rest."""

    activation: Activation = "erf"
    students: int = 5
    """student nodes n, fewer than teacher nodes"""
    teachers: Annotated[int, Field(ge=2)] = 6
    """teacher nodes k, orthonormal, outgoing weights 1; the input has one dimension more"""
    starts: Count = 48
    """random starts, one ensemble (number)"""
    start_scale: Positive = 0.3
    """standard deviation of every weight at the start"""
    tolerance: Fraction = 1e-4
    """of a step of the flow, relative; a tenth of it changes no end"""
    dominance: Fraction = 0.5
    """a node averages if its second largest overlap with a teacher node is above this share of the largest"""

    @model_validator(mode="after")
    def _fewer(self):
        if not 1 <= self.students < self.teachers:
            raise ValueError(
                f"students: must lie in 1 to {self.teachers - 1}, below the teacher nodes, "
                f"got {self.students}"
            )
        return self

    @property
    def work(self) -> float:
        return self.starts * (self.students * self.teachers) ** 2 * (3 if self.activation == "relu" else 1)

    def run(self, *earlier: Tables) -> Tables:
        """Where the starts end.

        runs        a row per start: status (ok; lost, a ReLU node of length 0; moving, not at rest in time),
                    loss L, time, averaging (nodes that average), doomed (whether a node starts with an
                    outgoing weight below minus its norm), kind: copy-average (one node averages the
                    rest, each other copies a teacher node), copies (no node averages, each copies
                    another teacher node), other.
        nodes       a row per start at rest and node: outgoing weight, norm, own (teacher node of the largest
                    overlap), first and second: sizes of the two largest overlaps.
        weights     a row per kind, node and input dimension: the rows of the first start of the kind, times
                    the sign of the outgoing weight, nodes and teacher nodes in the order of their copies.
        """
        from companion.chapters.copy_average.flows import run

        return run(self)


class Motion(Cell):
    """The way of the first start that ends at each kind of end (erf), at several times."""

    students: int = 5
    """student nodes n, fewer than teacher nodes"""
    teachers: Annotated[int, Field(ge=2)] = 6
    """teacher nodes k"""
    starts: Count = 48
    """random starts, those of the flows, that are tried one after another (number)"""
    start_scale: Positive = 0.3
    """standard deviation of every weight at the start"""
    horizon: Positive = 2000.0
    """time of the last look"""
    looks: Annotated[int, Field(ge=3)] = 40
    """the first at time 0, the others evenly spaced in its logarithm from .1 on (number)"""

    @model_validator(mode="after")
    def _fewer(self):
        if not 1 <= self.students < self.teachers:
            raise ValueError(
                f"students: must lie in 1 to {self.teachers - 1}, below the teacher nodes, "
                f"got {self.students}"
            )
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``motion``: a row per kind (copies, copy-average), time, node and input dimension.

        weight of the row times the final sign of its outgoing weight, nodes and teacher nodes in the order of
        their copies at the end; loss L at that time; start, its number. A kind that no start has is left out.
        """
        from companion.chapters.copy_average.motion import motion

        return {"motion": motion(self)}


class Points(Cell):
    """Copy-average points of every partition of the teacher nodes among the students (erf)."""

    teachers: Annotated[int, Field(ge=2)] = 6
    widths: Ints = (2, 3, 5)
    """student nodes n (number)"""

    @model_validator(mode="after")
    def _fewer(self):
        for width in self.widths:
            if not 1 <= width < self.teachers:
                raise ValueError(f"widths: must lie in 1 to {self.teachers - 1}, got {width}")
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``points``: a row per width n and partition; groups, in words, and

        loss, predicted     and the sum of L* over the groups;
        gradient, longer    largest derivative, and the same where all rows are a hundredth too long;
        negative, least     eigenvalues of the Hessian below -1e-9 (number), and the smallest.
        """
        from companion.chapters.copy_average.points import run

        return {"points": run(self)}


class PhaseLine(Cell):
    """Copy-average and perturbed copies at every width for one teacher (erf): levels, least curvatures."""

    teachers: Annotated[int, Field(ge=4)] = 20
    """teacher nodes k (number)"""

    @property
    def work(self) -> float:
        return self.teachers**3.0

    def run(self, *earlier: Tables) -> Tables:
        """Table ``phases`` of :func:`phases.phase_line`."""
        from companion.chapters.copy_average.phases import phase_line

        return {"phases": phase_line(self.teachers)}


class OneNeuron(Cell):
    """One node for several: the reduced problem against free minimization."""

    activation: AnyActivation = "erf"
    teachers: Annotated[int, Field(ge=2)] = 4
    """teacher nodes l (number)"""
    starts: Count = 50
    """of the free minimization (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Two tables.

        levels      a row: reduced (least loss of the reduced problem), free (least of the starts), apart
                    (their difference, to more digits), worst (largest of those that reach it within 1e-6),
                    reached (starts that do), starts, size (r of the reduced minimum), points (critical points
                    of the reduced problem; rays, for a homogeneous activation), fewer (least loss along the
                    mean of all teacher nodes but one), silent (E f*^2).
        curve       a row per signed length r along the mean of the teacher nodes: loss with the best a.
        """
        from companion.chapters.copy_average.one_neuron import run

        return run(self)
