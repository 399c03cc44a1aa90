"""Tables of numbers that say how far a student has specialized to its teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.losses import SQUARED_ERROR, Loss
from ts_core.networks import Network, forward, spread

# added to each sum of squares, as in the released two-layer code: a constant unit correlates 0
VARIANCE_FLOOR = 1e-10


def correlation(f_t: Tensor, f_s: Tensor) -> Tensor:
    """Pearson correlation of each teacher node with each student node, ``(e, m, n)``, in [-1, 1].

    f_t, f_s    post-activation ``(e_t, b, m)`` and ``(e, b, n)`` on the same samples; e_t divides e.
    returns     0 (never NaN) for a node that is constant on the samples.
    raises      ValueError when b < 2.
    source      normalized correlation of the ICML 2020 paper, two-layer code.
    """
    running = RunningCorrelation()
    running.add(f_t, f_s)
    return running.value().to(f_s.dtype)


class RunningCorrelation:
    """The correlations of one layer's nodes from chunks of samples.

    Sums are in float64, products in the chunks' own type. Activations are shifted by their means over the
    first chunk, so that float32 products lose nothing to a large mean.
    """

    def __init__(self):
        self._shifts: tuple[Tensor, Tensor] | None = None
        self._sums: list[Tensor] = []
        self._samples = 0

    def add(self, f_t: Tensor, f_s: Tensor) -> None:
        """Post-activations of one chunk, ``(e_t, b, m)`` and ``(e, b, n)``; e_t divides e."""
        if self._shifts is None:
            self._shifts = f_t.mean(1, keepdim=True), f_s.mean(1, keepdim=True)
            self._rounding = torch.finfo(f_s.dtype).eps ** 0.5
        t, s = spread(f_t - self._shifts[0], len(f_s)), f_s - self._shifts[1]
        fresh = (t.sum(1), t.square().sum(1), s.sum(1), s.square().sum(1), t.transpose(1, 2) @ s)
        doubles = [total.double() for total in fresh]
        self._sums = [old + new for old, new in zip(self._sums, doubles)] if self._sums else doubles
        self._samples += f_s.shape[1]

    def value(self) -> Tensor:
        """``(e, m, n)``, in [-1, 1]: 0 for a node that is constant on the samples, NaN for one that diverged.

        raises      ValueError when there were fewer than two samples.
        """
        if self._samples < 2:
            raise ValueError(f"a correlation needs at least 2 samples, got {self._samples}")
        t, tt, s, ss, ts = self._sums
        covariance = ts - t[:, :, None] * s[:, None] / self._samples
        rho = covariance * self._inverse_spread(t, tt)[:, :, None] * self._inverse_spread(s, ss)[:, None]
        return rho.clamp(-1, 1)  # float32 products of nodes that agree give up to 1e-5 more

    def _inverse_spread(self, x: Tensor, xx: Tensor) -> Tensor:
        """1 / root of the sum of squares around the mean; 0 where that sum is rounding.

        A division would blow that rounding up.
        """
        around = xx - x * x / self._samples
        return (around + VARIANCE_FLOOR).rsqrt().where(~(around <= xx * self._rounding), 0.0)  # NaN stays NaN


def best_student(rho: Tensor) -> Tensor:
    """Best-student correlation of each teacher node, ``(e, m)``: the maximum over student nodes."""
    return rho.amax(-1)


def best_teacher(rho: Tensor) -> Tensor:
    """Best-teacher correlation of each student node, ``(e, n)``: the maximum over *teacher* nodes."""
    return rho.amax(-2)


def success(rho: Tensor, threshold: float = 0.95) -> Tensor:
    """Whether some student node correlates above ``threshold`` with each teacher node: bool ``(e, m)``.

    threshold   in (0, 1). Up to .856 it can be met without specialization: an aligned but always-on (affine)
                node already correlates that much with a half-active ReLU under Gaussian input.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must lie in (0, 1), got {threshold}")
    return best_student(rho) > threshold


def observability(f_t: Tensor, f_s: Tensor) -> Tensor:
    """How much of a teacher's boundary each student observes, ``(e, m, n)``, in [0, 1/2].

    Entry (j, k) is min(#{t_j > 0, s_k > 0}, #{t_j <= 0, s_k > 0}) / b. A student that coincides with the
    teacher does *not* observe it. Zero-bias Gaussian theory: min(pi - theta, theta) / (2 pi).
    source      boundary observability of the released two-layer code.
    """
    on_t, on_s = (spread(f, len(f_s)).gt(0).to(f_s.dtype) for f in (f_t, f_s))
    both = on_t.transpose(1, 2) @ on_s
    return torch.minimum(both, on_s.sum(1)[:, None] - both) / f_s.shape[1]


def cosine(rows_t: Tensor, rows_s: Tensor, augmented: bool = False) -> Tensor:
    """Cosine between first-layer weights, ``(e, m, n)``; ``augmented`` includes the bias column."""
    stop = None if augmented else -1
    t, s = (torch.nn.functional.normalize(r[..., :stop], dim=-1) for r in (rows_t, rows_s))
    return spread(t, len(s)) @ s.transpose(1, 2)


@dataclass(frozen=True)
class Evaluation:
    """Loss and hidden-layer correlations of an ensemble on one data set, float64.

    loss        ``(e,)`` the reported loss (see :mod:`ts_core.losses`); not finite if diverged.
    rho         per hidden layer ``(e, m_l, n_l)``, as in :func:`correlation`.
    """

    loss: Tensor
    rho: tuple[Tensor, ...]


def evaluate(
    teacher: Network, students: Sequence[Network], x: Tensor, chunk: int = 256, loss: Loss = SQUARED_ERROR
) -> list[Evaluation]:
    """Loss and correlations of several student ensembles against one ensemble of teachers, by running sums.

    x           ``(g, b, d)``, b >= 2. Products are taken in its dtype, sums over chunks in float64.
    chunk       samples per pass: bounds the memory, whatever b.
    raises      ValueError when b < 2.
    """
    samples = x.shape[1]
    if samples < 2:
        raise ValueError(f"a correlation needs at least 2 samples, got {samples}")
    hidden = teacher.depth - 1
    losses = [x.new_zeros((), dtype=torch.float64) for _ in students]
    running = [[RunningCorrelation() for _ in range(hidden)] for _ in students]
    for part in x.split(chunk, dim=1):
        f_t = forward(teacher, part)[1]
        target = loss.target(f_t[-1].mT)
        for i, student in enumerate(students):
            f = forward(student, part)[1]
            losses[i] = losses[i] + loss.value(target, f[-1].mT).sum(1).double()
            for layer in range(hidden):
                running[i][layer].add(f_t[layer], f[layer])
    return [
        Evaluation(total / samples, tuple(layer.value() for layer in layers))
        for total, layers in zip(losses, running)
    ]
