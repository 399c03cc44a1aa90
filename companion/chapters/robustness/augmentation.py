"""Augmentation by moved inputs that the teacher labels: only what leaves S can teach what lies outside."""

import pandas as pd
import torch
from torch import Tensor

from companion.chapters.robustness.attacks import unit
from companion.chapters.robustness.low_rank import projector
from companion.chapters.robustness.measures import held_against, mean_best_correlation
from companion.chapters.robustness.students import TOGETHER, World, by_the_engine, gaussian_inputs
from companion.chapters.robustness.studies import Augmentation
from companion.experiments.tidy import tidy
from ts_core.networks import spread
from ts_core.streams import stream
from ts_core.training.batches import fresh

KINDS = ("none", "inside S", "outside S", "isotropic", "along teacher nodes")


def augmented(cell: Augmentation) -> pd.DataFrame:
    """Train students of all kinds of augmentation as one ensemble, by the standard method.

    returns     kind, seed: energy_out (share of the moves' energy outside S), loss (of the free oracle
                attack), clean_loss (in S), rho_full (teacher mean of best-student correlations on full-rank
                inputs).
    """
    world, kinds = World(cell), len(KINDS)
    members = len(cell.seeds) * kinds
    teacher, basis = world.teacher.spread(members), spread(world.basis, members)
    moves, draw = Moves(world), world.inputs("data", (0.0,))

    def batch(samples: int) -> Tensor:
        x = draw(samples)
        x = x[:, None] + moves(samples) * (torch.arange(samples, device=x.device) % 2)[:, None]
        return x.flatten(0, 1)

    student = by_the_engine(cell, world, fresh(batch, cell.batch_size, TOGETHER))
    x = spread(world.inputs("evaluation", (0.0,))(cell.attacked), members)
    noise = gaussian_inputs(world, "attack", cell.attacked, members)
    found = held_against(
        teacher, student, basis, x, noise, radii=(cell.radius,), radius=cell.radius, steps=cell.attack_steps
    )
    attacks = {a.attack: a for a in found}
    moved = moves(1000)
    outside = moved - moved @ projector(world.basis)[:, None]
    share = outside.square().sum((2, 3)) / moved.square().sum((2, 3)).clamp(min=1e-30)
    columns = dict(
        energy_out=share,
        loss=attacks["free"].loss,
        clean_loss=attacks["clean"].loss,
        rho_full=mean_best_correlation(teacher, student, gaussian_inputs(world, "full", 4000, members)),
    )
    numbers = {name: values.double().cpu().numpy() for name, values in columns.items()}
    return tidy({"seed": cell.seeds, "kind": KINDS}, **numbers)


class Moves:
    """Moves of one size for every kind: ``(seed, kind, samples, d)`` at each call."""

    def __init__(self, world: World):
        self.world, self.size = world, world.cell.size
        self.streams = [stream(seed, "moves") for seed in world.cell.seeds]
        self.inside = projector(world.basis)
        rows = world.teacher.weights[0][..., :-1]
        self.nodes = torch.cat([rows, -rows], 1)

    def __call__(self, samples: int) -> Tensor:
        draws = [g.standard_normal((samples, self.inside.shape[1])) for g in self.streams]
        picks = [g.integers(self.nodes.shape[1], size=samples) for g in self.streams]
        x = torch.stack([torch.from_numpy(values) for values in draws]).to(self.inside)
        chosen = torch.stack([rows[pick] for rows, pick in zip(self.nodes, picks)])
        within = x @ self.inside
        return self.size * unit(torch.stack([torch.zeros_like(x), within, x - within, x, chosen], 1))
