"""The small-gradient theorem on inputs of any law: their density bound, and where the Gaussian's fails."""

import functools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.finite_data.inputs import drawn
from companion.chapters.finite_data.premises import counts
from companion.chapters.finite_data.small_gradient import pairs, training_inputs
from companion.chapters.finite_data.studies import LawPremises
from companion.datasets.patches import patches
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.activations import LeakyReLU
from ts_core.networks import Network, two_layer
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory import small_gradient as theory
from ts_core.training.least_squares import descend

POOL = 20_000  # patches that each seed draws its own from
CELL, CELLS = 10, 3  # pixels of a cell that is averaged, and cells on a side of a patch
WINDOW = 0.1  # width in which points are counted for eta, that of the widest step to either side
DIRECTIONS = 100  # of each plane in which they are, besides the coordinate axes
TILT = math.radians(60)
TIGHT = 1e-3  # noise of a coordinate that has two values, in units of its standard deviation


def run(settings: LawPremises) -> Tables:
    """Table ``counts`` of one law, see :meth:`LawPremises.run`."""
    found, eta = two_valued(settings) if settings.law == "two-valued" else trained(settings)
    gaussian = 1 / (math.sqrt(2 * math.pi) * settings.std)
    own = found.merge(eta, on=["kind", "seed"])
    parts = [
        counts(bounded(own, density), slack).assign(slack=slack, eta_of=name)
        for name, density in (("law", own.eta), ("gaussian", gaussian))
        for slack in (1.0, settings.slack)
    ]
    largest = eta.groupby("kind").eta.max()
    table = pd.concat(parts, ignore_index=True)
    return {"counts": table.assign(law=settings.law, eta=table.kind.map(largest), eta_gaussian=gaussian)}


def bounded(found: pd.DataFrame, density: pd.Series | float) -> pd.DataFrame:
    """Pairs with the bounds of another density than 1, in which they are linear."""
    return found.assign(
        bound=density * found.bound, bias_bound=found.delta + density * (found.bias_bound - found.delta)
    )


def trained(settings: LawPremises) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs of students trained on a law, with bounds for the density 1; eta per kind and seed."""
    seeds, d, m = range(settings.seeds), settings.input_dim, settings.teacher_width
    draw = lambda purpose: [stream(seed, purpose) for seed in seeds]
    of_law = lambda purpose, samples: points(settings.law, seeds, purpose, samples, d, settings.std)
    n, activation = over_realized_width(m, settings.over_realization), LeakyReLU(settings.slopes[0])
    teacher = two_layer_teachers(
        draw("teacher"), d, m, settings.outputs, [settings.polarity], settings.teacher_bias
    )
    teacher = Network(teacher.weights, activation)
    start = small_students(
        draw("start"), [d, n, settings.outputs], settings.start_scale, activation=activation
    )
    planes = projected(teacher, of_law("planes", m * settings.plane_points))
    slab = theory.slab(teacher, of_law("slab", settings.base_samples), settings.slab_points)
    x = training_inputs(teacher, of_law("data", settings.samples), planes, settings.aware_radii)
    levels = 10 ** -torch.linspace(0, settings.decades, settings.checkpoints, dtype=torch.float64)
    students, loss = descend(teacher, start, x, settings.steps, levels)

    fresh = of_law("density", settings.base_samples)
    nearest = settings.base_samples // 10
    many = {
        "aware": projected(teacher, fresh[:, : m * nearest]),
        "agnostic": slab_of(teacher, fresh, nearest),
    }
    etas = [
        tidy({"seed": seeds}, eta=density(teacher, found).amax(1)).assign(kind=kind)
        for kind, found in many.items()
    ]
    tables = [
        pairs(
            theorem(teacher, students, offered, delta, 1.0),
            teacher,
            students,
            loss,
            kind=kind,
            slope=settings.slopes[0],
            delta=delta,
        )
        for kind, theorem, offered, radii in (
            ("aware", theory.aware, planes, settings.aware_radii),
            ("agnostic", theory.agnostic, slab, settings.agnostic_radii),
        )
        for delta in radii
    ]
    return pd.concat(tables, ignore_index=True), pd.concat(etas, ignore_index=True)


def two_valued(settings: LawPremises) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same of a student at 60 degrees, built for inputs with a coordinate that is +-std, but for a noise.

    Mean and variance of every coordinate are the Gaussian's. The student's plane meets the teacher's where
    that coordinate is +std: half of the plane's points are as near to it, and there its fan-out
    1 / cos(60 degrees) makes up for the angle. Two students that see this half, and cancel, observe the
    teacher node with next to no gradient.
    """
    generators = [stream(seed, "two-valued") for seed in range(settings.seeds)]
    d, std = settings.input_dim, settings.std
    x = torch.stack(
        [torch.from_numpy(std * g.standard_normal((settings.plane_points, d))) for g in generators]
    )
    x[..., 1] = std * x[..., 1].sign() + TIGHT * x[..., 1]
    axes = torch.eye(d + 1, dtype=x.dtype)
    tilted = math.cos(TILT) * axes[0] + math.sin(TILT) * (axes[1] - std * axes[d])
    teacher = two_layer(axes[:1], torch.ones(1, 1, dtype=x.dtype))
    fan_out = torch.tensor([[1 / math.cos(TILT)], [1.0], [-1.0]], dtype=x.dtype)
    student = two_layer(torch.stack([tilted, axes[1], axes[1]]), fan_out)
    everyone = lambda net: Network(
        tuple(w.expand(settings.seeds, -1, -1) for w in net.weights), net.activation
    )
    teacher, student, planes = everyone(teacher), everyone(student), projected(teacher, x)
    delta = settings.aware_radii[-1]
    found = theory.aware(teacher, student, planes, delta, 1.0)
    loss = torch.zeros(settings.seeds, 1, dtype=x.dtype)
    eta = tidy({"seed": range(settings.seeds)}, eta=density(teacher, planes).amax(1)).assign(kind="aware")
    return pairs(found, teacher, student, loss, kind="aware", slope=0.0, delta=delta), eta


def points(law: str, seeds: Sequence[int], purpose: str, samples: int, d: int, std: float) -> Tensor:
    """Inputs ``(g, samples, d)`` of any law of :func:`inputs.drawn`, or patches of photographs.

    raises      ValueError for more patches than there are, or more of their components.
    """
    if law != "patches":
        return drawn(law, seeds, purpose, samples, d, std)
    pool = components()
    if samples > len(pool) or d > pool.shape[1]:
        raise ValueError(
            f"patches: at most {len(pool)} samples of {pool.shape[1]} components, got {samples} of {d}"
        )
    chosen = [stream(seed, purpose).choice(len(pool), samples, replace=False) for seed in seeds]
    return std * torch.from_numpy(pool[np.stack(chosen), :d])


@functools.cache
def components() -> np.ndarray:
    """Principal components of coarse grey patches, ``(POOL, 9)``, strongest first, each of variance 1."""
    images = patches(POOL, 1).train.images.mean(1)  # grey
    side = CELL * CELLS
    coarse = (
        images[:, :side, :side].reshape(-1, CELLS, CELL, CELLS, CELL).mean((2, 4)).reshape(len(images), -1)
    )
    left, _, _ = np.linalg.svd(coarse - coarse.mean(0), full_matrices=False)
    return math.sqrt(len(left)) * left


def projected(teacher: Network, x: Tensor) -> Tensor:
    """Inputs moved onto the teacher planes along w*_j, as many for each: ``(g, m, b, d)``.

    x           ``(g, m b, d)``; ||w|| = 1.
    """
    rows = teacher.weights[0].expand(len(x), -1, -1)
    x = x.unflatten(1, (rows.shape[1], -1))
    z = (x @ rows[..., :-1, None])[..., 0] + rows[..., -1:]
    return x - z[..., None] * rows[:, :, None, :-1]


def slab_of(teacher: Network, x: Tensor, count: int) -> Tensor:
    """The samples nearest to each teacher plane, moved onto it: their density along it is asked for."""
    near = theory.slab(teacher, x, count)
    return projected(teacher, near.flatten(1, 2))


def density(teacher: Network, planes: Tensor) -> Tensor:
    """eta: the largest density of the points of each plane along any direction in it, ``(g, m)``.

    The largest share of points within a window of WINDOW, over its width, among DIRECTIONS random directions
    of the plane and the coordinate axes' projections onto it. A largest count errs upwards.
    """
    rows, d = teacher.weights[0][..., :-1], planes.shape[-1]
    random = torch.from_numpy(stream(0, "directions").standard_normal((DIRECTIONS, d)))
    along = torch.cat([random, torch.eye(d, dtype=rows.dtype)])
    along = along - (along @ rows.mT).mT[..., None] * rows[:, :, None]
    size = along.norm(dim=-1, keepdim=True)
    along = torch.where(size > 1e-9, along / size, 0)  # an axis across the plane has no direction in it
    z = (planes @ along.mT).mT.sort(dim=-1).values.contiguous()
    ends = torch.searchsorted(z, z + WINDOW, right=True)
    within = (ends - torch.arange(z.shape[-1])).amax(-1)
    within = torch.where(size[..., 0] > 1e-9, within, 0)
    return within.amax(-1) / (WINDOW * z.shape[-1])
