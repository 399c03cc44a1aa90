"""The way from a run of two inputs into the playground."""

import base64

import numpy as np
import pytest

from companion.experiments.two_layer.playground import playground
from companion.experiments.two_layer.run import start
from companion.experiments.two_layer.spec import TwoLayer

CELL = TwoLayer(
    input_dim=2, outputs=3, teacher_width=4, over_realizations=(2.0, 1.5), polarities=(1.0, 0.5), seeds=(3, 1)
)


@pytest.mark.parametrize("cell", [CELL])
def test_a_link_holds_the_first_teacher_and_its_narrowest_student(cell):
    teacher, students, _ = start(cell)
    text = playground(cell).address.split("weights=")[1]
    numbers = np.frombuffer(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "<f4")
    assert numbers[:3].tolist() == [4, 6, 3]
    lower, upper = teacher.spread().weights
    assert np.allclose(numbers[3:15], lower[0].flatten())
    assert np.allclose(numbers[15:27], upper[0, :, :-1].T.flatten())
    own = students[1].spread().weights[0][0]
    assert np.allclose(numbers[30:48], own.flatten())
    assert len(numbers) == 3 + (4 + 6) * (3 + 3) + 2 * 3


def test_other_dimensions_have_no_picture():
    assert playground(CELL.model_copy(update={"input_dim": 3})) is None
