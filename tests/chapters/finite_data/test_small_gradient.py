"""Study of small gradients: no true premise is violated, every setting counts, where the theorem stops."""

import math

import pytest
import torch

from companion.chapters.finite_data import small_gradient as study
from companion.chapters.finite_data.studies import Geometry, SmallGradient
from companion.chapters.finite_data.tables import counts, scatter
from companion.runs.spec import SpecError
from ts_core.data import on_planes
from ts_core.streams import stream
from ts_core.teachers import two_layer_teachers

TINY = dict(
    seeds=3,
    samples=200,
    steps=60,
    checkpoints=5,
    decades=12.0,
    plane_points=60,
    slab_points=60,
    base_samples=20_000,
    aware_radii=(0.01, 0.05),
    agnostic_radii=(0.05,),
    slopes=(0.0, 0.2),
)


@pytest.fixture(scope="module")
def tables():
    return SmallGradient(**TINY).run()


def test_no_true_premise_is_violated_and_the_check_can_fail(tables):
    found = counts(tables["pairs"]).set_index("kind")
    assert set(found.index) == {"aware", "agnostic"}
    assert (found.violations == 0).all() and (found.angle_violations == 0).all()
    assert (found.telling_premises > 50).all() and (found.conclusion_false > 50).all()
    table = tables["pairs"]
    careless = table[(table.gradient < 1e3 * table.threshold) & ~table.conclusion]
    assert len(careless)  # with a bar that is too generous there are violations


def test_paper_form_is_never_exceeded(tables):
    dots = scatter(tables["pairs"])
    telling = dots[dots.bound < 1]
    assert len(telling) > 20 and (telling.sine <= telling.bound).all()
    assert not dots.duplicated(["kind", "slope", "seed", "checkpoint", "teacher"]).any()
    assert dots.sine.max() > 0.3 and dots.sine.min() < 1e-4  # from unaligned to aligned


def test_a_geometry_keeps_the_counts_of_its_pairs():
    settings = TINY | dict(slopes=(0.2,), seeds=2)
    table, whole = Geometry(**settings).run()["counts"], SmallGradient(**settings).run()["pairs"]
    assert set(table.slack) == {1.0, 10.0} and (table.slope == 0.2).all() and (table.input_dim == 5).all()
    for slack, found in table.groupby("slack"):
        expected = counts(whole, slack)
        assert found[expected.columns].reset_index(drop=True).equals(expected)
    dots = scatter(whole)
    assert table.query("slack == 1").dots.sum() == dots.binds.sum() and (table.dots_above == 0).all()
    more = Geometry(**settings, slack=100.0).run()["counts"].query("slack > 1")
    assert (more.premises.to_numpy() > table.query("slack > 1").premises.to_numpy()).all()
    with pytest.raises(SpecError, match="slopes: a geometry has one slope"):
        Geometry(slopes=(0.0, 0.2))


def test_tables_are_tidy(tables):
    pairs, losses = tables["pairs"], tables["losses"]
    key = ["kind", "slope", "delta", "seed", "checkpoint", "teacher", "student"]
    assert not pairs.duplicated(key).any() and not pairs.isna().any(axis=None)
    assert set(pairs.teacher) == {0, 1, 2} and set(pairs.student) == set(range(6))
    reached = pairs[["slope", "seed", "checkpoint", "loss"]].drop_duplicates()
    assert len(reached) == len(losses) == len(reached.merge(losses))
    assert losses.groupby(["slope", "seed"]).loss.apply(lambda loss: loss.is_monotonic_decreasing).all()
    assert (losses[losses.checkpoint == 0].loss > 1e-3).all() and losses.loss.min() < 1e-12


def test_rerun_is_bit_equal(tables):
    again = SmallGradient(**TINY).run()
    assert all(table.equals(again[name]) for name, table in tables.items())


CHANGED = dict(
    input_dim=6,
    teacher_width=2,
    over_realization=3.0,
    outputs=3,
    polarity=0.5,
    teacher_bias=0.3,
    slopes=(0.0,),
    seeds=1,
    samples=150,
    std=1.4,
    start_scale=0.2,
    steps=6,
    checkpoints=3,
    decades=5.0,
    plane_points=50,
    slab_points=40,
    base_samples=15_000,
    aware_radii=(0.05,),
    agnostic_radii=(0.04,),
)


def test_every_field_is_tried():
    assert set(CHANGED) == set(SmallGradient.model_fields)


@pytest.mark.parametrize("name, value", CHANGED.items())
def test_every_field_changes_the_result(name, value):
    small = TINY | dict(seeds=2, steps=8, slopes=(0.1,), decades=4.0)
    base, moved = (SmallGradient(**values).run()["pairs"] for values in (small, small | {name: value}))
    assert not base.equals(moved)


@pytest.mark.parametrize(
    "name, value",
    [
        ("slopes", (0.0, 1.0)),
        ("slopes", ()),
        ("aware_radii", (0.1, 0.0)),
        ("input_dim", 1),
        ("over_realization", 0.5),
        ("seeds", 0),
        ("checkpoints", 1),
        ("steps", 2.5),
        ("std", "1e-2"),
        ("unknown", 1),
    ],
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(SpecError, match=name):
        SmallGradient(**{name: value})


def test_undersampled_plane_breaks_the_angle_corollary():
    table = study.undersampled(range(3), input_dim=5)
    few, enough = table[table.plane_points < 5], table[table.plane_points == 5]
    assert len(few) == 12 and few.premise.all() and (few.gradient < 1e-12).all()
    assert (few.sine > few.bound).all() and table.sine.to_numpy() == pytest.approx(math.sin(math.pi / 3))
    assert (few.fresh_residual > 1).all() and (few.plane_points < few.needed).all()
    assert (enough.gradient > 0.05).all() and not enough.premise.any()


def test_training_inputs_add_triples_of_the_middle_radius():
    teacher = two_layer_teachers([stream(0, "teacher")], 5, 3, 4, [1.0])
    planes = on_planes([stream(1, "planes")], teacher.weights[0], 20)
    x = study.training_inputs(teacher, torch.zeros(1, 7, 5, dtype=torch.float64), planes, (0.01, 0.2, 0.05))
    assert x.shape == (1, 7 + 3 * 3 * 2, 5) and (x[:, :7] == 0).all()
    triples = x[:, 7:].reshape(3, 3, 2, 5)  # kind, teacher, point
    rows = teacher.weights[0][0]
    for kind, offset in enumerate((0, 0.05, -0.05)):
        z = (triples[kind] * rows[:, None, :-1]).sum(-1) + rows[:, None, -1]
        torch.testing.assert_close(z, torch.full_like(z, offset), rtol=0, atol=1e-13)
