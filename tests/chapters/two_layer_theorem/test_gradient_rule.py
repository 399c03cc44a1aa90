"""The table that holds the recursive gradient rule against autograd."""

import numpy as np
import pytest

from companion.chapters.two_layer_theorem.gradient_rule import gradient_rule


def test_gradient_rule_table():
    table = gradient_rule((2, 4), (0.0, 0.3), range(3))
    assert len(table) == 12 and not table.duplicated(["depth", "slope", "seed"]).any()
    assert (table.max_error < 1e-12).all() and (table.max_gradient > 0.1).all()
    assert len(np.unique(table.max_gradient)) == 12
    again = gradient_rule((4,), (0.3,), [1])
    assert (
        again.max_gradient.item()
        == table.query("depth == 4 and slope == .3 and seed == 1").max_gradient.item()
    )
    with pytest.raises(ValueError, match="depth must be at least 2, got 1"):
        gradient_rule((1,), (0.0,), (0,))
