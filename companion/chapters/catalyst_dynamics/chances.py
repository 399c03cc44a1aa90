"""What random students see of a teacher node before they have learned anything: chances in closed form.

Students have independent Gaussian rows and fan-outs, of any standard deviation, and no biases.
"""

import numpy as np
from scipy.special import betainc, ndtri


def observed(students: int, share: float, offset: float, input_dim: int) -> float:
    """Chance that some student is active on more than a share of a teacher node's boundary.

    At an angle theta a student is active on the share Phi(offset * cot theta) of it
    (:func:`ts_core.theory.geometry.expected_share` without a bias of its own), and cos^2 theta is
    Beta(1/2, (d - 1)/2): whatever the offset, one half of the students see more than one half.

    share       of the boundary, in (0, 1).
    offset      -b*_j of a row of norm 1 over the inputs' standard deviation, above 0.
    raises      ValueError for a share or an offset out of its range.
    """
    if not 0 < share < 1 or offset <= 0:
        raise ValueError(f"share must lie in (0, 1) and offset above 0, got {share} and {offset}")
    cotangent = ndtri(share) / offset
    tail = betainc(0.5, (input_dim - 1) / 2, cotangent**2 / (1 + cotangent**2))
    return some(students, 0.5 - 0.5 * np.sign(cotangent) * tail)


def faced(students: int) -> float:
    """Chance that some student *faces* a teacher node: its row and its fan-out both point the node's way."""
    return some(students, 0.25)


def some(students: int, chance: float) -> float:
    """Chance that at least one of some independent students does what each does with a chance."""
    return float(1 - (1 - chance) ** students)
