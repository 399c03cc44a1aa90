"""Who wins: which student ends on a teacher node, and how lucky its start was."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def winners(rho: Tensor) -> Tensor:
    """The student with the highest correlation with each teacher node, ``(e, m)``; the first of several."""
    return rho.argmax(-1)


def own_winners(rho: Tensor) -> Tensor:
    """A winner of its own for each teacher node, ``(e, m)``: the assignment with the largest sum.

    rho         ``(e, m, n)``, n >= m.
    """
    found = [linear_sum_assignment(-of.double().cpu().numpy())[1] for of in rho]
    return torch.stack([torch.as_tensor(columns) for columns in found])


def rank(rho: Tensor, chosen: Tensor) -> Tensor:
    """Percent of students that correlate more with a teacher node than the chosen one, ``(e, m)``.

    rho         ``(e, m, n)``, of any time;  chosen  ``(e, m)``, such as the winners at the end of training.
    returns     0 for the best, about 50 where the choice has nothing to do with rho.
    source      winners' initial rank of the released code of "Luck Matters" (its list, as a share).
    """
    own = rho.gather(-1, chosen[..., None])
    return 100 * (rho > own).to(rho.dtype).mean(-1)


def role(rows_t: Tensor, rows: Tensor, close: float) -> tuple[Tensor, Tensor]:
    """What each student node has become, ``(e, n)``: 0 a winner, 1 a duplicate, 2 a loser; and its teacher.

    A winner is the student nearest to a teacher node, if their cosine (bias included) exceeds ``close``;
    other students as near to any teacher node are duplicates, which may keep a share of it (sum rule).

    rows_t, rows    first-layer rows ``(e, m, d + 1)`` and ``(e, n, d + 1)``.
    raises          ValueError for close outside (0, 1).
    """
    if not 0 < close < 1:
        raise ValueError(f"close must lie in (0, 1), got {close}")
    t, s = (torch.nn.functional.normalize(r, dim=-1) for r in (rows_t, rows))
    cosine = t @ s.mT
    near, teacher = cosine.max(1)
    wins = torch.zeros_like(cosine, dtype=torch.bool).scatter_(2, cosine.argmax(2, keepdim=True), True)
    winner = (wins & (cosine > close)).any(1)
    return torch.where(winner, 0, torch.where(near > close, 1, 2)), teacher
