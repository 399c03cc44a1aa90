"""One function per lemma and theorem on two-layer students: left side, right side, premise, conclusion.

Axes of a statement about pairs are ``(e, m, n)``: member, teacher node j, student node k. Where *nodes* of both
networks take part they are listed teachers first, then students, ``m + n`` = K in all.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.gradients import backward, overlaps, spread
from ts_core.networks import Network, affine, forward


def fan_out(network: Network) -> Tensor:
    """Fan-out weights v of a two-layer network, one row per hidden node: ``(e, n, c)``."""
    if network.depth != 2:
        raise ValueError(f"the two-layer theory needs depth 2, got {network.depth}")
    return network.weights[1][..., :-1].transpose(1, 2)


def unit_rows(network: Network) -> Network:
    """The same two-layer function with ||w|| = 1 in the first layer (norms moved to the fan-out weights).

    A node with w = 0 has no boundary and is left as it is.
    """
    size = network.weights[0][..., :-1].norm(dim=-1)
    size = torch.where(size > 0, size, 1.0)
    scaled = fan_out(network).transpose(1, 2) * spread(size, network.members)[:, None]
    upper = torch.cat([scaled, network.weights[1][..., -1:]], dim=-1)
    return Network((network.weights[0] / size[..., None], upper), network.slope)


def alpha(teacher: Network, student: Network) -> Tensor:
    """Overlap alpha_kj = v_k . v*_j of the fan-out weights, ``(e, m, n)``."""
    return spread(fan_out(teacher), student.members) @ fan_out(student).transpose(1, 2)


def sine(rows_a: Tensor, rows_b: Tensor) -> Tensor:
    """Sine of the angle between first-layer weights (biases left out), ``(e, m, n)``, exact down to rounding."""
    a, b = (torch.nn.functional.normalize(r[..., :-1], dim=-1) for r in (spread(rows_a, len(rows_b)), rows_b))
    along = a @ b.transpose(1, 2)
    return (b[:, None] - along[..., None] * a[:, :, None]).norm(dim=-1)  # 1 - cos^2 would lose half the digits


# -- Zero gradient on an open set --------------------------------------------------------------------------------


def second_difference(z: Tensor, step: Tensor, slope: float) -> Tensor:
    """sigma(z + t) + sigma(z - t) - 2 sigma(z) in closed form, (1 - a) max(|t| - |z|, 0)."""
    return (1 - slope) * (step.abs() - z.abs()).clamp(min=0)


def colinear(rows_a: Tensor, rows_b: Tensor, tolerance: float = 1e-9) -> Tensor:
    """Whether two nodes have the same boundary hyperplane, bool ``(e, m, n)``; parallel and anti-parallel alike.

    tolerance   on the distance of the augmented rows scaled to ||w|| = 1. A node with w = 0 has no hyperplane.
    """
    a, b = (r / r[..., :-1].norm(dim=-1, keepdim=True) for r in (spread(rows_a, len(rows_b)), rows_b))
    gap = torch.minimum((a[:, :, None] - b[:, None]).norm(dim=-1), (a[:, :, None] + b[:, None]).norm(dim=-1))
    return gap < tolerance


def all_rows(teacher: Network, student: Network) -> Tensor:
    """First-layer rows of all nodes, teachers first: ``(e, m + n, d + 1)``."""
    return torch.cat([spread(net.weights[0], student.members) for net in (teacher, student)], dim=1)


def hyperplane_sums(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Sum of ||w*_j|| v*_j minus sum of ||w_k|| v_k over the nodes on each node's hyperplane, ``(e, m + n, c)``.

    Row i < m is the residual of the *sum rule* of teacher i, the other rows are those of prunability: where the
    gradient vanishes, v_k . row = 0 for every student k that observes the hyperplane.
    """
    rows = all_rows(teacher, student)
    signed = torch.cat([spread(fan_out(teacher), student.members), -fan_out(student)], dim=1)
    size = rows[..., :-1].norm(dim=-1, keepdim=True)
    return colinear(rows, rows, tolerance).to(rows.dtype) @ (size * signed)


def kink(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Jump of the normal derivative of h_k across each node's hyperplane, ``(e, m + n, n)``; g_k = sigma'(z_k) h_k.

    It equals (1 - a) (alpha_kj ||w*_j|| - sum over co-linear k' of beta_kk' ||w_k'||), and must be 0 where g_k is.
    raises      ValueError when teacher and student differ in slope.
    """
    if teacher.slope != student.slope:
        raise ValueError(f"teacher and student need one slope, got {teacher.slope} and {student.slope}")
    return (1 - student.slope) * hyperplane_sums(teacher, student, tolerance) @ fan_out(student).transpose(1, 2)


def local_kink(teacher: Network, student: Network, points: Tensor, tolerance: float = 1e-9) -> Tensor:
    """The kink of h_k across each lowest-layer teacher hyperplane, in networks of any depth, ``(e, m, b, n)``.

    Inside a cell of the gates above the lowest layer A_1 and B_1 are constant, and the jump of the normal derivative
    is (1 - a) (A_1,kj ||w*_j|| - sum over co-linear k' of B_1,kk' ||w_k'||): :func:`kink` with the overlaps of that cell.
    It must be 0 wherever g_1,k vanishes nearby; then A_1,kj != 0 makes teacher j specialized.

    points      ``(g, m, b, d)`` on each teacher plane, away from all other boundaries.
    source      lowest-layer specialization, multi-layer theorem of the ICML 2020 paper, in local form.
    """
    width, count = points.shape[1:3]
    a, b = (o[0].unflatten(1, (width, count)) for o in overlaps(teacher, student, points.flatten(1, 2)))
    rows_t, rows = (spread(net.weights[0], student.members) for net in (teacher, student))
    own = torch.diagonal(a[..., :-1, :-1], dim1=1, dim2=4)  # (e, b, n, m): A_kj at the points of plane j
    copies = colinear(rows_t, rows, tolerance) * rows[:, None, :, :-1].norm(dim=-1)  # (e, m, n)
    shared = torch.einsum("ejbkq,ejq->ejbk", b[..., :-1, :-1], copies)
    sizes = rows_t[..., :-1].norm(dim=-1)[:, :, None, None]
    return (1 - student.slope) * (sizes * own.permute(0, 3, 1, 2) - shared)


def specialized(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Whether a teacher node has a co-linear student node, bool ``(e, m)``."""
    return colinear(*(spread(net.weights[0], student.members) for net in (teacher, student)), tolerance).any(-1)


def prunable(teacher: Network, student: Network, tolerance: float = 1e-9) -> Tensor:
    """Whether a student node has no teacher on its hyperplane and all nodes there cancel, bool ``(e, n)``."""
    rows_t, rows = (spread(net.weights[0], student.members) for net in (teacher, student))
    cancels = hyperplane_sums(teacher, student, tolerance)[:, rows_t.shape[1]:].norm(dim=-1) < tolerance
    return cancels & ~colinear(rows_t, rows, tolerance).any(1)


def observed(student: Network, points: Tensor) -> Tensor:
    """Share of the points of each plane that lie in E_k, ``(e, m, n)``; student k *observes* the plane if above 0.

    points      ``(g, m, b, d)`` on each plane, inside the region of inputs. For slope > 0 everyone observes everything.
    """
    z = affine(student.weights[0], points.flatten(1, 2)).unflatten(1, points.shape[1:3])
    share = (z > 0).to(z.dtype).mean(2)
    return spread(torch.ones_like(share) if student.slope else share, student.members)


# -- Small gradient, finite data ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallGradient:
    """A small-gradient theorem evaluated on augmented samples; all fields ``(e, m, n)``, for rows with ||w|| = 1.

    S is the set of base points whose three samples all lie in E_k.
    points      |S|;  share   |S| over the base points offered.
    gradient    left side: max |g_k| over the samples of S, inf where S is empty;  overlap   |alpha_kj|.
    threshold   right side; ``margin`` is threshold - gradient, ``premise`` says that it is positive.
    near        the largest number of points of S that one node i != j passes within the radius.
    conclusion  near >= |S| / (K - 1), which the theorem asserts whenever the premise holds.
    sine        of the angle between teacher j and that nearest node;  bound   on it, up to sampling error.
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
        raise ValueError(f"points must lie on the teacher planes to 1e-6 of the radius {radius}; one is {off:.3g} away")
    direction = teacher.weights[0][:, :, :-1]
    inside = torch.ones(points.shape[:3], dtype=torch.bool, device=points.device)
    return _small_gradient(teacher, unit_rows(student), points, inside, direction, radius, 4.0, 2 * density)


def agnostic(teacher: Network, student: Network, points: Tensor, radius: float, density: float) -> SmallGradient:
    """Teacher-agnostic theorem: samples x, x +- radius * e_u, with u the largest coordinate of w*_j.

    points      ``(g, m, b, d)``; those farther than radius / (2 sqrt(d)) from the plane of teacher j are ignored.
    source      Theorem 5.3 form, (1 - a) radius |alpha_kj| / (8 sqrt(d)), of the paper's teacher-agnostic theorem.
    """
    teacher, root = unit_rows(teacher), math.sqrt(points.shape[-1])
    inside = _own_plane(teacher, points).abs() <= radius / (2 * root)
    axis = teacher.weights[0][:, :, :-1].abs().argmax(-1)
    direction = torch.nn.functional.one_hot(axis, points.shape[-1]).to(points.dtype)
    return _small_gradient(teacher, unit_rows(student), points, inside, direction, radius, 8 * root, 3 * density)


def slab(teacher: Network, x: Tensor, count: int) -> Tensor:
    """The ``count`` samples of ``x`` (g, b, d) nearest to the plane of each teacher node: ``(g, m, count, d)``."""
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
    members, (width, count) = student.members, points.shape[1:3]
    step = radius * direction[:, :, None]
    triples = torch.stack([points, points + step, points - step], dim=2).flatten(1, 3)  # (g, m 3 b, d)
    shape = (members, width, 3, count, -1)
    z, f = forward(student, triples)
    residual = spread(forward(teacher, triples)[1][-1], members) - f[-1]
    g = backward(student, z, residual)[0].reshape(shape).abs().amax(2)  # (e, m, b, n): largest of each triple
    active = (spread(z[0], members).reshape(shape) > 0).all(2) & spread(inside, members)[..., None]  # the points of S
    gradient = torch.where(active, g, -math.inf).amax(2).abs()  # inf for an empty S

    rows = all_rows(teacher, student)
    base = affine(rows, points.flatten(1, 2)).reshape(members, width, count, -1).abs()
    reach = radius * (spread(direction, members) @ rows[..., :-1].transpose(1, 2)).abs()
    near = base < reach[:, :, None]  # (e, m, b, m + n)
    own = torch.eye(width, rows.shape[1], dtype=torch.bool, device=rows.device)
    near &= ~own[:, None]
    met = active.to(g.dtype).transpose(2, 3) @ near.to(g.dtype)  # (e, m, n, m + n): points of S near node i
    most = met.max(-1)

    size, offered = active.sum(2), spread(inside.sum(2), members)[..., None]
    share = size / offered.clamp(min=1)
    others = rows.shape[1] - 1
    overlap = alpha(teacher, student).abs()
    return SmallGradient(
        points=size, share=share, gradient=gradient, overlap=overlap,
        threshold=(1 - student.slope) * radius * overlap / divisor,
        near=most.values, conclusion=most.values * others >= size,
        sine=sine(rows[:, :width], rows).gather(2, most.indices),
        bound=factor * radius * others / share,
    )


def plane_points_needed(nodes: int, input_dim: int) -> int:
    """(K - 1) (d - 1): with no more plane points than this, an unaligned student can pass through enough of them."""
    return (nodes - 1) * (input_dim - 1)


def paper_epsilon(gradient: Tensor, overlap: Tensor, nodes: int, input_dim: int | None = None) -> Tensor:
    """The paper's form of the bound on the sine: 5 K^{3/2} [sqrt(d)] max|g_k| / |alpha_kj|; vacuous from 1 on.

    input_dim   given for the teacher-agnostic theorem only.
    """
    return torch.where(overlap > 0, 5 * nodes**1.5 * math.sqrt(input_dim or 1) * gradient / overlap, math.inf)


def bias_gap_bound(sin_theta: Tensor, radius: float, norm: Tensor) -> Tensor:
    """Bound on |b_i - sign(cos theta) b_j| for unit rows if some x, ||x|| <= norm, has z_j = 0 and |z_i| <= radius."""
    return radius + math.sqrt(2) * norm * sin_theta


# -- Gaussian kernels --------------------------------------------------------------------------------------------


def _angle(w: Tensor, u: Tensor) -> Tensor:
    cosine = torch.nn.functional.cosine_similarity(w, u, dim=-1, eps=0.0)
    return cosine.clamp(-1, 1).arccos()


def kappa(w: Tensor, u: Tensor) -> Tensor:
    """Cov(sigma(w^T x), sigma(u^T x)) of two zero-bias ReLU nodes under x ~ N(0, I); ``(..., d)`` to ``(...)``."""
    theta = _angle(w, u)
    return w.norm(dim=-1) * u.norm(dim=-1) * (theta.sin() + (math.pi - theta) * theta.cos() - 1) / (2 * math.pi)


def phi(w: Tensor, u: Tensor) -> Tensor:
    """E[1(w^T x > 0) (sigma(u^T x) - E sigma(u^T x)) x] for zero-bias ReLU nodes under x ~ N(0, I); ``(..., d)``."""
    theta = _angle(w, u)[..., None]
    along = u.norm(dim=-1, keepdim=True) * torch.nn.functional.normalize(w, dim=-1)
    return ((math.pi - theta) * u + (theta.sin() - 1) * along) / (2 * math.pi)
