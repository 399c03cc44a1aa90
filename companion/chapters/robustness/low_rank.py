"""Teachers, starts and inputs near a random subspace S of the input space."""

import numpy as np
import torch
from torch import Tensor

from ts_core.networks import Network

Generators = list[np.random.Generator]


def bases(generators: Generators, input_dim: int, rank: int) -> Tensor:
    """Orthonormal bases of S, ``(g, input_dim, rank)``, float64: uniformly distributed.

    raises      ValueError unless 1 <= rank <= input_dim.
    source      released ``dataset.py``: the orthogonal factor of a Gaussian matrix.
    """
    if not 1 <= rank <= input_dim:
        raise ValueError(f"rank must lie in 1..{input_dim} (the input dimension), got {rank}")
    draws = [np.linalg.qr(g.standard_normal((input_dim, rank)))[0] for g in generators]
    return torch.from_numpy(np.stack(draws))


def axis_aligned(generators: Generators, input_dim: int, rank: int) -> Tensor:
    """S spanned by the first ``rank`` coordinates; shape as in :func:`bases`."""
    return torch.eye(input_dim, rank, dtype=torch.float64).expand(len(generators), -1, -1)


def projector(basis: Tensor) -> Tensor:
    """P = U U^T, ``(g, d, d)``."""
    return basis @ basis.mT


def split(rows: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """The parts P w and (I - P) w of rows ``(g, ..., d)``, each of their shape."""
    inside = torch.einsum("g...d,gdr,ger->g...e", rows, basis, basis)
    return inside, rows - inside


def inputs(generators: Generators, basis: Tensor, noises: Tensor, samples: int) -> Tensor:
    """x = P xi + r zeta with xi, zeta ~ N(0, I): ``(g, r, samples, d)`` for noise ratios ``(r,)``.

    The ratios of a generator share xi and zeta. The noise is in *all* directions.
    source      ``projection_dim`` and ``projection_more_noise_ratio`` of the released code.
    """
    dim, rank = basis.shape[1:]
    drawn = np.stack([g.standard_normal((samples, rank + dim), dtype=np.float32) for g in generators])
    values = torch.from_numpy(drawn).to(basis)
    return (values[..., :rank] @ basis.mT)[:, None] + noises[:, None, None] * values[:, None, :, rank:]


def teachers(generators: Generators, input_dim: int, width: int, outputs: int, bias: float) -> Network:
    """Two-layer teachers, float64: unit rows, biases N(0, bias^2), fan-out weights N(0, 1 / width)."""
    lower, upper = [], []
    for g in generators:
        w = g.standard_normal((width, input_dim))
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        lower.append(np.column_stack([w, bias * g.standard_normal(width)]))
        upper.append(np.pad(g.standard_normal((outputs, width)) / np.sqrt(width), ((0, 0), (0, 1))))
    return Network((torch.from_numpy(np.stack(lower)), torch.from_numpy(np.stack(upper))))
