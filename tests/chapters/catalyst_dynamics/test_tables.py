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


def test_few_samples_by_hand():
    rows = [
        dict(over_realization=ratio, train_samples=size, seed=seed, covered=hit)
        for ratio, size, hits in (
            (1.0, 32, (0, 0)),
            (1.0, 64, (0, 1)),
            (2.0, 32, (1, 1)),
            (2.0, 64, (1, 1)),
            (4.0, 32, (1, 1)),
            (4.0, 64, (1, 1)),
            (8.0, 32, (1, 1)),
            (8.0, 64, (1, 1)),
        )
        for seed, hit in enumerate(hits)
    ]
    runs = pd.DataFrame(rows).astype({"covered": bool})
    more, saved = claims.few_samples(runs)
    assert more.value == 0.5 and more.wrong.value == 0
    assert saved.value == 0.5 and saved.wrong.value == -0.5 and "on 64" in saved.sentence
    shares = tables.share_covered(runs).set_index(["over_realization", "train_samples"])
    assert shares.value[1.0, 64] == 0.5 and shares.low[1.0, 64] < 0.1 and shares.high[1.0, 64] > 0.9


def test_long_times_by_hand():
    """1x in inverse proportion to the weakest strength, 4x the same at all."""
    weakest = {0.0: 3.0, 1.0: 0.6, 2.0: 0.12}
    rows = [
        dict(
            over_realization=ratio,
            polarity=p,
            weakest=s,
            mean=s**0.5,
            seed=seed,
            time=(1 + seed) * 6 / s**power,
        )
        for ratio, power in ((1.0, 1), (4.0, 0))
        for p, s in weakest.items()
        for seed in range(3)
    ]
    runs = pd.DataFrame(rows)
    assert tables.steepness(runs[runs.over_realization == 1], "weakest").tolist() == pytest.approx([1] * 3)
    runs.loc[0, "time"] = np.nan
    assert list(tables.steepness(runs[runs.over_realization == 1], "weakest").index) == [1, 2]
    long, wide = claims.long_time(runs)
    assert long.value == pytest.approx(0, abs=1e-9) and long.wrong.value == pytest.approx(1)
    assert wide.value == pytest.approx(0, abs=1e-9) and wide.wrong.value == pytest.approx(1)
    assert long.note == "2 of 3 starts get there at every polarity"


def test_the_distance_of_an_interval_from_one_holds_zero_where_the_interval_holds_one():
    assert claims._from_one(dict(value=0.9, low=0.7, high=1.2)) == pytest.approx(
        dict(value=0.1, low=0, high=0.3)
    )
    assert claims._from_one(dict(value=0.5, low=0.3, high=0.8)) == pytest.approx(
        dict(value=0.5, low=0.2, high=0.7)
    )
