"""The two-layer experiment with Leaky ReLU networks: the same teachers, data and starts, other gates."""

from dataclasses import replace

from companion.chapters.fan_out_ordering.studies import LeakyTwoLayer
from companion.experiments.two_layer import run as two_layer
from companion.runs.spec import Tables
from ts_core.activations import LeakyReLU


def run(cell: LeakyTwoLayer) -> Tables:
    """Train the cell's networks with its slope; the tables are those of :meth:`LeakyTwoLayer.run`."""
    teacher, students, x = two_layer.start(cell)
    leaky = lambda network: replace(network, activation=LeakyReLU(cell.slope))
    tables = two_layer.run(cell, teacher=leaky(teacher), students=[leaky(s) for s in students], x=x)
    return {name: table.assign(slope=cell.slope) for name, table in tables.items()}
