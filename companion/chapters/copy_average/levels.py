"""Closed forms for a single erf node that stands for several teacher nodes, and for copy-average students."""

import math


def level(teachers: int) -> float:
    """L*(l): least loss of one erf node for l >= 1 orthonormal ones, l/3 - (2/pi) l^2 arcsin(1/(2 l))."""
    if teachers < 1:
        raise ValueError(f"teachers must be at least 1, got {teachers}")
    return teachers / 3 - 2 / math.pi * teachers**2 * math.asin(1 / (2 * teachers))


def one_neuron_norm(teachers: int) -> float:
    """|w| of that node, 1 / sqrt(2 l - 1); its outgoing weight is l."""
    return 1 / math.sqrt(2 * teachers - 1)


def best_level(students: int, teachers: int) -> float:
    """L*(k - n + 1): all but one of ``students`` copy a teacher node each, the last averages the rest.

    raises      ValueError unless 1 <= students <= teachers.
    """
    if not 1 <= students <= teachers:
        raise ValueError(f"students must lie in 1 to {teachers}, got {students}")
    return level(teachers - students + 1)


def partitions(teachers: int, students: int, largest: int | None = None) -> list[tuple[int, ...]]:
    """Ways to share ``teachers`` among ``students`` groups, none empty, sizes falling."""
    largest = teachers if largest is None else largest
    if students == 0:
        return [()] if teachers == 0 else []
    return [
        (first, *rest)
        for first in range(min(largest, teachers - students + 1), 0, -1)
        for rest in partitions(teachers - first, students - 1, first)
    ]
