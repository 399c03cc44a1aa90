"""The gradient-overlap relation of "Luck Matters": a layer's update as overlaps of teacher and student.

Per sample, with H_l = D_l V_l^T V_l D_l, H*_l = D_l V_l^T V*_l D*_l and the constant unit in every layer,

    dW_l = H*_l W*_l f*_{l-1} f_{l-1}^T - H_l W_l f_{l-1} f_{l-1}^T,      H_{l-1} = D W_l^T H_l W_l D.

The paper then *separates* the mean over samples: the mean of the product becomes the product of the means of
gates and of activations. That is exact at the top layer, which has no gates, and an approximation below it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.gradients import augmented, gates, overlaps, with_constant
from ts_core.networks import Network, forward, pair


@dataclass(frozen=True)
class _Seen:
    """What both networks do on samples, constant units included: gates, weights, what each layer sees."""

    gates: list[Tensor]  # (e, b, n_l + 1)
    weights: list[Tensor]  # (e, n_l + 1, n_{l-1} + 1)
    below: list[Tensor]  # (e, b, n_{l-1} + 1)


def _seen(network: Network, x: Tensor) -> _Seen:
    z, f = forward(network, x)
    below = [x.expand(network.members, -1, -1), *f[:-1]]
    return _Seen(
        gates(network, z), [augmented(w) for w in network.weights], [with_constant(b) for b in below]
    )


def _alike(teacher: Network, student: Network, x: Tensor) -> tuple[_Seen, _Seen]:
    _ = teacher.slope, student.slope  # only there f = D z
    if teacher.depth != student.depth:
        raise ValueError(
            f"the relation needs equal depths, got teacher {teacher.depth} and student {student.depth}"
        )
    teacher, student = pair(teacher, student)
    x = x.repeat_interleave(student.members // len(x), 0) if len(x) < student.members else x
    return _seen(teacher, x), _seen(student, x)


def updates(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    """-dJ/dW of every layer ``(e, n_l, n_{l-1} + 1)`` by the relation, exact, mean over the samples.

    x           ``(g, b, d)``. Memory grows with b n_l (n_l + m_l): overlaps of every sample are formed.
    raises      ValueError when teacher and student differ in depth, or an activation is no (Leaky) ReLU.
    source      first theorem of "Luck Matters", with all biases kept.
    """
    t, s = _alike(teacher, student, x)
    a, b = overlaps(*pair(teacher, student), x)
    found = []
    for l, (across, within) in enumerate(zip(a, b)):
        z_t, z = (of.below[l] @ of.weights[l].mT for of in (t, s))
        pull = across @ (t.gates[l] * z_t)[..., None] - within @ (s.gates[l] * z)[..., None]
        g = s.gates[l] * pull[..., 0]
        found.append((g[..., :-1].mT @ s.below[l]) / x.shape[1])
    return found


def separated(teacher: Network, student: Network, x: Tensor, crop: bool = False) -> list[Tensor]:
    """The updates with separated means: H = (W^T H W) o E[d d^T] and E[f f^T] in place of joint means.

    crop        whether overlaps lose their constant unit on the way down, as in the released matrix code.
    source      separation approximation of "Luck Matters".
    """
    t, s = _alike(teacher, student, x)
    top = torch.eye(s.weights[-1].shape[1], dtype=x.dtype, device=x.device)
    across = within = top.expand(len(s.weights[0]), -1, -1)
    found: list[Tensor] = []
    for l in range(student.depth - 1, -1, -1):
        rows_t, rows = t.weights[l][:, : across.shape[2]], s.weights[l][:, : within.shape[2]]
        seen_t, seen = (of.below[l].mT @ s.below[l] / x.shape[1] for of in (t, s))
        step = across @ rows_t @ seen_t - within @ rows @ seen
        found.insert(0, step[:, : student.weights[l].shape[1]])
        if l:
            both_t, both = (s.gates[l - 1].mT @ of.gates[l - 1] / x.shape[1] for of in (t, s))
            across = rows.mT @ across @ rows_t * both_t
            within = rows.mT @ within @ rows * both
            if crop:
                across, within = across[:, :-1, :-1], within[:, :-1, :-1]
    return found


def cropped(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    """Per-sample gradients g_l ``(e, b, n_l)`` of every layer by overlaps without the constant unit.

    Right only where no layer but the lowest has a bias.

    source      the released code of "Luck Matters", which crops the overlaps so.
    """
    (_, f_t), (z, f) = forward(teacher, x), forward(student, x)
    gradients = []
    for a, b, d, t, s in zip(*overlaps(teacher, student, x), gates(student, z), f_t, f):
        m, n = t.shape[2], s.shape[2]
        difference = a[:, :, :n, :m] @ t[..., None] - b[:, :, :n, :n] @ s[..., None]
        gradients.append(d[..., :n] * difference[..., 0])
    return gradients
