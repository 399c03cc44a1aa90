"""Tables and claims of the chapter on the catalyst, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from companion.chapters.catalyst_dynamics import claims, tables

RUNS = pd.DataFrame(
    {
        "polarity": 1.0,
        "over_realization": [1.0] * 4 + [2.0] * 4,
        "seed": [1, 2, 3, 4] * 2,
        "overlap": 0.0,
        "outcome": ["covered", "covered", "stuck", "moving"] + ["covered"] * 4,
        "time": [40.0, 400.0, np.nan, np.nan, 20.0, 30.0, 40.0, 50.0],
        "strongest": [True, True, False, True] + [True] * 4,
    }
)


def test_shares_count_a_start_that_waits_apart_from_one_that_is_stuck():
    found = tables.shares(RUNS, 120.0).set_index("over_realization")
    assert found.loc[1.0, ["in_time", "covered", "stuck", "moving"]].tolist() == [0.25, 0.5, 0.25, 0.25]
    assert found.loc[2.0, ["in_time", "covered", "stuck", "moving"]].tolist() == [1, 1, 0, 0]
    failed = tables.failures(RUNS, 120.0).set_index("over_realization")
    assert failed.loc[1.0].tolist() == [1.0, 3, 1, 1, 1, 1] and 2.0 not in failed.index


def test_the_three_starts_are_the_first_of_their_kind():
    rows = [
        dict(seed=seed, time=time, teacher=j, learned=float(time >= at), strength=1.0)
        for seed, at in ((1, np.inf), (2, 500), (3, 50), (4, 20))
        for time in (0.0, 20.0, 50.0, 500.0)
        for j in (0, 1)
    ]
    found = tables.three_starts(pd.DataFrame(rows), 120.0)
    assert found.groupby("fate").seed.unique().map(list).to_dict() == {
        "in time": [3],
        "later": [2],
        "never": [1],
    }
    states = pd.DataFrame({"seed": [1, 2, 3, 4], "time": 0.0, "gradient": 1.0})
    assert set(tables.of_starts(states, found).seed) == {1, 2, 3}


def test_delays_are_one_for_times_inverse_to_strength():
    s = np.array([3.0, 1.5, 1.0])
    half = pd.DataFrame({"route": "flow", "seed": 1, "strength": s, "half_time": 7 / s})
    assert tables.delays(half)[1] == pytest.approx(1)
    assert tables.delays(half.assign(half_time=7 / s**0.5))[1] == pytest.approx(0.5)


def test_a_wrong_clock_is_a_deviation():
    time = np.linspace(0, 10, 101)
    flow = 3 / (1 + np.exp(5 - time))
    rows = {"start": "random", "seed": 1, "teacher": 0, "strength": 3.0, "time": time}
    curves = pd.concat(
        [pd.DataFrame(rows | {"route": route, "learned": flow}) for route in ("flow", "SGD")],
        ignore_index=True,
    )
    assert tables.deviation_from_flow(curves)[1] == 0
    assert tables.deviation_from_flow(curves, 1.05)[1] == pytest.approx(0.25 * 0.25, abs=0.01)


def test_claims_of_the_catalyst_by_hand():
    stuck, released = claims.catalyst(RUNS, "quick")
    assert stuck.value == 0.25 and released.value == 0 and released.wrong.value == 0.25
    assert claims.catalyst(RUNS[RUNS.over_realization == 1], "quick") == []
    times = pd.DataFrame(
        {"seed": [1, 2] * 3, "over_realization": [1.0] * 2 + [4.0] * 2 + [8.0] * 2}
        | {"time": [40.0, 160.0, 10.0, 10.0, 10.0, 10.0]}
    )
    (waiting,) = claims.waiting(times, "quick")
    assert waiting.value == pytest.approx(math.sqrt(1 / 4 / 16)) and waiting.wrong.value == pytest.approx(1)
    assert claims.waiting(times[times.over_realization > 1], "quick") == []


def test_the_mirror_is_claimed_of_the_first_missing_node_of_each_start():
    nodes = pd.DataFrame(
        {"polarity": 1.0, "over_realization": 1.0, "seed": [1, 1, 2, 2]}
        | {"learned": [1.0, 0.0, 0.0, 0.9], "mirror": [0.0, -0.9, -0.2, 0.0]}
    )
    (claim,) = claims.mirror(nodes, "quick")
    assert claim.value == 0.5 and claim.wrong.value == 0
    assert claims.mirror(nodes[:0], "quick") == []
