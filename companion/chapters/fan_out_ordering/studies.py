"""The chapter's small numbers."""

from companion.experiments.two_layer.spec import TwoLayer
from companion.runs.spec import Cell, Count, Positive, Tables
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
