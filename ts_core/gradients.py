"""The recursive gradient rule of deep (Leaky) ReLU teacher-student pairs, beside the plain backward pass.

Per sample and from the top down, V_L = I and V_{l-1} = V_l D_l W_l, for teacher and student alike. With the
overlaps A_l = V_l^T V*_l and B_l = V_l^T V_l the gradient of every layer is g_l = D_l (A_l f*_l - B_l f_l).
Everything is *augmented*: a constant unit is appended to every layer (last row and column), so that biases
need no extra terms.
"""

import torch
from torch import Tensor

from ts_core.losses import SQUARED_ERROR, Loss
from ts_core.networks import Network, affine, forward, pair, spread


def with_constant(f: Tensor) -> Tensor:
    """Activations with the constant unit appended, ``(..., n + 1)``."""
    return torch.cat([f, torch.ones_like(f[..., :1])], dim=-1)


def augmented(weight: Tensor) -> Tensor:
    """A layer's weight with the constant unit, ``(e, n_l + 1, n_{l-1} + 1)``; last row (0, ..., 0, 1)."""
    constant = torch.zeros_like(weight[:, :1])
    constant[..., -1] = 1
    return torch.cat([weight, constant], dim=1)


def gates(network: Network, z: list[Tensor]) -> list[Tensor]:
    """Diagonals of D_l, ``(e, b, n_l + 1)`` per layer; 1 for constant units and the linear output layer."""
    hidden = [with_constant(network.activation.derivative(z_l)) for z_l in z[:-1]]
    return [*hidden, with_constant(torch.ones_like(z[-1]))]


def top_down(network: Network, z: list[Tensor]) -> list[Tensor]:
    """V_l per layer, ``(e, b, c + 1, n_l + 1)``: the Jacobian of the output by each layer's activations.

    z           pre-activations of every layer, from :func:`networks.forward`.
    source      recursive gradient rule (Lemma 1) of the ICML 2020 paper, in augmented form.
    """
    members, samples, outputs = z[-1].shape
    weights, d = network.spread().weights, gates(network, z)
    v = [torch.eye(outputs + 1, dtype=z[-1].dtype, device=z[-1].device).expand(members, samples, -1, -1)]
    # weights[layer] and d[layer] belong to layer number layer + 1
    for layer in range(network.depth - 1, 0, -1):
        v.insert(0, (v[0] * d[layer][:, :, None]) @ augmented(weights[layer])[:, None])
    return v


def overlaps(teacher: Network, student: Network, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """A_l ``(e, b, n_l + 1, m_l + 1)`` and B_l ``(e, b, n_l + 1, n_l + 1)`` per layer, for all samples ``x``.

    In two layers the first ``n_1`` rows and columns of A_1 and B_1 are the constants alpha and beta.
    """
    teacher, student = pair(teacher, student)
    v_t, v = top_down(teacher, forward(teacher, x)[0]), top_down(student, forward(student, x)[0])
    return [s.transpose(2, 3) @ t for t, s in zip(v_t, v)], [s.transpose(2, 3) @ s for s in v]


def by_rule(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    """Per-sample gradients g_l = -dJ/dz_l ``(e, b, n_l)`` of every layer, by the paper's recursive rule.

    x           ``(g, b, d)``, shared by teachers and students. Memory grows with b * n_l * (n_l + m_l).
    raises      ValueError when teacher and student differ in depth, or an activation is no (Leaky) ReLU.
    source      recursive gradient rule (Lemma 1) of the ICML 2020 paper.
    """
    _ = teacher.slope, student.slope  # only there f = D z
    if teacher.depth != student.depth:
        raise ValueError(
            f"the rule needs equal depths, got teacher {teacher.depth} and student {student.depth}"
        )
    teacher, student = pair(teacher, student)
    (_, f_t), (z, f) = forward(teacher, x), forward(student, x)
    gradients = []
    for a, b, d, t, s in zip(*overlaps(teacher, student, x), gates(student, z), f_t, f):
        difference = a @ with_constant(t)[..., None] - b @ with_constant(s)[..., None]
        gradients.append((d * difference[..., 0])[..., :-1])
    return gradients


def by_backprop(teacher: Network, student: Network, x: Tensor, loss: Loss = SQUARED_ERROR) -> list[Tensor]:
    """The gradients of :func:`by_rule` by plain backward, in the memory of ``forward``.

    Any loss, any activation, and any teacher depth.
    """
    return _backprop(teacher, student, x, loss)[0]


def weight_gradients(
    teacher: Network, student: Network, x: Tensor, loss: Loss = SQUARED_ERROR
) -> list[Tensor]:
    """dJ/dW of every layer, ``(e, n_l, n_{l-1} + 1)``, J being the mean over the samples ``x`` (g, b, d)."""
    g, f = _backprop(teacher, student, x, loss)
    return [-g_l.mT @ with_constant(below) / x.shape[1] for g_l, below in zip(g, f)]


def _backprop(teacher: Network, student: Network, x: Tensor, loss: Loss) -> tuple[list[Tensor], list[Tensor]]:
    """g_l of every layer, and what each layer sees."""
    teacher, student = pair(teacher, student)
    z, f = forward(student, x)
    target = loss.target(forward(teacher, x)[1][-1].mT)
    g = backward(student, z, loss.residual(target, f[-1].mT).mT)
    return g, [spread(x, student.members), *f[:-1]]


def backward(student: Network, z: list[Tensor], residual: Tensor) -> list[Tensor]:
    """g_l ``(e, b, n_l)`` of every layer from the output residual g_L = f* - f ``(e, b, c)``."""
    gradients = [residual]
    for weight, below in zip(reversed(student.spread().weights[1:]), reversed(z[:-1])):
        gradients.insert(0, student.activation.derivative(below) * (gradients[0] @ weight[..., :-1]))
    return gradients


def by_autograd(teacher: Network, student: Network, x: Tensor) -> list[Tensor]:
    """The oracle: g_l = -dJ/dz_l by torch.autograd, through a zero added to every pre-activation."""
    zeros = [torch.zeros_like(z).requires_grad_() for z in forward(student, x)[0]]
    f = x
    for weight, zero in zip(student.weights, zeros):
        z = affine(weight, f) + zero
        f = student.activation.value(z)
    loss = (forward(teacher, x)[1][-1] - z).square().sum() / 2
    return [-g for g in torch.autograd.grad(loss, zeros)]


def mean_beta(network: Network, x: Tensor, budget: int = 2**24) -> tuple[list[Tensor], list[Tensor]]:
    """E_x[beta_kk] and E_x[H_kk] per hidden layer, each ``(e, n_l)``: beta = V_l^T V_l and H = D_l beta D_l.

    In two layers beta_kk is the squared fan-out norm exactly; in more it depends on the sample, and the root
    of its mean generalizes the fan-out norm.

    budget      numbers that one V_l may hold: samples go through in chunks, so this bounds the memory,
                whatever b.
    source      diagonal of the student-student beta that the released multi-layer code records before a
                layer's own gate, and of its H after it; there the gates are 0 or 1 even in leaky networks,
                here D_l is exact.
    """
    widest = max(w.shape[1] for w in network.weights) + 1
    chunk = max(1, budget // (network.members * (network.weights[-1].shape[1] + 1) * widest))
    hidden = network.depth - 1
    beta, h = [0.0] * hidden, [0.0] * hidden
    for part in x.split(chunk, dim=1):
        z = forward(network, part)[0]
        for layer, (v, d) in enumerate(zip(top_down(network, z)[:hidden], gates(network, z))):
            diagonal = v[:, :, :-1, :-1].square().sum(2)  # (e, b, n), without the constant units
            beta[layer] = beta[layer] + diagonal.sum(1)
            h[layer] = h[layer] + (diagonal * d[..., :-1].square()).sum(1)
    return [total / x.shape[1] for total in beta], [total / x.shape[1] for total in h]
