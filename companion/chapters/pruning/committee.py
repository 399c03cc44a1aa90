"""Erf committees in the scale of overlaps: errors and best fan-outs, exact over inputs N(0, I).

Arrays here are numpy's, without biases: ``rows`` are ``(..., n, d)``, fan-outs ``(..., n)``; leading axes
(ensemble members, draws, subsets) broadcast.
"""

import numpy as np
import torch

from ts_core.theory.kernels import erf_kernel

RANK = 1e-10  # eigenvalues below this share of the largest one count as 0: copies have the same activations


def gram(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """E[sigma(w^T x) sigma(u^T x)] of erf nodes ``(..., n, d)`` and ``(..., k, d)``: ``(..., n, k)``."""
    w, u = torch.from_numpy(rows), torch.from_numpy(others)
    q, p = (x.square().sum(-1) for x in (w, u))
    return erf_kernel(q[..., :, None], p[..., None, :], w @ u.mT).numpy()


def error(rows: np.ndarray, fan_out: np.ndarray, rows_t: np.ndarray, fan_out_t: np.ndarray) -> np.ndarray:
    """1/2 E(f* - f)^2 over 1/2 E f*^2, the error of the network that is 0: ``(...,)``."""
    pairs = ((fan_out, rows, fan_out), (fan_out, rows_t, fan_out_t), (fan_out_t, rows_t, fan_out_t))
    lower = (rows, rows, rows_t)
    own, cross, power = (form(gram(r, other), a, b) for r, (a, other, b) in zip(lower, pairs))
    return (own - 2 * cross + power) / power


def form(matrix: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a^T matrix b."""
    return np.einsum("...i,...ij,...j->...", a, matrix, b)


def refitted(rows: np.ndarray, of_rows: np.ndarray, of_fan_out: np.ndarray) -> np.ndarray:
    """Fan-outs with which the nodes ``rows`` come closest to another network, least squares: ``(..., n)``."""
    inverse = np.linalg.pinv(gram(rows, rows), rcond=RANK, hermitian=True)
    return np.einsum("...ij,...jk,...k->...i", inverse, gram(rows, of_rows), of_fan_out)
