"""Random students to their end: shares, kinds, streams, tables and claims by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.integrate import solve_ivp

from companion.chapters.copy_average import claims, tables
from companion.chapters.copy_average.flows import in_order, kinds, random_start
from companion.chapters.copy_average.landscape import Landscape
from companion.chapters.copy_average.levels import level, relu_level
from companion.chapters.copy_average.parameters import Parameters
from companion.chapters.copy_average.studies import Flows, Motion, PhaseLine, Points
from companion.runs.spec import SpecError


@pytest.fixture(scope="module")
def ended():
    return Flows(students=5, teachers=6, starts=12).run()


def test_ends_are_those_of_a_stiff_solver(ended):
    spec = Flows(students=5, teachers=6, starts=12)
    land = Landscape("erf", 5, 6, 7)
    for start, loss in list(zip(random_start(spec, land), ended["runs"].loss))[:2]:
        flow = lambda t, y: -land.gradient(torch.from_numpy(y)[None])[0].numpy()
        end = solve_ivp(flow, (0, 5000), start.numpy(), method="BDF", rtol=1e-6, atol=1e-8).y[:, -1]
        assert land.loss(torch.from_numpy(end)[None]).item() == pytest.approx(loss, abs=2e-5)


def test_a_finer_flow_has_the_same_ends(ended):
    fine = Flows(students=5, teachers=6, starts=12, tolerance=1e-5).run()["runs"]
    assert fine.kind.tolist() == ended["runs"].kind.tolist()
    np.testing.assert_allclose(fine.loss, ended["runs"].loss, atol=1e-10)


def test_both_kinds_and_their_levels(ended):
    runs = ended["runs"]
    assert set(runs.kind) == {"copies", "copy-average"} and (runs.status == "ok").all()
    by_kind = runs.groupby("kind").loss
    assert by_kind.max()["copy-average"] == pytest.approx(level(2), abs=1e-12)
    assert by_kind.max()["copies"] == pytest.approx(0.0222806, abs=1e-7)
    nodes = ended["nodes"][ended["nodes"].kind == "copies"]
    assert nodes.outgoing.abs().to_numpy() == pytest.approx(1.216255, abs=1e-5)


def test_the_way_of_a_start_leads_where_the_flow_ends(ended):
    spec = Motion(students=5, teachers=6, starts=12, looks=12)
    way, runs = spec.run()["motion"], ended["runs"].set_index("start")
    first = runs.reset_index().groupby("kind").start.first()
    assert way.groupby("kind").start.first().to_dict() == first.to_dict()
    land = Landscape("erf", 5, 6, 7)
    for kind in ("copies", "copy-average"):
        of = way[way.kind == kind]
        start = of.start.iloc[0]
        begun = land.loss(random_start(Flows(students=5, teachers=6, starts=12), land)[start - 1 : start])
        loss = of.groupby("time").loss.first()
        assert loss.iloc[0] == pytest.approx(begun.item()) and loss.is_monotonic_decreasing
        assert loss.iloc[-1] == pytest.approx(runs.loss[start], abs=2e-5)
        rested = ended["weights"].query("kind == @kind")
        np.testing.assert_allclose(of[of.time == of.time.max()].weight, rested.weight, atol=0.02)
        stills = tables.moments(of)
        assert len(stills) == 4 and next(iter(stills)).startswith("t = 0, ")


def test_a_start_does_not_depend_on_the_others(ended):
    few = Flows(students=5, teachers=6, starts=3).run()["runs"]
    pd.testing.assert_frame_equal(few, ended["runs"].iloc[:3], atol=1e-9)


def test_a_doomed_relu_node_is_lost_and_others_are_not():
    runs = tables.short(Flows(activation="relu", students=2, teachers=4, starts=40).run()["runs"])
    assert runs.doomed.any() and (runs.short == runs.doomed).all()


def test_kinds_by_hand():
    own = torch.tensor([[0, 1, 2], [0, 1, 2], [0, 0, 2], [0, 1, 0]])
    averaging = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1]], dtype=torch.bool)
    assert kinds(own, averaging) == ["copies", "copy-average", "other", "copy-average"]


def test_rows_are_shown_copies_first():
    rows = torch.tensor([[0.3, 0.0, 0.3, 0.0], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    shown = in_order(rows, torch.tensor([0, 1]), torch.tensor([True, False]))
    assert shown.pivot(index="node", columns="input", values="weight").round(1).to_numpy().tolist() == [
        [1, 0, 0, 0], [0, 0.3, 0.3, 0]
    ]  # fmt: skip


def runs(kind, loss, n=5, k=6, status="ok", activation="erf", doomed=False):
    rows = [
        dict(start=i, kind=name, loss=value, status=status, doomed=doomed)
        for i, (name, value) in enumerate(zip(kind, loss))
    ]
    return pd.DataFrame(rows).assign(n=n, k=k, activation=activation)


def test_shares_count_every_start_once():
    table = pd.concat(
        [
            runs(["copies"] * 3 + ["copy-average"], [0.02] * 3 + [0.023]),
            runs(["copies"], [9.0], status="moving"),
        ]
    )
    found = tables.shares(table).set_index("kind")
    assert found.share.to_dict() == {"copies": 0.6, "copy-average": 0.2, "moving": 0.2}
    assert np.isnan(found.level["moving"]) and found.of.eq(5).all()


def test_thresholds_by_hand():
    rows = []
    for n, copy, average, lower in [(2, -1, 1, False), (3, 1, 1, False), (4, 1, 1, True), (5, 1, -1, True)]:
        rows.append(dict(k=6, n=n, family="copies", curvature=copy, level=1.0 - lower))
        rows.append(dict(k=6, n=n, family="copy-average", curvature=average, level=0.5))
    found = tables.thresholds(pd.DataFrame(rows)).loc[6]
    assert found.to_dict() == {"minimum": 3, "lower": 4, "ceases": 5}


def test_the_line_of_six_and_eight():
    line = pd.concat([PhaseLine(teachers=k).run()["phases"] for k in (6, 8)])
    found = tables.thresholds(line)
    assert found.loc[6].to_dict() == {"minimum": 4, "lower": 5, "ceases": 6}
    assert found.loc[8].to_dict() == {"minimum": 5, "lower": 7, "ceases": 7}


def test_ends_that_are_neither_fail_the_claim():
    narrow = runs(["copy-average"] * 60, [level(3)] * 60, n=4)
    good = pd.concat(
        [narrow, runs(["copies"] * 50 + ["copy-average"] * 10, [0.0222806] * 50 + [level(2)] * 10)]
    )
    share, at, below = claims.ends(good, "quick")
    assert (
        [c.verdict for c in (share, at, below)] == ["holds"] * 3
        and share.refuses
        and at.refuses
        and below.refuses
    )
    bad = pd.concat([narrow, runs(["other"] * 30 + ["copies"] * 30, [0.03] * 30 + [0.0222806] * 30)])
    assert claims.ends(bad, "quick")[0].verdict == "fails"
    off = good.assign(loss=good.loss.where(good.kind == "copies", good.loss + 1e-6))
    assert claims.ends(off, "quick")[1].verdict == "fails"


def test_levels_of_relu_do_not_add_up_and_doomed_starts_are_told_apart():
    erf = runs(["copy-average"] * 3, [level(3)] * 3, n=4)
    relu = dict(n=4, activation="relu")
    good = runs(["copies"] * 60, [0.302] * 60, **relu)
    lost = runs(["other"] * 20, [0.586] * 20, doomed=True, **relu)
    below, doomed = claims.relu(pd.concat([erf, good, lost]), "quick")
    assert below.value == pytest.approx(0.302 / relu_level(3)) and below.verdict == "holds" and below.refuses
    assert doomed.value == 0 and doomed.verdict == "holds" and doomed.refuses
    below, doomed = claims.relu(pd.concat([erf, good.assign(loss=relu_level(3), kind="other")]), "quick")
    assert below.verdict == doomed.verdict == "fails"


def test_shapes_and_what_is_predicted_of_them(ended):
    found = tables.shapes(ended["nodes"])
    assert len(found) == 3, "copies only; the average; copies beside it"
    predicted = tables.predicted(PhaseLine(teachers=6).run()["phases"]).query("n == 5")
    for part, kind in (("average", "copy-average"), ("copy", "copies")):
        rows = [table[(table.part == part) & (table.kind == kind)].iloc[0] for table in (found, predicted)]
        for column, digits in (("angle", 0.06), ("length", 6e-4), ("outgoing", 6e-4)):
            assert rows[0][column] == pytest.approx(rows[1][column], abs=digits)


def test_live_rows_take_the_place_of_stored_ones():
    stored = pd.DataFrame({"l": [2, 4, 4], "activation": ["erf", "erf", "tanh"], "at": "stored"})
    live = pd.DataFrame({"l": [4], "activation": ["erf"], "at": "live"})
    assert tables.with_live(stored, live, 4)["at"].tolist() == ["live", "stored"]
    line = lambda k: pd.DataFrame({"k": [k]})
    assert tables.two_lines(line(20), line(50), 50).k.tolist() == [20, 50]
    assert tables.two_lines(line(50), line(50), 50).k.tolist() == [50]


def test_points_that_are_not_critical_fail():
    points = Points(teachers=4, widths=(2,)).run()["points"]
    assert [c.verdict for c in claims.critical(points)] == ["holds"] * 2
    assert all(c.refuses for c in claims.critical(points))
    assert claims.critical(points.assign(gradient=1e-9))[0].verdict == "fails"


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(missing=(6,)), "students: must lie in 1 to 5, below the teacher nodes, got 0"),
        (dict(relu_missing=9), "students: must lie in 1 to 5, below the teacher nodes, got -3"),
        (dict(teachers=2), "teachers"),
        (dict(start_scale=0.0), "start_scale"),
        (dict(line_teachers=3), "line_teachers"),
    ],
)
def test_what_cannot_be_run_is_refused(values, message):
    with pytest.raises(SpecError, match=message):
        Parameters(**values)
