"""Students trained to a zero gradient: which of them interpolate, and what can be pruned of them.

Levenberg-Marquardt follows the gradient of all samples together, and stops where that is zero; SGD is then
started from there, to see whether it stays.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.two_layer_theorem.studies import TrainedStudents
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.data import gaussian
from ts_core.gradients import backward, with_constant
from ts_core.networks import Network, forward
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory import critical_points, geometry
from ts_core.training.batches import drawn
from ts_core.training.least_squares import descend
from ts_core.training.sgd import train

FRESH = 10_000  # samples that no student has seen


def run(spec: TrainedStudents) -> Tables:
    """The tables of every over-realization, and of students whose labels have noise.

    They are described at :meth:`TrainedStudents.run`.
    """
    kinds = [(ratio, 0.0) for ratio in spec.over_realizations] + [(spec.noisy_over_realization, spec.noise)]
    found = [_trained(spec, ratio, noise) for ratio, noise in kinds]
    gather = lambda name: pd.concat([tables[name] for tables in found], ignore_index=True)
    return {name: gather(name) for name in ("gradients", "moved", "pruned")}


def _trained(spec: TrainedStudents, ratio: float, noise: float) -> Tables:
    seeds, keys = range(spec.seeds), dict(over_realization=ratio, noise=noise)
    draw = lambda purpose, *key: [stream(seed, f"trained students, {purpose}", *key) for seed in seeds]
    d, m, c = spec.input_dim, spec.teacher_width, spec.outputs
    n = over_realized_width(m, ratio)
    teacher = two_layer_teachers(draw("teacher"), d, m, c, [spec.polarity])
    start = small_students(draw("start", n), [d, n, c], spec.start_scale)
    x = gaussian(draw("data"), spec.samples, d, spec.std)
    added = noise * gaussian(draw("noise"), spec.samples, c, 1.0)
    falling = 10 ** -torch.linspace(0, spec.decades, spec.checkpoints, dtype=x.dtype)
    levels = torch.cat([falling, falling.new_zeros(1)])
    students, loss = descend(teacher, start, x, spec.steps, levels, added)

    labels, each = forward(teacher, x)[1][-1] + added, len(levels)
    spread = lambda values: values.repeat_interleave(each, dim=0)
    single, full, residual = gradient_sizes(students, spread(x), spread(labels))
    columns = dict(loss=loss, single=single, full=full, residual=residual)
    gradients = tidy({"seed": seeds, "checkpoint": range(each)}, **columns).dropna(ignore_index=True)
    last = Network(tuple(w[each - 1 :: each] for w in students.weights))
    fresh = gaussian(draw("fresh"), FRESH, d, spec.std)
    return {
        "gradients": gradients.assign(**keys),
        "moved": moved(spec, last, x, labels, draw("batches")).assign(**keys),
        "pruned": pruned(teacher, last, x, fresh, spec.tolerance).assign(**keys),
    }


def gradient_sizes(student: Network, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Norm of dJ/dW of one sample (root mean square) and of all together; largest residual; each ``(e,)``.

    x, labels   ``(e, b, d)`` and ``(e, b, c)``.
    """
    z, f = forward(student, x)
    residual = labels - f[-1]
    single, full = x.new_zeros(student.members), x.new_zeros(student.members)
    for g, below in zip(backward(student, z, residual), [x, *f[:-1]]):
        seen = with_constant(below)
        single += (g.square().sum(2) * seen.square().sum(2)).mean(1)
        full += (g.mT @ seen / x.shape[1]).square().sum((1, 2))
    return single.sqrt(), full.sqrt(), residual.abs().amax((1, 2))


def moved(
    spec: TrainedStudents, start: Network, x: Tensor, labels: Tensor, batches: Sequence[np.random.Generator]
) -> pd.DataFrame:
    """How far SGD goes from where it is started, relative to the norm of all weights: per step and seed."""
    weights = lambda network: torch.cat([w.flatten(1) for w in network.weights], dim=1)
    steps, distances = [], []

    def record(step: int, now: list[Network]) -> None:
        steps.append(step)
        distances.append((weights(now[0]) - weights(start)).norm(dim=1) / weights(start).norm(dim=1))

    train(
        None,
        [start],
        drawn(x, batches, spec.batch_size, labels),
        learning_rate=spec.learning_rate,
        snapshots=[10**power for power in range(spec.sgd_decades + 1)],
        on_snapshot=record,
    )
    return tidy({"step": steps, "seed": range(spec.seeds)}, distance=torch.stack(distances))


def pruned(teacher: Network, student: Network, x: Tensor, fresh: Tensor, tolerance: float) -> pd.DataFrame:
    """What is left of each student when copies are merged and all other nodes left out; a row per seed.

    nodes, kept         student nodes before and after: teacher nodes with a copy.
    loss, loss_after    reported loss on new samples.
    change              of the output on them, root mean square relative to the teacher's output;
                        ``change_unmerged`` where copies are not merged, and all but the strongest left out.
    sum_rule            largest residual over teacher nodes, relative to ||w*|| ||v*||.
    """
    copies = geometry.colinear(teacher.weights[0], student.weights[0], tolerance)
    strength = student.weights[0][..., :-1].norm(dim=2) * geometry.fan_out(student).norm(dim=2)
    strongest = torch.where(copies, strength[:, None], 0.0)
    alone = (strongest == strongest.amax(2, keepdim=True)) & copies
    upper = student.weights[1].clone()
    upper[..., :-1] *= alone.any(1)[:, None]
    networks = {
        "before": student,
        "after": critical_points.merged(teacher, student, x, tolerance),
        "unmerged": Network((student.weights[0], upper)),
    }
    target = forward(teacher, fresh)[1][-1]
    f = {name: forward(network, fresh)[1][-1] for name, network in networks.items()}
    mean_square = lambda values: values.square().mean((1, 2))
    change = lambda name: (mean_square(f[name] - f["before"]) / mean_square(target)).sqrt()
    sums = critical_points.hyperplane_sums(teacher, student, tolerance)[:, : copies.shape[1]].norm(dim=2)
    size = teacher.weights[0][..., :-1].norm(dim=2) * geometry.fan_out(teacher).norm(dim=2)
    return pd.DataFrame(
        {
            "seed": range(student.members),
            "nodes": student.weights[0].shape[1],
            "kept": copies.any(2).sum(1),
            "loss": mean_square(f["before"] - target),
            "loss_after": mean_square(f["after"] - target),
            "change": change("after"),
            "change_unmerged": change("unmerged"),
            "sum_rule": (sums / size).amax(1),
        }
    )
