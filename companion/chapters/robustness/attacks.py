"""Attacks on the inputs of whole ensembles, the gradient by the book's own backward pass.

With the *oracle label* the teacher answers at the attacked input, too, and an attack looks for x + delta at
which student and teacher differ. Their difference is a network too (:func:`difference`), so that such an
attack is one on that network with target 0. The *fixed label* keeps the teacher's answer to x.
"""

from typing import Literal

import torch
from torch import Tensor

from ts_core.gradients import backward
from ts_core.networks import Network, forward, pair

Norm = Literal["l2", "linf"]


def difference(teacher: Network, student: Network) -> Network:
    """The network that computes student minus teacher, for each of the student's members.

    Its hidden layers are those of both, side by side.

    raises      ValueError for networks of other depths, activations, inputs or outputs.
    """
    shape = lambda network: (network.weights[0].shape[2], network.weights[-1].shape[1], network.depth)
    if shape(teacher) != shape(student) or teacher.activation != student.activation:
        raise ValueError(
            "a difference needs networks of equal inputs, outputs, depth and activation, got "
            f"{shape(teacher)} {teacher.activation} and {shape(student)} {student.activation}"
        )
    teacher, student = pair(teacher, student)
    layers = [torch.cat([student.weights[0], teacher.weights[0]], 1)]
    for s, t in zip(student.weights[1:-1], teacher.weights[1:-1]):
        blocks = [torch.block_diag(a, b) for a, b in zip(s[..., :-1], t[..., :-1])]
        layers.append(torch.cat([torch.stack(blocks), torch.cat([s[..., -1:], t[..., -1:]], 1)], 2))
    s, t = student.weights[-1], teacher.weights[-1]
    layers.append(torch.cat([s[..., :-1], -t[..., :-1], s[..., -1:] - t[..., -1:]], 2))
    return Network(tuple(layers), student.activation)


def attack(
    network: Network,
    x: Tensor,
    radius: float | Tensor,
    *,
    norm: Norm = "l2",
    steps: int,
    target: Tensor | float = 0.0,
    start: Tensor | None = None,
    within: Tensor | None = None,
) -> Tensor:
    """Projected gradient ascent of ||network(x + delta) - target||^2, per sample: delta ``(e, b, d)``.

    x           ``(g, b, d)``;  target  ``(e, b, c)``, or a number.
    radius      at least 0, a number or broadcastable to ``(e, b, 1)``: ||delta|| never exceeds it, in
                ``norm``.
    steps       at least 1; one is the fast gradient (sign) method. Each moves by 2.5 radius / steps at most,
                one alone by the radius.
    start       ``(e, b, d)`` where delta begins, by default 0. At a sample where network and target agree the
                gradient there is 0, and delta stays.
    within      projectors ``(e, d, d)`` that delta is confined to; only with norm l2.
    raises      ValueError for no step, a negative radius, an unknown norm, or a confined sign attack.
    source      the released ``fast_gradient_sign_untargeted.py``, whose projection is commented out.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be l2 or linf, got {norm!r}")
    if within is not None and norm == "linf":
        raise ValueError("a sign attack does not stay within a subspace; use norm='l2'")
    if (torch.as_tensor(radius) < 0).any():
        raise ValueError(f"radius must be at least 0, got {radius}")
    rate = radius if steps == 1 else 2.5 * radius / steps
    first = network.weights[0][..., :-1]
    delta = x.new_zeros(network.members, *x.shape[1:]) if start is None else start
    for _ in range(steps):
        z, f = forward(network, x + delta)
        slope = backward(network, z, f[-1] - target)[0] @ first
        if norm == "linf":
            delta = delta + rate * slope.sign()
            delta = torch.maximum(torch.minimum(delta, torch.as_tensor(radius)), -torch.as_tensor(radius))
        else:
            if within is not None:
                slope = slope @ within
            delta = delta + rate * unit(slope)
            if (
                within is not None
            ):  # once more: what was left of a tiny slope may be rounding of the other part
                delta = delta @ within
            delta = delta * (radius / delta.norm(dim=2, keepdim=True).clamp(min=1e-30)).clamp(max=1)
    return delta


def unit(vectors: Tensor) -> Tensor:
    """Vectors over their norm along the last axis; zeros stay zeros, tiny ones count."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(vectors.dtype).tiny)


def share_outside(delta: Tensor, basis: Tensor) -> Tensor:
    """Share of the energy of ``(e, b, d)`` that lies outside S, ``(e,)``, in [0, 1]; basis ``(e, d, d0)``."""
    total = delta.square().sum((1, 2))
    return 1 - (delta @ basis).square().sum((1, 2)) / total
