"""Premises on inputs of any law: the density bound, points on the planes, and the case that needs it."""

import math

import pytest
import torch

from companion.chapters.finite_data import law_premises as laws
from companion.chapters.finite_data import tables
from companion.chapters.finite_data.studies import LawPremises
from ts_core.data import gaussian
from ts_core.streams import stream
from ts_core.teachers import two_layer_teachers

TINY = dict(
    seeds=1,
    samples=100,
    steps=20,
    checkpoints=3,
    decades=6.0,
    plane_points=60,
    slab_points=60,
    base_samples=3000,
    aware_radii=(0.02, 0.05),
    agnostic_radii=(0.05,),
)


@pytest.fixture(scope="module")
def teacher():
    return two_layer_teachers([stream(0, "teacher")], 5, 3, 4, [1.0])


def test_points_are_moved_onto_the_planes_and_no_farther(teacher):
    x = gaussian([stream(0, "x")], 30, 5)
    on = laws.projected(teacher, x)
    rows = teacher.weights[0]
    assert on.shape == (1, 3, 10, 5)
    z = (on * rows[:, :, None, :-1]).sum(-1) + rows[..., -1:]
    torch.testing.assert_close(z, torch.zeros_like(z), rtol=0, atol=1e-13)
    moved = x.unflatten(1, (3, 10)) - on
    assert (
        moved - (moved * rows[:, :, None, :-1]).sum(-1, keepdim=True) * rows[:, :, None, :-1]
    ).norm() < 1e-12


def test_the_density_of_gaussian_points_is_met_from_above_and_scales_with_them(teacher):
    x = gaussian([stream(0, "x")], 24_000, 5, 1.5)
    exact = 1 / (math.sqrt(2 * math.pi) * 1.5)
    found = laws.density(teacher, laws.projected(teacher, x))
    assert (found > exact).all() and (found < 1.35 * exact).all()
    narrow = laws.density(teacher, laws.projected(teacher, x / 3))
    assert (narrow / found).mean().item() == pytest.approx(3, rel=0.15)  # a larger count errs less


def test_patches_have_the_variance_asked_for_and_their_own_draws():
    x = laws.points("patches", (0, 1), "data", 4000, 5, 1.5)
    assert x.shape == (2, 4000, 5) and not torch.equal(x[0], x[1])
    assert x.std(1).flatten().tolist() == pytest.approx([1.5] * 10, rel=0.1)
    with pytest.raises(ValueError, match="patches: at most 20000 samples of 9 components, got 10 of 12"):
        laws.points("patches", (0,), "data", 10, 12, 1.5)


def test_the_built_case_needs_the_density_of_its_law():
    found = LawPremises(law="two-valued", **TINY | dict(seeds=3)).run()["counts"]
    own, other = (found[(found.eta_of == name) & (found.slack == 1)].iloc[0] for name in ("law", "gaussian"))
    assert own.premises == other.premises == 6  # two observers a seed
    assert own.violations == own.angle_violations == own.bias_violations == 0
    assert other.violations == 0 and other.angle_violations == other.bias_violations == 6


def test_students_of_a_law_keep_the_theorem_and_the_bound_is_linear_in_the_density():
    found = LawPremises(law="cube", **TINY).run()["counts"]
    theorem = found[found.slack == 1]
    assert (theorem.premises > 0).all() and (theorem[tables.VIOLATIONS] == 0).all(axis=None)
    own, other = (theorem[theorem.eta_of == name].set_index("kind") for name in ("law", "gaussian"))
    assert (own.premises == other.premises).all() and (own.eta > own.eta_gaussian).all()
    assert (own.telling_premises <= other.telling_premises).all()
    table = tables.law_premises(found)
    assert table.premises["cube"] == own.premises.sum() and table.eta_aware["cube"] > 1
