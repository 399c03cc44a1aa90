"""Fresh teachers by activation, to know how often a rule finds their width; deeper ones, layer by layer."""

from companion.chapters.expand_and_cluster.studies import Activated, Chain, Ends, Recovery
from companion.runs.spec import Cell, Count, Grid
from companion.runs.sweeps import Sweep

TOGETHER = 10  # teachers of a cell


class Fresh(Grid):
    """Cells of a few teachers of one activation, all students of which train together."""

    activations: tuple[Activated, ...] = ("tanh", "relu")
    teachers: Count = 2
    students: Count = 3
    samples: Count = 150
    steps: Count = 40

    def cells(self) -> list[Cell]:
        cells = [
            self.into(
                Recovery,
                activation=activation,
                teachers=tuple(range(first, min(first + TOGETHER, self.teachers + 1))),
            )
            for first in range(1, self.teachers + 1, TOGETHER)
            for activation in self.activations
        ]
        return sorted(cells, key=lambda cell: -cell.work)


class Cuts(Grid):
    """Fresh ReLU teachers, and some of Fresh that did not come back, by where their clusters are cut."""

    first: Count = 21
    """the first fresh teacher; those of Fresh are numbered from 1"""
    teachers: Count = 1
    """fresh ones"""
    stuck: tuple[int, ...] = ()
    """teachers of Fresh to look at again"""
    students: Count = 3
    samples: Count = 150
    steps: Count = 40

    def cells(self) -> list[Cell]:
        fresh = range(self.first, self.first + self.teachers)
        parts = [self.stuck, *(tuple(fresh[at : at + TOGETHER]) for at in range(0, len(fresh), TOGETHER))]
        cells = [Ends(recovery=self.into(Recovery, activation="relu", teachers=of)) for of in parts if of]
        return sorted(cells, key=lambda cell: -cell.work)


class Chains(Grid):
    """A cell per teacher of two hidden layers."""

    teachers: Count = 1
    students: Count = 3
    samples: Count = 150
    steps: Count = 40

    def cells(self) -> list[Cell]:
        return [self.into(Chain, teacher=teacher) for teacher in range(1, self.teachers + 1)]


RECOVERY = Sweep(
    "recovery",
    {
        "quick": Fresh(),
        "laptop": Fresh(
            activations=("tanh", "sigmoid", "relu"), teachers=20, students=8, samples=300, steps=300
        ),
    },
)
CUTS = Sweep(
    "recovery_cuts",
    {
        "quick": Cuts(stuck=(3,)),
        "laptop": Cuts(teachers=20, stuck=(3, 6), students=8, samples=300, steps=300),
    },
)
CHAINS = Sweep(
    "recovery_chains", {"quick": Chains(), "laptop": Chains(teachers=6, students=8, samples=400, steps=800)}
)
