"""Online learning of committees, step by step, and the overlaps on the way."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from companion.experiments.soft_committee.overlaps import Overlaps, overlaps
from companion.experiments.soft_committee.spec import SoftCommittee
from ts_core.activations import Activation, Erf, LeakyReLU
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.training.batches import fresh
from ts_core.training.sgd import train

AT_ONCE = 50  # samples that are drawn together


@dataclass(frozen=True)
class AdaptiveErf(Erf):
    """erf nodes whose gradients are gated by g'(beta z) in place of g'(z): adaptive back-propagation.

    source      West and Saad (1995); the form of the gate is reconstructed.
    """

    beta: float = 1.0

    def derivative(self, z: Tensor) -> Tensor:
        return super().derivative(self.beta * z)

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        super().gate_(g, z.mul_(self.beta), f)


def teachers(spec: SoftCommittee) -> Network:
    """Orthonormal rows, output weights 1; a member per seed."""
    rows = [
        np.linalg.qr(stream(seed, "teacher").standard_normal((spec.input_dim, spec.teacher_width)))[0].T
        for seed in range(1, spec.seeds + 1)
    ]
    w = torch.from_numpy(np.stack(rows))
    return committee(w, w.new_ones(w.shape[:2]), LeakyReLU() if spec.activation == "ReLU" else Erf())


def starts(spec: SoftCommittee, teacher: Network) -> Network:
    """Random student rows, with some of the teacher's in each as far as the teacher has any."""
    k, n = spec.student_width, spec.input_dim
    draws = [stream(seed, "start").standard_normal((k, n + 1)) for seed in range(1, spec.seeds + 1)]
    drawn = torch.from_numpy(np.stack(draws))
    w = drawn[..., :-1] * math.sqrt(spec.start_norm / n)
    shared = min(k, spec.teacher_width)
    w[:, :shared] += spec.start_overlap * teacher.weights[0][:, :shared, :-1]
    nodes = LeakyReLU() if spec.activation == "ReLU" else AdaptiveErf(spec.beta)
    return committee(w, spec.fan_out_mean + spec.fan_out_spread * drawn[..., -1], nodes)


def committee(w: Tensor, v: Tensor, activation: Activation) -> Network:
    """Networks of rows ``(e, n, d)`` and output weights ``(e, n)``, without biases."""
    pad = torch.nn.functional.pad
    return Network((pad(w, (0, 1)), pad(v[:, None], (0, 1))), activation)


def simulate(spec: SoftCommittee) -> tuple[np.ndarray, Overlaps]:
    """Overlaps of a student per seed while it learns by SGD, one fresh sample per step.

    returns     alpha ``(t,)``; overlaps with axes ``(t, e, ...)``, float64.

    In the engine's terms: rows are w / sqrt N, so that a step of eta / N is the literature's.
    """
    teacher = teachers(spec)
    student = starts(spec, teacher)
    streams = {name: [stream(s, name) for s in range(1, spec.seeds + 1)] for name in ("data", "noise")}

    def draw(count: int) -> tuple[Tensor, Tensor]:
        x = gaussian(streams["data"], count, spec.input_dim, std=1.0)
        labels = forward(teacher, x)[1][-1]
        return x, labels + gaussian(streams["noise"], count, 1, std=spec.noise) if spec.noise else labels

    every = round(spec.interval * spec.input_dim)
    kept: list[Overlaps] = []
    train(
        None,
        [student],
        fresh(draw, 1, steps=AT_ONCE),
        learning_rate=spec.learning_rate / spec.input_dim,
        layer_rates=(1.0, spec.fan_out_rate / spec.learning_rate),
        biases=False,
        snapshots=range(0, spec.records * every + 1, every),
        on_snapshot=lambda _, now: kept.append(overlaps(now[0], teacher)),
    )
    return spec.interval * np.arange(len(kept)), Overlaps(*map(torch.stack, zip(*kept)))
