"""Tables of the chapter on pruning: curves, ratios on the same student, the sign map."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.pruning import closed_forms, tables
from tests.chapters.pruning.hand_made import OWN, errors


def test_curves_are_the_closed_forms():
    curves = tables.curves(3.0, 2, points=5)
    assert len(curves) == 5 * len(tables.FORMS)
    random = curves[curves.method == "random edges"]
    assert np.allclose(random.error, closed_forms.random_edges(random.kept, 3.0))


def test_ratios_are_of_one_student():
    found = tables.ratio(errors(), "important nodes", "DPP nodes")
    assert found.shape == (6, 5) and np.allclose(found, 0.8, atol=0.05)
    own = tables.over_own(errors(), "merging", reweighted=True)
    assert np.allclose(own[2], 1.2, atol=0.05) and np.allclose(own[1], 200, atol=5) and OWN > 0


def test_what_is_off_a_closed_form():
    on, off = (tables.off_closed_form(e, "DPP nodes", 2) for e in (errors(), errors(DPP_nodes=1.2)))
    assert on.to_numpy().max() < 0.02 < off[1].min()
    as_uniform = tables.off_closed_form(errors(), "DPP nodes", 2, form="uniform nodes")
    assert as_uniform[2].min() > on[2].max()


def test_the_sign_turns_where_the_slopes_say():
    few = tables.sign_map(2, points=400).query("kept < .03")
    wins = few[few.edges_win > 0].z.min()
    assert wins == pytest.approx((6 / np.pi - 1) / (6 * np.sqrt(2) / np.pi - 2), abs=0.05)


def test_measured_signs_are_those_of_clean_students_from_even_fan_outs():
    mixed = pd.concat([errors(), errors(start="drawn", DPP_nodes=9.0), errors(noise=1.0, DPP_nodes=9.0)])
    found = tables.edges_win(mixed)
    assert len(found) == 5 and (found.edges_win.abs() < 0.6).all()


def test_signs_are_compared_where_the_formula_tells():
    found = tables.sign_agreement(errors(), 2, least=0.1)
    assert len(found) == 6 and (found.agrees == 1).all() and (found.edges_win == 0).all()
    other = tables.sign_agreement(errors(DPP_nodes=2.0), 2, least=0.1)
    assert (other.agrees == 0).all() and (other.edges_win == 1).all()


def test_published_losses_are_relative_errors():
    kept = np.array([1 / 6, 0.5])
    loss = 16 / 3 * closed_forms.dpp_nodes(kept, 3, 2)
    table = pd.DataFrame(dict(method="DPP nodes", kept=kept, loss=loss + np.array([0, 16 / 3 * 0.1])))
    assert tables.published_off(table, 3.0, 2, 4.0)["DPP nodes"] == pytest.approx(0.1)
    assert tables.published_off(table, 3.0, 2, 4.0, DPP_nodes="uniform nodes")["DPP nodes"] < 0.1


def test_means_are_geometric():
    one = errors().query("method == 'merging' and not reweighted and k == 2").head(2)
    one = one.assign(error=[1e-4, 1e-2])
    assert tables.means(one, reweighted=False)["k = 2"].item() == pytest.approx(1e-3)
