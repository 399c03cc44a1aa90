"""What the tables of the chapter say, by hand; the grid of its sweep."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.finite_data.sweeps import PAPER
from companion.chapters.finite_data.tables import (
    advantage,
    counts,
    geometries,
    interpolating,
    loss_ratio,
    over_epochs,
    reading_error,
    scatter,
    specialized_over_others,
)


def test_minima_over_epochs_by_hand():
    runs = pd.DataFrame(
        {
            "seed": 1,
            "data": "aware",
            "samples": 30,
            "over_realization": 1.0,
            "epoch": [0, 1, 2, 3],
            "status": "ok",
            "train_loss": [0.0, 3.0, 1.0, 2.0],
            "eval_loss": [0.1, 5.0, 4.0, 6.0],
            "mean_best_correlation": [0.1, 0.9, 0.7, 0.8],
        }
    )
    row = over_epochs(runs).iloc[0]
    assert (row.train_loss, row.eval_loss, row.mean_best_correlation, row.last_correlation) == (
        1.0,
        4.0,
        0.7,
        0.8,
    )
    both = over_epochs(pd.concat([runs, runs.assign(data="random", mean_best_correlation=0.5)]))
    gain = advantage(both, 30).iloc[0]
    assert gain.last_correlation == pytest.approx(0.3) and gain.mean_best_correlation == pytest.approx(0.2)


def test_a_diverged_run_has_no_minimum():
    """Else it would be credited with the epochs before it broke."""
    runs = pd.DataFrame(
        {
            "seed": 1,
            "data": "aware",
            "samples": 30,
            "over_realization": 1.0,
            "epoch": [0, 1, 2],
            "status": ["ok", "ok", "diverged"],
            "train_loss": [1.0, 0.5, np.nan],
            "eval_loss": [1.0, 0.5, np.nan],
            "mean_best_correlation": [0.1, 0.9, np.nan],
        }
    )
    row = over_epochs(runs).iloc[0]
    assert row.status == "diverged"
    assert row[["train_loss", "eval_loss", "mean_best_correlation", "last_correlation"]].isna().all()


PAIRS = pd.DataFrame(
    {
        "kind": ["aware"] * 4 + ["agnostic"],
        "slope": 0.0,
        "delta": [0.1, 0.1, 0.1, 0.05, 0.1],
        "seed": 0,
        "checkpoint": 0,
        "loss": 1.0,
        "teacher": 0,
        "student": [0, 1, 2, 0, 0],
        "premise": [True, True, False, True, False],
        "conclusion": [True, False, False, True, False],
        "bound": [0.5, 2.0, 0.5, 0.2, 0.5],
        "bias_gap": [0.1, 0.1, 0.1, 0.3, 0.1],
        "bias_bound": 0.2,
        "sine_near": [0.4, 0.1, 0.9, 0.3, 0.1],
        "gradient": [1.0, 2.0, 3.0, 0.1, 1.0],
        "threshold": [1.5, 2.5, 1.0, 0.2, 0.5],
        "overlap": [2.0, 8.0, 1.0, 1.0, 1.0],
        "paper_epsilon": [3.0, 1.5, 18.0, 0.6, 6.0],
        "sine_student": [0.2, 0.2, 0.2, 0.2, 0.3],
    }
)


def test_premises_and_violations_are_counted_by_kind():
    found = counts(PAIRS).set_index("kind")
    assert found.loc["aware"].to_dict() == {
        "pairs": 4,
        "premises": 3,
        "violations": 1,
        "telling_premises": 2,
        "angle_violations": 1,
        "bias_violations": 1,
        "conclusion_false": 2,
    }
    assert found.loc["agnostic"].to_dict() == {
        "pairs": 1,
        "premises": 0,
        "violations": 0,
        "telling_premises": 0,
        "angle_violations": 0,
        "bias_violations": 0,
        "conclusion_false": 1,
    }


def test_a_weaker_premise_is_true_more_often():
    found = counts(PAIRS, slack=4).set_index("kind")
    assert found.premises.to_dict() == {"aware": 4, "agnostic": 1}
    assert found.violations.to_dict() == {"aware": 2, "agnostic": 1}
    assert found.angle_violations.to_dict() == {"aware": 2, "agnostic": 0}


def test_a_dot_can_refute_only_where_the_steps_are_small_enough():
    """The smallest radius asks for a ratio of .2 / 1; a smaller ratio would need smaller steps."""
    dots = scatter(PAIRS.assign(paper_epsilon=0.9)).set_index("kind")
    assert dots.binds.to_dict() == {"aware": True, "agnostic": True}
    small = PAIRS.assign(paper_epsilon=0.9, gradient=[0.1, 2.0, 3.0, 0.1, 0.1])
    assert not scatter(small).binds.any()
    assert not scatter(PAIRS).binds.any()  # vacuous bounds


def test_scatter_keeps_the_best_student_at_the_largest_radius():
    dots = scatter(PAIRS).set_index("kind")
    assert dots.loc["aware", ["ratio", "bound", "sine"]].tolist() == [0.25, 1.5, 0.2]
    assert dots.loc["agnostic", ["ratio", "bound", "sine"]].tolist() == [1.0, 6.0, 0.3] and len(dots) == 2


def test_paper_scale_is_the_papers_grid():
    cells = PAPER.cells()
    assert {c.data for c in cells} == {"aware", "random"} and {len(c.seeds) for c in cells} == {32}
    assert {(c.teacher_width, c.polarities, c.epochs, c.steps_per_epoch) for c in cells} == {
        (5, (1.0,), 20, 5000)
    }


def test_each_published_point_has_the_reading_error_of_the_readme():
    published = pd.DataFrame(
        {
            "data": ["aware", "aware", "aware", "random"],
            "over_realization": [1.0, 5.0, 1.0, 1.0],
            "samples": [195, 30, 210, 30],
        }
    )
    assert reading_error(published, "mean_best_correlation").tolist() == [0.01, 0.005, 0.002, 0.002]
    assert reading_error(published, "eval_loss").tolist() == [0.002] * 4


def test_geometries_by_hand():
    keys = dict(input_dim=[3, 3, 5, 5], teacher_width=2, outputs=4, slope=0.0, teacher_bias=-0.1)
    found = pd.DataFrame(
        keys
        | dict(slack=[1.0, 10.0, 1.0, 10.0], telling_premises=[7, 9, 11, 12], violations=[0, 3, 1, 2])
        | dict(angle_violations=[0, 1, 0, 0], bias_violations=0, dots_above=[0, 0, 2, 0])
    )
    table = geometries(pd.concat([found, found])).set_index("input_dim")
    assert table.premises.to_dict() == {3: 14, 5: 22}
    assert table.violations.to_dict() == {3: 0, 5: 6} and table.weaker.to_dict() == {3: 8, 5: 4}


def test_ratio_of_losses_is_a_geometric_mean_per_seed():
    table = pd.DataFrame(
        [
            dict(samples=60, seed=seed, over_realization=ratio, data=data, eval_loss=loss)
            for seed, ratio, aware, random in ((1, 1.0, 2.0, 1.0), (1, 2.0, 8.0, 1.0), (2, 1.0, 1.0, 4.0))
            for data, loss in (("aware", aware), ("random", random))
        ]
    )
    assert loss_ratio(table, 60).to_dict() == pytest.approx({1: 4.0, 2: 0.25})


def test_specialized_students_are_compared_with_the_others_of_their_seed():
    runs = pd.DataFrame(
        {
            "seed": [1, 1, 1, 1, 2, 2],
            "epoch": 3,
            "train_loss": [0.0, 1e-9, 1e-9, 1e-3, 1e-9, 1e-9],
            "eval_loss": [1e-6, 1e-4, 1.0, 9.0, 1e-3, 1e-3],
            "mean_best_correlation": [0.999, 0.99, 0.5, 0.5, 0.999, 0.9],
        }
    )
    earlier = runs.assign(epoch=1)
    students = interpolating(pd.concat([earlier, runs]), 1e-6)
    assert len(students) == 5 and set(students.epoch) == {3}
    ratios = specialized_over_others(students, 0.99, 0.8)
    assert ratios.to_dict() == {1: pytest.approx(1e-5)}  # seed 2 has no other
