"""Samples: moments, planes, triples, the teacher-aware recipe; and the streams they are drawn from."""

import math

import pytest
import torch

from ts_core import data
from ts_core.networks import affine
from ts_core.streams import stream
from ts_core.teachers import two_layer_teachers


def streams(purpose, seeds):
    return [stream(seed, purpose) for seed in seeds]


def rows(seeds, d=100, m=5):
    return two_layer_teachers(streams("teacher", seeds), d, m, 3, [1.0]).weights[0]


def test_streams_differ_by_seed_purpose_and_key():
    draws = [
        stream(*key).standard_normal() for key in [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1), (0, "a", 2)]
    ]
    assert len(set(draws)) == len(draws)
    assert stream(0, "a").standard_normal() == draws[0]


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        stream(-1, "data")


@pytest.mark.parametrize(
    "sampler",
    [
        lambda g, r: data.gaussian(g, 50, 100),
        lambda g, r: data.uniform(g, 50, 100),
        lambda g, r: data.on_planes(g, r, 50),
        lambda g, r: data.teacher_aware(g, r, 60),
    ],
)
def test_member_alone_equals_member_among_many(sampler):
    among = sampler(streams("data", range(32)), rows(range(32)))
    alone = sampler(streams("data", [7]), rows([7]))
    assert torch.equal(among[7], alone[0]) and not torch.equal(among[7], among[6])


def test_gaussian_and_uniform_moments():
    x = data.gaussian(streams("data", [0]), 40_000, 3, std=1.5)
    assert x.shape == (1, 40_000, 3) and x.dtype == torch.float64
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1.5) < 0.02
    x = data.uniform(streams("data", [0]), 40_000, 3, radius=2.0)
    assert x.abs().max() <= 2 and abs(x.std() - 2 / math.sqrt(3)) < 0.02


def test_points_on_planes_lie_on_them_whatever_the_norm_of_the_row():
    planes = 3 * rows([0, 1], d=6)
    points = data.on_planes(streams("data", [0, 1]), planes, 40)
    assert points.shape == (2, 5, 40, 6)
    z = (points * planes[:, :, None, :-1]).sum(-1) + planes[:, :, None, -1]
    assert z.abs().max() < 1e-13
    assert points.std() > 1  # and are not all the same


def test_triples_step_to_both_sides():
    points, direction = torch.zeros(2, 4, 3), torch.tensor([0.0, 1.0, 0.0])
    triples = data.with_steps(points, direction, 0.5)
    assert triples.shape == (3, 2, 4, 3)
    assert triples[:, 1, 2].tolist() == [[0, 0, 0], [0, 0.5, 0], [0, -0.5, 0]]


@pytest.mark.parametrize("radius", [0, -1])
def test_radius_must_be_positive(radius):
    with pytest.raises(ValueError, match=f"augmentation radius must be positive, got {radius}"):
        data.with_steps(torch.zeros(1, 3), torch.ones(3), radius)


@pytest.mark.parametrize("asked, given", [(30, 30), (31, 45), (1, 15)])
def test_teacher_aware_rounds_up_to_whole_triples(asked, given):
    assert data.teacher_aware(streams("data", [0]), rows([0]), asked).shape == (1, given, 100)


def test_teacher_aware_recipe_at_the_papers_size():
    planes = rows(range(3))
    x = data.teacher_aware(streams("data", range(3)), planes, 1500)
    torch.testing.assert_close(x.norm(dim=-1), torch.full((3, 1500), 15.0, dtype=torch.float64))
    # member, kind, teacher of the point, point, teacher looked at
    z = affine(planes, x).reshape(3, 3, 5, 100, 5)
    own = torch.stack([z[:, :, j, :, j] for j in range(5)], dim=2)
    off_plane = own[:, 0].abs()
    # rescaling moves points off the plane, a little
    assert 0.010 < off_plane.mean() < 0.016 and off_plane.max() < 0.1
    assert (own[:, 1] > 0.5).all() and (own[:, 2] < -0.5).all()
    assert 2.8 < own[:, 1].mean() < 3.1 and -3.1 < own[:, 2].mean() < -2.8


def test_teacher_aware_steps_follow_their_range():
    planes = rows([0])
    x = data.teacher_aware(streams("data", [0]), planes, 3000, step_min=0.5, step_range=0.0)
    z = affine(planes, x).reshape(3, 5, 200, 5)
    steps = torch.stack([z[1, j, :, j] for j in range(5)])
    assert abs(steps.mean() - 0.5) < 0.03 and steps.std() < 0.15  # the spread is that of the final rescaling
