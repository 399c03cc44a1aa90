"""Copy-average students: are they critical, at which level, and how many directions lead down from them?"""

import pandas as pd
import torch

from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.levels import level, partitions
from companion.chapters.copy_average.phases import copy_average
from companion.chapters.copy_average.studies import Points

TOO_LONG = 1.01  # factor on the rows of the alternative


def run(spec: Points) -> pd.DataFrame:
    """Table ``points``, as described at :meth:`Points.run`."""
    rows = []
    for n in spec.widths:
        land = Landscape("erf", n, spec.teachers, spec.teachers + 1)
        for groups in partitions(spec.teachers, n):
            w, a = copy_average(list(groups))
            flat = lambda w, a=a, n=n: torch.cat([torch.cat([w, w.new_zeros(n, 1)], 1).flatten(), a])[None]
            theta = flat(w)
            curvatures = torch.linalg.eigvalsh(land.hessian(theta)[0])
            rows.append(
                dict(n=n, groups=" + ".join(map(str, groups)), loss=land.loss(theta).item())
                | dict(predicted=sum(map(level, groups)), gradient=_largest(land, theta))
                | dict(longer=_largest(land, flat(TOO_LONG * w)))
                | dict(negative=int((curvatures < -1e-9).sum()), least=curvatures[0].item())
            )
    return pd.DataFrame(rows).assign(k=spec.teachers)


def _largest(land: Landscape, theta: torch.Tensor) -> float:
    return land.gradient(theta).abs().max().item()
