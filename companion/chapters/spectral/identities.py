"""What holds exactly, computed in two ways."""

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar

from companion.chapters.spectral.parametrization import graph, least_curvature, least_penalty, weights
from companion.chapters.spectral.studies import Identities
from ts_core.streams import stream


def identities(cell: Identities) -> pd.DataFrame:
    """Relative errors, a row per seed, on layers that are drawn at random, float64.

    columns     seed; block: weights by their formula, against the block of Phi Lambda Phi^-1; added: the same
                with the eigenvalues added; penalty: group lasso, against the least penalty, found by a search
                over the eigenvalue of every node; ridge: that of eigenvalues 1, which L2 on weights is;
                curvature: of a node at 0, against the eigenvalues of its Hessian, relative to its scale;
                halved: the same with half the pull.
    """
    rows = []
    for seed in range(1, cell.seeds + 1):
        g = stream(seed, "layer")
        phi, into, out = (
            torch.from_numpy(g.standard_normal(shape))
            for shape in ((cell.nodes, cell.inputs), cell.inputs, cell.nodes)
        )
        a, b = 10 ** g.uniform(-4, 0, 2)
        eigenvectors, eigenvalues = graph(phi, into, out)
        adjacency = eigenvectors @ eigenvalues.diag() @ torch.linalg.inv(eigenvectors)
        block = adjacency[cell.inputs :, : cell.inputs]
        off = lambda found: ((found - block).abs().max() / block.abs().max()).item()
        lasso = least_penalty(phi, a, b).item()
        norms = phi.norm(dim=1).numpy()
        least = sum(_least(norm, a, b) for norm in norms)
        pull = phi[0]
        hessian = 2 * torch.diag(torch.tensor([a] + [b] * cell.inputs, dtype=phi.dtype))
        hessian[0, 1:], hessian[1:, 0] = -pull, -pull
        curvature = torch.linalg.eigvalsh(hessian)[0]
        from_it = lambda of: (abs(least_curvature(of, a, b) - curvature) / hessian.norm()).item()
        rows.append(
            dict(seed=seed, block=off(weights(phi, into, out)), added=off(weights(phi, into, -out)))
            | dict(curvature=from_it(pull.norm()), halved=from_it(pull.norm() / 2))
            | dict(penalty=abs(lasso / least - 1), ridge=abs((a + b * norms**2).sum() / least - 1))
        )
    return pd.DataFrame(rows)


def _least(norm: float, a: float, b: float) -> float:
    """The least a lambda^2 + b (norm / lambda)^2 over lambda > 0, found without its formula."""
    return minimize_scalar(lambda log: a * np.exp(2 * log) + b * norm**2 * np.exp(-2 * log)).fun
