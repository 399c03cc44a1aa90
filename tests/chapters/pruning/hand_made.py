"""Tables of errors as students would give them that follow the closed forms, but for a little noise."""

import pandas as pd

from companion.chapters.pruning.tables import FORMS

OWN = 1e-3


def errors(start: str = "even", noise: float = 0.0, seeds: int = 6, **worse: float) -> pd.DataFrame:
    """Six nodes, two teacher nodes; ``worse`` multiplies the errors of a method (underscores are spaces)."""
    factors = {name.replace("_", " "): factor for name, factor in worse.items()}
    rows = []
    for seed in range(1, seeds + 1):
        for k in range(1, 6):
            found = {name: float(form(k / 6, 3.0, 2)) for name, form in FORMS.items()}
            found |= {"shuffled DPP": found["uniform nodes"], "important nodes": 0.8 * found["DPP nodes"]}
            found |= {"best nodes": 0.5 * found["DPP nodes"], "merging": OWN * (1.2 if k > 1 else 200)}
            for method, error in found.items():
                for reweighted in (False, True) if "edges" not in method else (False,):
                    wobble = 1 + 0.01 * ((7 * seed + 3 * k + len(method)) % 5 - 2)
                    value = error * factors.get(method, 1) * wobble
                    rows.append(dict(seed=seed, k=k, kept=k / 6, method=method, error=value, own=OWN))
                    rows[-1] |= dict(reweighted=reweighted)
    return pd.DataFrame(rows).assign(start=start, over_realization=3.0, noise=noise)
