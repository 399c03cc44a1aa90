"""One student node for l teacher nodes, any activation: a problem in one number, against all weights free.

The loss of a node of length r = |w| and cosines t_j with the teacher nodes is
a^2 C(r, r, 1) - 2 a sum_j C(r, 1, t_j) + const, with C(r, s, t) = E sigma(r x) sigma(s y) of normal x, y of
correlation t. On the mean of the teacher nodes all t_j are 1 / sqrt l, and with the best a what is left
depends on r alone. It is taken to negative r, where the node points the other way.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import torch
from scipy.optimize import brentq
from scipy.special import erf, expit
from torch import Tensor
from torch.func import grad, hessian, vmap

from companion.chapters.copy_average.levels import relu_arc
from companion.chapters.copy_average.settling import settle
from companion.chapters.copy_average.studies import OneNeuron
from companion.runs.spec import Tables
from ts_core.streams import stream
from ts_core.theory.kernels import erf_kernel

SLOPE = 0.2  # of leaky ReLU
NODES, ORDERS = 160, 80  # of the Gauss-Hermite rule; Hermite polynomials of the series
LENGTHS = np.geomspace(0.01, 30, 200)  # r at which the reduced problem is looked at, and the same below 0
HOMOGENEOUS = ("relu", "leaky")
SMOOTH: dict[str, tuple[Callable, Callable]] = {  # the function in numpy and in torch
    "erf": (lambda z: erf(z / math.sqrt(2)), lambda z: torch.erf(z / math.sqrt(2))),
    "tanh": (np.tanh, torch.tanh),
    "sigmoid": (expit, torch.sigmoid),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: torch.logaddexp(z, torch.zeros_like(z))),
}


def run(spec: OneNeuron) -> Tables:
    """Tables ``levels`` and ``curve``, as described at :meth:`OneNeuron.run`."""
    lengths = np.concatenate([-LENGTHS[::-1], LENGTHS])
    curve = reduced(spec.activation, spec.teachers, lengths)
    points = critical_lengths(spec.activation, spec.teachers)
    at = reduced(spec.activation, spec.teachers, np.array(points))
    free = free_minima(spec)
    least = float(at.min())
    reached = np.abs(free - free.min()) < 1e-6
    of = dict(activation=spec.activation, l=spec.teachers)
    row = of | dict(
        reduced=least,
        free=free.min(),
        apart=free.min() - least,
        worst=free[reached].max(),
        reached=int(reached.sum()),
        starts=spec.starts,
        size=points[int(at.argmin())],
        points=len(points),
        fewer=reduced(spec.activation, spec.teachers, lengths, spec.teachers - 1).min(),
        silent=constant(spec.activation, spec.teachers),
    )
    return {"levels": pd.DataFrame([row]), "curve": pd.DataFrame(of | dict(r=lengths, loss=curve))}


@cache
def rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the Gauss-Hermite rule for the standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()


def arc(activation: str, t: float) -> float:
    """The same of ReLU or leaky ReLU, sigma(z) = relu(z) - SLOPE relu(-z)."""
    slope = SLOPE if activation == "leaky" else 0.0
    return (1 + slope**2) * relu_arc(t) - 2 * slope * relu_arc(-t)


def reduced(activation: str, teachers: int, r: np.ndarray, seen: int | None = None) -> np.ndarray:
    """Loss of a node of signed length r along the mean of ``seen`` teacher nodes, with its best a.

    seen        all by default; the node is orthogonal to the others.
    """
    seen = teachers if seen is None else seen
    t, unseen = 1 / math.sqrt(seen), teachers - seen
    if activation in HOMOGENEOUS:
        shown = np.array([seen * arc(activation, math.copysign(t, x)) for x in r])
        shown += unseen * arc(activation, 0.0)
        return constant(activation, teachers) - shown**2 / arc(activation, 1.0)
    sigma, (z, weight) = SMOOTH[activation][0], rule()
    # of the teacher, given the student's input
    given = seen * sigma(t * z[:, None] + math.sqrt(1 - t * t) * z) @ weight + unseen * sigma(z) @ weight
    node = sigma(r[:, None] * z)
    return constant(activation, teachers) - (node @ (weight * given)) ** 2 / (node**2 @ weight)


def constant(activation: str, teachers: int) -> float:
    """E f*^2, the loss of a silent student."""
    if activation in HOMOGENEOUS:
        own, other = arc(activation, 1.0), arc(activation, 0.0)
    else:
        sigma, (z, weight) = SMOOTH[activation][0], rule()
        own, other = sigma(z) ** 2 @ weight, (sigma(z) @ weight) ** 2
    return teachers * own + teachers * (teachers - 1) * other


def critical_lengths(activation: str, teachers: int) -> list[float]:
    """Signed lengths at which the reduced loss is stationary; one per ray for a homogeneous activation."""
    if activation in HOMOGENEOUS:
        return [-1.0, 1.0]
    step = 1e-5
    slope = lambda x: np.diff(reduced(activation, teachers, np.array([x - step, x + step]) * 1.0))[0]
    found = []
    for side in (-LENGTHS[::-1], LENGTHS):
        rising = np.sign(np.diff(reduced(activation, teachers, side)))
        for i in np.flatnonzero(rising[1:] * rising[:-1] < 0):
            found.append(float(brentq(slope, side[i], side[i + 2], xtol=1e-12)))
    return found


def free_minima(spec: OneNeuron) -> np.ndarray:
    """Loss at the end of every start with all weights free, ``(starts,)``; the input dimension is l + 1."""
    loss = free_loss(spec.activation, spec.teachers)
    drawn = [stream(seed, "start").standard_normal(spec.teachers + 2) for seed in range(1, spec.starts + 1)]
    start = torch.from_numpy(np.stack(drawn))
    gone = lambda theta: theta[:, :-1].norm(dim=1) < 1e-3
    end = settle(
        vmap(grad(loss)), vmap(hessian(loss)), start, tolerance=0.01, rest=1e-8, steps=200, lost=gone
    )
    return vmap(loss)(end.state).numpy()


def free_loss(activation: str, teachers: int) -> Callable[[Tensor], Tensor]:
    """L of theta = (w, a), w of dimension l + 1: another route than :func:`reduced`."""
    silent = constant(activation, teachers)

    def homogeneous(theta: Tensor) -> Tensor:
        w, a = theta[:-1], theta[-1]
        r = w.norm()
        t = w[:teachers] / r
        root, gap = (1 - t * t).clamp(min=1e-30).sqrt(), t.clamp(-1, 1).arccos()
        shown = (1 + slope**2) * (root + t * (math.pi - gap)) - 2 * slope * (root - t * gap)
        return a**2 * r**2 * (1 + slope**2) / 2 - a * r * shown.sum() / math.pi + silent

    def of_erf(theta: Tensor) -> Tensor:
        w, a = theta[:-1], theta[-1]
        q, one = w.square().sum(), w.new_ones(())
        shown = erf_kernel(q, one, w[:teachers]).sum()
        return a**2 * erf_kernel(q, q, q) - 2 * a * shown + silent

    def series(theta: Tensor) -> Tensor:
        w, a = theta[:-1], theta[-1]
        r = w.norm()
        of_student = basis @ sigma(r * z)
        powers = ((w[:teachers] / r)[:, None] ** order).sum(0)
        shown = of_student[0] * of_teacher[0] * teachers + (of_student[1:] * of_teacher[1:]) @ powers
        return a**2 * (of_student @ of_student) - 2 * a * shown + silent

    if activation in HOMOGENEOUS:
        slope = SLOPE if activation == "leaky" else 0.0
        return homogeneous
    if activation == "erf":
        return of_erf
    sigma = SMOOTH[activation][1]
    z, weight = (torch.from_numpy(part) for part in rule())
    basis = torch.from_numpy(hermite(z.numpy())) * weight  # (orders, nodes)
    of_teacher, order = basis @ sigma(z), torch.arange(1, ORDERS)
    return series


def hermite(z: np.ndarray) -> np.ndarray:
    """Normalized Hermite polynomials of the first ORDERS orders, ``(orders, nodes)``."""
    found = [np.ones_like(z), z]
    for m in range(2, ORDERS):
        found.append((z * found[-1] - math.sqrt(m - 1) * found[-2]) / math.sqrt(m))
    return np.stack(found)
