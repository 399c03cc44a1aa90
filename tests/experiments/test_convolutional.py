"""A pruned convolutional teacher and its students: what they train on and find, paired and repeatable."""

import pandas as pd
import pytest
import torch

from companion.datasets.augmentation import inputs
from companion.datasets.cifar10 import DataError
from companion.datasets.images import read
from companion.experiments.convolutional.spec import Student, Teacher, Training
from companion.experiments.convolutional.teacher import accuracy, batches, from_table, splits, to_table
from companion.project import PROJECT
from companion.runs.cells import Store, run_stages
from companion.runs.identity import run_id
from companion.runs.spec import SpecError
from ts_core.convnets import start
from ts_core.streams import stream

ONCE = Training(epochs=1, batch_size=20, learning_rate=0.01, weight_decay=5e-4)
TEACHER = Teacher(
    dataset="patches",
    fingerprint=read("patches")[1],
    images=200,
    validation_images=40,
    test_images=60,
    pool=2,
    shift=2,
    width=4,
    prune=(0.0, 0.25),
    training=ONCE,
    tuning=ONCE,
    dtype="float64",
)
TWICE = Training(epochs=2, batch_size=20, learning_rate=0.01)
STUDENTS = [Student(teacher=TEACHER, over_realization=ratio, seed=1, training=TWICE) for ratio in (2.0, 1.0)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of a tiny run on patches; the students get their teacher's from the first stage."""
    store = Store(tmp_path_factory.mktemp("cells"), PROJECT)
    return run_stages([[TEACHER], STUDENTS], store, progress=False)[0]


def test_tables_of_a_run(tables):
    runs, units, channels = (tables[name] for name in ("runs", "units", "channels"))
    assert len(runs) == 2 * 3 and set(runs.status) == {"ok"}
    assert runs.groupby("over_realization").selected.sum().tolist() == [1, 1]
    assert channels.groupby("layer").active.agg(["size", "sum"]).to_numpy().tolist() == [[4, 4], [4, 3]]
    assert (
        units.groupby(["over_realization", "epoch", "layer"]).size().unstack().to_numpy().tolist()
        == [[4, 3]] * 6
    )
    assert units.best_correlation.between(-1, 1).all() and runs.train_loss.isna().sum() == 2
    assert len(tables["filters"]) == 2 * 2 * 4 * 27
    assert tables["images"].to_dict("records") == [
        dict(dataset="patches", fingerprint=TEACHER.fingerprint, official=False)
    ]


def test_a_teacher_trained_again_has_the_same_weights(tables):
    again = TEACHER.run()
    assert len(again["weights"]) > 100
    for name in ("weights", "epochs", "channels", "images"):
        pd.testing.assert_frame_equal(again[name], tables[name], check_exact=True)
    saved, fresh = (from_table(found["weights"], TEACHER) for found in (tables, again))
    for (name, a), b in zip(saved.state_dict().items(), fresh.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("norm", ["before", "none"])
def test_where_the_normalization_stands_is_kept_from_teacher_to_student(tables, norm):
    teacher = TEACHER.model_copy(update=dict(norm=norm))
    taught = teacher.run()
    assert not taught["epochs"].equals(tables["epochs"])
    made = from_table(taught["weights"], teacher)
    assert made.norm == norm
    pd.testing.assert_frame_equal(to_table(made), taught["weights"], check_exact=True)
    learn, _, test = splits(teacher)
    tuned = taught["epochs"].query("phase == 'tuning' and selected")
    assert accuracy(made, test, torch.float64) == pytest.approx(tuned.test_accuracy.item())
    # one step on all images: the loss is that of the start, normalized by the batch
    once = Training(epochs=1, batch_size=160)
    cell = STUDENTS[0].model_copy(update=dict(teacher=teacher, training=once))
    order, crops = (stream(cell.seed, purpose) for purpose in ("order", "crops"))
    x, _ = next(batches(learn[0], once, teacher.shift, torch.float64, order, crops))
    student = start(stream(cell.seed, "start", *cell.widths), cell.widths, teacher.side, norm=norm)
    loss = (made(x)[1] - student(x)[1]).square().mean().item()
    assert cell.run(taught)["runs"].train_loss[1] == pytest.approx(loss)


def test_a_student_learns_from_the_teacher_of_the_first_stage(tables):
    """Nothing is trained again: another teacher in the tables is another target."""
    weights = tables["weights"]
    louder = weights.value.where(~weights.parameter.str.startswith("top."), 2 * weights.value)
    student = STUDENTS[-1]
    own, other = (
        student.run({**tables, "weights": w})["runs"] for w in (weights, weights.assign(value=louder))
    )
    assert (own.test_loss < other.test_loss).all()
    with pytest.raises(KeyError, match="weights"):
        student.run({})


def test_where_the_images_lie_is_no_part_of_a_run():
    elsewhere = TEACHER.model_copy(update=dict(data="/elsewhere"))
    student = STUDENTS[0].model_copy(update=dict(teacher=elsewhere))
    assert run_id(PROJECT, elsewhere) == run_id(PROJECT, TEACHER)
    assert run_id(PROJECT, student) == run_id(PROJECT, STUDENTS[0])
    assert "elsewhere" not in student.model_dump_json()


def test_a_student_alone_equals_the_same_student_among_others(tables):
    cell = STUDENTS[-1]
    alone = cell.run(tables)["runs"]
    among = tables["runs"].query("over_realization == @cell.over_realization").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among)


def test_outputs_of_the_teacher_have_spread_one_and_the_same_decisions(tables):
    (pixels, _), _, test = splits(TEACHER)
    teacher = from_table(tables["weights"], TEACHER)
    assert teacher(inputs(pixels, torch.float64))[1].var(0, correction=0).mean() == pytest.approx(1)
    tuned = tables["epochs"].query("phase == 'tuning' and selected")
    assert accuracy(teacher, test, torch.float64) == pytest.approx(tuned.test_accuracy.item())


def test_other_images_and_too_few_are_refused():
    with pytest.raises(DataError, match="are not those of the run"):
        splits(TEACHER.model_copy(update=dict(fingerprint="0" * 16)))
    with pytest.raises(DataError, match="images: patches has 5000, asked for 6000"):
        splits(TEACHER.model_copy(update=dict(images=6000)))


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(over_realization=1.3), "over_realization must be at least 1 and give a whole number"),
        (
            dict(training=Training(batch_size=161)),
            "batch_size: must not exceed the 160 training images, got 161",
        ),
        (dict(seed=-1), "seed: .*greater than or equal to 0"),
    ],
)
def test_students_that_cannot_be_trained_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        Student(**{**dict(teacher=TEACHER, over_realization=2.0, seed=1, training=TWICE), **values})
