"""Intervals: by hand, against scipy, and how often they hold the truth in simulation."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion.pages import statistics
from companion.pages.statistics import (
    bca_interval,
    distances,
    exact,
    in_words,
    jackknife_interval,
    mean_interval,
    multiples,
    near,
    replica_bar,
    share_interval,
    swapped,
    worst,
)

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SIZES = (3, 4, 5, 8, 15, 32)


@pytest.fixture(scope="module")
def simulated():
    sys.path.insert(0, str(BENCHMARKS))
    import intervals

    yield intervals
    sys.path.remove(str(BENCHMARKS))


def ends(found: dict) -> tuple[float, float, float]:
    return found["value"], found["low"], found["high"]


def test_interval_of_a_mean_is_students():
    data = [0.3, 0.9, 0.4, 1.2]
    oracle = stats.ttest_1samp(data, 0).confidence_interval()
    assert ends(mean_interval(data)) == pytest.approx((0.7, oracle.low, oracle.high))


@pytest.mark.parametrize("scale, to, back", [("log", np.log, np.exp), ("correlation", np.arctanh, np.tanh)])
def test_other_scales_are_students_interval_carried_back(scale, to, back):
    data = np.array([0.3, 0.9, 0.4, 0.7])
    assert ends(mean_interval(data, scale)) == pytest.approx(tuple(back(ends(mean_interval(to(data))))))


@given(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=12))
def test_intervals_hold_their_value_and_stay_on_their_scale(values):
    for scale, lowest, highest in (("log", 0, math.inf), ("correlation", -1, 1)):
        value, low, high = ends(mean_interval(values, scale))
        assert lowest <= low <= value <= high <= highest


def test_interval_of_too_little_says_so():
    assert mean_interval([2.5])["value"] == 2.5
    for values, scale in (([2.5], "linear"), ([0.0, 1.0], "log"), ([0.5, 1.0], "correlation")):
        assert math.isnan(mean_interval(values, scale)["low"])
    assert mean_interval([0.5, 1.0], "correlation")["value"] == 1  # infinitely far out on its scale
    for nothing in ([], [1.0, math.nan, 2.0]):
        assert all(map(math.isnan, ends(mean_interval(nothing))))


def test_values_outside_of_a_scale_are_refused():
    with pytest.raises(ValueError, match=r"correlation scale lie in \[-1, 1\], got 0.5 to 1.1"):
        mean_interval([0.5, 1.1], "correlation")
    with pytest.raises(ValueError, match=r"log scale lie in \[0, inf\], got -1"):
        mean_interval([-1.0, 1.0], "log")
    with pytest.raises(ValueError, match="linear, log, correlation, got 'probit'"):
        mean_interval([0.5], "probit")


def test_the_jackknife_of_a_mean_is_students_interval():
    runs = np.random.default_rng(0).normal(size=(7, 3))
    found = jackknife_interval(runs, lambda chosen: chosen.mean())
    assert ends(found) == pytest.approx(ends(mean_interval(runs.mean(1))))


def test_the_jackknife_says_when_it_cannot():
    largest = lambda chosen: chosen.max() if len(chosen) > 2 else math.nan
    found = jackknife_interval(np.arange(3.0), largest)
    assert found["value"] == 2 and math.isnan(found["low"]) and math.isnan(found["high"])
    assert math.isnan(jackknife_interval(np.ones(1), np.mean)["low"])


def test_the_jackknife_holds_a_ratio_of_means():
    """1 / 2, from 8 seeds each time: at least 9 of 10 intervals should hold it."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        runs = rng.normal(size=(8, 2)) * 0.1 + [1, 2]
        found = jackknife_interval(runs, lambda chosen: chosen[:, 0].mean() / chosen[:, 1].mean())
        held += found["low"] <= 0.5 <= found["high"]
    assert held >= 180


@pytest.mark.parametrize("successes, trials", [(0, 5), (5, 5), (3, 7), (31, 32), (1, 1)])
def test_shares_are_exact(successes, trials):
    oracle = stats.binomtest(successes, trials).proportion_ci(method="exact")
    assert ends(share_interval(successes, trials)) == pytest.approx(
        (successes / trials, oracle.low, oracle.high)
    )


def test_five_of_five_is_not_certain():
    assert ends(share_interval(5, 5)) == pytest.approx((1, 0.478, 1), abs=1e-3)
    assert all(map(math.isnan, ends(share_interval(0, 0))))
    with pytest.raises(ValueError, match="0 to 5 trials, got 6"):
        share_interval(6, 5)


@pytest.mark.parametrize("size", SIZES)
def test_coverage_where_its_assumption_holds(simulated, size):
    """97 % at most: an interval that is far too wide is no better."""
    draws = simulated.assumed()
    for kind, scale, truth in (
        ("normal", "linear", 5.0),
        ("log-normal, sd 1.5", "log", 1.0),
        ("correlation, z-normal", "correlation", math.tanh(1.5)),
    ):
        held = simulated.coverage(draws[kind], size, {scale: truth}, trials=2000, seed=7)
        assert 0.93 < held[scale] < 0.97, kind


@pytest.mark.parametrize("size", SIZES)
def test_shares_cover_at_least_what_they_say(simulated, size):
    assert min(simulated.shares_covered(share, size) for share in np.linspace(0.01, 0.99, 99)) >= 0.95


def test_the_stored_table_of_coverage_is_what_the_script_computes(simulated):
    stored = pd.read_csv(BENCHMARKS / "results" / "intervals.csv")
    assert set(stored.n) == set(SIZES)
    row = stored.query("data == 'exponential' and n == 5").iloc[0]
    draw = simulated.assumed()["exponential"]
    again = simulated.coverage(draw, 5, {"linear": 1.0}, trials=2000)
    assert row.linear == pytest.approx(again["linear"], abs=0.01)
    ours = simulated.columns()["our gain by aware data"]
    truth = {"linear": ours.mean()}
    row = stored.query("data == 'our gain by aware data' and n == 3").iloc[0]
    again = simulated.coverage(lambda rng, size: rng.choice(ours, size), 3, truth, trials=2000)
    assert row.linear == pytest.approx(again["linear"], abs=1e-9)


def test_bca_is_scipys_and_says_how_often_it_holds():
    data = np.random.default_rng(1).exponential(size=15)
    found = bca_interval(data, np.median)
    oracle = stats.bootstrap((data,), np.median, n_resamples=2000, method="BCa", rng=0).confidence_interval
    assert ends(found) == pytest.approx((np.median(data), oracle.low, oracle.high))
    assert f"{statistics.bca_coverage(15):.0%} of normal means" in found["note"]
    assert 0.85 < statistics.bca_coverage(15) < 0.95 and statistics.bca_coverage(3) < 0.8
    for same in ([2.0, 2.0, 2.0], [2.0]):
        assert bca_interval(same, np.mean)["value"] == 2 and math.isnan(bca_interval(same, np.mean)["low"])
    assert all(map(math.isnan, ends(bca_interval([], np.mean))))


# --- distances from published curves ---


def curves(ours: np.ndarray, theirs: np.ndarray, **more) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values ``(seed, point)`` and published ``(point,)`` as tables of one curve named "a"."""
    size, points = ours.shape
    table = pd.DataFrame(
        {
            "curve": "a",
            "x": np.tile(range(points), size),
            "seed": np.repeat(range(size), points),
            "y": ours.ravel(),
        }
    )
    return table, pd.DataFrame({"curve": "a", "x": range(points), "y": theirs, **more})


def one_curve(ours, theirs, seeds=32, shares=False, **more) -> pd.Series:
    table, published = curves(np.asarray(ours), np.asarray(theirs), **more)
    found = distances(table, published, ["curve", "x"], "y", ["curve"], seeds, shares)
    assert len(found) == 1
    return found.iloc[0]


def test_distance_by_hand():
    """Seeds measure 0, 3, 6 and 4, 4, 4; published are 1 and 2: the means are |3 - 1| and |4 - 2| off."""
    row = one_curve([[0.0, 4.0], [3.0, 4.0], [6.0, 4.0]], [1.0, 2.0], seeds=6)
    assert row.distance == 2 and row.largest == 2 and row.points == row.of_points == 2
    spread = 3 / math.sqrt(math.pi / 4)  # three normal values have a mean deviation of sqrt(pi)/2 sigma
    at_first = math.sqrt(2 / math.pi) * spread * math.sqrt(1 / 3 + 1 / 6)
    assert row.sampling == pytest.approx(at_first / 2)  # at the second point our seeds agree
    assert row.ratio == pytest.approx(2 / row.sampling) and row.low < row.ratio < row.high


def test_reading_errors_are_part_of_sampling():
    row = one_curve(np.full((4, 2), 1.0), [1.1, 0.8], reading=[0.3, 0.3])
    assert row.sampling == pytest.approx(math.sqrt(2 / math.pi) * 0.3 / math.sqrt(3))


def test_saturated_shares_tell_nothing_and_are_left_out():
    hits = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]], dtype=float)
    row = one_curve(hits, [1.0, 0.0, 0.75], seeds=4, shares=True)
    assert row.points == 1 and row.of_points == 3 and row.distance == 0.25
    pooled = 5 / 8
    assert row.sampling == pytest.approx(math.sqrt(2 / math.pi * pooled * (1 - pooled) * (1 / 4 + 1 / 4)))


def test_points_without_a_run_or_a_number_are_counted_but_not_scored():
    table, published = curves(np.arange(8.0).reshape(4, 2), np.array([1.0, math.nan]))
    more = pd.concat([published, pd.DataFrame({"curve": ["a"], "x": [9], "y": [1.0]})])
    row = distances(table, more, ["curve", "x"], "y", ["curve"], 32).iloc[0]
    assert row.points == 1 and row.of_points == 2


def test_two_seeds_are_too_few_and_three_are_not():
    assert one_curve(np.ones((3, 2)), [1.0, 1.0]).points == 2
    with pytest.raises(ValueError, match="at least 3 seeds, got 2"):
        one_curve(np.ones((2, 2)), [1.0, 1.0])


def test_a_curve_without_an_interval_leaves_the_worst_open_above():
    same = one_curve(np.ones((4, 2)), [1.0, 1.0])
    assert math.isnan(same.ratio) and math.isnan(same.high) and same.distance == 0
    off = one_curve(np.random.default_rng(0).normal(size=(4, 2)), [9.0, 9.0])
    both = worst(pd.DataFrame([same, off]))
    assert (both["value"], both["low"], both["high"]) == (off.ratio, off.low, math.inf)


def test_the_worst_curve_has_the_largest_of_all_ends():
    found = pd.DataFrame(
        {
            "ratio": [1.0, 2.0],
            "low": [0.9, 0.5],
            "high": [1.2, 3.0],
            "points": [30, 10],
            "of_points": [30, 14],
            "distance": [1.0, 3.0],
            "sampling": [1.0, 1.5],
            "largest": [4.0, 5.0],
            "largest_sampling": [2.0, 8.0],
        }
    )
    assert ends(worst(found)) == (2.0, 0.9, 3.0)
    words = "40 of 44 published points in 2 groups; mean distance 1.5, by sampling alone 1.1; largest of the "
    # not 5 against 8: both are of one row, that of the largest quotient
    assert in_words(found) == words + "worst group 4, by sampling alone 2"
    assert in_words(found[:1], "points of a run").startswith("30 of 30 points of a run in 1 group; ")
    same = found.assign(largest=0.0, largest_sampling=0.0)
    assert in_words(same).endswith("largest of the worst group 0, by sampling alone 0")


def test_swapped_curves_change_names_only():
    table = pd.DataFrame({"width": [1, 2, 5], "y": [3.0, 4.0, 5.0]})
    assert swapped(table, "width", 2, 5).to_dict("list") == {"width": [1, 5, 2], "y": [3.0, 4.0, 5.0]}


def same_networks(size: int, shift: float, trials: int, points: int = 12, together: float = 0.7):
    """Distances of ``trials`` curves whose published means are of 32 more such seeds, but for a shift.

    Seeds differ together at all points, as those of curves do. With the table come the true ratios: the mean
    of |ours - published| over our seeds, over what sampling alone gives.
    """
    rng, spread = np.random.default_rng(size), np.linspace(0.5, 2, points)
    draw = lambda n: (
        spread
        * (
            together * rng.normal(size=(trials, n, 1))
            + math.sqrt(1 - together**2) * rng.normal(size=(trials, n, points))
        )
    )
    ours, theirs = draw(size), draw(32).mean(1) + shift * spread
    keys = pd.MultiIndex.from_product(map(range, (trials, size, points)), names=["curve", "seed", "x"])
    table = pd.DataFrame({"y": ours.ravel()}, keys).reset_index()
    published = (
        pd.DataFrame(theirs).rename_axis("curve").reset_index().melt("curve", var_name="x", value_name="y")
    )
    error = spread / math.sqrt(size)
    folded = stats.foldnorm.mean(np.abs(theirs) / error, scale=error).mean(1)
    true = folded / (math.sqrt(2 / math.pi * (1 / size + 1 / 32)) * spread.mean())
    return distances(table, published, ["curve", "x"], "y", ["curve"], 32), true


@pytest.mark.parametrize("size", [4, 15, 32])
def test_what_sampling_alone_gives_is_what_it_gives(size):
    """On the same networks the distance and the largest one are on average what is said of them."""
    found, _ = same_networks(size, shift=0.0, trials=200)
    assert found.distance.mean() / found.sampling.mean() == pytest.approx(1, abs=0.1)
    assert found.largest.mean() / found.largest_sampling.mean() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("size", [5, 15, 32])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_of_a_ratio_holds_the_true_one(shift, size):
    """More often than it says: the jackknife does not know how little a distance that is all noise varies."""
    found, true = same_networks(size, shift, trials=200)
    assert ((found.low <= true) & (true <= found.high)).mean() >= 0.93


def faithful(ours: np.ndarray, shares=False) -> np.ndarray:
    return multiples(*curves(ours, np.zeros(ours.shape[1])), ["curve", "x"], "y", ["curve"], 32, shares)


def test_the_bar_of_one_point_of_many_seeds_is_that_of_a_normal_value():
    """1.96 standard deviations of the difference, in units of its mean size."""
    ours = np.random.default_rng(0).normal(size=(400, 1))
    assert replica_bar(faithful(ours)) == pytest.approx(1.96 * math.sqrt(math.pi / 2), rel=0.05)


def test_the_bar_does_not_depend_on_scale_nor_on_the_published_values():
    ours = np.random.default_rng(0).normal(size=(5, 6))
    table, published = curves(ours, np.zeros(6))
    bars = [
        replica_bar(multiples(t, p, ["curve", "x"], "y", ["curve"], 10))
        for t, p in ((table, published), (table.assign(y=100 * table.y), published.assign(y=7.0)))
    ]
    assert bars[0] == pytest.approx(bars[1]) and faithful(ours)[0] > 0
    assert (np.diff(faithful(ours)) >= 0).all()


def test_the_worst_of_several_curves_has_a_higher_bar():
    ours = np.random.default_rng(0).normal(size=(32, 8))
    as_one = faithful(ours)
    table, published = curves(ours, np.zeros(8))
    as_eight = multiples(table, published, ["x"], "y", ["x"], 32)
    assert replica_bar(as_eight) > 1.3 * replica_bar(as_one)


def test_shares_are_drawn_from_the_seeds_and_saturated_points_left_out():
    hits = np.random.default_rng(0).random((32, 40)) < np.linspace(0, 1, 40)
    found = faithful(hits.astype(float), shares=True)
    assert 0.8 < np.median(found) < 1.2 and replica_bar(found) < 1.8


@pytest.mark.parametrize("size", [5, 32])
def test_faithful_reproductions_stay_below_the_bar_that_is_made_of_them(size):
    """About as often as it says, though the bar knows our seeds only."""
    rng, spread = np.random.default_rng(size), np.linspace(0.5, 2, 12)
    draw = lambda number: spread * (0.7 * rng.normal(size=(number, 1)) + 0.7 * rng.normal(size=(number, 12)))
    below = []
    for _ in range(100):
        table, published = curves(draw(size), draw(10).mean(0))
        tables = table, published, ["curve", "x"], "y", ["curve"], 10
        below.append(distances(*tables).ratio[0] < replica_bar(multiples(*tables, pairs=200)))
    assert np.mean(below) >= 0.88


def test_a_claim_of_nearness_has_the_bar_of_the_rule():
    ours = np.random.default_rng(0).normal(size=(32, 6))
    table, published = curves(ours, ours.mean(0))
    found = near(lambda measure: measure(table, published, ["curve", "x"], "y", ["curve"], 32))
    assert found["value"] < 1e-9 and found["at_most"] == replica_bar(faithful(ours))
    assert found["note"].endswith("100.0% of faithful reproductions are as far off")


def test_exact_numbers_have_no_interval():
    assert ends(exact(3)) == (3, 3, 3)


def test_replicas_are_of_the_same_networks_and_judged_at_the_bars_of_the_claims(simulated):
    import replicas

    keys = ["curve", "point"]
    points = pd.MultiIndex.from_product([[1], range(12)], names=keys)
    runs = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 32)), points)
    published = points.to_frame(index=False)

    def drawn(shift: float, bar: float) -> set:
        shifted = lambda theirs: theirs.assign(y=theirs.y + shift)
        measure = lambda ours, theirs: distances(ours, shifted(theirs), keys, "y", ["curve"], seeds=32)
        read = ("y", published, np.zeros(12))
        return {replicas.verdict(np.random.default_rng(s), runs, read, measure, bar) for s in range(5)}

    assert drawn(0, 5.0) == {"holds"} and drawn(9, 5.0) == {"fails"}
    stored = pd.read_csv(BENCHMARKS / "results" / "replicas.csv").set_index("claim")
    assert stored[["holds", "undecided", "fails"]].sum(axis=1).round(9).eq(1).all()
    bars = {name: case[-1] for name, case in replicas.cases().items()}
    assert stored.bar.to_dict() == bars


def test_an_interval_stays_within_the_range_of_what_it_is_about():
    found = statistics.within({"value": -0.98, "low": -1.01, "high": -0.95}, -1, 1)
    assert found == {"value": -0.98, "low": -1, "high": -0.95}
    assert statistics.within({"value": 0.1, "low": -0.2, "high": 7.0}, low=0)["high"] == 7
    assert math.isnan(statistics.within(statistics.exact(math.nan), 0, 1)["low"])


@given(
    st.lists(st.tuples(*2 * [st.integers(0, 4)]), min_size=3, max_size=12).filter(
        lambda rows: all(len(set(column)) > 1 for column in zip(*rows))
    )
)
def test_rank_correlation_is_spearmans_of_complete_rows(rows):
    one, other = (pd.Series(column, dtype=float) for column in zip(*rows))
    found = statistics.rank_correlation(one, other)
    assert found == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-12)
    one[len(one)], other[len(other)] = np.nan, 2.0  # a member that diverged changes no rank
    assert statistics.rank_correlation(one, other) == found
