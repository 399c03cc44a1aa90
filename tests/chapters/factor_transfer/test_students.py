"""Teachers and students: sizes, batches, moments, members that do not see each other, and refusals."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.factor_transfer import students, teachers
from companion.chapters.factor_transfer.parameters import Parameters
from companion.chapters.factor_transfer.readers import numbers
from companion.chapters.factor_transfer.studies import Students, Teachers
from companion.chapters.factor_transfer.sweeps import METHODS, TRANSFERS
from companion.datasets.cifar10 import DataError
from companion.runs.spec import SpecError

TAUGHT = Teachers(
    images=60,
    test_images=40,
    batch_size=10,
    seeds=(1, 2),
    widths=(2, 4, 4),
    steps=6,
    paraphraser_steps=6,
    dtype="float64",
)


def teachers_with(**changes) -> Teachers:
    return Teachers(**TAUGHT.model_dump() | changes)


def student(method: str, taught: Teachers = TAUGHT, **changes) -> Students:
    return Students(**dict(teachers=taught, method=method, labels=30, steps=4) | changes)


@pytest.fixture(scope="module")
def tables():
    return TAUGHT.run()


def test_images_are_standardized_by_the_training_images():
    (x, y), (x_test, y_test) = teachers.images_of(TAUGHT)
    assert x.shape == (60, 1, 8, 8) and x_test.shape == (40, 1, 8, 8) and len(y) == 60 and len(y_test) == 40
    assert abs(x.mean().item()) < 1e-12 and x.std().item() == pytest.approx(1)


def test_other_images_and_too_few_are_refused_by_name():
    with pytest.raises(DataError, match="are not those of the run \\(elsewhere\\)"):
        teachers.images_of(teachers_with(fingerprint="elsewhere"))
    with pytest.raises(DataError, match="test_images: digits has 500, asked for 501"):
        teachers.images_of(teachers_with(test_images=501))


def test_every_epoch_has_every_image_once():
    chosen = [np.arange(20), np.arange(5, 25)]
    seen = torch.stack(list(teachers.rounds(TAUGHT, "some batches", chosen, 4)))
    assert seen.shape == (4, 2, 10)
    for member, of in enumerate(chosen):
        for epoch in (seen[:2], seen[2:]):
            assert sorted(epoch[:, member].flatten().tolist()) == of.tolist()


def test_a_projection_is_exact_with_as_many_components_and_the_best_with_fewer():
    g = np.random.default_rng(0)
    maps = torch.from_numpy(g.standard_normal((2, 9, 4, 3, 3)))
    torch.testing.assert_close(teachers.principal(maps, maps, 4), maps)
    left = lambda of: (of - maps).square().sum((1, 2, 3, 4))
    basis = torch.linalg.qr(torch.from_numpy(g.standard_normal((2, 4, 2))))[0]
    centre = maps.mean((1, 3, 4), keepdim=True)
    other = centre + torch.einsum("emk,enk,ebnhw->ebmhw", basis, basis, maps - centre)
    assert (left(teachers.principal(maps, maps, 2)) < left(other)).all()


def test_teachers_are_kept_and_read_again(tables):
    network, moments = teachers.from_table(tables["weights"], TAUGHT, 1)
    assert set(tables["weights"].seed) == {1, 2} and len(moments) == 3
    (_, _), (x, y) = teachers.images_of(TAUGHT)
    outputs = torch.cat([of for _, of in teachers.seen(network, moments, x)], 1)
    found = teachers.accuracy(outputs, y).tolist()
    assert found == tables["teachers"].accuracy.tolist()
    assert "encoder2_bias" in network and "decoder0" not in network


def test_reconstructions_are_measured_against_maps(tables):
    errors = tables["paraphrasers"].pivot_table(index="seed", columns="reading", values="squared")
    assert errors["mean"].between(0.9, 1.3).all() and (errors.linear < 1).all()
    assert set(errors) == {"paraphraser", "untrained", "linear", "mean"}


@pytest.mark.parametrize("method", METHODS)
def test_a_member_is_the_same_alone_and_among_others(method, tables):
    alone = teachers_with(seeds=(2,))
    found = student(method).run(tables)["students"].query("seed == 2").reset_index(drop=True)
    own = student(method, alone).run(alone.run())["students"]
    pd.testing.assert_frame_equal(found, own, rtol=1e-9)


def test_all_methods_have_the_same_start_and_students_their_share_of_the_channels():
    starts = [students.student_part(students.student_of(student(method), 1)) for method in METHODS]
    for one in starts[1:]:
        assert one.keys() == starts[0].keys()
        assert all(torch.equal(one[name], starts[0][name]) for name in one)
    assert student("labels").widths == (1, 2, 2)
    # by hand: convolutions, gains and shifts, linear layer
    assert numbers(starts[0]) == 9 * (1 + 2 + 4) + 2 * 5 + 10 * 2 + 10


def test_losses_weigh_what_they_should(tables):
    (x, y), _ = teachers.images_of(TAUGHT)
    teacher, moments = teachers.from_table(tables["weights"], TAUGHT, 1)
    images, labels = torch.stack([x[:10], x[10:20]]), torch.stack([y[:10], y[10:20]])

    def loss(method: str, **changes) -> torch.Tensor:
        cell = student(method, **changes)
        target = students.targets_of(cell, teacher, moments, images)
        return students.objective_of(cell)(students.student_of(cell, 1), images, labels, *target)

    plain, entries = loss("labels"), TAUGHT.entries
    assert entries == 2 * 2 * 2
    released, printed = (loss(method) - plain for method in ("factors", "factors, as printed"))
    torch.testing.assert_close(printed / released, torch.full_like(plain, entries / (entries / 2048) ** 0.5))
    for method, weight in (("factors", "beta"), ("hints", "beta"), ("attention", "attention_weight")):
        twice = loss(method, **{weight: 2 * getattr(student(method), weight)})
        torch.testing.assert_close(twice - plain, 2 * (loss(method) - plain))
        assert (loss(method) > plain).all()
    shares = [loss("soft labels", soft_share=share) for share in (0.25, 0.5, 0.75)]
    torch.testing.assert_close(shares[0] + shares[2], 2 * shares[1])
    torch.testing.assert_close(2 * shares[0] - shares[1], plain)  # no share is left


def test_layers_compare_with_the_own_teacher_and_with_one_not_seen(tables):
    found = student("labels").run(tables)["layers"]
    assert set(found.teacher) == {"own", "another"} and set(found.layer) == {1, 2, 3}
    assert set(found.trained) == {True, False} and found.by_student.between(-1, 1).all()
    assert set(student("hints").run(tables)["layers"].trained) == {True}
    alone = teachers_with(seeds=(1,))
    assert set(student("hints", alone).run(alone.run())["layers"].teacher) == {"own"}


def test_the_teacher_matches_itself(tables):
    network, moments = teachers.from_table(tables["weights"], TAUGHT, 1)
    (_, _), (x, y) = teachers.images_of(TAUGHT)
    facts, found = students.look(network, moments, network, moments, x, y)
    assert facts["agreement"].tolist() == [1, 1]
    own = pd.concat(found).query("teacher == 'own'")
    assert (own.by_student > 0.999).all()


def test_a_student_that_diverges_is_a_row_with_its_status(tables):
    found = student("labels", learning_rate=1e200).run(tables)["students"]
    assert set(found.status) == {"diverged"} and found.accuracy.isna().all()


def test_the_larger_scale_has_every_method_size_and_number_of_labels():
    laptop = TRANSFERS.settings("laptop")
    cells = laptop._students(laptop._teachers("some"))
    assert len(cells) == len(set(cells)) == 6 * 2 * 3
    assert {cell.widths for cell in cells} == {(6, 12, 24), (3, 6, 12)}


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(divisors=(3,)), "divisor: must divide the teacher's widths \\[8, 16, 32\\], got 3"),
        (dict(labels=(2000,)), "labels: must not exceed the teacher's 1000 images, got 2000"),
        (dict(labels=(10,)), "labels: must fill a batch of 32 images, got 10"),
        (dict(batch_size=2000), "batch_size: must not exceed the 1000 images, got 2000"),
        (dict(rate=0.001), "rate: must leave a factor of 32 channels, got 0.001"),
        (dict(dataset="mnist"), "dataset: .*'digits'.*got 'mnist'"),
    ],
)
def test_bad_settings_are_refused_by_name(values, message):
    with pytest.raises(SpecError, match=message):
        Parameters(**values)
