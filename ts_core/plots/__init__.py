"""Pictures: each function draws a table onto given axes and returns them; nothing is computed, saved or trained here."""

from ts_core.plots.common import palette, panels
from ts_core.plots.images import fan_out_of_channels, filters, gallery, higher_together, specialization
from ts_core.plots.layers import (
    budget, dataset_size, deep_l_shape, depth_map, depth_shift, layer_curves, local_kinks, losses_by_size, rates, shades,
)
from ts_core.plots.two_layer import (
    bars, convergence, cost, covering, curves, gradient_rule, half_times, hyperplane_sums, l_shape, learned, matched,
    one_dimension, ordering, plane, sample_complexity, small_gradient, undersampled,
)
