"""Small tables with known answers, and the cells that make them."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.online_learning import claims, tables
from companion.chapters.online_learning.learning import FOUND
from companion.chapters.online_learning.parameters import Parameters
from companion.chapters.online_learning.studies import SETTING, Learning, Plateaus
from companion.chapters.online_learning.sweeps import PLATEAUS
from companion.experiments.tidy import tidy
from companion.runs.spec import SpecError

TINY = dict(input_dim=20, seeds=2, horizon=4.0, interval=1.0, learning_rate=0.5)


@pytest.fixture(scope="module")
def learned():
    parts = ("errors", "overlaps", "students", "plateaus")
    return Learning(**TINY, routes=("SGD", "ODE", "flow"), tables=parts, start_overlap=3.0).run()


def test_all_routes_start_from_the_same_overlaps(learned):
    first = (
        learned["overlaps"]
        .query("alpha == 0")
        .pivot(index=["seed", "student", "teacher"], columns="route", values="overlap")
    )
    assert np.ptp(first.to_numpy(), axis=1).max() < 1e-12
    last = learned["errors"].query("alpha == 4").pivot(index="seed", columns="route", values="error")
    assert np.ptp(last.to_numpy(), axis=1).min() > 1e-4


def test_tables_carry_their_setting(learned):
    for table in learned.values():
        assert {*SETTING, "route", "seed"} <= set(table.columns)
    assert (learned["plateaus"].found == 0).all() and FOUND == 0.95  # a start so near has found it


def test_a_member_does_not_depend_on_the_others(learned):
    alone = Learning(**TINY | dict(seeds=1), start_overlap=3.0).run()["errors"]
    together = learned["errors"].query("seed == 1 and route != 'flow'")
    np.testing.assert_allclose(alone.error, together.error, rtol=1e-5)


def overlaps_at(distance, sizes=(100, 400), seeds=3):
    """SGD at a distance of the equations that depends on N, and at .1 of the flow."""
    rows = []
    for n in sizes:
        for route, away in (("SGD", 0.0), ("ODE", distance(n)), ("flow", 0.1)):
            table = tidy(
                {"seed": range(1, seeds + 1), "alpha": [0.0, 1.0], "student": [0], "teacher": [0]},
                overlap=0.5 + away + np.zeros((seeds, 2, 1, 1)),
            )
            rows.append(table.assign(route=route, input_dim=n))
    return pd.concat(rows)


def test_the_distance_is_in_units_of_one_over_root_n():
    table = overlaps_at(lambda n: 2 / np.sqrt(n))
    np.testing.assert_allclose(tables.distance(table, "ODE").distance, 2)
    np.testing.assert_allclose(tables.fall_with_size(tables.distance(table, "ODE")), -0.5, atol=1e-12)
    np.testing.assert_allclose(tables.fall_with_size(tables.distance(table, "flow")), 0, atol=1e-12)


def test_the_distance_of_a_limit_falls_and_that_of_something_else_does_not():
    rng = np.random.default_rng(0)
    table = overlaps_at(lambda n: 2 / np.sqrt(n))
    table = table.assign(overlap=table.overlap + 1e-3 * rng.standard_normal(len(table)))
    claim = claims.sizes(table)
    assert claim.verdict == "holds" and claim.refuses


def errors_at(ratio):
    wide = {"SGD": 0.1, "ODE": 0.1 * ratio, "flow": 0.03}
    table = pd.concat(
        tidy(
            {"seed": [1, 2, 3], "alpha": [0.0, 1.0, 2.0]}, error=error + 1e-4 * np.arange(9).reshape(3, 3)
        ).assign(route=route)
        for route, error in wide.items()
    )
    return table.assign(input_dim=1000)


@pytest.mark.parametrize("ratio, verdict", [(1.03, "holds"), (1.5, "fails")])
def test_the_limit_is_decided_by_the_ratio_on_the_way(ratio, verdict):
    claim = claims.limit(errors_at(ratio))
    assert claim.verdict == verdict and claim.refuses and claim.at_most == pytest.approx(0.1)


def test_what_comes_after_the_plateau_is_left_out():
    table = errors_at(1.0)
    late = (table.alpha == 2) & (table.route == "ODE")
    table.loc[late, "error"] = 0.001
    assert tables.off_on_the_way(table, "ODE").max() < 1e-12


def students(partner):
    table = tidy({"seed": [1, 2], "student": range(4)}, cosine=np.tile([1, 0.99, 0.1, 0.2], (2, 1)))
    soft = table.assign(partner=np.tile([0.0, 0.0, *partner], 2), fan_out_rate=0.0, fan_out_spread=0.0)
    both = table.assign(
        partner=np.tile([0, 0, 0.1, 0.2], 2) + 0.01 * table.seed, fan_out_rate=1.0, fan_out_spread=0.1
    )
    return tables.with_kind(pd.concat([soft, both]).assign(student_width=4, teacher_width=2))


@pytest.mark.parametrize("partner, verdict", [((-1, -0.98), "holds"), ((-0.5, -0.6), "fails")])
def test_partners_are_those_of_surplus_nodes(partner, verdict):
    of = students(partner)
    of.loc[of.seed == 2, "partner"] += 1e-3
    assert tables.partners(of)["soft committee"][4].mean() == pytest.approx(np.mean(partner), abs=1e-3)
    claim = claims.cancel(of, 4, "quick")
    assert claim.verdict == verdict and claim.refuses


def test_wider_claims_compare_final_errors_of_the_same_start():
    rows = [
        dict(
            seed=seed,
            alpha=alpha,
            student_width=k,
            fan_out_rate=rate,
            fan_out_spread=spread,
            error=error * seed,
        )
        for seed in (1, 2, 3)
        for alpha in (0.0, 1.0)
        for k, rate, spread, error in ((2, 0, 0, 1), (4, 0, 0, 3), (2, 1, 0.1, 1), (4, 1, 0.1, 0.9))
    ]
    table = pd.DataFrame(rows)
    table.error *= 1 + 0.01 * (table.seed == 2) * (table.student_width == 4)
    soft, both = claims.too_wide(table, "quick")
    assert soft.value == pytest.approx(3, rel=0.01) and soft.verdict == "holds" and soft.refuses
    assert both.value == pytest.approx(0.9, rel=0.01) and both.verdict == "holds" and both.refuses
    kinds = tables.with_kind(table.assign(fan_out_spread=1.0)).kind
    assert set(kinds) == {"soft committee", "both layers, random fan-outs"}


def test_the_theory_table_has_no_plateau_where_there_is_none():
    theory = Plateaus(widths=(2,), betas=(1.0, 4.0), rates=2).run()["theory"]
    assert theory.query("beta == 1").escape.notna().all() and theory.query("beta == 4").escape.isna().any()
    best = tables.best_rates(theory)
    assert len(best) == 2 and best.escape.notna().all()
    at = theory.query("beta == 1").iloc[0]
    assert tables.plateau_at(theory, at.learning_rate) == pytest.approx(at.error)
    assert claims.adaptive(theory).verdict == "undecided"  # no beta = 2


@pytest.mark.parametrize("measured, verdict", [(1.01, "holds"), (1.3, "fails")])
def test_plateau_claims_compare_with_the_fixed_point(measured, verdict):
    row = dict(error=0.03 * measured, error_theory=0.03, error_small=0.01)
    row |= dict(escape=0.07 * measured, escape_theory=0.07, escape_small=0.02)
    for claim in claims.plateau(pd.DataFrame([row])):
        assert claim.verdict == verdict and claim.refuses


def pauses(ratio):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        dict(
            route="SGD",
            student_width=2,
            teacher_width=2,
            noise=0.0,
            fan_out_rate=0.0,
            beta=1.0,
            learning_rate=1.0,
        ),
        index=range(24),
    ).assign(start_overlap=[0.0] * 12 + [1.0] * 12, found=50.0, next=10.0)
    times = np.where(rows.start_overlap > 0, 1.0, ratio)
    return rows.assign(length=10 * times * rng.uniform(0.9, 1.1, 24))


@pytest.mark.parametrize("ratio, verdict", [(3.0, "holds"), (1.2, "fails")])
def test_a_pause_is_told_from_a_warm_start(ratio, verdict):
    found = tables.pauses(pauses(ratio))
    assert set(found.scenario) == {"K = 2, M = 2", "K = 2, M = 2, warm start"}
    claim = claims.pauses(pauses(ratio))
    assert claim.verdict == verdict and claim.refuses


def test_every_scenario_of_the_sweep_can_be_run():
    cells = PLATEAUS.settings("laptop").cells()
    assert len(cells) == len(set(cells)) == 72
    assert max(cell.records for cell in cells) < 520 and {cell.teacher_width for cell in cells} == {2, 3, 5}


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(student_widths=[1]), "student_widths: need at least the 2 nodes of the teacher, got"),
        (dict(input_dim=1), "teacher_width: at most input_dim = 1 rows are orthonormal, got 2"),
        (dict(learning_rate=0.0), "learning_rate: .*greater than 0, got 0"),
        (dict(seeds=1), "seeds: .*greater than or equal to 2, got 1"),
    ],
)
def test_bad_parameters_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        Parameters(**values)


def test_waiting_times_are_held_against_the_equations_of_the_same_start():
    """By hand: the equations wait 10 / eta, and twice that at the largest rate; SGD a tenth longer."""
    fixed = dict(noise=0.0, fan_out_rate=0.0, start_overlap=0.0, beta=1.0, teacher_width=2, student_width=2)
    rows = [
        fixed | dict(route=route, learning_rate=rate, seed=seed, length=extra * (1 + (rate == 4)) * 10 / rate)
        for route, extra in (("SGD", 1.1), ("ODE", 1.0))
        for rate in (1.0, 2.0, 4.0)
        for seed in range(12)
    ]
    few = [row | dict(learning_rate=8.0) for row in rows if row["learning_rate"] == 4 and row["seed"] < 5]
    plateaus = pd.DataFrame([*rows, *few, *(row | dict(noise=0.1) for row in rows)])
    of = tables.against_equations(plateaus)
    assert len(of) == 3 * 12 and of.off.to_numpy() == pytest.approx(np.log(1.1))
    assert of.groupby("learning_rate").off_small.mean().tolist() == pytest.approx(np.log([1.1, 1.1, 2.2]))
    claim = claims.length(plateaus)
    assert claim.verdict == "holds" and claim.value == pytest.approx(np.log(1.1))
    assert claim.wrong.value == pytest.approx(np.log(2.2))
