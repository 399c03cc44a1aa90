"""Small recoveries, end to end."""

import numpy as np
import pytest
import torch

from companion.chapters.expand_and_cluster.clustering import RULES
from companion.chapters.expand_and_cluster.recovery import alignment, assembled, layer_of, recovery
from companion.chapters.expand_and_cluster.studies import Recovery
from companion.chapters.expand_and_cluster.symmetries import ACTIVATIONS, distance
from companion.chapters.expand_and_cluster.training import ACTIVATIONS as FUNCTIONS
from companion.chapters.expand_and_cluster.training import Sigmoid, learn, samples, teachers
from companion.runs.spec import SpecError
from ts_core.networks import Network, forward

SMALL = Recovery(teachers=(3, 4), input_dim=2, teacher_width=2, students=4, samples=80, steps=120, tuning=40)


@pytest.fixture(scope="module")
def found():
    return recovery(SMALL)


def test_a_row_for_every_student_and_rule(found):
    assert len(found["students"]) == 2 * 2 * 4 and set(found["students"].nodes) == {2, 6}
    recovered = found["recovered"]
    assert sorted(recovered.rule) == sorted([*RULES] * 2) and set(recovered.activation) == {"tanh"}
    counts = found["aligned"].groupby(["teacher", "rule"]).size()
    widths = recovered.set_index(["teacher", "rule"]).width
    assert (counts.reindex(widths.index, fill_value=0) == widths).all()


def test_the_right_width_is_tuned_to_the_teachers_parameters(found):
    good = found["recovered"].query("width == 2 and loss < 1e-20")
    assert len(good) and (good.error < 1e-9).all() and (good.error_other > 0.1).all()
    assert found["recovered"].query("width != 2").error.isna().all()


def test_the_first_teachers_neurons_are_canonical_and_their_tree_is_theirs(found):
    neurons, merges = found["neurons"], found["merges"]
    assert (neurons.x0 >= 0).all() and len(merges) == len(neurons) - 1
    assert len(neurons) == 6 * neurons.student.nunique()


def test_a_teacher_is_the_same_alone():
    alone = recovery(SMALL.model_copy(update={"teachers": (4,)}))["students"]
    both = recovery(SMALL)["students"]
    same = both[both.teacher == 4].reset_index(drop=True)
    np.testing.assert_allclose(np.log10(alone.loss), np.log10(same.loss), atol=3)
    assert ((alone.loss < 1e-12) == (same.loss < 1e-12)).mean() > 0.8


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_teachers_rows_give_the_teacher_whatever_their_signs(activation):
    teacher = teachers((1,), (3, 4, 1), activation)
    x, y = samples(teacher, (1,), 60, 3)
    rows = teacher.weights[0][0].numpy() * np.array([[1], [-1], [1], [-1]])
    layer = assembled(activation, rows, x[0], y[0])
    assert distance(activation, layer, layer_of(teacher, 0)) < 1e-10


def test_students_learn_from_outputs_alone():
    teacher = teachers((5,), (2, 2, 1), "tanh")
    x, y = samples(teacher, (5,), 50, 2)
    start = Network(tuple(w + 0.05 for w in teacher.weights), teacher.activation)
    trained, loss = learn(start, x, y, 40)
    assert loss[0] < 1e-25
    torch.testing.assert_close(forward(trained, x)[1][-1], y, rtol=0, atol=1e-11)
    assert distance("tanh", layer_of(trained, 0), layer_of(teacher, 0)) < 1e-10


def test_sigmoid_is_torchs_with_its_derivative():
    z = torch.linspace(-8, 8, 81, dtype=torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(torch.sigmoid(z).sum(), z)
    torch.testing.assert_close(Sigmoid().derivative(z.detach()), expected, rtol=1e-12, atol=1e-16)
    torch.testing.assert_close(2 * Sigmoid().value(2 * z) - 1, z.tanh())


def test_a_sigmoid_teacher_is_a_tanh_teacher_of_half_its_size():
    sigmoid, tanh = (teachers((1,), (3, 4, 1), name).weights[0] for name in ("sigmoid", "tanh"))
    torch.testing.assert_close(sigmoid, 2 * tanh)
    assert torch.allclose(tanh[..., :-1].norm(dim=2), torch.tensor(1.5, dtype=torch.float64))
    assert set(FUNCTIONS) == set(ACTIVATIONS)


def test_alignment_assigns_each_teacher_neuron_once():
    twin, cosine = alignment("tanh", np.array([[1.0, 0.1], [2, 0], [0, -3]]), np.eye(2))
    assert twin.tolist() == [-1, 0, 1]
    assert cosine.tolist() == pytest.approx([1 / np.hypot(1, 0.1), 1, 1])
    assert len(alignment("tanh", np.zeros((0, 2)), np.eye(2))[0]) == 0


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"activation": "gelu"}, "activation.*'tanh', 'sigmoid' or 'relu'.*'gelu'"),
        ({"students": 1}, "students.*greater than or equal to 2"),
        ({"over_realization": 1.0}, "over_realization.*greater than 1"),
        ({"teacher_width": 3, "over_realization": 1.5}, "4.5|whole"),
    ],
)
def test_what_cannot_run_is_refused_by_name(bad, message):
    with pytest.raises(SpecError, match=message):
        Recovery(**bad)
