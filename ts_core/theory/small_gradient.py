"""Small gradient on finite data: both specialization theorems, premise, conclusion and bounds."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.gradients import by_backprop
from ts_core.networks import Network, affine, pair, spread
from ts_core.theory.geometry import all_rows, alpha, sine, unit_rows


@dataclass(frozen=True)
class SmallGradient:
    """A small-gradient theorem evaluated on augmented samples.

    All fields are ``(e, m, n)``, for rows with ||w|| = 1. S is the set of base points whose three samples all
    lie in E_k.

    points      |S|;  share   |S| over the base points offered.
    gradient    left side: max |g_k| over the samples of S, inf where S is empty;  overlap   |alpha_kj|.
    threshold   right side; ``margin`` is threshold - gradient, ``premise`` says that it is positive.
    near        the largest number of points of S that one node i != j passes within the radius.
    conclusion  near >= |S| / (K - 1), which the theorem asserts whenever the premise holds.
    sine        of the angle between teacher j and that nearest node;  bound   on it, up to sampling error.
    bias_gap    |b_i - s b_j| of that node, s the sign of the cosine;  norm   the smallest ||x|| of a point of
                S that it passes within the radius, inf if there is none (see :func:`bias_gap_bound`).
    """

    points: Tensor
    share: Tensor
    gradient: Tensor
    overlap: Tensor
    threshold: Tensor
    near: Tensor
    conclusion: Tensor
    sine: Tensor
    bound: Tensor
    bias_gap: Tensor
    norm: Tensor

    @property
    def margin(self) -> Tensor:
        return self.threshold - self.gradient

    @property
    def premise(self) -> Tensor:
        return self.margin > 0


def aware(teacher: Network, student: Network, points: Tensor, radius: float, density: float) -> SmallGradient:
    """Teacher-aware theorem: samples x, x +- radius * w*_j with x on the plane of teacher j.

    points      ``(g, m, b, d)`` exactly on the teacher planes (:func:`data.on_planes`).
    density     eta: u^T x has at most this density on the plane, for every unit u in it.
    raises      ValueError for a radius <= 0 or points off the planes.
    source      Theorem 5.2 form, (1 - a) radius |alpha_kj| / 4, of the paper's teacher-aware theorem.
    """
    teacher = unit_rows(teacher)
    off = _own_plane(teacher, points).abs().max()
    if off > 1e-6 * radius:
        raise ValueError(
            f"points must lie on the teacher planes to 1e-6 of the radius {radius}; one is {off:.3g} away"
        )
    direction = teacher.weights[0][:, :, :-1]
    inside = torch.ones(points.shape[:3], dtype=torch.bool, device=points.device)
    return _small_gradient(teacher, unit_rows(student), points, inside, direction, radius, 4.0, 2 * density)


def agnostic(
    teacher: Network, student: Network, points: Tensor, radius: float, density: float
) -> SmallGradient:
    """Teacher-agnostic theorem: samples x, x +- radius * e_u, with u the largest coordinate of w*_j.

    points      ``(g, m, b, d)``; ignored if farther than radius / (2 sqrt(d)) from the plane of teacher j.
    source      Theorem 5.3 form, (1 - a) radius |alpha_kj| / (8 sqrt(d)), of the paper's
                teacher-agnostic theorem.
    """
    teacher, root = unit_rows(teacher), math.sqrt(points.shape[-1])
    inside = _own_plane(teacher, points).abs() <= radius / (2 * root)
    axis = teacher.weights[0][:, :, :-1].abs().argmax(-1)
    direction = torch.nn.functional.one_hot(axis, points.shape[-1]).to(points.dtype)
    return _small_gradient(
        teacher, unit_rows(student), points, inside, direction, radius, 8 * root, 3 * density
    )


def slab(teacher: Network, x: Tensor, count: int) -> Tensor:
    """The ``count`` samples of ``x`` (g, b, d) nearest to each teacher node's plane: ``(g, m, count, d)``."""
    z = affine(unit_rows(teacher).weights[0], x)
    nearest = z.abs().topk(min(count, x.shape[1]), dim=1, largest=False).indices.transpose(1, 2)
    return torch.stack([points[index] for points, index in zip(spread(x, len(nearest)), nearest)])


def _own_plane(teacher: Network, points: Tensor) -> Tensor:
    """Signed distance of every point to the plane of its own teacher node, ``(g, m, b)``."""
    rows = teacher.weights[0]
    return (points @ rows[..., :-1, None])[..., 0] + rows[..., -1:]


def _small_gradient(teacher, student, points, inside, direction, radius, divisor, factor) -> SmallGradient:
    """Both theorems at once: premise by the gradients of the triples, conclusion by counting near planes."""
    if radius <= 0:
        raise ValueError(f"augmentation radius must be positive, got {radius}")
    teacher, student = pair(teacher, student)
    members, (width, count) = student.members, points.shape[1:3]
    points, inside, direction = (spread(shared, members) for shared in (points, inside, direction))
    step = radius * direction[:, :, None]
    triples = torch.stack([points, points + step, points - step], dim=2).flatten(1, 3)  # (e, m 3 b, d)
    shape = (members, width, 3, count, -1)
    # (e, m, b, n): largest of a triple
    g = by_backprop(teacher, student, triples)[0].reshape(shape).abs().amax(2)
    # the points of S
    active = (affine(student.weights[0], triples).reshape(shape) > 0).all(2) & inside[..., None]
    gradient = torch.where(active, g, -math.inf).amax(2).abs()  # inf for an empty S

    rows = all_rows(teacher, student)
    base = affine(rows, points.flatten(1, 2)).reshape(members, width, count, -1).abs()
    reach = radius * (direction @ rows[..., :-1].transpose(1, 2)).abs()
    near = base < reach[:, :, None]  # (e, m, b, m + n)
    own = torch.eye(width, rows.shape[1], dtype=torch.bool, device=rows.device)
    near &= ~own[:, None]
    met = active.to(g.dtype).transpose(2, 3) @ near.to(g.dtype)  # (e, m, n, m + n): points of S near node i
    most = met.max(-1)

    passed = near.gather(3, most.indices[:, :, None].expand(-1, -1, count, -1)) & active
    norm = torch.where(passed, points.norm(dim=3)[..., None], math.inf).amin(2)
    side = (rows[:, :width, :-1] @ rows[..., :-1].mT).sign()
    gap = (rows[:, None, :, -1] - side * rows[:, :width, None, -1]).abs()

    size, offered = active.sum(2), inside.sum(2)[..., None]
    share = size.to(points.dtype) / offered.clamp(min=1)
    others = rows.shape[1] - 1
    overlap = alpha(teacher, student).abs()
    return SmallGradient(
        points=size,
        share=share,
        gradient=gradient,
        overlap=overlap,
        threshold=(1 - student.slope) * radius * overlap / divisor,
        near=most.values,
        conclusion=most.values * others >= size,
        sine=sine(rows[:, :width], rows).gather(2, most.indices),
        bound=factor * radius * others / share,
        bias_gap=gap.gather(2, most.indices),
        norm=norm,
    )


def plane_points_needed(nodes: int, input_dim: int) -> int:
    """(K - 1) (d - 1): through enough of so many plane points, or fewer, an unaligned student can pass."""
    return (nodes - 1) * (input_dim - 1)


def paper_epsilon(gradient: Tensor, overlap: Tensor, nodes: int, input_dim: int | None = None) -> Tensor:
    """The paper's bound on the sine: 5 K^{3/2} [sqrt(d)] max|g_k| / |alpha_kj|; vacuous from 1 on.

    input_dim   given for the teacher-agnostic theorem only.
    """
    return torch.where(overlap > 0, 5 * nodes**1.5 * math.sqrt(input_dim or 1) * gradient / overlap, math.inf)


def bias_gap_bound(sin_theta: Tensor, radius: float, norm: Tensor) -> Tensor:
    """Bound on |b_i - sign(cos theta) b_j| of unit rows.

    It holds if some x with ||x|| <= norm has z_j = 0 and |z_i| <= radius.
    """
    return radius + math.sqrt(2) * norm * sin_theta
