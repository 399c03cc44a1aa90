"""Why unlucky nodes lose their fan-outs: the top layer over frozen features, in closed form."""

import torch
from torch import Tensor


def fan_outs(gram: Tensor, start: Tensor, goal: Tensor, time: Tensor) -> Tensor:
    """Fan-outs V(t) under gradient flow of the top layer while all features below stay as they are.

    With E = V - V_goal, dE/dt = -L E, L = E[f f^T] over all students.

    gram        L ``(e, n, n)``;  start, goal  ``(e, n, c)``: the goal is the teacher's fan-outs at lucky
                nodes (those that already equal a teacher node), 0 at the others;  time  ``(t,)``.
    returns     ``(t, e, n, c)``.
    source      over-parameterized two-layer theorem of "Luck Matters": the others' fan-outs vanish.
    """
    rates, modes = torch.linalg.eigh(gram)
    amplitude = modes.mT @ (start - goal)
    return goal + modes @ ((-rates * time[:, None, None]).exp()[..., None] * amplitude)


def slowest(gram: Tensor) -> Tensor:
    """Rate ``(e,)`` of the slowest decay, lambda_min(L): 0 where two students are co-linear.

    Then only the sum of their fan-outs is settled.
    """
    return torch.linalg.eigvalsh(gram)[:, 0].clamp(min=0)
