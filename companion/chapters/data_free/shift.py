"""How far the statistics of a normalization move when images give way to white noise."""

import numpy as np


def divergence(mean, variance, stored_mean, stored_variance):
    """KL(N(mean, variance) || N(stored_mean, stored_variance)) of one channel, in nats, at least 0.

    Arguments broadcast. Raises ValueError for a variance that is not positive.
    """
    parts = np.broadcast_arrays(
        *(np.asarray(values, dtype=float) for values in (mean, variance, stored_mean, stored_variance))
    )
    mean, variance, stored_mean, stored_variance = parts
    smallest = min(variance.min(initial=np.inf), stored_variance.min(initial=np.inf))
    if not smallest > 0:
        raise ValueError(f"variances must be positive, got {smallest:g}")
    ratio = variance / stored_variance
    return 0.5 * (ratio - 1 - np.log(ratio) + (mean - stored_mean) ** 2 / stored_variance)


def variance_on_noise(filters: np.ndarray, side: int) -> np.ndarray:
    """Variance of the first layer's convolutions of N(0, 1) pixels, over images and positions, ``(..., n)``.

    A position at the rim sees fewer pixels, the others being zero: each weight counts with the share of
    positions at which its pixel is there, (side - 1) / side along an axis where it is off the centre.

    filters     ``(..., n, c, 3, 3)``, without biases.
    raises      ValueError for filters of another size.
    """
    if filters.shape[-2:] != (3, 3):
        raise ValueError(f"filters must be 3 x 3, got {filters.shape[-2]} x {filters.shape[-1]}")
    inside = np.array([side - 1, side, side - 1]) / side
    return (np.square(filters) * np.outer(inside, inside)).sum((-3, -2, -1))
