"""SGD beside its equations over N: from a warm start, and from random starts of several widths."""

from companion.chapters.quadratic_networks.studies import Descent
from companion.runs.spec import Count, Grid, Ints, Positive
from companion.runs.sweeps import Sweep


class Sizes(Grid):
    """Warm starts with two teacher nodes and random ones with one, a cell for each N."""

    warm_dims: Ints = (50, 100)
    """N of the warm starts"""
    warm_widths: Ints = (2, 4)
    """p of the warm starts, p* = 2"""
    warm_seeds: Count = 4
    input_dims: Ints = (50, 100)
    """N of the random starts"""
    widths: Ints = (1, 2, 4, 8)
    """p of the random starts, p* = 1"""
    seeds: Count = 4
    rate: Positive = 0.1

    def cells(self) -> list[Descent]:
        shared = dict(rate=self.rate, dtype="float32")
        warm = dict(widths=self.warm_widths, teachers=2, seeds=self.warm_seeds, horizon=1.4 / self.rate)
        random = dict(widths=self.widths, teachers=1, overlap=0.0, seeds=self.seeds, horizon=3.2 / self.rate)
        cells = [Descent(input_dim=dim, **warm, **shared) for dim in self.warm_dims]
        cells += [Descent(input_dim=dim, **random, **shared) for dim in self.input_dims]
        return sorted(cells, key=lambda cell: -cell.work)


LAPTOP = Sizes(warm_dims=(200, 800, 3200), warm_seeds=16, input_dims=(200, 800, 1600), seeds=40)
QUADRATIC = Sweep("quadratic", {"quick": Sizes(), "laptop": LAPTOP}, ("time", "overlap", "rate"))
