"""The reference of the benchmark: one two-layer network at a time, float64, as in the released experiment.

Weights are (fan-in + 1, nodes) with the biases in the last row, hidden activations carry a constant 1,
and every sample of a batch is a row. The same lines run on numpy and on torch, whose calls cost more on
matrices this small.
"""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ts_core.networks import Network


@dataclass
class Plain:
    """One teacher and one student, each a list of two weight matrices made by ``xp`` (numpy or torch)."""

    xp: ModuleType
    teacher: list
    student: list

    @classmethod
    def of(cls, teacher: Network, student: Network, member: int, xp: ModuleType) -> "Plain":
        """A copy of one member of two-layer ensembles."""
        make = xp.array if xp is np else xp.tensor

        def one(network: Network) -> list:
            own = [w[member * len(w) // network.members] for w in network.weights]  # a layer may be shared
            return [make(w.double().numpy().T.copy()) for w in own]

        return cls(xp, one(teacher), one(student))

    def outputs(self, weights: list, x) -> tuple:
        """Pre-activations, hidden activations with constant, outputs for augmented inputs x (b, d + 1)."""
        z = x @ weights[0]
        f = self.xp.concatenate((z * (z > 0), x[:, -1:]), 1)
        return z, f, f @ weights[1]

    def train(
        self, x, generator: np.random.Generator, learning_rate: float, batch_size: int, steps: int
    ) -> None:
        """SGD on J = 1/2 ||f* - f||^2 over inputs x (N, d); batches are drawn with replacement."""
        lower, upper = self.student
        one = self.xp.ones_like(x[:batch_size, :1])
        for _ in range(steps):
            batch = self.xp.concatenate((x[generator.integers(len(x), size=batch_size)], one), 1)
            z, f, y = self.outputs(self.student, batch)
            g_2 = self.outputs(self.teacher, batch)[2] - y
            g_1 = (g_2 @ upper[:-1].T) * (z > 0)
            upper += learning_rate / batch_size * (f.T @ g_2)
            lower += learning_rate / batch_size * (batch.T @ g_1)

    def evaluate(self, x) -> tuple:
        """Mean squared error over samples and outputs, correlation (m, n) of every teacher and student."""
        batch = self.xp.concatenate((x, self.xp.ones_like(x[:, :1])), 1)
        (_, f_t, y_t), (_, f, y) = self.outputs(self.teacher, batch), self.outputs(self.student, batch)
        t, s = ((a - a.mean(0))[:, :-1] for a in (f_t, f))
        rho = t.T @ s / ((t**2).sum(0)[:, None] + 1e-10) ** 0.5 / ((s**2).sum(0) + 1e-10) ** 0.5
        return ((y_t - y) ** 2).mean(), rho
