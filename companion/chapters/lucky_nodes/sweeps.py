"""The chapter's sweeps: fan-out decay, winners and tickets of deep students, widths that are used."""

from companion.chapters.lucky_nodes.studies import Decay, Luck, Width
from companion.runs.spec import Cell, Count, Floats, Grid, Ints
from companion.runs.sweeps import Sweep

SEEDS_PER_CELL = 8  # what trains together; a few minutes of one core
WIDE = 20.0  # from here on a cell has one seed
STARTS = ((1.0, 0.0), (1.0, 0.3), (1.0, 1.0), (0.3, 1.0), ())
BOTH = ((1.0, 1.0), ())  # starts that are trained by the exact gradient, too
KEYS = ("over_realization", "weight_decay")


def _by_work(cells: list[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: -cell.work)


class FanOutDecay(Grid):
    """Start x over-realization by the separated gradient; two of the starts by the exact one as well."""

    over_realizations: Floats = (2.0,)
    seeds: Count = 2
    steps: Count = 400
    looks: Ints = (0, 100)

    def cells(self) -> list[Cell]:
        seeds = tuple(range(1, self.seeds + 1))
        return _by_work(
            [
                self.into(Decay, over_realization=ratio, start=start, gradient=gradient, seeds=seeds)
                for ratio in self.over_realizations
                for gradient, starts in (("separated", STARTS), ("exact", BOTH))
                for start in starts
            ]
        )


class Ranks(Grid):
    """Students of several widths, and some with another start or other data; a cell has a few seeds."""

    hidden: Ints = (10, 15, 20, 25)
    students: tuple[tuple[float, int, bool], ...] = ((1.0, 2, False), (2.0, 2, True))
    """over-realization, number of seeds, whether tickets are trained"""
    variants: tuple[tuple[float, int, str, str], ...] = ((1.0, 2, "same sign", "finite"),)
    """over-realization, number of seeds, start, data"""
    samples: Count = 2000
    epochs: Count = 4
    looks: Ints = (0, 1, 2)
    eval_samples: Ints = (192, 1024)

    def cells(self) -> list[Cell]:
        plain = [(ratio, seeds, "random", "finite", tickets) for ratio, seeds, tickets in self.students]
        others = [(*variant, False) for variant in self.variants]
        return _by_work(
            [
                self.into(
                    Luck,
                    over_realization=ratio,
                    start=start,
                    data=data,
                    tickets=tickets,
                    seeds=tuple(range(first, min(first + together, seeds + 1))),
                )
                for ratio, seeds, start, data, tickets in (*plain, *others)
                for together in [1 if ratio >= WIDE else SEEDS_PER_CELL]
                for first in range(1, seeds + 1, together)
            ]
        )


class UsedWidth(Grid):
    """Every start without a penalty and with weight decay; all widths of a start train together."""

    over_realizations: Floats = (1.0, 5.0)
    weight_decays: Floats = (0.0, 0.003)
    seeds: Count = 2
    steps: Count = 1000
    looks: Ints = (0, 100)

    def cells(self) -> list[Cell]:
        return _by_work(
            [
                self.into(
                    Width,
                    start=start,
                    weight_decay=decay,
                    seeds=tuple(range(first, min(first + SEEDS_PER_CELL, self.seeds + 1))),
                )
                for start in ("perturbed", "small", "large")
                for decay in self.weight_decays
                for first in range(1, self.seeds + 1, SEEDS_PER_CELL)
            ]
        )


FAN_OUT_DECAY = Sweep(
    "lucky_decay",
    {
        "quick": FanOutDecay(),
        # the published panels; its logged iterations are hundreds of steps
        "paper": FanOutDecay(
            over_realizations=(2.0, 5.0, 10.0), seeds=8, steps=19_900, looks=(0, 2000, 4000, 6000, 8000)
        ),
    },
    KEYS,
)
RANKS = Sweep(
    "lucky_ranks",
    {
        "quick": Ranks(),
        # the published figures have 32 seeds and 99 epochs at every width; two cores have these
        "laptop": Ranks(
            students=(
                (1.0, 32, False),
                (2.0, 32, False),
                (5.0, 32, True),
                (10.0, 16, True),
                (20.0, 6, False),
                (50.0, 3, False),
            ),
            variants=(
                (1.0, 32, "same sign", "finite"),
                (1.0, 32, "random", "fresh"),
                (5.0, 16, "negated", "finite"),
                (5.0, 16, "random", "fresh"),
            ),
            samples=100_000,
            epochs=40,
            looks=(0, 1, 2, 3, 4, 10, 20),
            eval_samples=(192, 1024, 10_240),
        ),
    },
    KEYS,
)
USED_WIDTH = Sweep(
    "lucky_width",
    {
        "quick": UsedWidth(),
        "laptop": UsedWidth(
            over_realizations=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
            seeds=32,
            steps=60_000,
            looks=(0, 1000, 5000, 20_000),
        ),
    },
    KEYS,
)
