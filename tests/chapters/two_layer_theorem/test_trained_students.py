"""Students trained to a zero gradient: gradients against autograd, ends, and what pruning leaves."""

import pandas as pd
import pytest
import torch

from companion.chapters.two_layer_theorem import claims, plots, tables
from companion.chapters.two_layer_theorem import trained_students as study
from companion.chapters.two_layer_theorem.studies import TrainedStudents
from companion.pages import figures
from companion.runs.spec import SpecError
from tests.pictures import close  # noqa: F401 (a fixture)
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import random_networks

TINY = dict(seeds=2, samples=120, steps=60, over_realizations=(1.0, 2.0), checkpoints=5, sgd_decades=2)


@pytest.fixture(scope="module")
def found():
    return TrainedStudents(**TINY).run()


def test_gradients_of_single_samples_are_those_of_autograd():
    student = random_networks([stream(seed, "start") for seed in (0, 1)], [3, 4, 2])
    x, labels = (gaussian([stream(s, name) for s in (0, 1)], 5, size) for name, size in (("x", 3), ("y", 2)))
    single, full, residual = study.gradient_sizes(student, x, labels)
    weights = [w.requires_grad_() for w in student.weights]
    errors = labels - forward(Network(tuple(weights)), x)[1][-1]
    norms = []
    for sample in range(5):
        loss = errors[:, sample].square().sum() / 2
        parts = torch.autograd.grad(loss, weights, retain_graph=True)
        norms.append(sum(g.square().sum((1, 2)) for g in parts))
    parts = torch.autograd.grad(errors.square().sum(2).mean(1).sum() / 2, weights)
    torch.testing.assert_close(single, torch.stack(norms).mean(0).sqrt())
    torch.testing.assert_close(full, sum(g.square().sum((1, 2)) for g in parts).sqrt())
    torch.testing.assert_close(residual, errors.detach().abs().amax((1, 2)))


def test_over_realized_students_interpolate_and_others_do_not(found):
    last = found["gradients"].query("checkpoint == 5").set_index(["noise", "over_realization"])
    wide, noisy = last.loc[(0.0, 2.0)], last.loc[(0.1, 2.0)]
    assert (wide.single < 1e-9).all() and (wide.residual < 1e-9).all()
    assert (noisy.single > 0.1).all() and (noisy.full < noisy.single / 50).all()
    moved = found["moved"].query("step == 100").set_index(["noise", "over_realization"]).distance
    assert moved.loc[(0.0, 2.0)].max() < 1e-9 < 1e-4 < moved.loc[(0.1, 2.0)].min()


def test_tables_are_tidy(found):
    keys = ["over_realization", "noise", "seed"]
    assert not found["gradients"].duplicated([*keys, "checkpoint"]).any()
    assert not found["moved"].duplicated([*keys, "step"]).any()
    assert not found["pruned"].duplicated(keys).any() and len(found["pruned"]) == 6
    assert (found["gradients"].groupby(keys).checkpoint.agg(["min", "max"]) == [0, 5]).all(axis=None)


def test_pruning_by_hand(found):
    table = tables.pruning(found["pruned"], found["gradients"]).set_index(["noise", "over_realization"])
    wide = table.loc[(0.0, 2.0)]
    assert wide.at_rest.all() and (wide.nodes == 6).all() and (wide.kept == 3).all()
    assert (wide.largest_change < 0.05).all() and (wide.loss_after <= 2 * wide.loss).all()
    one = pd.DataFrame(
        dict(over_realization=2.0, noise=0.0, seed=[0, 1, 2], checkpoint=1, single=[1e-9, 1e-8, 1.0])
    )
    sizes = dict(nodes=4, kept=[2, 4, 1], loss=[1.0, 3.0, 5.0], loss_after=0.0, change=[0.1, 0.3, 0.2])
    rows = tables.pruning(one.drop(columns=["single", "checkpoint"]).assign(**sizes), one)
    assert rows.at_rest.tolist() == [False, True] and rows.students.tolist() == [1, 2]
    assert rows.kept.tolist() == [1, 3] and rows.loss.tolist() == [5, 2]
    assert rows.largest_change.tolist() == [0.2, 0.3]


def test_copies_stay_however_weak_they_are():
    teacher = random_networks([stream(seed, "teacher") for seed in (0, 1)], [3, 4, 2])
    weak = Network((teacher.weights[0], 0.001 * teacher.weights[1]))
    x, fresh = (gaussian([stream(s, name) for s in (0, 1)], 50, 3) for name in ("x", "fresh"))
    table = study.pruned(weak, weak, x, fresh, 1e-6)
    assert (table.kept == 4).all() and (table[["change", "change_unmerged"]] < 1e-9).all(axis=None)


def test_small_numbers_are_only_said_to_be_small():
    assert [tables.rounded(x) for x in (3e-17, 1.84e-7, 0.0587)] == ["< 1e-09", "2e-07", "6e-02"]


def test_claims_and_pictures_of_the_study(found):
    made = {claim.id: claim for claim in claims.critical_claims(found)}
    rest = made["two-layer/interpolation"]
    assert rest.verdict == "holds" and rest.wrong.value > 1e-4 and "2 of 2 students" in rest.note
    assert made["two-layer/pruning"].note == "nodes before and after, by over-realization: 6 and 3"
    _, axes = figures.figure(1, 2)
    legend = plots.gradients(found["gradients"], axes[0, 0]).get_legend()
    assert [text.get_text() for text in legend.texts] == ["1x", "2x", "2x, noise"]
    lines = [line for line in plots.moved(found["moved"], axes[0, 1]).lines if len(line.get_xdata())]
    assert len(lines) == 6


CHANGED = dict(
    input_dim=4,
    teacher_width=2,
    outputs=3,
    over_realizations=(2.0,),
    noisy_over_realization=3.0,
    polarity=1.0,
    noise=0.2,
    seeds=1,
    samples=90,
    std=1.0,
    start_scale=0.2,
    steps=9,
    checkpoints=3,
    decades=4.0,
    tolerance=1.5,
    batch_size=8,
    learning_rate=0.02,
    sgd_decades=1,
)


def test_every_field_is_tried():
    assert set(CHANGED) == set(TrainedStudents.model_fields)


@pytest.fixture(scope="module")
def base():
    return TrainedStudents(**TINY | dict(steps=10)).run()


@pytest.mark.parametrize("name, value", CHANGED.items())
def test_every_field_changes_the_result(name, value, base):
    moved = TrainedStudents(**TINY | dict(steps=10) | {name: value}).run()
    assert any(not base[table].equals(moved[table]) for table in base)


@pytest.mark.parametrize(
    "name, value", [("over_realizations", (0.5,)), ("noise", 0.0), ("checkpoints", 1), ("tolerance", -1.0)]
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(SpecError, match=name):
        TrainedStudents(**{name: value})
