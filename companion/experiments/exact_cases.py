"""A teacher, a student and the inputs on which the student is judged: exact configurations,
nothing is trained.
"""

from dataclasses import dataclass

from torch import Tensor

from ts_core.networks import Network


@dataclass(frozen=True)
class Case:
    """One teacher and one student (ensembles of one) with the region of inputs ``x`` (1, b, d)
    they are judged on.
    """

    name: str
    region: str
    teacher: Network
    student: Network
    x: Tensor
