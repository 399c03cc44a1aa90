"""The chapter's own numbers, each a cell: SGD beside its equations, escapes, where a flow ends, curvature."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.runs.spec import Cell, Count, Ints, Positive, SpecError, Tables

ESCAPED = 0.5  # of ||M||^2 / p, from which on a student has left the plateau
Shapes = Annotated[tuple[tuple[int, int], ...], Field(strict=False, min_length=1)]


class Descent(Cell):
    """SGD of students of several widths on the same samples, and the equations from each one's own start."""

    widths: Ints = (4,)
    """student nodes p, each at least p* (nodes)"""
    teachers: Count = 2
    """teacher nodes p* (nodes)"""
    input_dim: Count = 400
    """N (nodes)"""
    rate: Positive = 0.1
    """learning rate per student node, eta / p"""
    overlap: Annotated[float, Field(ge=0)] = 0.3
    """of student i with teacher node i mod p* that is added to a random start; 0 is a random start"""
    seeds: Count = 8
    horizon: Positive = 14.0
    """steps / N"""
    interval: Positive = 0.5
    """between two looks (steps / N)"""
    dtype: Literal["float32", "float64"] = "float64"
    """of samples and training"""

    @model_validator(mode="after")
    def _fits(self):
        check_widths(self.widths, self.teachers, self.input_dim)
        if not self.interval <= self.horizon:
            raise SpecError(f"interval: must not exceed the horizon {self.horizon}, got {self.interval}")
        return self

    @property
    def work(self) -> float:
        return self.input_dim * self.horizon * (1000.0 + self.seeds * self.input_dim) * len(self.widths)

    def run(self, *earlier: Tables) -> Tables:
        """Table ``runs``, a row per width, seed and time, for SGD, the ode and the gradient flow.

        plateau                         loss of the plateau at this rate.
        loss, loss_ode, loss_flow       population loss of the overlaps.
        share, share_ode, share_flow    ||M||^2 / p, 0 on the plateau and 1 at a solution.
        apart, apart_flow               root mean square of the entries of Q and M of SGD minus those of the
                                        ode and of the flow.
        excess                          of the squared distance between the start and the solution that M
                                        points to: 0 for the closest one, 1 for a random one on average.
        """
        from companion.chapters.quadratic_networks.descent import beside_equations

        return {"runs": beside_equations(self)}


class Escapes(Cell):
    """Gradient flows from random starts to their escape from the plateau, for several widths and N."""

    widths: Ints = (1, 2, 4, 8)
    teachers: Count = 1
    input_dims: Ints = (10_000, 100_000, 1_000_000)
    """N of the starts: the overlaps are drawn from their law"""
    rate: Positive = 0.1
    seeds: Count = 40

    @model_validator(mode="after")
    def _fits(self):
        check_widths(self.widths, self.teachers, min(self.input_dims))
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``escapes``, a row per width, N and seed, and ``passages``, a row per width.

        escapes     time at which ||M||^2 / p passes one half; rate at which ||M|| grows between two levels of
                    it, see escape.WINDOW; NaN for one that begins above them.
        passages    passage, what the way from the plateau to one half costs: 8 rate t / p* + ln s for a flow
                    that begins there with ||M||^2 / p = s, s to 0, averaged over the directions of a random
                    M_0; growth of ||M|| on the plateau of SGD at this rate, and noise, overlaps.noise_share.
        """
        from companion.chapters.quadratic_networks.escape import escapes, passages

        return {"escapes": escapes(self), "passages": passages(self)}


class Paths(Cell):
    """SGD of students of one teacher node, with free norms and with norms kept, on the same samples."""

    width: Annotated[int, Field(ge=2)] = 2
    """student nodes p (nodes)"""
    input_dim: Count = 200
    rate: Positive = 0.1
    seeds: Annotated[int, Field(ge=2)] = 16
    horizon: Positive = 45.0
    """steps / N"""
    interval: Positive = 1.0
    """between two looks (steps / N); a whole number of steps"""

    @model_validator(mode="after")
    def _fits(self):
        check_widths((self.width,), 1, self.input_dim)
        if not self.interval <= self.horizon:
            raise SpecError(f"interval: must not exceed the horizon {self.horizon}, got {self.interval}")
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``paths``, a row per norms (free or kept), seed, time and student node.

        overlap     M_i with the teacher node;  norm  of the row, over sqrt(N).
        """
        from companion.chapters.quadratic_networks.descent import paths

        return {"paths": paths(self)}


class Endings(Cell):
    """Where the gradient flow takes random starts, and what it conserves on the way."""

    shapes: Shapes = ((2, 1), (2, 2), (4, 2), (6, 3))
    """p and p* of each student and teacher (nodes)"""
    input_dim: Count = 1000
    rate: Positive = 0.1
    seeds: Count = 12
    others: Annotated[int, Field(ge=2)] = 200
    """solutions that are drawn at random, beside the one reached (number)"""

    @model_validator(mode="after")
    def _fits(self):
        for p, p_star in self.shapes:
            check_widths((p,), p_star, self.input_dim)
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``kept``, a row per shape, seed and time, and ``endings``, a row per shape and seed.

        kept        drift of the conserved matrix, relative to its size at the start, NaN where it cannot be
                    computed any more; drift_bare, the same without the exponential; drift_noisy, of the
                    equations of SGD.
        endings     loss at the end; squared distances per N from the start: reached, closest, and mean and
                    standard deviation of random ones, other and other_sd.
        """
        from companion.chapters.quadratic_networks.geometry import endings

        return endings(self)


class Tails(Cell):
    """The last decades of the loss, for students of equal size and for wider ones."""

    shapes: Shapes = ((1, 1), (2, 1), (4, 1), (4, 2))
    input_dim: Count = 1000
    rate: Positive = 0.1
    seeds: Count = 5
    horizon: Positive = 500.0
    """steps / N"""
    records: Annotated[int, Field(ge=2)] = 40
    """looks, evenly spaced in the logarithm of time from 1 on (number)"""

    @model_validator(mode="after")
    def _fits(self):
        for p, p_star in self.shapes:
            check_widths((p,), p_star, self.input_dim)
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``tails``, a row per shape, norms, seed and time: loss of the gradient flow.

        norms       free, or kept at sqrt(N).
        limit       of time^2 times the loss by theory, for free norms and p > p*; else NaN.
        """
        from companion.chapters.quadratic_networks.escape import tails

        return {"tails": tails(self)}


class Curvature(Cell):
    """Eigenvalues of the Hessian on the plateau and at the solution that a flow reaches."""

    shapes: Shapes = ((1, 1), (2, 1), (4, 1), (2, 2), (4, 2))
    input_dim: Count = 30
    rate: Positive = 0.1

    @model_validator(mode="after")
    def _fits(self):
        for p, p_star in self.shapes:
            check_widths((p,), p_star, self.input_dim)
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Tables ``spectra``, a row per shape, point and eigenvalue, and ``solutions``, a row per shape.

        spectra     point (plateau or solution), order from 0 on, eigenvalue of the Hessian of N times loss.
        solutions   dimension of the set of solutions with free norms, and with norms that are kept.
        """
        from companion.chapters.quadratic_networks.geometry import curvature

        return curvature(self)


def check_widths(widths: tuple[int, ...], teachers: int, input_dim: int) -> None:
    """Raise SpecError unless each width p fits: p* <= p, and p + p* <= N."""
    for p in widths:
        if not teachers <= p:
            raise SpecError(f"widths: must be at least the {teachers} teacher nodes, got {p}")
        if p + teachers > input_dim:
            raise SpecError(f"input_dim: must be at least {p + teachers}, p + p*, got {input_dim}")
