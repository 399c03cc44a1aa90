"""The dynamics as tables: exact reductions, SGD that follows the flow, half-times by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from companion.experiments.dynamics import run as study
from companion.experiments.dynamics.spec import LearningCurves, student_width
from companion.experiments.dynamics.tables import half_times
from companion.runs.spec import SpecError
from ts_core.theory import population
from ts_core.training.flow import trajectory

TINY = LearningCurves(
    input_dim=6, teacher_width=3, over_realization=2.0, seeds=2, horizon=12.0, batch_size=256
)


@pytest.fixture(scope="module")
def curves():
    return TINY.run()["curves"]


def test_reduction_is_exact_on_the_aligned_manifold(curves):
    spec = TINY
    w, v, owner = study.aligned_start(spec, 2.0)
    teacher, strengths = study.teachers(spec), study.strengths(spec)
    w_end, v_end = trajectory(lambda w, v: population.flow(w, v, *teacher), (w, v), 0.02, 600, 600)
    p, c = w.norm(dim=2) * v.norm(dim=2), w.square().sum(2) - v.square().sum(2)
    assert c.abs().min() > 1e-6  # unbalanced
    p = trajectory(lambda p: (population.reduced(p, c, owner, strengths),), (p,), 0.02, 600, 600)[0]
    full = w_end[-1].norm(dim=2) * v_end[-1].norm(dim=2)
    torch.testing.assert_close(full, p[-1], rtol=0, atol=1e-6)
    own = torch.eye(6, dtype=torch.float64)[owner] > 0
    assert (w_end[-1] * ~own).abs().max() == 0  # nothing leaves the manifold
    wide = curves[curves.start == "aligned"].pivot(
        index=["seed", "teacher", "time"], columns="route", values="learned"
    )
    assert (wide.flow - wide.reduced).abs().max() < 1e-3 * spec.strength
    assert wide.groupby(level=1).flow.max().gt(0.5 * strengths.numpy()).all()


def test_strong_teachers_are_learned_first_and_sgd_follows(curves):
    half = half_times(curves)
    by = half[half.start == "aligned"].pivot(index=["seed", "teacher"], columns="route", values="half_time")
    for _, group in by.groupby(level=0):
        assert (group.diff().dropna() > 0).all(axis=None)
    wide = curves.pivot(index=["start", "seed", "teacher", "time"], columns="route", values="learned")
    assert 0 < (wide.SGD - wide.flow).abs().max() < 0.1 * TINY.strength
    single = half[half.route == "logistic"].drop_duplicates("teacher").sort_values("teacher")
    exact = population.half_time(study.strengths(TINY), TINY.start_scale**2).numpy()
    np.testing.assert_allclose(single.half_time, exact, atol=TINY.interval / 5)


def test_half_times_by_hand():
    values = [0, 0.5, 1.5, 0, 0, 1]
    curve = pd.DataFrame(
        {"seed": [1] * 3 + [2] * 3, "strength": 2.0, "time": [0.0, 1.0, 2.0] * 2, "learned": values}
    )
    half = half_times(curve).set_index("seed").half_time
    assert half[1] == 1.5 and math.isnan(half[2])  # reaching the half is not exceeding it


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(teacher_width=11), "teacher_width: at most input_dim = 10.*got 11"),
        (dict(interval=0.25), "interval: must be a whole multiple of step = 0.1, got 0.25"),
        (dict(horizon=0.7), "horizon: must be a whole multiple of interval = 0.5, got 0.7"),
        (dict(learning_rate=0.03), "interval: must be a whole multiple of learning_rate = 0.03, got 0.5"),
        (dict(over_realization=0.5), "over_realization must be at least 1"),
        (dict(seeds=0), "seeds: should be greater than or equal to 1, got 0"),
    ],
)
def test_settings_are_refused_by_name(values, message):
    with pytest.raises(SpecError, match=message):
        LearningCurves(**values)


def test_a_seed_does_not_depend_on_the_others():
    few = LearningCurves(**{**TINY.model_dump(), "seeds": 1, "horizon": 4.0})
    ours = study.learning_curves(few)
    both = study.learning_curves(LearningCurves(**{**TINY.model_dump(), "horizon": 4.0}))
    theirs = both[both.seed == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9)


def test_student_width_may_be_below_the_teachers():
    assert [student_width(5, ratio) for ratio in (0.4, 0.6, 1.0, 1.4)] == [2, 3, 5, 7]
    for ratio in (0.5, 0.0, -1.0):
        with pytest.raises(ValueError, match=f"whole number of nodes; {ratio} times 5"):
            student_width(5, ratio)
