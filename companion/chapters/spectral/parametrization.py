"""A layer by the eigenvectors and eigenvalues of its graph, and what an L2 penalty on both of them means."""

import math

import torch
from torch import Tensor


def graph(phi: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors and eigenvalues of a layer, seen as a graph on its d inputs and n outputs together.

    phi             ``(n, d)``, the only free part of the eigenvectors.
    eigenvalues_in, eigenvalues_out     ``(d,)`` and ``(n,)``.
    returns         Phi ``(d + n, d + n)``, whose inverse is 2 I - Phi, and the diagonal of Lambda;
                    Phi Lambda Phi^-1 is the graph's adjacency matrix.
    source          Giambagli et al. 2021 and 2023.
    """
    n, d = phi.shape
    eigenvectors = torch.eye(d + n, dtype=phi.dtype, device=phi.device)
    eigenvectors[d:, :d] = phi
    return eigenvectors, torch.cat([eigenvalues_in, eigenvalues_out])


def weights(phi: Tensor, eigenvalues_in: Tensor, eigenvalues_out: Tensor) -> Tensor:
    """The layer's weights ``(..., n, d)``: the lower left block of the adjacency matrix of :func:`graph`.

    w_ij = (lambda_in_j - lambda_out_i) phi_ij; arguments may have leading axes.
    """
    return (eigenvalues_in[..., None, :] - eigenvalues_out[..., :, None]) * phi


def least_penalty(w: Tensor, a: float, b: float) -> Tensor:
    """The least a sum_i lambda_i^2 + b ||phi||^2 of all spectral coordinates of the rows of w, ``(...,)``.

    2 sqrt(ab) sum_i ||w_i||, with w_i = -lambda_i phi_i: the group lasso on nodes.

    w           ``(..., n, d)``.
    source      derived here (arithmetic and geometric means).
    """
    return 2 * math.sqrt(a * b) * w.norm(dim=-1).sum(-1)


def balanced(w: Tensor, a: float, b: float) -> tuple[Tensor, Tensor]:
    """Spectral coordinates lambda ``(..., n)``, phi ``(..., n, d)`` of w at which the penalty is the least.

    a lambda_i^2 = b ||phi_i||^2, lambda_i >= 0; a row of zeros has zeros.
    """
    eigenvalues = (math.sqrt(b / a) * w.norm(dim=-1)).sqrt()
    return eigenvalues, -w / eigenvalues.where(eigenvalues > 0, 1.0)[..., None]


def least_curvature(pull: Tensor, a: float, b: float) -> Tensor:
    """Smallest eigenvalue of the Hessian of a lambda^2 + b ||phi||^2 - lambda (pull . phi): of a node at 0.

    pull        ``(...,)`` norm of the loss's gradient with respect to the node's weights, at weights of 0.
    returns     not negative, so that the node stays, exactly where the pull is at most 2 sqrt(ab).
    source      derived here.
    """
    return a + b - ((a - b) ** 2 + pull**2).sqrt()
