"""Tables by hand: logistic curves that escape when they are told to."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.quadratic_networks import claims, tables
from companion.chapters.quadratic_networks.escape import first_time
from companion.chapters.quadratic_networks.studies import Curvature, Escapes
from tests.chapters.quadratic_networks.made import TIMES, logistic_runs


def test_escapes_are_found_and_aligned():
    table = logistic_runs([3.0, -2.0, 1.5])
    times = tables.escape_times(table)
    np.testing.assert_allclose(times.sgd, 20, atol=0.01)
    np.testing.assert_allclose(times.sgd - times.ode, [3, -2, 1.5], atol=0.03)
    fits = tables.misfit(tables.aligned(table))
    assert (fits.aligned < 0.02).all() and (fits.bare > 0.06).all()
    wrong = tables.misfit(tables.aligned(table, roll=1))
    assert (wrong.aligned > 5 * fits.aligned).all()


def test_a_curve_that_never_passes_has_no_time():
    table = logistic_runs([0.0]).query("time < 10")
    assert tables.crossing(table, "share").isna().all()
    curves = np.array([[0.1, 0.9, 0.1], [0.2, 0.95, 0.3], [0.8, 0.99, 0.4]])
    np.testing.assert_allclose(first_time(curves, 0.4, 1.0), [1.5, 0.0, 2.0])
    assert np.isnan(first_time(curves, 0.5, 1.0)[2])


def test_distances_scale_with_n():
    table = logistic_runs([0.0, 0.0], dims=(100, 400, 1600))
    np.testing.assert_allclose(tables.distance(table), 1)
    np.testing.assert_allclose(tables.slope(tables.distance(table)), 0, atol=1e-12)
    np.testing.assert_allclose(tables.slope(tables.distance(table.assign(apart=0.2))), 0.5)


def test_growth_and_its_slope_on_width():
    table = logistic_runs([0.0, 1.0], rates=((1, 0.4), (4, 0.2)))
    found = tables.growth(table, window=(1e-3, 1e-2))
    np.testing.assert_allclose(found.xs(1, level="width"), 0.4, rtol=0.02)
    np.testing.assert_allclose(tables.on_width(found), -0.5, atol=0.02)


def test_the_prefactor_is_what_the_time_was_made_of():
    table = pd.DataFrame(dict(width=2, input_dim=1000, seed=[1, 2], rate=0.1, teachers=1))
    table["time"] = np.log(1000 / np.array([0.5, 2.0])) / 0.8
    np.testing.assert_allclose(np.exp(tables.log_prefactor(table)), [0.5, 2.0])


def test_the_expected_prefactor_is_that_of_starts():
    """E ln chi^2_p / p by samples; one node has no passage."""
    found = Escapes(widths=(1, 4), input_dims=(100,), seeds=1).run()["passages"]
    assert found.passage[0] == pytest.approx(0, abs=0.01)
    expected = tables.expected_log_prefactor(found)
    drawn = np.log(np.random.default_rng(0).chisquare(4, 200_000) / 4).mean()
    assert expected[4] == pytest.approx(drawn - np.log(6 / 4) - found.passage[1], abs=0.01)


def test_counts_of_a_hessian_and_the_claim_that_reads_them():
    spectra = Curvature(shapes=((2, 1), (2, 2)), input_dim=8).run()["spectra"]
    found = tables.counted(spectra).set_index(["width", "teachers", "point"])
    assert found.loc[(2, 1, "plateau"), "negative"] == 2 and found.loc[(2, 1, "solution"), "zeros"] == 8
    assert found.loc[(2, 2, "solution"), "zeros"] == 1 == found.loc[(2, 2, "solution"), "expected_zeros"]
    np.testing.assert_allclose(found.lowest, found.least, atol=1e-9)


def test_the_excess_of_the_closest_is_none_and_of_a_random_one_all():
    ends = pd.DataFrame(dict(reached=[1.0, 3.0, 2.0], closest=1.0, other=3.0))
    np.testing.assert_allclose(tables.excess(ends), [0, 1, 0.5])


def test_a_tail_has_its_limit_and_without_a_response_another():
    made = dict(time=[10.0, 100.0], width=3, teachers=2, seed=1, limit=2.0)
    tail = pd.DataFrame(made).assign(loss=lambda of: 2.0 / of.time**2)
    assert tables.tail_misfit(tail)[1] == pytest.approx(0, abs=1e-12)
    assert tables.tail_misfit(tail, responding=False)[1] == pytest.approx(np.log(1.25))


def test_the_size_of_an_interval_keeps_zero_inside():
    assert claims._size(dict(value=-0.2, low=-0.5, high=0.1)) == dict(value=0.2, low=0.0, high=0.5)
    assert claims._size(dict(value=-0.2, low=-0.5, high=-0.1)) == dict(value=0.2, low=0.1, high=0.5)


@pytest.mark.parametrize("p, noise", [(1, 0.8), (2, 0.5), (5, 0.1)])
def test_the_expected_excess_is_that_of_gaussian_starts_with_noise(p, noise):
    rng = np.random.default_rng(0)
    start, added = rng.standard_normal((2, 400_000, p))
    moved = start + np.sqrt(noise) * added
    cosine = (start * moved).sum(1) / np.linalg.norm(start, axis=1) / np.linalg.norm(moved, axis=1)
    expected = tables.expected_excess(pd.DataFrame(dict(width=[p], noise=noise)))[p]
    assert expected == pytest.approx(1 - cosine.mean(), abs=4 * cosine.std() / 400_000**0.5)
    if p == 1:  # the share of starts that end at the farther of two solutions, twice
        assert expected == pytest.approx(2 / np.pi * np.arctan(np.sqrt(noise)))


def test_the_expected_lead_is_what_a_larger_start_gains():
    passages = pd.DataFrame(dict(width=[3], noise=0.5, growth=0.35))
    late = np.log(1 / 0.01) / 2 / 0.35 - np.log(1 / 0.015) / 2 / 0.35
    assert tables.expected_leads(passages)[3] == pytest.approx(late)
    np.testing.assert_allclose(tables.leads(logistic_runs([1.0, -2.0])), [-1, 2], atol=0.03)


def test_the_excess_is_that_of_the_last_time():
    table = logistic_runs([0.0]).assign(excess=lambda of: of.time)
    assert tables.final_excess(table).to_list() == [TIMES[-1]]


def test_rows_on_the_teacher_are_equal():
    rows = [
        dict(norms=norms, seed=seed, time=time, student=i, overlap=m if time else 0.0)
        for norms, ends in (("free", (1.3, 0.5)), ("kept", (-1.0, 0.98)))
        for seed in (1, 2)
        for time in (0, 1)
        for i, m in enumerate(ends)
    ]
    off = tables.off_equal(pd.DataFrame(rows))
    np.testing.assert_allclose(off.free, 0.5)
    np.testing.assert_allclose(off.kept, 0.02)
