"""What is measured of students: specialization inside and outside of S, and how far attacks get."""

from dataclasses import dataclass

import torch
from torch import Tensor

from companion.chapters.robustness.attacks import attack, difference, share_outside, unit
from companion.chapters.robustness.low_rank import projector, split
from companion.chapters.robustness.theory import curvature
from ts_core.metrics import best_student, correlation, cosine
from ts_core.networks import Network, forward, pair

MATCHED = 0.9  # cosine inside S, bias included, from which on a student node counts as on a teacher node
TINY = 1e-3  # where attacks start, in radii


@dataclass(frozen=True)
class Attacked:
    """One attack on all members: what it was, mean squared error per output, share of its energy outside S.

    loss, share, predicted      ``(e,)``; predicted is NaN where nothing is.
    """

    attack: str
    radius: float
    loss: Tensor
    share: Tensor
    predicted: Tensor


def in_and_out(teacher: Network, student: Network, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines of each teacher node's row with its best student's, inside S and outside, ``(e, m)`` each.

    The best student is the one with the largest cosine inside; biases are left out.
    """
    rows = [split(network.weights[0][..., :-1], basis) for network in (teacher, student)]
    (inside_t, outside_t), (inside, outside) = rows
    rho = cosine(inside_t, inside, augmented=True)  # augmented: these rows have no bias column
    best, who = rho.max(2)
    return best, cosine(outside_t, outside, augmented=True).gather(2, who[..., None])[..., 0]


def mean_best_correlation(teacher: Network, student: Network, x: Tensor) -> Tensor:
    """The teacher mean of best-student correlations on inputs x, ``(e,)``."""
    f_t, f = (forward(network, x)[1][0] for network in (teacher, student))
    return best_student(correlation(f_t, f)).mean(1)


def error(difference_network: Network, x: Tensor) -> Tensor:
    """Mean over samples and outputs of the squared difference, ``(e,)``."""
    return forward(difference_network, x)[1][-1].square().mean((1, 2))


def repaired(teacher: Network, student: Network, basis: Tensor, shift: int = 0) -> Network:
    """Matched student nodes get their teacher node's weights outside of S, scaled as inside; the others none.

    On S nothing changes.

    shift       of the teacher nodes: those outside of S are taken from another node (the control).
    """
    teacher, student = pair(teacher, student)
    inside_t, outside_t = split(teacher.weights[0][..., :-1], basis)
    inside = split(student.weights[0][..., :-1], basis)[0]
    biased_t, biased = (
        torch.cat([part, network.weights[0][..., -1:]], 2)
        for part, network in ((inside_t, teacher), (inside, student))
    )
    rho, whose = cosine(biased_t, biased, augmented=True).max(1)  # (e, n)
    of = lambda rows: rows.gather(1, whose[..., None].expand(-1, -1, rows.shape[2]))
    scale = inside.norm(dim=2, keepdim=True) / of(inside_t).norm(dim=2, keepdim=True)
    borrowed = scale * of(outside_t.roll(shift, 1))
    rows = inside + torch.where(rho[..., None] > MATCHED, borrowed, 0.0)
    return Network(
        (torch.cat([rows, student.weights[0][..., -1:]], 2), student.weights[1]), student.activation
    )


def held_against(
    teacher: Network,
    student: Network,
    basis: Tensor,
    x: Tensor,
    noise: Tensor,
    *,
    radii: tuple[float, ...],
    radius: float,
    steps: int,
) -> list[Attacked]:
    """All attacks on two-layer students, at inputs ``x`` (e, b, d) in S.

    noise       N(0, I) of the shape of x: where attacks start, and the random directions.
    radii       of the free attack;  radius  of all others, in l2; l_inf attacks have it over the root of d.
    steps       of gradient attacks.
    """
    teacher, student = pair(teacher, student)
    apart, inside = difference(teacher, student), projector(basis)
    outside = torch.eye(x.shape[2], dtype=x.dtype, device=x.device) - inside
    directions, bend, found = unit(noise), curvature(apart, x, basis), []

    def add(name: str, size: float, delta: Tensor, network: Network = apart, target: Tensor | float = 0.0):
        loss = (forward(network, x + delta)[1][-1] - target).square().mean((1, 2))
        predicted = size**2 * bend if name in ("clean", "free") else torch.full_like(loss, torch.nan)
        found.append(Attacked(name, size, loss, share_outside(delta, basis), predicted))

    def ascent(network: Network, size: float, within: Tensor | None = None, target: Tensor | float = 0.0):
        start = TINY * size * directions
        start = start if within is None else start @ within
        return attack(network, x, size, steps=steps, start=start, within=within, target=target)

    add("clean", 0.0, torch.zeros_like(x))
    for size in radii:
        add("free", size, ascent(apart, size))
    add("inside S", radius, ascent(apart, radius, inside))
    add("outside S", radius, ascent(apart, radius, outside))
    add("random", radius, radius * directions)
    small = radius / x.shape[2] ** 0.5
    add("sign, one step", radius, attack(apart, x, small, norm="linf", steps=1))
    add("sign", radius, attack(apart, x, small, norm="linf", steps=steps))
    label = forward(teacher, x)[1][-1]
    add("fixed label", radius, ascent(student, radius, target=label), student, label)
    for name, shift in (("repaired", 0), ("repaired with another node", 1)):
        network = difference(teacher, repaired(teacher, student, basis, shift))
        add(name, radius, ascent(network, radius), network)
    return found
