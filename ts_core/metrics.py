"""Tables of numbers that say how far a student has specialized to its teacher."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.networks import Network, check_loss, forward


VARIANCE_FLOOR = 1e-10  # added to each sum of squares, as in the released two-layer code: a constant unit correlates 0


def correlation(f_t: Tensor, f_s: Tensor) -> Tensor:
    """Pearson correlation of each teacher node with each student node, ``(e, m, n)``, in [-1, 1].

    f_t, f_s    post-activation ``(e_t, b, m)`` and ``(e, b, n)`` on the same samples; e_t divides e.
    returns     0 (never NaN) for a node that is constant on the samples.
    raises      ValueError when b < 2.
    source      normalized correlation of the ICML 2020 paper, two-layer code.
    """
    if f_t.shape[1] < 2:
        raise ValueError(f"a correlation needs at least 2 samples, got {f_t.shape[1]}")
    t, s = f_t - f_t.mean(1, keepdim=True), f_s - f_s.mean(1, keepdim=True)
    t = t * (t.square().sum(1, keepdim=True) + VARIANCE_FLOOR).rsqrt()
    s = s * (s.square().sum(1, keepdim=True) + VARIANCE_FLOOR).rsqrt()
    return t.repeat_interleave(s.shape[0] // t.shape[0], dim=0).transpose(1, 2) @ s


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

    Entry (j, k) is min(#{t_j > 0, s_k > 0}, #{t_j <= 0, s_k > 0}) / b. A student that coincides with the teacher
    does *not* observe it. Zero-bias Gaussian theory: min(pi - theta, theta) / (2 pi).
    source      boundary observability of the released two-layer code.
    """
    on_t, on_s = (f_t > 0).to(f_s.dtype), (f_s > 0).to(f_s.dtype)
    both = on_t.repeat_interleave(f_s.shape[0] // f_t.shape[0], dim=0).transpose(1, 2) @ on_s
    return torch.minimum(both, on_s.sum(1)[:, None] - both) / f_s.shape[1]


def cosine(rows_t: Tensor, rows_s: Tensor, augmented: bool = False) -> Tensor:
    """Cosine between first-layer weights, ``(e, m, n)``; ``augmented`` includes the bias column."""
    stop = None if augmented else -1
    t, s = (torch.nn.functional.normalize(r[..., :stop], dim=-1) for r in (rows_t, rows_s))
    return t.repeat_interleave(s.shape[0] // t.shape[0], dim=0) @ s.transpose(1, 2)


@dataclass(frozen=True)
class Evaluation:
    """Loss and hidden-layer correlations of an ensemble on one data set, float64.

    loss        ``(e,)`` mean over samples and outputs of the squared error (2 J / c), or the cross-entropy J; not finite
                if diverged.
    rho         per hidden layer ``(e, m_l, n_l)``, as in :func:`correlation`.
    """

    loss: Tensor
    rho: tuple[Tensor, ...]


def evaluate(
    teacher: Network, students: Sequence[Network], x: Tensor, chunk: int = 256, loss: str = "mse"
) -> list[Evaluation]:
    """Loss and correlations of several student ensembles against one ensemble of teachers, by running moments.

    x           ``(g, b, d)``, b >= 2. Products are taken in its dtype, sums over chunks in float64.
    chunk       samples per pass: bounds the memory, whatever b.
    loss        as in :func:`training.train`.
    raises      ValueError when b < 2, or for an unknown loss.
    """
    check_loss(loss)
    samples = x.shape[1]
    if samples < 2:
        raise ValueError(f"a correlation needs at least 2 samples, got {samples}")
    totals = [None] * len(students)
    for start in range(0, samples, chunk):
        f_t = forward(teacher, x[:, start:start + chunk])[1]
        for i, student in enumerate(students):
            terms = _moments(f_t, forward(student, x[:, start:start + chunk])[1], loss)
            totals[i] = terms if totals[i] is None else [a.add_(b) for a, b in zip(totals[i], terms)]
    return [_evaluation(terms, samples) for terms in totals]


def _sample_losses(f_t: Tensor, f_s: Tensor, loss: str) -> Tensor:
    """Loss of every sample ``(e, b)`` from the outputs of teacher and student."""
    if loss == "mse":
        return (f_t - f_s).square().mean(2)
    return -f_s.log_softmax(2).gather(2, f_t.argmax(2, keepdim=True))[..., 0]


def _moments(f_t: list[Tensor], f_s: list[Tensor], loss: str) -> list[Tensor]:
    """Sums over the samples: the loss, then per hidden layer t, t^2, s, s^2 and t s, all float64."""
    terms = [_sample_losses(f_t[-1], f_s[-1], loss).sum(1)]
    for t, s in zip(f_t[:-1], f_s[:-1]):
        grouped = s.reshape(t.shape[0], -1, *s.shape[1:])
        product = (t[:, None].transpose(2, 3) @ grouped).flatten(0, 1)
        terms += [t.sum(1), t.square().sum(1), s.sum(1), s.square().sum(1), product]
    return [term.double() for term in terms]


def _evaluation(terms: list[Tensor], samples: int) -> Evaluation:
    rho = []
    for t, tt, s, ss, ts in zip(*(terms[i::5] for i in range(1, 6))):
        share = s.shape[0] // t.shape[0]
        t, tt = t.repeat_interleave(share, 0), tt.repeat_interleave(share, 0)
        covariance = ts - t[:, :, None] * s[:, None] / samples
        scale_t = (tt - t * t / samples).clamp(min=0) + VARIANCE_FLOOR
        scale_s = (ss - s * s / samples).clamp(min=0) + VARIANCE_FLOOR
        rho.append(covariance * scale_t.rsqrt()[:, :, None] * scale_s.rsqrt()[:, None])
    return Evaluation(terms[0] / samples, tuple(rho))


class Moments:
    """Sums over images and positions from which every correlation of teacher with student channels follows, float64.

    Activations are shifted by their means over the first chunk, so that float32 products lose nothing to a large mean.
    """

    def __init__(self):
        self.shifts, self.terms, self.samples, self.rounding = [], [], [], 0.0

    def add(self, f_t: Sequence[Tensor], f_s: Sequence[Tensor]) -> None:
        """Activations of one chunk of images, per layer ``(b, m_l, h, w)`` and ``(b, n_l, h, w)``."""
        pairs = [(_samples(t), _samples(s)) for t, s in zip(f_t, f_s, strict=True)]
        if not self.shifts:
            self.shifts = [(t.mean(0), s.mean(0)) for t, s in pairs]
            self.terms, self.samples = [[0.0] * 5 for _ in pairs], [0 for _ in pairs]
            self.rounding = torch.finfo(f_t[0].dtype).eps ** 0.5
        for layer, ((t, s), (mean_t, mean_s)) in enumerate(zip(pairs, self.shifts)):
            t, s = t - mean_t, s - mean_s
            fresh = (t.sum(0), t.square().sum(0), s.sum(0), s.square().sum(0), t.T @ s)
            self.terms[layer] = [total + x.double() for total, x in zip(self.terms[layer], fresh)]
            self.samples[layer] += len(t)

    def correlation(self) -> list[Tensor]:
        """Correlation ``(m_l, n_l)`` per layer, in [-1, 1]; 0 for a channel that is constant, NaN for a diverged one."""
        found = []
        for (t, tt, s, ss, ts), samples in zip(self.terms, self.samples):
            inverse_t, inverse_s = self._inverse(t, tt, samples), self._inverse(s, ss, samples)
            found.append((ts - t[:, None] * s / samples) * inverse_t[:, None] * inverse_s)
        return found

    def _inverse(self, x: Tensor, xx: Tensor, samples: int) -> Tensor:
        """1 / root of the sum of squares around the mean; 0 where that sum is rounding, which a division would blow up."""
        around = xx - x * x / samples
        return (around + VARIANCE_FLOOR).rsqrt().where(~(around <= xx * self.rounding), 0.0)  # NaN stays NaN


def _samples(f: Tensor) -> Tensor:
    """Channels as columns, one row per image and position: ``(b h w, n)``."""
    return f.permute(0, 2, 3, 1).flatten(0, 2)
