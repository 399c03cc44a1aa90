"""Batch normalization as a projection of the gradient, and how often a normalized node is active.

One channel over a batch, y = c_1 (f - mean) / sqrt(var + eps) + c_0, biased variance.
``torch.nn.BatchNorm1d`` is this formula, but refuses eps = 0 in training.
"""

import math

from scipy.special import ndtr
from torch import Tensor


def normalize(f: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    """y ``(b, n)`` of the channels f ``(b, n)``;  scale c_1, shift c_0  ``(n,)``."""
    return scale * _whitened(f, eps)[0] + shift


def backward(g: Tensor, f: Tensor, scale: Tensor, eps: float) -> Tensor:
    """Gradient with respect to f ``(b, n)``, given that with respect to y, g ``(b, n)``.

    At eps = 0 it is c_1 / sigma times g projected off the span of 1 and f: ascending or descending it changes
    neither the mean nor the size of a channel. Its sum is 0 at any eps; its product with f then is of the
    order of eps / sigma^2.
    source      projection theorem of "Luck Matters".
    """
    whitened, spread = _whitened(f, eps)
    along = (g * whitened).mean(0)
    return scale / spread * (g - g.mean(0) - whitened * along)


def _whitened(f: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    centred = f - f.mean(0)
    spread = (centred.square().mean(0) + eps).sqrt()
    return centred / spread, spread


def active_share(shift: float, scale: float) -> float:
    """P(y > 0) = Phi(c_0 / |c_1|) of a normalized Gaussian node: below one half where its bias is negative.

    raises      ValueError for a scale of 0.
    """
    if not scale:
        raise ValueError("scale must not be 0, got 0: the node is constant")
    return float(ndtr(shift / math.fabs(scale)))
