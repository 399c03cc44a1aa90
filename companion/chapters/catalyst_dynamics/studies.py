"""The chapter's own numbers, each a cell."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from companion.experiments.dynamics.spec import Population, student_width
from companion.runs.spec import Cell, Count, Floats, Fraction, Positive, Spec, Tables


class Settled(Spec):
    """How a flow is followed to its end, whatever that is."""

    step: Positive = 0.5
    """of the fourth-order Runge-Kutta method (time units); half of it changes no fate"""
    interval: Positive = 10.0
    """time between two looks at the gradient (time units)"""
    limit: Positive = 10_000.0
    """after so long a start that is neither covered nor at rest counts as moving (time units)"""
    rest: Positive = 1e-6
    """largest derivative of J by a weight at which a start is at rest"""
    descent: Positive = 1e-4
    """a state at rest is stuck if no eigenvalue of the Hessian of J lies below minus this: else a saddle"""


class Fates(Settled, Cell):
    """What becomes of random starts of one width, for several polarities: covered, stuck, or still moving."""

    over_realization: Positive = 1.0
    """student nodes per teacher node n / m, below 1 too (ratio)"""
    polarities: Floats = (0.0, 0.5, 1.0, 1.5, 2.0)
    """p: strength of teacher node j decays like j^-p (exponent)"""
    input_dim: Count = 10
    teacher_width: Count = 5
    strength: Positive = 3.0
    start_scale: Positive = 0.02
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """cosine of the fan-outs of any two teacher nodes; at 0 a student may not see a missing one at all"""
    to_rest: bool = False
    """whether a covered start is followed until it is at rest, too"""
    seeds: Count = 200
    """starts (number)"""
    samples: Count = 1000
    """on which the gradient of a state at rest is looked at (number)"""

    @model_validator(mode="after")
    def _fits(self):
        student_width(self.teacher_width, self.over_realization)
        for polarity in self.polarities:
            self.population(polarity)
        return self

    @property
    def nodes(self) -> int:
        return student_width(self.teacher_width, self.over_realization)

    def population(self, polarity: float) -> Population:
        return self.into(Population, polarity=polarity, horizon=self.limit, seeds=self.seeds)

    @property
    def work(self) -> float:
        return 40.0 + self.nodes**1.5

    def run(self, *earlier: Tables) -> Tables:
        """A start is *covered* once every teacher node is learned to more than half its strength.

        It is *stuck* when it rests before; what is neither by the limit is *moving*.

        runs        a row per polarity and seed: over_realization, nodes, status, outcome (covered, stuck,
                    moving), time (of coverage, NaN if never), end (of the flow), loss J, gradient (largest
                    derivative), curvature (smallest eigenvalue of the Hessian), learned (teacher nodes beyond
                    half), strongest (whether the first one is), aligned (teacher nodes with a student of
                    cosine above .95); sample_gradient, largest |g_k(x)| on samples. NaN where not looked at.
        teachers    a row per stuck start and teacher node: learned and mirrored, shares of its strength, the
                    latter by students that point against it in both layers; mirror, the cosine with the
                    strongest of those.
        """
        from companion.chapters.catalyst_dynamics.fates import run

        return run(self)


class Examples(Population, Cell):
    """The first few starts of the exactly realized student, each followed to its end by itself."""

    over_realization: Positive = 1.0
    seeds: Count = 4
    horizon: Positive = 3000.0
    records: Annotated[int, Field(ge=2)] = 80
    """looks at each start, evenly spaced in the logarithm of time from 1 on (number)"""
    tolerance: Fraction = 1e-7
    """of the adaptive solver, relative"""

    def run(self, *earlier: Tables) -> Tables:
        """Two tables.

        curves      a row per seed, time and teacher node: its strength and the share of it that is learned.
        states      a row per seed and time: loss J, gradient (largest derivative by a weight).
        """
        from companion.chapters.catalyst_dynamics.flows import examples

        return examples(self)


class ClosedForms(Cell):
    """The two expectations behind the flow, against samples."""

    input_dim: Count = 6
    pairs: Count = 4
    """pairs of nodes of a seed (number)"""
    samples: Count = 50_000
    seeds: Count = 20

    def run(self, *earlier: Tables) -> Tables:
        """Table ``forms``: a row per seed, form (kappa, phi) and route (closed, not centred).

        deviation   mean square of the difference from the sample mean, in standard errors; 1 by chance.
        """
        from companion.chapters.catalyst_dynamics.flows import closed_forms

        return {"forms": closed_forms(self)}


class Aligned(Cell):
    """The aligned manifold: full flow beside its reduction, what is conserved, what niche-mates keep."""

    teacher_width: Count = 4
    students: Count = 2
    """student nodes per teacher node (number)"""
    input_dim: Count = 6
    start_scale: Positive = 0.05
    time: Positive = 12.0
    tolerance: Fraction = 1e-11
    """of the adaptive solver, relative"""
    seeds: Count = 2
    """each draws its own strengths and norms (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``aligned``: a row per seed and start (balanced, unbalanced); largest values over time.

        reduction   |p - p of the reduction|, over students; competition  the same if all were balanced.
        drift       of ||w||^2 - ||v||^2; drift_wrong  the same where fan-outs move twice as fast.
        ratio       |change of log(p_k / p_k')| of students of one teacher node.
        """
        from companion.chapters.catalyst_dynamics.flows import aligned

        return {"aligned": aligned(self)}


class FewSamples(Population, Cell):
    """Random starts trained by SGD on one small data set, students of several widths on the same samples."""

    over_realizations: Floats = (1.0, 2.0, 4.0, 8.0)
    train_samples: Count = 64
    """training samples N, drawn once for each seed (number)"""
    batch_size: Count = 32
    """samples per SGD step, at most N (number)"""
    learning_rate: Positive = 0.05
    horizon: Positive = 200.0
    interval: Positive = 20.0
    seeds: Count = 64

    @model_validator(mode="after")
    def _fits_students(self):
        for ratio in self.over_realizations:
            student_width(self.teacher_width, ratio)
        return self

    @property
    def work(self) -> float:
        return self.seeds * sum(self.over_realizations)

    def run(self, *earlier: Tables) -> Tables:
        """Table ``runs``: over_realization, seed, polarity, train_samples, status, and at the end of training

        learned         teacher nodes beyond half their strength (number);  covered  whether that is all.
        share_loss      J on the population, as a share of that of a silent student.
        """
        from companion.chapters.catalyst_dynamics.samples import run

        return {"runs": run(self)}


class Convergence(Population, Cell):
    """How long random starts take until the gradient is small at every sample."""

    over_realization: Positive = 2.0
    level: Positive = 0.03
    """of the largest |g_k(x)|"""
    samples: Count = 200
    """on which the gradient is looked at (number)"""
    horizon: Positive = 4000.0
    interval: Positive = 10.0
    step: Positive = 0.5
    seeds: Count = 20

    @model_validator(mode="after")
    def _fits_students(self):
        student_width(self.teacher_width, self.over_realization)
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Table ``runs``: over_realization, polarity, seed, status; weakest, mean: of the strengths.

        time            until the gradient is below the level (right to the interval), NaN if never;
        covered         whether all teacher nodes are learned to more than half by then.
        """
        from companion.chapters.catalyst_dynamics.flows import convergence

        return {"runs": convergence(self)}


class NoisyRecovery(Cell):
    """Students that are fitted to labels with noise of one law, at several levels; float64.

    A seed's levels share its teacher, data, start and noise, up to the size of the latter.
    """

    law: Literal["gaussian", "uniform", "signs", "student-t", "wave"] = "gaussian"
    """of the noise: independent at every sample, or a smooth function of the input (wave)"""
    noises: Floats = (0.001, 0.01)
    """standard deviation of the noise of every output"""
    input_dim: Count = 6
    outputs: Count = 4
    teacher_width: Count = 4
    over_realization: Annotated[float, Field(ge=1)] = 2.0
    polarity: Annotated[float, Field(ge=0)] = 1.0
    seeds: Count = 4
    samples: Count = 250
    std: Positive = 1.5
    """of every input coordinate"""
    start_scale: Positive = 0.3
    steps: Count = 120
    """of the Levenberg-Marquardt method"""
    plane_points: Count = 200
    """on each teacher plane, where the bound is looked for (number)"""
    radii: Floats = tuple(round(1e-4 * 10 ** (i / 4), 8) for i in range(13))
    """steps off the plane that the bound is looked for with"""

    @property
    def work(self) -> float:
        return float(self.seeds * len(self.noises))

    def run(self, *earlier: Tables) -> Tables:
        """Table ``nodes``: a row per law, noise, seed and teacher node (0 = strongest).

        fan_out         ||v*_j||, of rows scaled to norm 1;  sine  of the angle to the nearest student.
        bound           the smallest that the theorem on small gradients guarantees, NaN if none is below 1.
        premises        pairs of observer and step with a true premise and a bound below 1 (number);
        violations      of the node that such a pair points to: too few points, or farther than the bound.
        loss            of the student on its noisy labels, mean over samples and outputs.
        """
        from companion.chapters.catalyst_dynamics.noisy import run

        return {"nodes": run(self)}


class Tilted(Cell):
    """One student at a small angle to one teacher node, and an observer: where the noisy bound is tight."""

    angles: Floats = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    """between the student and the teacher node (radians)"""
    slack: Annotated[float, Field(gt=1)] = 1.01
    """step off the teacher's plane, over the smallest with a true premise"""
    points: Count = 201
    """on the teacher's plane (number)"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``tilted``: a row per angle: its sine, the bound, and premise, whether it is true."""
        from companion.chapters.catalyst_dynamics.noisy import tilted

        return {"tilted": tilted(self)}


class Faces(Population, Cell):
    """What random starts see of the teacher's nodes before they train, over the students' width."""

    over_realizations: Floats = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 3.0, 4.0, 8.0, 16.0)
    shares: Floats = (0.25, 0.5, 0.75)
    """of a boundary that a student is to be active on"""
    offset: Positive = 1.0
    """of that boundary from the origin, over the standard deviation of the inputs"""
    seeds: Count = 200

    @model_validator(mode="after")
    def _fits_students(self):
        for ratio in self.over_realizations:
            student_width(self.teacher_width, ratio)
        return self

    def run(self, *earlier: Tables) -> Tables:
        """Two tables; the starts are those of :class:`Fates`.

        chances     a row per over_realization and event: of a teacher node that some student observes more
                    than a share of its boundary (the share), or faces it (NaN); found, of (numbers of nodes),
                    and chance, in closed form.
        starts      a row per over_realization and seed: faced, whether every teacher node is.
        """
        from companion.chapters.catalyst_dynamics.faces import run

        return run(self)
