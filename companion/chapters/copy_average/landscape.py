"""The loss of a student with a few nodes for a teacher with more, its gradient and its Hessian, all exact.

The teacher is f* = sigma(x_1) + ... + sigma(x_k), the student f = sum_i a_i sigma(w_i^T x), x ~ N(0, I_d),
and L = E (f - f*)^2, **without** the half of the rest of the book. An ensemble of students is a matrix
``theta (e, n d + n)``: the rows w_1 ... w_n, then a_1 ... a_n.

Students and teacher nodes together are nodes u_B of coefficients c = (a, -1): L = c^T K c, where K is a
function of the overlaps q = |w|^2, p = |u|^2 and r = w^T u.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ts_core.theory.kernels import erf_kernel


class First(NamedTuple):
    """A kernel and its derivatives by q and r, entry by entry."""

    value: Tensor
    q: Tensor
    r: Tensor


class Second(NamedTuple):
    """Its second derivatives that a Hessian by w, or by w and u, is made of."""

    qq: Tensor
    qp: Tensor
    qr: Tensor
    pr: Tensor
    rr: Tensor


class Erf:
    """sigma(z) = erf(z / sqrt 2): K = 2/pi arcsin(r / sqrt((1 + q)(1 + p)))."""

    @staticmethod
    def first(q: Tensor, p: Tensor, r: Tensor) -> First:
        by_r = ((1 + q) * (1 + p)).rsqrt()
        u = r * by_r
        outer = 2 / math.pi * (1 - u * u).rsqrt()
        return First(value=erf_kernel(q, p, r), q=-outer * u / (2 * (1 + q)), r=outer * by_r)

    @staticmethod
    def second(q: Tensor, p: Tensor, r: Tensor) -> Second:
        s, t = 1 + q, 1 + p
        by_r = (s * t).rsqrt()
        u = r * by_r
        by_q, by_p = -u / (2 * s), -u / (2 * t)
        outer = 2 / math.pi * (1 - u * u).rsqrt()
        bent = outer * u / (1 - u * u)
        return Second(
            qq=bent * by_q**2 + outer * 3 * u / (4 * s * s),
            qp=bent * by_q * by_p + outer * u / (4 * s * t),
            qr=bent * by_q * by_r - outer * by_r / (2 * s),
            pr=bent * by_p * by_r - outer * by_r / (2 * t),
            rr=bent * by_r**2,
        )


class ReLU:
    """sigma(z) = max(z, 0): K = (sqrt(qp - r^2) + (pi - theta) r) / (2 pi), cos theta = r / sqrt(qp)."""

    @staticmethod
    def first(q: Tensor, p: Tensor, r: Tensor) -> First:
        root, aside = ReLU._root(q, p, r)
        cosine = (r / (q * p).sqrt()).clamp(-1, 1)
        gap = math.pi - torch.where(aside, cosine.arccos(), torch.where(r > 0, 0.0, math.pi))
        return First(
            value=(root + gap * r) / (2 * math.pi), q=root / (4 * math.pi * q), r=gap / (2 * math.pi)
        )

    @staticmethod
    def second(q: Tensor, p: Tensor, r: Tensor) -> Second:
        """Where two nodes are parallel each part is infinite and their sum is not: there they are left out,

        which is right for a node with itself.
        """
        root, aside = ReLU._root(q, p, r)
        inverse = torch.where(aside, 1 / root, 0.0) / (2 * math.pi)
        return Second(
            qq=inverse * p / (4 * q) - root / (4 * math.pi * q * q),
            qp=inverse / 4,
            qr=-inverse * r / (2 * q),
            pr=-inverse * r / (2 * p),
            rr=inverse,
        )

    @staticmethod
    def _root(q: Tensor, p: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(qp - r^2), and where it is more than rounding."""
        root = (q * p - r * r).clamp(min=0).sqrt()
        aside = root > 1e-7 * (q * p).sqrt()
        return torch.where(aside, root, 0.0), aside


KERNELS: dict[str, type[Erf] | type[ReLU]] = {"erf": Erf, "relu": ReLU}


class Landscape(NamedTuple):
    """Students of ``n`` nodes for a teacher of ``k`` orthonormal ones in ``d`` dimensions, d >= k."""

    activation: str
    n: int
    k: int
    d: int

    def parts(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Rows ``(e, n, d)`` and outgoing weights ``(e, n)``."""
        return theta[:, : self.n * self.d].unflatten(1, (self.n, self.d)), theta[:, self.n * self.d :]

    def loss(self, theta: Tensor) -> Tensor:
        """L, ``(e,)``."""
        w, a = self.parts(theta)
        _, c, overlaps = self._nodes(w, a)
        terms = a[..., None] * self.kernel.first(*overlaps).value * c[:, None]
        # students with students once, students with the teacher from both sides
        return terms.sum((1, 2)) + terms[..., self.n :].sum((1, 2)) + self.of_teacher

    @property
    def kernel(self) -> type[Erf] | type[ReLU]:
        return KERNELS[self.activation]

    @property
    def of_teacher(self) -> float:
        """E f*^2, the loss of a silent student."""
        one, zero = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
        own, other = (self.kernel.first(one, one, r).value.item() for r in (one, zero))
        return self.k * own + self.k * (self.k - 1) * other

    def gradient(self, theta: Tensor) -> Tensor:
        """dL / dtheta, ``(e, n d + n)``."""
        w, a = self.parts(theta)
        u, c, overlaps = self._nodes(w, a)
        first = self.kernel.first(*overlaps)
        rows = a[..., None] * self._pulls(w, u, c, first)
        return 2 * torch.cat([rows.flatten(1), (first.value @ c[..., None])[..., 0]], 1)

    def hessian(self, theta: Tensor) -> Tensor:
        """d^2 L / dtheta^2, ``(e, n d + n, n d + n)``."""
        w, a = self.parts(theta)
        u, c, overlaps = self._nodes(w, a)
        first, second = self.kernel.first(*overlaps), self.kernel.second(*overlaps)
        n, size, unit = self.n, self.n * self.d, torch.eye(self.d, dtype=w.dtype)
        own = torch.arange(n)
        # by the rows of two students: (e, i, x, j, y)
        k, kk = First(*(part[..., :n] for part in first)), Second(*(part[..., :n] for part in second))
        rows = torch.einsum("eij,eix,ejy->eixjy", 4 * kk.qp, w, w)
        rows += torch.einsum("eij,eix,eiy->eixjy", 2 * kk.qr, w, w)
        rows += torch.einsum("eij,ejx,ejy->eixjy", 2 * kk.pr, w, w)
        rows += torch.einsum("eij,ejx,eiy->eixjy", kk.rr, w, w)
        rows += torch.einsum("eij,xy->eixjy", k.r, unit)
        rows *= a[:, :, None, None, None] * a[:, None, None, :, None]
        # twice by the row of one student: (e, i, x, y)
        sums = lambda part: (part @ c[..., None])[..., None]
        mixed = w[..., None] * ((c[:, None] * second.qr) @ u)[:, :, None]
        twice = 2 * sums(first.q) * unit + 4 * sums(second.qq) * w[..., None] * w[:, :, None]
        twice += 2 * (mixed + mixed.mT)
        twice += torch.einsum("eib,ebx,eby->eixy", c[:, None] * second.rr, u, u)
        rows[:, own, :, own] += (a[..., None, None] * twice).transpose(0, 1)
        # by the row of one student and the outgoing weight of another: (e, i, x, j)
        cross = 2 * k.q[:, :, None] * w[..., None] + k.r[:, :, None] * w.mT[:, None]
        cross = cross * a[..., None, None]
        cross[:, own, :, own] += self._pulls(w, u, c, first).transpose(0, 1)
        upper = torch.cat([rows.reshape(-1, size, size), cross.reshape(-1, size, n)], 2)
        lower = torch.cat([cross.reshape(-1, size, n).mT, k.value], 2)
        return 2 * torch.cat([upper, lower], 1)

    def _nodes(self, w: Tensor, a: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """All nodes ``(e, n + k, d)``, their coefficients, and the overlaps of students with all of them."""
        teacher = torch.eye(self.k, self.d, dtype=w.dtype).expand(len(w), -1, -1)
        u = torch.cat([w, teacher], 1)
        c = torch.cat([a, -torch.ones(len(a), self.k, dtype=a.dtype)], 1)
        q = u.square().sum(2)
        return u, c, (q[:, : self.n, None], q[:, None], w @ u.mT)

    def _pulls(self, w: Tensor, u: Tensor, c: Tensor, first: First) -> Tensor:
        """Sum over all nodes of c_B d K(w_i, u_B) / d w_i, ``(e, n, d)``."""
        return 2 * (first.q @ c[..., None]) * w + (c[:, None] * first.r) @ u
