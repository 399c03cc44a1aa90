"""The stored sweeps of this chapter: today's code still computes them."""

import numpy as np
import pytest

from companion import place
from companion.chapters.copy_average import sweeps
from companion.runs.store import load_results

STORED = place.PACKAGE.parent / "book" / "results"


def stored(name):
    return load_results(name, STORED / name)[0]


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_the_first_starts_end_there_again(activation):
    cells = sweeps.FEW_STUDENTS.settings("laptop").cells()
    cell = next(c for c in cells if (c.activation, c.students, c.teachers) == (activation, 3, 4))
    again = type(cell)(**cell.model_dump() | dict(starts=12)).run()["runs"]
    runs = stored("few_students")["runs"].query(
        "activation == @activation and n == 3 and k == 4 and start <= 12"
    )
    assert again.kind.tolist() == runs.kind.tolist() and again.doomed.tolist() == runs.doomed.tolist()
    np.testing.assert_allclose(again.loss, runs.loss, rtol=1e-5)


def test_the_phase_line_is_computed_again():
    again = next(c for c in sweeps.PHASES.settings("laptop").cells() if c.teachers == 8).run()["phases"]
    phases = stored("copy_average_phases")["phases"].query("k == 8")
    for column in ("level", "curvature", "outgoing"):
        np.testing.assert_allclose(again[column], phases[column], rtol=1e-5)


def test_one_node_is_computed_again():
    cells = sweeps.ONE_NEURON.settings("laptop").cells()
    cell = next(c for c in cells if (c.activation, c.teachers) == ("relu", 2))
    again = type(cell)(**cell.model_dump() | dict(starts=3)).run()["levels"].iloc[0]
    levels = stored("one_neuron")["levels"].query("activation == 'relu' and l == 2").iloc[0]
    assert again.reduced == pytest.approx(levels.reduced, rel=1e-6)
    assert max(abs(again.apart), abs(levels.apart)) < 1e-9
