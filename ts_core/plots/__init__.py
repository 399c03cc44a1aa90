"""Pictures: each function draws a table onto given axes and returns them; nothing is computed, saved or trained here."""

from ts_core.plots.common import palette, panels
from ts_core.plots.two_layer import (
    bars, convergence, covering, curves, gradient_rule, half_times, hyperplane_sums, l_shape, learned, matched,
    one_dimension, ordering, plane, sample_complexity, small_gradient, undersampled,
)

__all__ = [
    "bars", "convergence", "covering", "curves", "gradient_rule", "half_times", "hyperplane_sums", "l_shape", "learned",
    "matched", "one_dimension", "ordering", "palette", "panels", "plane", "sample_complexity", "small_gradient",
    "undersampled",
]
