"""The gradient level at which a teacher node is found, for the observer that the theorem favours."""

import math

import pytest
import torch

from companion.chapters.fan_out_ordering.gradient_levels import best_observer, gradient_levels
from companion.chapters.fan_out_ordering.studies import GradientLevels
from companion.experiments.two_layer.spec import TwoLayer
from tests.tiny import TWO_LAYER
from ts_core.gradients import by_autograd
from ts_core.networks import Network
from ts_core.theory.geometry import alpha

CELL = TwoLayer(
    **TWO_LAYER | dict(over_realizations=(2.0,), polarities=(1.0,), seeds=(1, 2), dtype="float64")
)


def networks(members=2, d=4, m=3, n=5, c=3):
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    teacher, student = (Network((draw(members, k, d + 1), draw(members, c, k + 1))) for k in (m, n))
    return teacher, student, draw(members, 50, d)


def test_it_is_the_least_ratio_of_gradient_and_overlap_among_observers():
    teacher, student, x = networks()
    observer = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(1)) > 0.4
    level, overlap = best_observer(teacher, student, x, observer)
    gradient, size = (
        by_autograd(teacher, student, x)[0].abs().amax(1),
        student.weights[1][..., :-1].norm(dim=1),
    )
    for e in range(2):
        for j in range(3):
            ratios = {
                k: (gradient[e, k] / alpha(teacher, student)[e, j, k].abs()).item()
                for k in range(5)
                if observer[e, j, k]
            }
            k = min(ratios, key=ratios.get)
            assert level[e, j] == pytest.approx((gradient[e, k] / size[e, k]).item())
            assert (level / overlap)[e, j].item() == pytest.approx(ratios[k])


def test_the_size_of_a_student_does_not_matter_and_no_observer_is_no_number():
    teacher, student, x = networks()
    everyone = torch.ones(2, 3, 5, dtype=torch.bool)
    lower, upper = student.weights
    scaled = Network((lower, torch.cat([upper[..., :-1] * 3, upper[..., -1:]], dim=2)))
    before = best_observer(teacher, student, x, everyone)[1]
    assert torch.equal(before, before.clamp(min=0))
    unseen = everyone.clone()
    unseen[1, 2] = False
    level, overlap = best_observer(teacher, scaled, x, unseen)
    assert math.isnan(level[1, 2]) and math.isnan(overlap[1, 2]) and level.isnan().sum() == 1
    assert overlap[0].max() <= teacher.weights[1][0, :, :-1].norm(dim=0).max(), "a cosine is at most 1"


def test_a_run_is_recorded_in_steps_and_members_do_not_depend_on_each_other():
    table = gradient_levels(CELL, observes=0.01)
    assert len(table) == 2 * 2 * 3 and sorted(table.epoch.unique()) == [0, 1, 2]
    assert set(table.columns) == {
        "seed", "polarity", "epoch", "teacher", "fan_out_norm", "best_correlation", "level", "overlap"
    }  # fmt: skip
    alone = gradient_levels(CELL.model_copy(update=dict(seeds=(2,))), observes=0.01)
    both = table[table.seed == 2].reset_index(drop=True)
    assert (both.drop(columns="seed") - alone[both.columns].drop(columns="seed")).abs().max().max() < 1e-12
    blind = gradient_levels(CELL, observes=0.49)
    assert blind.level.isna().mean() > table.level.isna().mean()


def test_the_study_looks_often_and_at_one_over_realization():
    assert GradientLevels().epochs == 150 and GradientLevels().seeds == 8
    tables = GradientLevels(seeds=1, epochs=1, samples=40).run()
    assert sorted(tables["levels"].epoch.unique()) == [0, 1] and tables["levels"].teacher.nunique() == 10
