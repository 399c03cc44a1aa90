"""SGD beside its equations over N: from a warm start, and from random starts of several widths."""

from companion.chapters.quadratic_networks.studies import Descent
from companion.runs.spec import Count, Grid, Ints, Positive
from companion.runs.sweeps import Sweep


class Sizes(Grid):
    """A warm and a random start for each N; the warm one has two teacher nodes, the random one has one."""

    input_dims: Ints = (50, 100)
    warm_widths: Ints = (2, 4)
    """p of the warm start, p* = 2"""
    widths: Ints = (1, 2, 4, 8)
    """p of the random start, p* = 1"""
    rate: Positive = 0.1
    seeds: Count = 4

    def cells(self) -> list[Descent]:
        cells = []
        for dim in self.input_dims:
            at = dict(input_dim=dim, rate=self.rate, seeds=self.seeds, dtype="float32")
            cells.append(Descent(widths=self.warm_widths, teachers=2, horizon=1.4 / self.rate, **at))
            cells.append(Descent(widths=self.widths, teachers=1, overlap=0.0, horizon=4.0 / self.rate, **at))
        return sorted(cells, key=lambda cell: -cell.work)


QUADRATIC = Sweep(
    "quadratic",
    {"quick": Sizes(), "laptop": Sizes(input_dims=(200, 800, 3200), seeds=40)},
    ("overlap", "rate"),
)
