"""The chapter on fan-out ordering: tables and claims by hand, the grid of its sweep."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from companion.chapters.fan_out_ordering.claims import (
    generalization,
    gradient_levels,
    published,
    strong_first,
)
from companion.chapters.fan_out_ordering.sweeps import PAPER
from companion.chapters.fan_out_ordering.tables import (
    first_specialized,
    lead,
    levels_when_found,
    loss_agreement,
    loss_curves,
    ordering,
    steepness,
    success_agreement,
    success_rate,
    where_wider_is_better,
    with_norms,
)

TEACHERS = pd.DataFrame(
    {
        "teacher_width": 2,
        "polarity": 1.0,
        "over_realization": 1.0,
        "seed": [1, 1, 2, 2] * 2,
        "epoch": [5] * 4 + [100] * 4,
        "teacher": [0, 1] * 4,
        "best_correlation": [0.99, 0.2, 0.96, 0.94, 0.99, 0.97, 0.5, 0.96],
        "fan_out_norm": [4.0, 2.0] * 4,
    }
)


def test_success_rates_by_hand():
    rates = success_rate(TEACHERS, 0.95, (5, 100)).set_index(["epoch", "teacher"]).success_rate
    assert rates.to_dict() == {(5, 0): 1.0, (5, 1): 0.0, (100, 0): 0.5, (100, 1): 1.0}
    assert set(success_rate(TEACHERS, 0.95, (5,)).epoch) == {5}


def test_a_loss_of_zero_stays_finite_and_a_diverged_run_stays_out():
    runs = pd.DataFrame({"status": ["ok", "ok", "diverged"], "eval_loss": [1e-3, 0.0, np.nan]})
    curves = loss_curves(runs).log10_eval_loss
    assert len(curves) == 2 and curves.iloc[0] == pytest.approx(-3) and np.isfinite(curves.iloc[1])


def test_success_rates_are_scored_where_they_tell_something():
    """Teacher 0 succeeds in every seed and in the published runs, teacher 1 in 3 of 4 and in half of them."""
    of = dict(polarity=1.0, over_realization=1.0, epoch=100)
    ours = pd.DataFrame(
        [
            dict(seed=seed, teacher=j, best_correlation=0.99 - 0.9 * (j == 1 and seed == 0), **of)
            for seed in range(4)
            for j in (0, 1)
        ]
    )
    rates = pd.DataFrame({"teacher": [0, 1], "success_rate": [1.0, 0.5], **of})
    row = success_agreement(ours, rates).iloc[0]
    assert (row.points, row.of_points) == (1, 2) and row.distance == pytest.approx(0.25)
    pooled = (3 + 16) / 36
    spread = pooled * (1 - pooled) * (1 / 4 + 1 / 32)
    assert row.sampling == pytest.approx(math.sqrt(2 / math.pi * spread))


def test_losses_are_scored_on_their_logarithm_with_what_was_readable():
    of = dict(polarity=1.0, over_realization=1.0)
    runs = pd.DataFrame({"seed": [1, 2, 3], "status": "ok", "eval_loss": [1e-3, 1e-3, 1e-3], **of})
    runs = pd.concat([runs.assign(epoch=epoch) for epoch in (1, 10)])
    losses = pd.DataFrame({"epoch": [1, 10], "log10_eval_loss": [-2.0, -2.5], **of})
    row = loss_agreement(runs, losses).iloc[0]
    assert row.distance == pytest.approx((1 + 0.5) / 2)
    # our seeds agree: what is left is the reading, of either epoch
    assert row.sampling == pytest.approx(math.sqrt(2 / math.pi) * (0.1 + 0.02) / 2 / math.sqrt(3))


def test_one_wrong_curve_is_refused():
    """Curves of two widths, one level apart: under each other's name they are far, under their own near."""
    rng = np.random.default_rng(0)
    of = lambda width: dict(polarity=1.0, over_realization=width)
    level = {5.0: -2.0, 10.0: -3.0}
    runs = pd.concat(
        pd.DataFrame(
            {"seed": range(8), "epoch": epoch, "status": "ok", **of(width)}
            | {"eval_loss": 10 ** (level[width] + 0.1 * rng.normal(size=8))}
        )
        for width in level
        for epoch in (10, 20, 30)
    )
    losses = pd.concat(
        pd.DataFrame({"epoch": [10, 20, 30], "log10_eval_loss": level[width], **of(width)}) for width in level
    )
    teachers = pd.concat([TEACHERS, TEACHERS.assign(seed=TEACHERS.seed + 2)])
    rates = success_rate(TEACHERS, 0.95, (5, 100))
    loss = published(teachers, runs, rates, losses)[1]
    assert loss.value < 2 and loss.refuses and loss.wrong.low > 5


def test_an_order_shuffled_is_refused_and_none_is_claimed_for_equal_teachers():
    ranked = lambda seed: teachers_table(range(9), range(8, 0, -1), [1, 2, 3, 5, 4, 6, 7, 8]).assign(
        seed=seed
    )
    teachers = pd.concat(ranked(seed) for seed in range(6))
    claim = strong_first(teachers, 0.9, "quick")[0]
    assert claim.value == pytest.approx(spearmanr(range(8), [0, 1, 2, 4, 3, 5, 6, 7]).statistic * -1)
    assert abs(claim.wrong.value) < 0.6
    assert strong_first(teachers.assign(polarity=0.0), 0.9, "quick") == []


def teachers_table(epochs, norms, first):
    """One seed: each teacher correlates 1 from its first epoch on (never: None)."""
    rows = [
        dict(
            seed=1,
            polarity=1.0,
            over_realization=2.0,
            epoch=e,
            teacher=j,
            fan_out_norm=norm,
            best_correlation=float(at is not None and e >= at),
        )
        for e in epochs
        for j, (norm, at) in enumerate(zip(norms, first))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "first, expected",
    [
        ([1, 2, 3, 4], -1.0),
        ([4, 3, 2, 1], 1.0),
        ([1, 1, 2, None], None),
        ([1, 2, None, None], None),
        ([1, 4, 2, 3], None),
    ],
)
def test_ordering_ranks_ties_and_the_never_specialized(first, expected):
    norms = [4.0, 3.0, 2.0, 1.0]
    table = first_specialized(teachers_table(range(5), norms, first))
    assert [None if math.isnan(e) else e for e in table.first_epoch] == first
    order = ordering(table)
    oracle = spearmanr(norms, [np.inf if e is None else e for e in first]).statistic
    assert order.spearman[0] == pytest.approx(oracle, abs=1e-12)
    assert expected is None or oracle == pytest.approx(expected)
    assert order.specialized[0] == np.mean([e is not None for e in first])


def test_ordering_of_equals_is_undefined_and_a_bad_threshold_refused():
    table = teachers_table(range(3), [3.0, 2.0], [1, 1])
    assert math.isnan(ordering(first_specialized(table)).spearman[0])
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\), got 1.0"):
        first_specialized(table, 1.0)


def test_norms_that_are_stored_once_come_back_to_every_row():
    teacher = {
        "seed": [1, 1],
        "data": "random",
        "samples": 10,
        "teacher_width": 2,
        "polarity": 1.0,
        "teacher": [0, 1],
    }
    norms = pd.DataFrame({**teacher, "fan_out_norm": [4.0, 2.0]})
    once = pd.DataFrame({**teacher, "over_realization": 1.0, "epoch": 0, "best_correlation": [0.3, 0.2]})
    rows = pd.concat(
        [once, once.assign(epoch=1), once.assign(over_realization=5.0, seed=2)], ignore_index=True
    )
    stored = {"runs": once, "teachers": rows, "teacher_norms": norms}
    whole = with_norms(stored)
    assert set(whole) == {"runs", "teachers"} and whole["runs"] is once
    pd.testing.assert_frame_equal(whole["teachers"][rows.columns], rows)
    assert whole["teachers"].fan_out_norm.tolist()[:4] == [4.0, 2.0, 4.0, 2.0]
    # a norm that is not stored is missing, not dropped
    assert whole["teachers"].fan_out_norm[4:].isna().all()
    with pytest.raises(pd.errors.MergeError):
        with_norms(stored | {"teacher_norms": pd.concat([norms, norms])})


def test_paper_scale_is_the_papers_grid():
    cells = PAPER.cells()
    networks = [len(c.seeds) * len(c.polarities) * len(c.over_realizations) for c in cells]
    assert sum(networks) == 4 * 3 * 6 * 32
    assert sum(n * c.epochs * c.steps_per_epoch for n, c in zip(networks, cells)) == 230_400_000
    shared = {(c.input_dim, c.outputs, c.samples, c.batch_size, c.learning_rate) for c in cells}
    assert shared == {(100, 50, 10_000, 16, 0.01)}


def records(level, seeds=(1, 2, 3)) -> pd.DataFrame:
    """Five teacher nodes per seed, strong first, each found at an epoch of its own."""
    rng = np.random.default_rng(0)
    overlap = {seed: 2.0 ** -np.arange(5) * rng.uniform(0.9, 1.1, 5) for seed in seeds}
    return pd.DataFrame(
        dict(seed=seed, teacher=j, epoch=epoch, best_correlation=0.99 if epoch > j else 0.5)
        | dict(fan_out_norm=2.0**-j, overlap=of[j], level=level(of[j]) * (1 if epoch == j + 1 else 9))
        for seed, of in overlap.items()
        for j in range(5)
        for epoch in range(7)
    )


def test_levels_are_those_of_the_first_record_at_which_a_node_is_found():
    table = records(lambda overlap: 3 * overlap**2)
    found = levels_when_found(table, 0.95)
    assert found.epoch.tolist() == [1, 2, 3, 4, 5] * 3
    assert steepness(found).to_dict() == pytest.approx({1: 2, 2: 2, 3: 2})
    never = table.assign(best_correlation=table.best_correlation.where(table.teacher < 2, 0.5))
    assert steepness(levels_when_found(never, 0.95)).isna().all(), "two nodes have no slope to speak of"
    unseen = table.assign(level=table.level.where(table.teacher > 0))
    assert len(levels_when_found(unseen, 0.95)) == 12, "a node that nobody observes has no level"
    with pytest.raises(ValueError, match=r"threshold must lie in \(0, 1\), got 1.5"):
        levels_when_found(table, 1.5)


def test_levels_in_proportion_hold_and_one_level_for_all_fails():
    wobble = np.random.default_rng(1)
    noisy = lambda power: lambda overlap: overlap**power * wobble.uniform(0.8, 1.2)
    seeds = range(1, 9)
    claim = gradient_levels(levels_when_found(records(noisy(1), seeds), 0.95))
    assert claim.verdict == "holds" and claim.refuses and claim.note.startswith("40 nodes of 8 seeds")
    assert gradient_levels(levels_when_found(records(noisy(0), seeds), 0.95)).verdict == "fails"
    half = gradient_levels(levels_when_found(records(lambda overlap: 0.5 * overlap, seeds), 0.95))
    assert "the gradient is 0.5 of the overlap" in half.note


def losses(log10) -> pd.DataFrame:
    """Four seeds of 1x and 5x; log10(m, p, epoch) is how far 5x lies below 1x."""
    rng = np.random.default_rng(0)
    rows = [
        dict(seed=seed, teacher_width=m, polarity=p, epoch=epoch, over_realization=ratio, status="ok")
        | dict(eval_loss=10 ** (-2 - (ratio > 1) * log10(m, p, epoch) + 0.01 * rng.normal()))
        for m in (5, 10)
        for p in (0.0, 0.5, 2.0)
        for epoch in (0, 2, 100)
        for seed in range(4)
        for ratio in (1.0, 5.0)
    ]
    return pd.DataFrame(rows)


def test_where_a_wider_student_is_better():
    runs = losses(lambda m, p, epoch: {0.0: -1, 0.5: 1 - 2 * (epoch > 2), 2.0: 1}[p])
    leads = lead(runs, 5.0)
    assert leads.shape == (2 * 3 * 2, 4), "not before training"
    found = where_wider_is_better(leads).set_index(["teacher_width", "polarity", "epoch"])
    assert found.value[5, 0.5, 2] == pytest.approx(1, abs=0.02)
    assert found.value[10, 0.5, 100] == pytest.approx(-1, abs=0.02) and found.decided.all()
    unequal, turns = generalization(leads)
    assert unequal.verdict == turns.verdict == "holds" and unequal.refuses and turns.refuses
    assert not where_wider_is_better(lead(losses(lambda *_: 0), 5.0)).decided.all()


def test_one_place_where_it_is_not_so_refutes_a_claim_about_all():
    spoiled = lambda m, p, epoch: -1 if (m, p, epoch) == (10, 2.0, 100) else 1 - 2 * (p < 2 and epoch > 2)
    unequal, turns = generalization(lead(losses(spoiled), 5.0))
    assert (unequal.verdict, turns.verdict) == ("fails", "holds")
    unequal, turns = generalization(lead(losses(lambda m, p, epoch: 1), 5.0))
    assert (unequal.verdict, turns.verdict) == ("holds", "fails")
