"""Mean overlaps of students with each other and with teacher nodes, the winners first."""

import torch
from torch import Tensor

from ts_core.gradients import gates, top_down
from ts_core.networks import Network, forward

SAMPLES = 128  # over which means are taken
CHUNK = 16  # samples whose Jacobians are held at once


def mean_overlaps(teacher: Network, student: Network, x: Tensor) -> list[dict[str, Tensor]]:
    """Per hidden layer E[H] and E[beta] ``(e, n_l, n_l)``, E[H*] and E[beta*] ``(e, n_l, m_l)``.

    beta = V^T V and beta* = V^T V*, with gates on both sides H and H*; constant units are left out.

    x           ``(e, b, d)``, of which the first 128 samples are taken.
    source      overlap matrices of "Luck Matters".
    """
    x = x[:, :SAMPLES]
    totals: list[dict[str, Tensor]] = []
    for part in x.split(CHUNK, dim=1):
        seen = [_jacobians(network, part) for network in (teacher, student)]
        fresh = []
        for (open_t, shut_t), (open_s, shut_s) in zip(*seen):
            fresh.append(
                {
                    "H": open_s.mT @ open_s,
                    "beta": shut_s.mT @ shut_s,
                    "H*": open_s.mT @ open_t,
                    "beta*": shut_s.mT @ shut_t,
                }
            )
        totals = [{k: a[k] + b[k] for k in a} for a, b in zip(totals, fresh)] if totals else fresh
    return [{name: total / x.shape[1] for name, total in layer.items()} for layer in totals]


def _jacobians(network: Network, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """V D and V of every hidden layer, samples and outputs in one axis ``(e, b c, n_l)``."""
    z, _ = forward(network, x)
    found = []
    for v, d in zip(top_down(network, z)[:-1], gates(network, z)):
        shut = v[:, :, :-1, :-1].flatten(1, 2)  # without the constant output and the constant unit
        gated = v[:, :, :-1] * d[:, :, None]
        found.append((gated[..., :-1].flatten(1, 2), shut))
    return found


def winners_first(overlaps: dict[str, Tensor], chosen: Tensor) -> dict[str, Tensor]:
    """The matrices of one layer with the winners of its teacher nodes first, others in their order.

    chosen      ``(e, m)`` a winner of its own for each teacher node.
    """
    members, n = overlaps["H"].shape[:2]
    last = torch.zeros(members, n, dtype=torch.long, device=overlaps["H"].device)
    # the place of a winner is its teacher node, that of another student lies behind all winners
    last += chosen.shape[1] + torch.arange(n, device=last.device)
    places = torch.arange(chosen.shape[1], device=last.device).expand(members, -1)
    order = last.scatter(1, chosen.to(last.device), places).argsort(1)
    found = {}
    for name, matrix in overlaps.items():
        rows = matrix.gather(1, order[:, :, None].expand(-1, -1, matrix.shape[2]))
        square = not name.endswith("*")
        found[name] = rows.gather(2, order[:, None].expand(-1, n, -1)) if square else rows
    return found


def blocks(matrix: Tensor, teachers: int) -> dict[str, Tensor]:
    """Root mean square of the entries of each block of a matrix with winners first, ``(e,)``.

    own         a winner with itself, or with its teacher node;
    winners     a winner with another one, or with the teacher node of another one;
    others      any other student with itself; with the teacher node that it overlaps most with.
    Blocks that have no entries are left out.
    """
    winners, others = matrix[:, :teachers, :teachers], matrix[:, teachers:]
    square, own = matrix.square(), winners.diagonal(dim1=1, dim2=2)
    found = {"own": own.square().mean(1).sqrt()}
    if teachers > 1:
        rest = square[:, :teachers, :teachers].sum((1, 2)) - own.square().sum(1)
        found["winners"] = (rest / (teachers * (teachers - 1))).sqrt()
    if others.shape[1]:
        n = matrix.shape[2]
        alone = matrix.diagonal(dim1=1, dim2=2)[:, teachers:] if n > teachers else others.abs().amax(2)
        found["others"] = alone.square().mean(1).sqrt()
    return found
