"""The chapter on multi-layer networks: local theory, tables by hand, claims that can fail."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.lowest_layer import claims, local_kinks, perfect_students, tables
from companion.chapters.lowest_layer.parameters import Parameters
from companion.chapters.lowest_layer.studies import PerfectStudents
from companion.experiments.exact_cases import Case
from companion.pages.statistics import share_interval
from companion.runs.spec import SpecError
from ts_core.networks import Network

KEYS = dict(depth=2, samples=100, loss="mse", over_realization=2.0)


def layers(first, second, **keys):
    """Teacher-mean correlations over epochs 0, 1, 2 of two layers of a run; student means are half of it."""
    rows = [
        dict(KEYS, seed=1, epoch=epoch, layer=layer, mean_best_correlation=value, mean_best_teacher=value / 2)
        | keys
        for layer, values in ((1, first), (2, second))
        for epoch, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_the_local_kink_is_the_numerical_one_and_a_wrong_formula_is_not():
    table = local_kinks.local_kinks((0.0, 0.2), (1, 2), points=100)
    assert (table.error < 1e-7).all() and table.formula.abs().max() > 0.5 and set(table.slope) == {0.0, 0.2}
    assert table.groupby(["slope", "seed"]).size().min() > 100
    copies = table[table.teacher <= 1]  # planes that a student shares: without its term the formula is wrong
    assert len(copies) and (copies.formula - copies.numerical).abs().max() < 1e-7 < copies.formula.abs().max()
    wrong = {
        "one per cent off": 1.01 * table.formula,
        "of the other slope": table.formula * (1 - 0.2) ** (table.slope == 0),
    }
    assert all((formula - table.numerical).abs().max() > 1e-3 for formula in wrong.values())


def test_gates_of_upper_layers_change_the_local_kink_between_cells():
    """Else the multi-layer case would be the two-layer one."""
    table = local_kinks.local_kinks((0.0,), (1,), points=200)
    assert table.groupby(["teacher", "student"]).formula.nunique().min() > 1


def test_two_perfect_students():
    table = PerfectStudents().run()["summary"].set_index("case")
    perfect, spoiled = table.loc[["signed splits", "depth shift"]], table.loc["depth shift, not lifted"]
    assert (perfect.max_error < 1e-9).all() and (perfect.max_gradient < 1e-9).all()
    assert spoiled.max_error > 1 and spoiled.max_gradient > 1
    splits, shift = table.loc["signed splits"], table.loc["depth shift"]
    # a small variance meets its floor
    assert splits[["cosine", "layer_1", "layer_2"]].tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert shift.cosine < 0.9 and shift.layer_1 < 0.95 and shift.layer_2 == pytest.approx(1, abs=1e-9)


def test_a_split_student_has_another_fan_in_than_a_plain_copy():
    case = perfect_students.signed_splits()
    assert [tuple(w.shape) for w in case.student.weights] == [(1, 8, 6), (1, 12, 9), (1, 3, 13)]
    assert (case.student.weights[1] < 0).any() and not torch.allclose(
        case.student.weights[1][0, :6], case.student.weights[1][0, 6:]
    )


def test_boundaries_of_the_shifted_student():
    case = perfect_students.depth_shift()
    lines = perfect_students.boundaries(case).set_index(["network", "layer"])
    same = ["w_1", "w_2", "b"]
    np.testing.assert_allclose(lines.loc[("student", 2), same], lines.loc[("teacher", 1), same], atol=1e-9)
    far = lines.loc[("student", 1)]
    assert (far.b.abs() / np.hypot(far.w_1, far.w_2)).min() > 3 * np.sqrt(2)  # no boundary in the box


def test_an_error_in_the_student_shows():
    case = perfect_students.depth_shift()
    spoiled = Network((*case.student.weights[:2], 1.001 * case.student.weights[2]))
    row = perfect_students.summary([Case(case.name, case.region, case.teacher, spoiled, case.x)]).iloc[0]
    assert row.max_error > 1e-3 and row.max_gradient > 1e-4


def test_first_epochs_and_which_layer_is_first_by_hand():
    table = pd.concat(
        [
            layers([0.1, 0.96, 0.97], [0.1, 0.2, 0.96]),
            layers([0.1, 0.2, 0.96], [0.1, 0.96, 0.99], seed=2),
            layers([0.1, 0.96, 0.96], [0.1, 0.96, 0.99], seed=3),
            layers([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], seed=4),
            layers([0.1, 0.96, 0.97], [0.1, 0.2, 0.3], seed=5),
        ]
    )
    reached = tables.first_reached(table, 0.95)
    assert reached[1].tolist() == [1, 2, 1, np.inf, 1] and reached[2].tolist() == [2, 1, 1, np.inf, np.inf]
    assert tables.is_first(table, 0.95).tolist() == [1, 0, 0, 0, 1]
    assert tables.is_first(table, 0.95, layer=2).tolist() == [0, 1, 0, 0, 0]


def test_head_starts_by_hand():
    """What never gets there counts with the last epoch, what starts there with the first after the start."""
    table = pd.concat(
        [
            layers([0.1, 0.96, 0.97], [0.1, 0.2, 0.96]),
            layers([0.1, 0.2, 0.96], [0.1, 0.96, 0.99], seed=2),
            layers([0.96, 0.96, 0.97], [0.1, 0.2, 0.3], seed=3),
            layers([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], seed=4),
        ]
    )
    assert tables.head_start(table, 0.95).tolist() == [0.5, 2.0, 0.5, 1.0]


def test_the_final_correlation_of_one_layer_or_of_the_worst_by_hand():
    table = pd.concat([layers([0.1, 0.5, 0.9], [0.1, 0.2, 0.4], samples=n, seed=n) for n in (10, 20)])
    found = tables.final_by(table, "samples")
    assert found[10].dropna().to_dict() == {10: 0.9} and found[20].dropna().to_dict() == {20: 0.9}
    assert tables.final_by(table, "samples", of=None)[20].dropna().to_dict() == {20: 0.4}


def nodes(correlation, beta, std, layer=1):
    found = pd.DataFrame({"best_correlation": correlation, "root_beta": beta, "output_std": std})
    return found.assign(over_realization=2.0, epoch=5, layer=layer)


def test_arms_and_what_separates_them_by_hand():
    table = nodes([0.96, 0.99, 0.9, 0.5, 0.2], [3.0, 1.0, 9.0, 2.0, 0.5], [1.0, 2.0, 9.0, 0.25, 1.0])
    found = tables.arms(table)
    assert found.arm.tolist() == ["matched", "matched", "between", "unmatched", "unmatched"]
    assert found.contribution.tolist() == [3.0, 2.0, 81.0, 0.5, 0.5]
    alone = nodes([0.3], [1.0], [1.0], layer=2)  # no pair, no row
    shares = tables.separation(pd.concat([table, alone]), ["root_beta", "contribution"])
    assert shares.to_dict("index") == {(2.0, 5, 1): {"root_beta": 0.75, "contribution": 1.0}}


def test_both_orientations_of_the_mean_by_hand():
    found = (
        tables.by_size(layers([0.1, 0.5, 0.9], [0.1, 0.2, 0.4]))
        .set_index(["orientation", "layer"])
        .correlation
    )
    assert found.to_dict() == {
        ("teacher mean", 1): 0.9,
        ("teacher mean", 2): 0.4,
        ("student mean", 1): 0.45,
        ("student mean", 2): 0.2,
    }


SPREAD = (-2e-3, -1e-3, 0.0, 1e-3, 2e-3)  # how far the seeds lie from their mean


def sweep(lowest, second=0.6, third=0.3, fourth=0.35):
    """Four layers at the start, at the second look and at the end, five seeds."""
    uppers = {2: second, 3: third, 4: fourth}
    rows = [
        dict(depth=4, samples=samples, loss=loss, over_realization=2.0, seed=seed, epoch=epoch, layer=layer)
        | dict(mean_best_correlation=value + e, mean_best_teacher=0.8 * value + e)
        for samples, high in lowest.items()
        for loss in ("mse", "cross_entropy")
        for seed, e in enumerate(SPREAD)
        for layer, last in ({1: high} | uppers).items()
        for epoch, value in ((0, 0.3 - 0.01 * layer), (1, high if layer == 1 else 0.3), (4, last))
    ]
    return pd.DataFrame(rows)


def as_published(table, runs="Dec 5"):
    """The means over seeds."""
    keys = ["loss", "over_realization", "samples", "layer", "orientation"]
    means = tables.by_size(table).groupby(keys).correlation.mean().reset_index()
    return means.assign(runs=runs)


def nearby(published):
    """At the distance that sampling gives."""
    return published.assign(correlation=published.correlation + 6e-4 * (-1.0) ** published.layer)


def verdicts(found):
    return {claim.id.partition("/")[2]: claim.verdict for claim in found}


GOOD = {5000: 0.7, 10_000: 0.75, 20_000: 0.995, 50_000: 0.996}


def test_claims_about_the_sweep_hold_or_fail_with_its_numbers():
    good = sweep(GOOD)
    published = nearby(as_published(good))
    found = claims.sweep_claims(good, published, 0.95)
    held = verdicts(found)
    assert held.pop("first") == "undecided"  # five seeds cannot
    assert set(held.values()) == {"holds"} and all(claim.refuses for claim in found)
    bad = sweep({5000: 0.97, 10_000: 0.97, 20_000: 0.8, 50_000: 0.7}, fourth=0.2)
    lost = verdicts(claims.sweep_claims(bad, published, 0.95))
    assert lost.pop("orientation") == "holds"
    assert set(lost.values()) == {"fails"}


def test_published_series_are_scored_one_by_one():
    good = sweep(GOOD)
    near, far = nearby(as_published(good)), as_published(good, "Dec 1").assign(correlation=0.1)
    found = verdicts(claims.sweep_claims(good, pd.concat([near, far]), 0.95))
    assert found["published-mse-dec-5"] == "holds" and found["published-mse-dec-1"] == "fails"


def test_published_points_that_were_not_run_count_and_are_not_scored():
    good = sweep(GOOD)
    published = nearby(as_published(good)).query("loss == 'mse' and orientation == 'student mean'")
    more = pd.concat([published, published.assign(samples=10**6), published.assign(over_realization=9.0)])
    (row,) = tables.agreement(good, more).itertuples()
    assert (row.points, row.of_points) == (16, 32)  # another over-realization is another curve


def test_claims_of_the_further_sweeps_hold_or_fail_with_their_numbers():
    recovered = pd.concat([sweep({10_000: 0.7}), sweep({20_000: 0.996}, 0.996, 0.995, 0.995)])
    lost = sweep({10_000: 0.7, 20_000: 0.996})
    longer = lambda table: table.assign(epoch=table.epoch * 3)  # every size has a last epoch of its own
    wider = lambda table: table.assign(over_realization=5.0, mean_best_teacher=table.mean_best_teacher - 0.1)
    published = nearby(as_published(pd.concat([recovered, wider(recovered)])))
    found = claims.follow_up_claims(longer(recovered), wider(recovered), published)
    assert set(verdicts(found).values()) == {"holds"} and all(claim.refuses for claim in found)
    assert found[1].published == pytest.approx(0.995, abs=1e-3)
    found = claims.follow_up_claims(longer(lost), wider(lost), published)
    assert set(verdicts(found).values()) == {"fails"}


def test_the_run_of_the_released_code_is_ours_or_that_of_another_rate():
    ours, half = (table[table.loss == "cross_entropy"] for table in (sweep(GOOD), sweep(GOOD, 0.4, 0.5, 0.6)))

    def one(table):
        mean = table.groupby(["samples", "epoch", "layer"]).mean_best_teacher.mean().reset_index()
        return mean.assign(mean_best_teacher=mean.mean_best_teacher + 1e-3 * (-1.0) ** mean.layer)

    found = claims.released_claim(ours, half, one(ours))
    assert found.verdict == "holds" and found.refuses and "points of the released runs" in found.note
    assert claims.released_claim(ours, half, one(half)).verdict == "fails"


def test_so_many_seeds_would_decide_which_layer_is_first():
    starts = [share_interval(n, n)["low"] for n in (claims.UNTIL_SURE - 1, claims.UNTIL_SURE)]
    assert starts[0] < claims.BARS["first"] <= starts[1]


def test_the_last_epoch_is_that_of_each_run():
    table = pd.concat(
        [layers([0.1, 0.5], [0.1, 0.2], samples=10), layers([0.1, 0.5, 0.9], [0.1, 0.2, 0.4], samples=20)]
    )
    assert tables.last(table).groupby("samples").epoch.unique().map(list).to_dict() == {10: [1], 20: [2]}


def few_samples(level, changed):
    """Five seeds; tuning on the evaluation samples moves each by ``changed``."""
    runs = [
        layers([0.3, 0.4, level + e + shift], [0.3, 0.4, 0.5], seed=seed).assign(tuned_on=tuned)
        for seed, e in enumerate((-0.1, -0.05, 0.0, 0.05, 0.1))
        for tuned, shift in (("own", 0.0), ("evaluation", changed * (1 + 0.01 * seed)))
    ]
    return pd.concat(runs)


def test_live_claims_can_fail():
    seeds = lambda *run: pd.concat([layers(*run).assign(seed=seed) for seed in range(5)])
    good = seeds([0.1, 0.96, 0.97], [0.1, 0.2, 0.96])
    held = claims.live_claims(good, few_samples(0.6, 0.01), 0.95)
    assert [claim.verdict for claim in held] == ["undecided", "holds", "holds", "holds"]
    assert held[3].value == pytest.approx(0.01, rel=0.05) and held[3].refuses
    lost = claims.live_claims(seeds([0.1, 0.2, 0.96], [0.1, 0.96, 0.97]), few_samples(0.8, 0.05), 0.95)
    assert [claim.verdict for claim in lost] == ["fails", "fails", "undecided", "fails"]


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(hidden=[10]), r"hidden: needs at least 2 layers.*got \[10\]"),
        (dict(hidden=[]), "hidden: "),
        (dict(over_realization=0.5), "over_realization: .*greater than or equal to 1, got 0.5"),
        (dict(over_realization=1.25), "whole number of nodes; 1.25 times 10"),
        (dict(batch_size=501), "batch_size: must not exceed the 500 samples, got 501"),
        (dict(loss="cross_entropy", outputs=1), "outputs: cross_entropy .*at least 2, got 1"),
        (dict(threshold=1.0), "threshold: .*less than 1"),
    ],
)
def test_bad_parameters_are_refused(changed, message):
    with pytest.raises(SpecError, match=message):
        Parameters(**changed)
