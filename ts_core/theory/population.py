"""Gradient flow of two-layer ReLU students on the population, its exact reductions.

x ~ N(0, I), ReLU without first-layer biases, output bias at its optimum at all times: every residual is
centred. Students are ``w (e, n, d)`` and ``v (e, n, c)``, teachers ``w_t (m, d)`` and ``v_t (m, c)``. Time
counts gradient flow on J: one step of SGD is ``learning_rate``.
"""

import math

import torch
from torch import Tensor

# a_0 = Var(sigma(x)), x ~ N(0, 1): an aligned node learns strength s at rate 2 a_0 s
RATE = 0.5 - 0.5 / math.pi


def flow(w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor) -> tuple[Tensor, Tensor]:
    """Exact population gradient flow (dw/dt, dv/dt) of two-layer ReLU students, with centred residual.

    w, v        ``(e, n, d)``, ``(e, n, c)`` students, no w = 0.
    w_t, v_t    ``(m, d)``, ``(m, c)`` teacher, any rows; or one per member, ``(e, m, d)``, ``(e, m, c)``.

    With theory.kappa and theory.phi, and the students as teachers of fan-out -v: dv_k = sum_i kappa(w_k, u_i)
    a_i and dw_k = sum_i (v_k^T a_i) phi(w_k, u_i), here summed over i without a ``(n, m + n, d)`` array.
    """
    u, a = _residual(w, v, w_t, v_t)
    size_w, size_u = w.norm(dim=2, keepdim=True), u.norm(dim=2)[:, None]
    cosine = (w @ u.mT / (size_w * size_u)).clamp(-1, 1)
    gap, sine = math.pi - cosine.arccos(), (1 - cosine.square()).sqrt()
    overlap = v @ a.mT
    radial = (overlap * (sine - 1) * size_u).sum(2, keepdim=True) / size_w
    dv = (size_w * size_u * (sine + gap * cosine - 1)) @ a
    return ((overlap * gap) @ u + radial * w) / (2 * math.pi), dv / (2 * math.pi)


def loss(w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor) -> Tensor:
    """J = 1/2 E ||f* - f||^2 with the best output bias, ``(e,)``; arguments as in :func:`flow`."""
    u, a = _residual(w, v, w_t, v_t)
    size = u.norm(dim=2, keepdim=True)
    cosine = (u @ u.mT / (size * size.mT)).clamp(-1, 1)
    covariance = size * size.mT * ((1 - cosine.square()).sqrt() + (math.pi - cosine.arccos()) * cosine - 1)
    return (covariance * (a @ a.mT)).sum((1, 2)) / (4 * math.pi)


def sample_gradient(w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor, x: Tensor) -> Tensor:
    """g_k(x) = 1(w_k^T x > 0) v_k^T (f*(x) - f(x)), centred residual, ``(e, b, n)``; x is ``(b, d)``."""
    u, a = _residual(w, v, w_t, v_t)
    mean = u.norm(dim=2)[:, None] / math.sqrt(2 * math.pi)
    residual = ((x @ u.mT).clamp(min=0) - mean) @ a
    return (x @ w.mT > 0) * (residual @ v.mT)


def hessian(w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor, step: float = 1e-5) -> Tensor:
    """Second derivative of J by the weights of both layers, ``(e, n (d + c), n (d + c))``.

    Central differences of :func:`flow`: right to about 1e-8 for weights of order 1.
    """
    members, n, d = w.shape
    flat = torch.cat([w.flatten(1), v.flatten(1)], 1)
    count = flat.shape[1]
    shift = step * torch.eye(count, dtype=flat.dtype)
    moved = (flat[:, None, None] + torch.stack([shift, -shift])).flatten(0, 2)
    parts = moved[:, : n * d].unflatten(1, (n, d)), moved[:, n * d :].unflatten(1, (n, -1))
    repeat = lambda t: t if t.dim() == 2 else t.repeat_interleave(2 * count, 0)
    rate = torch.cat([r.flatten(1) for r in flow(*parts, repeat(w_t), repeat(v_t))], 1)
    up, down = rate.unflatten(0, (members, 2, count)).unbind(1)
    found = (down - up) / (2 * step)
    return (found + found.mT) / 2


def _residual(w: Tensor, v: Tensor, w_t: Tensor, v_t: Tensor) -> tuple[Tensor, Tensor]:
    """Rows ``(e, m + n, d)`` and fan-outs ``(e, m + n, c)`` of f* - f: students count with fan-out -v."""
    members = w.shape[0]
    return torch.cat([w_t.expand(members, -1, -1), w], 1), torch.cat([v_t.expand(members, -1, -1), -v], 1)


def reduced(p: Tensor, c: Tensor, owner: Tensor, strengths: Tensor) -> Tensor:
    """dp/dt of p_k = ||w_k|| ||v_k|| on the aligned manifold; balanced (c = 0), Lotka-Volterra competition.

    p, c        ``(e, n)``; c = ||w||^2 - ||v||^2 is conserved.
    owner       ``(n,)``: the teacher each student copies.
    """
    niche = torch.nn.functional.one_hot(owner, len(strengths)).to(p.dtype)
    return RATE * (c.square() + 4 * p.square()).sqrt() * ((strengths - p @ niche) @ niche.T)


def logistic(time: Tensor, strength: Tensor, p_0: float | Tensor) -> Tensor:
    """Strength p(t) that one balanced, aligned student has learned, from p(0) = p_0 in (0, strength)."""
    return strength / (1 + (strength / p_0 - 1) * (-2 * RATE * strength * time).exp())


def half_time(strength: Tensor, p_0: float | Tensor) -> Tensor:
    """When :func:`logistic` passes strength / 2."""
    return (strength / p_0 - 1).log() / (2 * RATE * strength)


def angle_rate(theta: Tensor) -> Tensor:
    """d theta/dt of one unit-norm node that turns towards one teacher node.

    The closer, the faster (in log tan).
    """
    return -(math.pi - theta) / (2 * math.pi) * theta.sin()
