"""Order parameters of committees of erf or ReLU nodes: overlaps of weights, and their error.

Conventions of the literature: weights of norm sqrt(N Q_ii), pre-activations x_i = w_i xi / sqrt N with
Gaussian inputs xi ~ N(0, I). In code a row already holds w / sqrt N, so that overlaps are plain products.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ts_core.networks import Network
from ts_core.theory.kernels import erf_kernel, relu_kernel

KERNELS = {"erf": erf_kernel, "ReLU": relu_kernel}


class Overlaps(NamedTuple):
    """Of students with K nodes and teachers with M, any leading axes.

    q ``(..., K, K)``, r ``(..., K, M)``, t ``(..., M, M)``     of first-layer rows.
    v ``(..., K)``, a ``(..., M)``                              output weights of student and teacher.
    """

    q: Tensor
    r: Tensor
    t: Tensor
    v: Tensor
    a: Tensor

    @property
    def covariance(self) -> Tensor:
        """Of all pre-activations, students first: ``(..., K + M, K + M)``."""
        return torch.cat([torch.cat([self.q, self.r], -1), torch.cat([self.r.mT, self.t], -1)], -2)

    @property
    def signs(self) -> Tensor:
        """Output weights of the error teacher minus student: ``(..., K + M)``."""
        return torch.cat([-self.v, self.a], -1)


def overlaps(student: Network, teacher: Network) -> Overlaps:
    """Of two-layer networks with one output and no biases, member by member.

    raises      ValueError for other networks.
    """
    for name, network in (("student", student), ("teacher", teacher)):
        shapes = [tuple(w.shape) for w in network.weights]
        if (
            network.depth != 2
            or network.weights[1].shape[1] != 1
            or any(w[..., -1].any() for w in network.weights)
        ):
            raise ValueError(f"the {name} must have two layers, one output and no bias, got weights {shapes}")
    (w, v), (b, a) = ([part[..., :-1] for part in network.weights] for network in (student, teacher))
    return Overlaps(w @ w.mT, w @ b.mT, b @ b.mT, v[..., 0, :], a[..., 0, :])


def kernel_matrix(c: Tensor, activation: str = "erf") -> Tensor:
    """The kernel of all pairs of pre-activations: their covariance ``(..., k, k)`` to ``(..., k, k)``."""
    variance = c.diagonal(dim1=-2, dim2=-1)
    return KERNELS[activation](variance[..., :, None], variance[..., None, :], c)


def error(of: Overlaps, activation: str = "erf") -> Tensor:
    """Generalization error E (teacher - student)^2 / 2 of committees, ``(...)``, label noise left out.

    source      Saad and Solla (1995); Goldt et al. (2019) with output weights.
    """
    pairs = kernel_matrix(of.covariance, activation)
    return torch.einsum("...a,...ab,...b->...", of.signs, pairs, of.signs) / 2


def cosines(of: Overlaps) -> Tensor:
    """Cosine of every student row with every teacher row, ``(..., K, M)``."""
    norm = lambda s: s.diagonal(dim1=-2, dim2=-1).sqrt()
    return of.r / (norm(of.q)[..., :, None] * norm(of.t)[..., None, :])
