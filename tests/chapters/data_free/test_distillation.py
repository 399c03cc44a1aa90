"""Distillation at a small size: members apart, moments as asked for, inputs as described."""

import numpy as np
import pytest
import torch

from companion.chapters.data_free import distillation
from companion.chapters.data_free.distillation import Pictures
from companion.chapters.data_free.parameters import Parameters
from companion.chapters.data_free.studies import Distilled
from companion.experiments.small_convnets import unfold
from companion.runs.spec import SpecError
from ts_core.streams import stream

SEEDS = (1, 7)
SMALL = dict(
    images=300, test_images=200, widths=(3, 4, 4), seeds=SEEDS, teacher_steps=30, steps=8, batch_size=16,
    calibration=100, dtype="float64",
)  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return Distilled(**SMALL).run()


def test_a_member_is_the_same_alone(tables):
    alone = Distilled(**SMALL | dict(seeds=(7,))).run()
    for name, found in tables.items():
        mine = found[found.seed == 7].reset_index(drop=True)
        keys = [column for column in mine if mine[column].dtype != float]
        left, right = (table.sort_values(keys, ignore_index=True) for table in (mine, alone[name]))
        numbers = left.select_dtypes("float").columns
        assert len(left) == len(right) > 0
        assert np.allclose(left[numbers], right[numbers], atol=1e-8, equal_nan=True), name


def test_tables_have_every_lesson_and_every_way_to_normalize(tables):
    accuracy = tables["accuracy"]
    assert accuracy.groupby(["network", "source", "statistics"]).evaluated.nunique().tolist() == [
        3,
        3,
        3,
        3,
        2,
    ]
    assert accuracy.accuracy.between(0, 1).all() and accuracy.agreement.between(0, 1).all()
    teacher = accuracy[(accuracy.network == "teacher") & (accuracy.evaluated == "stored")]
    assert (teacher.agreement == 1).all() and (teacher.accuracy > 0.15).all()
    assert np.allclose(tables["labels"].groupby(["seed", "input", "statistics"]).probability.sum(), 1)
    assert tables["units"].best_correlation.between(-1, 1).all()


def test_the_first_layer_moves_as_the_closed_form_says(tables):
    shift = tables["shift"].dropna(subset=["formula"])
    assert set(shift.layer) == {1} and set(shift.input) == {"noise"} and len(shift) == 6
    assert np.allclose(shift.divergence, shift.formula, rtol=0.15, atol=0.01)
    assert shift.formula.corr(shift.divergence) > 0.99


def test_matched_noise_has_the_moments_of_the_images():
    pictures = Pictures(Distilled(**SMALL))
    draw = pictures.inputs("matched noise", [stream(seed, "some") for seed in SEEDS])
    x = unfold(draw(20_000), 2)[1].flatten(1)
    flat = pictures.train.flatten(1)
    assert torch.allclose(x.mean(0), flat.mean(0), atol=0.05)
    assert torch.allclose(torch.cov(x.T), torch.cov(flat.T), atol=0.12)
    white = unfold(pictures.inputs("noise", [stream(seed, "some") for seed in SEEDS])(20_000), 2)[1].flatten(
        1
    )
    assert torch.allclose(torch.cov(white.T), torch.eye(64, dtype=torch.float64), atol=0.05)
    assert abs(float(pictures.train.mean())) < 1e-6 and float(pictures.train.std()) == pytest.approx(1)


def test_students_of_one_seed_start_alike_and_a_teacher_agrees_with_itself():
    cell = Distilled(**SMALL)
    pictures = Pictures(cell)
    teacher = distillation.taught(cell, pictures)
    x = pictures.shared(pictures.test)
    rho = distillation.correlations(teacher, teacher, x, None)
    assert all(
        torch.allclose(best.diagonal(dim1=1, dim2=2).clamp(max=1), torch.ones(1).double(), atol=1e-3)
        for best in rho
    )


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(over_realization=0.3), "over_realization"),
        (dict(over_realization=1.1), "1.1"),
        (dict(widths=(2, 2, 2, 2)), "widths"),
        (dict(batch_size=2000), "batch_size: must not exceed the 1297 training images, got 2000"),
        (dict(calibration=1500), "calibration: must not exceed the 1297 training images, got 1500"),
        (dict(images=1797), "images"),
        (dict(seeds=0), "seeds"),
    ],
)
def test_bad_parameters_are_refused_by_name(changes, words):
    with pytest.raises(SpecError, match=words):
        Parameters(**changes)


def test_too_few_images_are_said():
    with pytest.raises(OSError, match="test_images: digits has 500, asked for 700"):
        Pictures(Distilled(**SMALL | dict(test_images=700)))
    with pytest.raises(OSError, match="not those of the run"):
        Pictures(Distilled(**SMALL | dict(fingerprint="0123")))
