"""The chapter's small numbers, and cells of its sweeps."""

from typing import Annotated

from pydantic import Field

from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Cell, Count, Floats, Fraction, Ints, Positive, Tables
from ts_core.sizes import log_spaced

# the published figure's setting; it shows seeds 6, 1 and 3 of its own generator
CONVERGENCE = TwoLayer(
    teacher_width=5,
    polarities=(1.0,),
    over_realizations=(2.0,),
    seeds=(1,),
    samples=1000,
    epochs=40,
    steps_per_epoch=100,
    snapshots=tuple(range(41)),
    dtype="float64",
    tables=("pairs",),
)


class GradientLevels(Cell):
    """At which gradient level each teacher node is found, in students twice as wide as their teacher."""

    seeds: Count = 8
    epochs: Count = 150
    """of 100 steps"""
    samples: Count = 2000
    observes: Positive = 0.01
    """share of the samples on either side of a boundary from which on an active student observes it"""

    def run(self, *earlier: Tables) -> Tables:
        """Table ``levels`` of gradient_levels.gradient_levels."""
        from companion.chapters.fan_out_ordering.gradient_levels import gradient_levels

        cell = TwoLayer(
            teacher_width=10,
            polarities=(1.0,),
            over_realizations=(2.0,),
            seeds=tuple(range(1, self.seeds + 1)),
            samples=self.samples,
            epochs=self.epochs,
            steps_per_epoch=100,
            snapshots=tuple(log_spaced(self.epochs, 40)),
        )
        return {"levels": gradient_levels(cell, self.observes)}


class Stages(Cell):
    """Students twice as wide as their teacher, looked at often: when nodes are found and the loss falls."""

    seeds: Ints = (1, 2, 3, 4)
    polarities: Floats = (0.0, 1.0, 2.0)
    teacher_width: Annotated[int, Field(ge=2, le=10)] = 5
    """teacher nodes m; all their subsets are tried (nodes)"""
    samples: Count = 2000
    steps: Count = 20_000
    looks: Count = 60
    """evenly spaced on a log scale, about as many (number)"""
    threshold: Fraction = 0.95
    """correlation above which a teacher node is found"""

    def cell(self) -> TwoLayer:
        """The networks and data, those of the two-layer experiment; its epochs are not ours."""
        return self.into(
            TwoLayer, over_realizations=(2.0,), epochs=1, snapshots=(1,), eval_samples=2000, tables=()
        )

    @property
    def work(self) -> float:
        return float(self.steps * len(self.seeds))

    def run(self, *earlier: Tables) -> Tables:
        """One row per seed, polarity and step.

        looks       eval_loss (mean over samples and outputs), found (teacher nodes with a correlation above
                    the threshold), to_whole, to_strongest and to_others of stages.distances_to_cuts.
        nodes       and per teacher node: rho, of the best student.
        """
        from companion.chapters.fan_out_ordering.stages import run

        return run(self)


class LeakyTwoLayer(TwoLayer):
    """The two-layer experiment with another slope for negative input, of teacher and students."""

    slope: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """0 is ReLU"""

    def run(self, *earlier: Tables) -> Tables:
        """Tables as :class:`TwoLayer` has, with the column ``slope``."""
        from companion.chapters.fan_out_ordering.leaky import run

        return run(self)
