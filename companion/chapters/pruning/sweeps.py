"""Pruning: over-realization x label noise from even fan-outs, and the released start."""

from companion.chapters.pruning.studies import Pruned
from companion.runs.spec import Cell, Count, Floats, Grid, Positive
from companion.runs.sweeps import Sweep


class Pruning(Grid):
    """Every over-realization and every noise on its own, the others at their first value; both starts."""

    input_dim: Count = 20
    over_realizations: Floats = (3.0, 1.5)
    noises: Floats = (0.0, 2.0)
    seeds: Count = 4
    batch_size: Count = 50
    learning_rate: Positive = 0.1
    steps: Count = 100

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        first = self.over_realizations[0]
        pairs = [(z, self.noises[0]) for z in self.over_realizations] + [(first, s) for s in self.noises[1:]]
        cells = [
            self.into(Pruned, start=start, over_realization=z, noise=noise, seeds=seeds)
            for z, noise in pairs
            for start in ("even", "drawn")
        ]
        return sorted(cells, key=lambda cell: -cell.work)


PRUNING = Sweep(
    "pruning",
    {
        "quick": Pruning(),
        "laptop": Pruning(
            input_dim=60,
            over_realizations=(3.0, 1.5, 2.0, 4.0, 6.0),
            noises=(0.0, 1.0, 2.0, 4.0),
            seeds=24,
            steps=3000,
        ),
    },
    ("over_realization", "noise"),
)
