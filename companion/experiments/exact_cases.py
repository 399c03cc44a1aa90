"""Exact configurations, nothing is trained: a teacher, a student and the inputs the student is judged on."""

from dataclasses import dataclass

from torch import Tensor

from ts_core.networks import Network


@dataclass(frozen=True)
class Case:
    """One teacher and one student (ensembles of one), and the inputs ``x`` (1, b, d) they are judged on."""

    name: str
    region: str
    teacher: Network
    student: Network
    x: Tensor
