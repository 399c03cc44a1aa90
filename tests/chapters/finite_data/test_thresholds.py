"""Samples, angles and gradients at which a level is crossed: by hand, and with curves of known exponents."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.chapters.finite_data.tables import (
    along,
    crossing,
    exponent,
    exponent_in_sine,
    found_at,
    gradient_exponent,
    gradient_levels,
    median_sines,
    needed,
    needed_along,
    plateau,
    ratio,
    slopes,
)

SIZES = np.array([10, 20, 40, 80, 160, 320, 640])


def curves(stars: dict, seeds: int = 4, spread: float = 0.0, column: str = "input_dim") -> pd.DataFrame:
    """Correlations that rise with log N and reach .9 at N*, a little apart from seed to seed."""
    rng = np.random.default_rng(0)
    rows = [
        {column: place, "samples": n, "seed": seed, "data": "random", "epoch": 1}
        | {"mean_best_correlation": 0.9 + 0.1 * math.log2(n / star) + spread * rng.normal()}
        for place, star in stars.items()
        for n in SIZES
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


@given(st.floats(11, 600))
def test_a_crossing_is_interpolated_in_the_logarithm(star):
    assert crossing(SIZES, np.log(SIZES), math.log(star)) == pytest.approx(star)


def test_a_crossing_at_the_ends_and_the_first_of_several():
    assert crossing(SIZES, np.full(7, 0.95), 0.9) == 10
    assert math.isnan(crossing(SIZES, np.full(7, 0.5), 0.9))
    assert crossing(SIZES, np.array([0.5, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9]), 0.9) == 20


def test_samples_needed_say_when_the_fewest_were_enough():
    table = needed(curves({5: 37.0, 50: 4.0}, spread=0.0), ["input_dim"], 0.9).set_index("input_dim")
    assert table.value[5] == pytest.approx(37) and not table.smallest[5]
    assert table.value[50] == pytest.approx(10) and table.smallest[50]


@pytest.mark.parametrize("power", [0.0, 1.0, 3.0])
def test_an_exponent_is_recovered_with_an_interval_around_it(power):
    stars = {d: 11 * d**power for d in (1, 2, 3)} if power == 3 else {d: 15 * d**power for d in (1, 2, 4, 8)}
    found = exponent(curves(stars, seeds=8, spread=0.01), "input_dim", 0.9)
    assert found["low"] <= found["value"] <= found["high"]
    assert found["value"] == pytest.approx(power, abs=0.1) and found["high"] - found["low"] < 0.3
    assert exponent(curves(stars), "input_dim", 0.9)["high"] == pytest.approx(power, abs=1e-9)


def test_an_exponent_is_not_known_where_a_curve_stays_below_the_level():
    assert math.isnan(exponent(curves({1: 15.0, 2: 1e6}), "input_dim", 0.9)["value"])


def test_a_ratio_is_the_geometric_mean_over_places():
    random, aware = curves({1: 40.0, 2: 80.0}), curves({1: 20.0, 2: 20.0}).assign(data="aware")
    found = ratio(pd.concat([random, aware]), "data", "aware", "random", 0.9, "input_dim")
    assert found["value"] == pytest.approx(math.sqrt(0.5 * 0.25))


def test_rows_along_one_quantity_keep_the_others_at_the_centre():
    centre = {"input_dim": 10, "teacher_width": 5, "over_realization": 2.0}
    table = pd.DataFrame({"input_dim": [10, 20, 20], "teacher_width": [5, 5, 3], "over_realization": 2.0})
    assert along(table, "input_dim", centre).index.tolist() == [0, 1]
    assert along(table, "teacher_width", centre).index.tolist() == [0]


def test_the_plateau_leaves_out_what_comes_before_and_after():
    rows = [
        dict(teacher_width=5, seed=1, samples=15 * k, mean_best_correlation=value)
        for k, value in ((1, 0.1), (2, 0.9), (8, 0.8), (16, 1.0))
    ]
    assert plateau(pd.DataFrame(rows), 2, 8).mean_best_correlation.tolist() == [pytest.approx(0.85)]


def test_the_bound_grows_as_the_paper_says():
    centre = {"input_dim": 10, "teacher_width": 5, "over_realization": 1.0}
    varied = {"input_dim": 20, "teacher_width": 20, "over_realization": 7.0}
    places = [centre, *({**centre, name: value} for name, value in varied.items())]
    runs = pd.concat(curves({0: 30.0}, column="at").assign(**place) for place in places)
    tables = needed_along(runs, centre, 0.9)
    grown = {name: table.bound.max() / table.bound.min() for name, table in tables.items()}
    assert grown == {
        "input_dim": 8,
        "teacher_width": pytest.approx(32),
        "over_realization": pytest.approx(32),
    }
    assert all(table.value.tolist() == [pytest.approx(30)] * 2 for table in tables.values())


NETWORK = dict(input_dim=2, teacher_width=2, polarity=0.0, samples=16, seed=1)


def looks(**sines) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two teacher nodes of overlaps 1 and 2 at four looks, between which the largest gradient is halved."""
    runs = pd.DataFrame([dict(NETWORK, epoch=e, max_gradient=0.5**e) for e in range(4)])
    nodes = [
        dict(NETWORK, epoch=e, teacher=j, sine=sines[name][e], overlap=1.0 + j)
        for j, name in enumerate(sines)
        for e in range(4)
    ]
    return runs, pd.DataFrame(nodes)


def test_a_gradient_level_is_the_smallest_gradient_seen_with_a_larger_sine():
    runs, nodes = looks(first=[0.9, 0.1, 0.3, 0.05], second=[0.9, 0.8, 0.7, 0.6])
    levels = gradient_levels(runs, nodes, (0.2,)).set_index("teacher").gradient
    assert levels[0] == pytest.approx(0.25)  # .1 was small already, but did not stay so
    assert levels[1] == 0  # never found


def test_a_node_is_found_for_good_after_it_was_last_lost():
    runs, nodes = looks(first=[0.9, 0.1, 0.3, 0.05], second=[0.1, 0.1, 0.1, 0.1])
    found = found_at(runs, nodes).set_index("teacher")
    assert found.max_gradient.to_dict() == {0: 0.125, 1: 1.0}
    assert found.overlap.to_dict() == {0: 1.0, 1: 2.0}
    assert slopes(found.reset_index(), "overlap", "max_gradient") == [pytest.approx(3)]


def test_exponents_of_gradient_levels_and_of_sines():
    rows = [
        dict(seed=seed, level=level, gradient=(1 + seed) * level**1.5)
        for seed in range(3)
        for level in (0.1, 0.2, 0.4)
    ]
    assert gradient_exponent(pd.DataFrame(rows), "level")["value"] == pytest.approx(1.5)
    unfound = pd.DataFrame(rows).assign(gradient=lambda t: t.gradient.where(t.level > 0.1, 0.0))
    assert gradient_exponent(unfound, "level")["value"] == pytest.approx(1.5)
    once = pd.DataFrame(rows).assign(gradient=lambda t: t.gradient.where(t.level > 0.2, 0.0))
    assert math.isnan(gradient_exponent(once, "level")["value"])
    sines = pd.DataFrame([dict(seed=s, samples=n, sine=1 / n) for s in range(3) for n in SIZES])
    assert exponent_in_sine(sines, (0.05, 0.025, 0.0125))["value"] == pytest.approx(1)


def test_the_median_sine_is_one_per_look():
    _, nodes = looks(first=[0.9, 0.1, 0.3, 0.05], second=[0.7, 0.3, 0.1, 0.15])
    assert median_sines(nodes).sine.tolist() == pytest.approx([0.8, 0.2, 0.2, 0.1])
