"""What the table of the chapter says, by hand."""

import numpy as np
import pandas as pd

from companion.chapters.two_layer_theorem.parameters import Parameters
from companion.chapters.two_layer_theorem.tables import heat_map


def test_heat_map_numbers_students_by_the_teacher_they_match_best():
    # at the end: students 1, 3 match teacher 0 and 0, 2 teacher 1
    rho = [[0.1, 0.9, 0.2, 0.7], [0.8, 0.3, 0.6, 0.0]]
    pairs = pd.DataFrame(
        [
            dict(epoch=epoch, teacher=j, student=k, correlation=rho[j][k] if epoch else 0.0)
            for epoch in (0, 1)
            for j in (0, 1)
            for k in range(4)
        ]
    )
    heat = heat_map(pairs)
    last = heat[heat.epoch == 1].pivot(index="teacher", columns="student", values="correlation")
    # the best match of a teacher first
    assert last.to_numpy().tolist() == [[0.9, 0.7, 0.1, 0.2], [0.3, 0.0, 0.8, 0.6]]
    assert heat.drop(columns="student").equals(pairs.drop(columns="student"))
    first = heat[heat.epoch == 0]
    assert first.student.tolist() == heat[heat.epoch == 1].student.tolist()  # one number for both epochs


def test_heat_map_of_a_trained_network():
    tiny = dict(
        input_dim=6,
        outputs=3,
        teacher_width=2,
        over_realizations=[1.0, 2.0],
        polarities=[0.0, 1.0],
        samples=40,
        seeds=2,
        batch_size=4,
        learning_rate=0.05,
        epochs=1,
    )
    cell = Parameters(**tiny).heat_map()
    heat = heat_map(cell.run()["pairs"])
    last = heat[heat.epoch == 1].pivot(index="teacher", columns="student", values="correlation")
    assert list(last.idxmax()) == sorted(last.idxmax())
    assert len(heat) == 2 * last.size and last.shape == (2, 4)
    # the same network as in the L-shape, where a network does not see its neighbours
    whole = Parameters(**tiny).l_shape()
    among = whole.model_copy(update=dict(tables=("pairs",))).run()["pairs"]
    among = among.query("seed == 1 and polarity == 0 and over_realization == 2")
    np.testing.assert_allclose(
        heat_map(among.reset_index(drop=True)).correlation, heat.correlation, rtol=0, atol=1e-10
    )
