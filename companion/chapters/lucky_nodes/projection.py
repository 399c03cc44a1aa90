"""What batch normalization projects the gradient off, before and after the ReLU."""

import pandas as pd
import torch

from companion.chapters.lucky_nodes.studies import Projection
from ts_core.streams import stream
from ts_core.theory.batchnorm import normalize


def leaks(cell: Projection) -> pd.DataFrame:
    """Products that vanish or do not, relative to the sizes of their factors; the largest over nodes.

    returns     order ("before ReLU": normalized pre-activations; "after ReLU"), eps, seed: along_one, along_f
                (of the gradient with respect to the layer's input, with 1 and with that input), along_w (of
                the gradient of a row with that row), along_row (the same, bias included).
    """
    rows = []
    for order in ("before ReLU", "after ReLU"):
        for eps in cell.eps:
            for seed in range(cell.seeds):
                rows.append({"order": order, "eps": eps, "seed": seed, **_products(cell, order, eps, seed)})
    return pd.DataFrame(rows)


def _products(cell: Projection, order: str, eps: float, seed: int) -> dict[str, float]:
    rng = stream(seed, "projection")
    draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape))
    x, w, b = draw(cell.samples, cell.input_dim), draw(cell.nodes, cell.input_dim), draw(cell.nodes)
    scale, shift, target = 0.5 + draw(cell.nodes).abs(), draw(cell.nodes), draw(cell.samples, cell.nodes)
    w.requires_grad_(), b.requires_grad_()
    z = x @ w.T + b
    f = z if order == "before ReLU" else z.relu()
    f.retain_grad()
    y = normalize(f, scale, shift, eps)
    out = y.relu() if order == "before ReLU" else y
    (out - target).square().sum().backward()
    row, g_row = torch.column_stack([w, b]), torch.column_stack([w.grad, b.grad])
    share = lambda g, of: ((g * of).sum(0).abs() / (g.norm(dim=0) * of.norm(dim=0))).max().item()
    return dict(
        along_one=share(f.grad, torch.ones_like(f)),
        along_f=share(f.grad, f.detach()),
        along_w=share(w.grad.T, w.detach().T),
        along_row=share(g_row.T, row.detach().T),
    )
