"""Students of one method: how they are trained, and what of them is measured."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.robustness.attacks import attack, difference
from companion.chapters.robustness.low_rank import bases, inputs, split, teachers
from companion.chapters.robustness.measures import error, held_against, in_and_out, mean_best_correlation
from companion.chapters.robustness.studies import Method, Setting, Students
from companion.chapters.robustness.theory import jacobian_energy
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian
from ts_core.networks import Network, forward, spread
from ts_core.streams import stream
from ts_core.teachers import small_students
from ts_core.training.batches import Batches, drawn, fresh
from ts_core.training.device import device_of
from ts_core.training.fit import cosine_rates, fit
from ts_core.training.optimizers import Adam
from ts_core.training.sgd import diverged, train

TOGETHER = 50  # steps whose inputs are drawn at once
Draw = Callable[[int], Tensor]


class World:
    """Teachers, subspaces and starts of a cell, one per seed, in its dtype and on its device."""

    def __init__(self, cell: Setting):
        self.cell, self.place = cell, dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
        of = lambda purpose: [stream(seed, purpose) for seed in cell.seeds]
        sizes = (cell.input_dim, cell.teacher_width, cell.outputs)
        self.teacher = teachers(of("teacher"), *sizes, cell.teacher_bias).to(**self.place)
        self.basis = bases(of("subspace"), cell.input_dim, cell.rank).to(**self.place)
        start = small_students(of("start"), (cell.input_dim, cell.width, cell.outputs), cell.student_scale)
        self.start = start.to(**self.place)

    def inputs(self, purpose: str, noises: Sequence[float]) -> Draw:
        """A function of a number of samples: inputs ``(seed * noise, samples, d)``, new at every call."""
        streams = [stream(seed, purpose) for seed in self.cell.seeds]
        ratios = torch.tensor(noises, **self.place)
        return lambda samples: inputs(streams, self.basis, ratios, samples).flatten(0, 1)


def students(cell: Students) -> Tables:
    """Train the students of a cell, and hold them, and their starts, against attacks.

    returns     runs: method, noise, seed, and what is measured of a student: cos_in and cos_out (teacher
                means of the cosines inside and outside S), rho_in and rho_full (teacher means of best-student
                correlations, on inputs in S and on full-rank ones), in_loss and full_loss (there, too), drift
                (of the weights outside S, relative to their start), status. A start has method "start",
                noise 0.
                nodes: the same keys and teacher: cos_in, cos_out.
                attacks: the same keys, attack and radius: loss, share_out (of the energy of delta outside S),
                predicted (NaN where nothing is).
    """
    world = World(cell)
    parts = [_measured(world, trained(cell, world), cell.method, cell.noises)]
    if cell.method == "standard":
        parts.append(_measured(world, world.start, "start", (0.0,)))
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def _measured(world: World, student: Network, method: str, noises: Sequence[float]) -> Tables:
    cell, members = world.cell, student.members
    teacher, basis = world.teacher.spread(members), spread(world.basis, members)
    x_in = spread(world.inputs("evaluation", (0.0,))(cell.eval_samples), members)
    x_full = gaussian_inputs(world, "full", cell.eval_samples, members)
    apart = difference(teacher, student)
    inside, outside = in_and_out(teacher, student, basis)
    off = lambda network: split(network.weights[0][..., :-1], basis)[1].flatten(1)
    off_start = off(world.start.spread(members))
    columns = dict(
        cos_in=inside.mean(1),
        cos_out=outside.mean(1),
        rho_in=mean_best_correlation(teacher, student, x_in),
        rho_full=mean_best_correlation(teacher, student, x_full),
        in_loss=error(apart, x_in),
        full_loss=error(apart, x_full),
        drift=(off(student) - off_start).norm(dim=1) / off_start.norm(dim=1),
    )
    attacks = held_against(
        teacher,
        student,
        basis,
        x_in[:, : cell.attacked],
        gaussian_inputs(world, "attack", cell.attacked, members),
        radii=cell.radii,
        radius=cell.radius,
        steps=cell.attack_steps,
    )
    keys = {"seed": cell.seeds, "noise": noises}
    numbers = lambda tensors: {name: t.double().cpu().numpy() for name, t in tensors.items()}
    of_nodes = dict(cos_in=inside, cos_out=outside)
    tables = {
        "runs": tidy(keys, **numbers(columns)).assign(
            status=np.where(diverged(student).cpu().numpy(), "diverged", "ok")
        ),
        "nodes": tidy({**keys, "teacher": range(inside.shape[1])}, **numbers(of_nodes)),
        "attacks": pd.concat(
            [
                tidy(keys, **numbers(dict(loss=a.loss, share_out=a.share, predicted=a.predicted))).assign(
                    attack=a.attack, radius=a.radius
                )
                for a in attacks
            ]
        ),
    }
    return {name: table.assign(method=method) for name, table in tables.items()}


def gaussian_inputs(world: World, purpose: str, samples: int, members: int) -> Tensor:
    """N(0, I) ``(e, samples, d)``, alike for the members of a seed."""
    streams = [stream(seed, purpose) for seed in world.cell.seeds]
    return spread(gaussian(streams, samples, world.cell.input_dim, 1.0).to(**world.place), members)


def trained(cell: Students, world: World) -> Network:
    """The students of a cell, one per seed and noise ratio (the ratio runs fastest), after the last step."""
    members = len(cell.seeds) * len(cell.noises)
    draw = world.inputs("data", cell.noises)
    if cell.method == "standard":
        return by_the_engine(cell, world, fresh(draw, cell.batch_size, TOGETHER))
    if cell.method in FEATURES_OF:
        source = trained(cell.model_copy(update={"method": FEATURES_OF[cell.method]}), world)
        x = feature_inputs(cell, world, source)
        order = [stream(seed, "batches", i + 1) for seed in cell.seeds for i in range(len(cell.noises))]
        return by_the_engine(cell, world, drawn(x, order, cell.batch_size))
    start, teacher = world.start.spread(members), world.teacher.spread(members)
    found: list[Network] = []
    fit(
        partial(OBJECTIVES[cell.method], cell, teacher),
        {"lower": start.weights[0], "upper": start.weights[1]},
        in_blocks(draw, cell.batch_size),
        optimizer=partial(torch.optim.Adam, foreach=True),
        learning_rate=list(rates_of(cell)),
        snapshots=[cell.steps],
        on_snapshot=lambda step, now: found.append(Network((now["lower"], now["upper"]))),
    )
    return found[0]


def rates_of(cell: Setting) -> np.ndarray:
    """Learning rate of every step."""
    return cosine_rates(cell.learning_rate, cell.steps, warm=1 / cell.steps)


def by_the_engine(cell: Setting, world: World, batches: Batches) -> Network:
    """Students of the world's teachers, one per data set of the batches, trained on these by Adam."""
    found: list[Network] = []
    train(
        world.teacher.spread(batches.groups),
        [world.start.spread(batches.groups)],
        batches,
        learning_rate=[(step, float(rate)) for step, rate in enumerate(rates_of(cell)) if rate > 0],
        snapshots=[cell.steps],
        on_snapshot=lambda step, now: found.extend(now),
        optimizer=Adam(),
    )
    return found[0]


def feature_inputs(cell: Students, world: World, source: Network) -> Tensor:
    """Inputs with the hidden features of others in the eyes of ``source``, ``(e, feature_samples, d)``.

    Drawn like training inputs, then moved by gradient descent until their features are those of another such
    input: reconstructed from the construction of robust data sets of Ilyas et al. (2019).
    """
    wanted = forward(source, world.inputs("features", cell.noises)(cell.feature_samples))[1][0]
    x = world.inputs("feature starts", cell.noises)(cell.feature_samples)
    w = source.weights[0][..., :-1]
    rate = 1 / torch.linalg.matrix_norm(w, ord=2).square()[:, None, None]
    for _ in range(cell.feature_steps):
        z, f = forward(source, x)
        x = x - rate * ((f[0] - wanted) * source.activation.derivative(z[0])) @ w
    return x


def in_blocks(draw: Draw, size: int) -> Iterator[tuple[Tensor]]:
    """The batches that :func:`ts_core.training.batches.fresh` makes of the same draws."""
    while True:
        yield from ((x,) for x in draw(TOGETHER * size).split(size, 1))


def _loss(student: Network, x: Tensor, target: Tensor) -> Tensor:
    """J of every member."""
    return 0.5 * (target - forward(student, x)[1][-1]).square().sum(2).mean(1)


def _output(network: Network, x: Tensor) -> Tensor:
    return forward(network, x)[1][-1]


def _attacked(
    cell: Students, teacher: Network, student: Network, x: Tensor, radius: float | Tensor
) -> Tensor:
    now = Network(tuple(w.detach() for w in student.weights))
    return attack(difference(teacher, now), x, radius, steps=cell.train_attack_steps)


def adversarial(cell: Students, teacher: Network, parameters: dict, x: Tensor) -> Tensor:
    """Every input is attacked, and the teacher says what is right there."""
    student = Network((parameters["lower"], parameters["upper"]))
    moved = x + _attacked(cell, teacher, student, x, cell.train_radius)
    return _loss(student, moved, _output(teacher, moved))


def adversarial_and_clean(cell: Students, teacher: Network, parameters: dict, x: Tensor) -> Tensor:
    """The first half of the batch is attacked (the released ``adv_and_original`` attacks a second copy)."""
    student = Network((parameters["lower"], parameters["upper"]))
    half = x.shape[1] // 2
    moved = x[:, :half] + _attacked(cell, teacher, student, x[:, :half], cell.train_radius)
    x = torch.cat([moved, x[:, half:]], 1)
    return _loss(student, x, _output(teacher, x))


def calibrated(cell: Students, teacher: Network, parameters: dict, x: Tensor) -> Tensor:
    """Half of the batch is attacked; the answer fades to the teacher's mean with the size of the attack.

    Reconstructed for regression: radii are spread evenly over (0, train_radius], a share 1 - radius /
    train_radius of the answer is the teacher's at x, the rest its mean over the batch, which says nothing of
    x.
    """
    student = Network((parameters["lower"], parameters["upper"]))
    answers = _output(teacher, x)
    half = x.shape[1] // 2
    share = (torch.arange(half, 0, -1, dtype=x.dtype, device=x.device) / half)[:, None]
    delta = _attacked(cell, teacher, student, x[:, :half], cell.train_radius * share)
    faded = (1 - share) * answers[:, :half] + share * answers.mean(1, keepdim=True)
    moved = torch.cat([x[:, :half] + delta, x[:, half:]], 1)
    return _loss(student, moved, torch.cat([faded, answers[:, half:]], 1))


def regularized(cell: Students, teacher: Network, parameters: dict, x: Tensor) -> Tensor:
    """The squared Jacobian of the student at the inputs is added to the loss."""
    student = Network((parameters["lower"], parameters["upper"]))
    penalty = jacobian_energy(student, x)
    return _loss(student, x, _output(teacher, x)) + cell.jacobian_weight * penalty


FEATURES_OF: dict[Method, Method] = {"robust features": "adversarial", "standard features": "standard"}
OBJECTIVES = {
    "adversarial": adversarial,
    "adversarial and clean": adversarial_and_clean,
    "confidence-calibrated": calibrated,
    "Jacobian": regularized,
}
