"""Teachers as black boxes, and students that learn a table of inputs and outputs."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ts_core.activations import RELU, Activation, Tanh
from ts_core.networks import Network, forward, spread
from ts_core.streams import stream
from ts_core.training.least_squares import descend


@dataclass(frozen=True)
class Sigmoid(Activation):
    """sigma(z) = 1 / (1 + exp(-z))."""

    def value(self, z: Tensor) -> Tensor:
        return z.sigmoid()

    def derivative(self, z: Tensor) -> Tensor:
        return z.sigmoid() * (-z).sigmoid()


ACTIVATIONS: dict[str, Activation] = {"tanh": Tanh(), "sigmoid": Sigmoid(), "relu": RELU}


def teachers(seeds: tuple[int, ...], sizes: tuple[int, ...], activation: str) -> Network:
    """Deep teachers of layer ``sizes``, float64: weights of norm 1.5, biases of std 1/2; sigmoid's doubled.

    So tanh and sigmoid, 1 + tanh z = 2 sigmoid(2z), are at work in one range. Weights of the output are
    random signs times U(.5, 1.5), and its bias is .3.
    """
    size = 2 if activation == "sigmoid" else 1
    layers: list[list[np.ndarray]] = [[] for _ in sizes[1:]]
    for seed in seeds:
        g = stream(seed, "teacher")
        for rows, n_in, n_out in zip(layers, sizes[:-2], sizes[1:-1]):
            w = g.standard_normal((n_out, n_in))
            w *= 1.5 / np.linalg.norm(w, axis=1, keepdims=True)
            rows.append(size * np.column_stack([w, g.standard_normal(n_out) / 2]))
        v = g.choice([-1, 1], (sizes[-1], sizes[-2])) * g.uniform(0.5, 1.5, (sizes[-1], sizes[-2]))
        layers[-1].append(np.column_stack([v, np.full(sizes[-1], 0.3)]))
    return Network(tuple(torch.from_numpy(np.stack(rows)) for rows in layers), ACTIVATIONS[activation])


def samples(teacher: Network, seeds: tuple[int, ...], number: int, input_dim: int) -> tuple[Tensor, Tensor]:
    """What a black box shows: Gaussian inputs ``(g, b, d)`` and its outputs ``(g, b, c)``, for each seed."""
    x = torch.from_numpy(
        np.stack([stream(seed, "data").standard_normal((number, input_dim)) for seed in seeds])
    )
    return x, forward(teacher, x)[1][-1]


def learn(students: Network, x: Tensor, y: Tensor, steps: int) -> tuple[Network, np.ndarray]:
    """Students after Levenberg-Marquardt on inputs and outputs alone, and their losses ``(e,)``.

    x, y        ``(g, b, d)`` and ``(g, b, c)``; consecutive students share them.
    """
    silent = Network((x.new_zeros(1, y.shape[2], x.shape[2] + 1),))  # what is learned arrives as its noise
    trained, loss = descend(silent, students, x, steps, x.new_zeros(1), spread(y, students.members))
    return trained, loss[:, 0].numpy()
