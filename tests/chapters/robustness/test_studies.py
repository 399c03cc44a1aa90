"""The chapter's cells: small runs, members alone as among others, both ways of training, refusals."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.robustness import claims, plots
from companion.chapters.robustness import students as training
from companion.chapters.robustness.parameters import Parameters
from companion.chapters.robustness.students import OBJECTIVES, World, students, trained
from companion.chapters.robustness.studies import Augmentation, Deep, Leak, Students
from companion.chapters.robustness.sweeps import ROBUSTNESS
from companion.runs.spec import SpecError

SMALL = dict(
    input_dim=6,
    rank=3,
    teacher_width=2,
    over_realization=2.0,
    outputs=3,
    seeds=(1, 2),
    batch_size=8,
    dtype="float64",
    learning_rate=0.01,
)
SHORT = dict(SMALL, noises=(0.0, 0.5), steps=15, attacked=40, eval_samples=60, feature_samples=32)


@pytest.mark.parametrize("method", [*OBJECTIVES, "standard", "robust features", "standard features"])
def test_a_member_alone_is_the_member_among_others(method):
    tables = students(Students(**SHORT, method=method))
    alone = students(Students(**{**SHORT, "seeds": (2,)}, method=method))
    for name, table in tables.items():
        keys = [key for key in ("method", "noise", "seed", "teacher", "attack", "radius") if key in table]
        assert not table.duplicated(keys).any()
        of_one = table[table.seed == 2].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_one, alone[name].reset_index(drop=True), rtol=1e-6, atol=1e-9)
    assert set(tables["runs"].method) == {method, *(["start"] if method == "standard" else [])}
    assert set(tables["runs"].status) == {"ok"}


def test_the_engine_and_autograd_train_alike(monkeypatch):
    """Adversarial training with attacks of no size is standard training (the rate does not end in 0)."""
    monkeypatch.setattr(training, "rates_of", lambda cell: np.full(cell.steps, cell.learning_rate))
    one = trained(cell := Students(**SHORT), World(cell))
    none = cell.model_copy(update={"method": "adversarial", "train_radius": 0.0})
    other = trained(none, World(none))
    for mine, theirs in zip(one.weights, other.weights):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-8)


def test_weights_outside_stay_put_and_adam_leaks():
    drift = Leak(**SMALL, steps=40).run()["drift"]
    worst = drift.groupby("optimizer").off.max()
    assert worst.drop("Adam").max() < 1e-12 < 1e-3 < worst["Adam"]
    last = drift[drift.step == 40].groupby("optimizer").norm.mean()
    assert last["SGD with weight decay"] == pytest.approx((1 - 0.01 * 0.1) ** 40)
    assert {claim.verdict for claim in claims.frozen(drift)} == {"holds"}


def test_moves_have_one_length_and_go_where_they_should():
    moved = Augmentation(**SMALL, steps=5, attacked=30).run()["moved"]
    energy = moved.groupby("kind").energy_out.mean()
    assert energy["none"] == 0 and energy["inside S"] < 1e-12 and energy["outside S"] == pytest.approx(1)
    assert energy["isotropic"] == pytest.approx(0.5, abs=0.05)
    assert moved.loss.gt(moved.clean_loss).all()


def test_every_layer_of_a_deep_student_is_looked_at():
    cell = Deep(
        input_dim=8, rank=4, hidden=(3, 4), outputs=3, seeds=(1, 2), batch_size=8, steps=20, eval_samples=200
    )
    layers = cell.run()["layers"]
    assert len(layers) == 2 * 2 * 2 * 2 and layers.correlation.between(-1, 1).all()
    assert layers[layers.layer == 1].cos_in.notna().all() and layers[layers.layer == 2].cos_in.isna().all()


@pytest.mark.parametrize(
    "kind, values, message",
    [
        (Students, dict(rank=20), "rank: must be below the input dimension 20, got 20"),
        (Students, dict(radius=0.3), r"radius: must be one of the radii \[0.1, 0.25, 0.5, 1.0\], got 0.3"),
        (Students, dict(attacked=5000), "attacked: must not exceed the 4000 samples, got 5000"),
        (Students, dict(noises=(0.1, 0.1)), "noises: values must differ"),
        (
            Students,
            dict(method="robust features", batch_size=5000),
            "must not exceed the 4096 feature_samples",
        ),
        (Students, dict(over_realization=0.5), "over_realization: .*greater than or equal to 1, got 0.5"),
        (Deep, dict(rank=50), "rank: must be below the input dimension 40, got 50"),
        (Parameters, dict(noises=[0.1, 0.0]), "noises.1: .*greater than 0, got 0.0"),
        (Parameters, dict(rank=20), "rank: must be below the input dimension 20"),
        (Parameters, dict(radius=0.0), "radius: .*greater than 0, got 0.0"),
        (Parameters, dict(seeds=1), "seeds: .*greater than or equal to 2, got 1"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(kind, values, message):
    with pytest.raises(SpecError, match=message):
        kind(**values)


def test_each_seed_of_the_sweep_has_students_enough():
    laptop = ROBUSTNESS.scales["laptop"]
    assert len(laptop.methods) * len(laptop.noises) >= 16 and laptop.seeds >= 10
    assert set(plots.METHODS) == set(laptop.methods)
    assert {seed for cell in laptop.cells() for seed in cell.seeds} == set(range(1, laptop.seeds + 1))
