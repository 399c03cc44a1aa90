"""Students that start away from one teacher node: their start, what they observe, what claims say of it."""

import math

import pytest
import torch

from companion.chapters.finite_data import claims, observation, plots
from companion.chapters.finite_data.studies import Observation
from companion.pages import figures
from companion.runs.spec import SpecError
from tests.pictures import close  # noqa: F401 (a fixture)
from ts_core.data import on_planes
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.theory import geometry

TINY = dict(seeds=2, samples=60, steps=30, looks=3, plane_points=400)


@pytest.fixture(scope="module")
def found():
    return Observation(**TINY).run()


@pytest.mark.parametrize("offset", [-1.0, 0.0, 2.0])
def test_students_start_where_they_observe_what_the_offset_says(offset):
    draw = lambda purpose: [stream(seed, purpose) for seed in (0, 1)]
    teacher = two_layer_teachers(draw("teacher"), 5, 3, 4, [0.0], -0.4)
    start = small_students(draw("start"), [5, 6, 4], 0.3)
    student = observation.away(teacher, start, offset, 1.5)
    expected = torch.special.ndtr(torch.tensor(-offset, dtype=torch.float64))
    share = geometry.expected_share(teacher, student, 1.5)[:, 0]
    torch.testing.assert_close(share, expected.expand_as(share))
    counted = geometry.observed(student, on_planes(draw("planes"), teacher.weights[0], 4000))[:, 0]
    assert (counted - expected).abs().max() < 5 * 0.5 / math.sqrt(4000)
    assert torch.equal(student.weights[1], start.weights[1])


def test_tables_are_tidy_and_follow_the_closed_form(found):
    shares, hidden = found["shares"], found["hidden"]
    assert not shares.duplicated(["offset", "seed", "step", "teacher", "student"]).any()
    assert not hidden.duplicated(["offset", "seed", "step"]).any() and set(hidden.offset) == {0.0, 2.0, 4.0}
    assert (shares.share - shares.expected).abs().max() < 5 * 0.5 / math.sqrt(400)
    assert (shares.share - shares.expected_unbiased).abs().mean() > 0.1
    largest = shares[shares.teacher == 0].groupby(["offset", "seed", "step"]).share.max()
    assert largest.equals(hidden.set_index(["offset", "seed", "step"]).share.sort_index())


def test_claims_and_pictures_of_the_study(found):
    made = {claim.id: claim for claim in claims.observation_claims(found)}
    assert made["finite-data/observed"].value < 0.03 < made["finite-data/observed"].wrong.value
    # after so few steps the farthest start has not moved yet
    assert made["finite-data/hidden"].value == made["finite-data/hidden"].wrong.value == 0
    _, axes = figures.figure(1, 3, width="full")
    plots.shares(found["shares"], axes[0, 0])
    panels = plots.hidden(found["hidden"], axes[0, 1:])
    assert [text.get_text() for text in panels[0].get_legend().texts] == ["0 sd", "2 sd", "4 sd"]


CHANGED = dict(
    input_dim=4,
    teacher_width=2,
    over_realization=3.0,
    outputs=3,
    offsets=(1.0,),
    seeds=1,
    samples=50,
    std=1.0,
    start_scale=0.2,
    batch_size=8,
    learning_rate=0.05,
    steps=20,
    looks=4,
    plane_points=300,
)


def test_every_field_is_tried():
    assert set(CHANGED) == set(Observation.model_fields)


@pytest.mark.parametrize("name, value", CHANGED.items())
def test_every_field_changes_the_result(name, value, found):
    moved = Observation(**TINY | {name: value}).run()
    assert not found["hidden"].equals(moved["hidden"])


@pytest.mark.parametrize("name, value", [("offsets", ()), ("input_dim", 1), ("looks", 2), ("std", 0.0)])
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(SpecError, match=name):
        Observation(**{name: value})
