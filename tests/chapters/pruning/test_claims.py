"""Verdicts on tables made by hand: what should hold does, and its opposite does not."""

import pandas as pd
import pytest

from companion.chapters.pruning import claims
from tests.chapters.pruning.hand_made import errors
from tests.sentences import BOOK


def verdicts(found) -> list[str]:
    assert all(claim.refuses for claim in found)
    return [claim.verdict for claim in found]


def test_students_on_the_closed_forms_and_off_them():
    assert verdicts(claims.closed_form_claims(errors(), 2)) == ["holds"] * 3
    off = claims.closed_form_claims(errors(random_edges=1.3, DPP_edges=1.3, DPP_nodes=1.2), 2)
    assert [claim.verdict for claim in off] == ["fails"] * 3


def test_published_simulations_are_held_to_the_formulas():
    stored = pd.read_csv(BOOK / "reference" / "pruning_simulations.csv")
    assert verdicts(claims.published_claims(stored)) == ["holds"] * 3
    off = claims.published_claims(stored.assign(loss=stored.loss + 0.3))
    assert [claim.verdict for claim in off] == ["fails"] * 3


def test_orderings_of_nodes():
    assert verdicts(claims.node_claims(errors(), 2, "even")) == ["holds", "holds", "fails"]
    worse = claims.node_claims(errors(DPP_nodes=1.15), 2, "even")
    assert [claim.verdict for claim in worse] == ["fails", "fails", "fails"]
    found = claims.node_claims(errors(important_nodes=2.0), 2, "even")
    assert found[2].verdict == "holds" and "2: 0.6" in found[2].note


def test_orderings_of_edges():
    assert verdicts(claims.edge_claims(errors())) == ["fails", "holds", "holds"]
    other = claims.edge_claims(errors(random_edges=0.3, magnitude_edges=3.0))
    assert [claim.verdict for claim in other] == ["holds", "fails", "fails"]


def test_merging_is_held_against_the_best_and_against_the_student():
    both = pd.concat([errors(), errors(start="drawn", merging=3.0)])
    found = {claim.id: claim.verdict for claim in claims.merging_claims(both, 2)}
    assert found == {
        "pruning/merging": "holds",
        "pruning/merging-free-even": "holds",
        "pruning/merging-free-drawn": "fails",
    }
    noisy = claims.noise_claim(errors(noise=2.0), 2)
    assert noisy.verdict == "holds" and noisy.refuses and noisy.id.endswith("noise-2")


@pytest.mark.parametrize("clean", ["even", "drawn"])
def test_claims_of_a_sweep_are_of_its_own_scale(clean):
    parts = [errors(), errors(start="drawn"), errors(noise=1.0), errors(noise=2.0)]
    found = claims.sweep_claims(pd.concat(parts), 2)
    assert {claim.scale for claim in found} == {"laptop"}
    assert len({claim.id for claim in found}) == len(found) == 15
    assert any(clean in claim.id for claim in found)


def accuracies(**better: float) -> pd.DataFrame:
    """As the paper would have them: four networks, edges before nodes, DPP before chance, merging best."""
    levels = {
        "uniform nodes": 0.5,
        "important nodes": 0.52,
        "DPP nodes": 0.55,
        "random edges": 0.6,
        "DPP edges": 0.7,
        "magnitude edges": 0.75,
        "merging": 0.8,
    }
    rows = [
        dict(seed=seed, kept=kept, method=method, reweighted=again, own=0.9, dataset="digits")
        | dict(accuracy=level + 0.1 * kept + better.get(method.replace(" ", "_"), 0) + 0.001 * (seed % 3))
        for seed in range(1, 7)
        for kept in (0.2, 0.8)
        for method, level in levels.items()
        for again in (False, True)
    ]
    return pd.DataFrame(rows)


def test_orderings_on_images():
    found = {c.id.removeprefix("pruning/digits-"): c for c in claims.image_claims(accuracies())}
    assert {name: c.verdict for name, c in found.items()} == dict.fromkeys(found, "holds") | {"free": "fails"}
    assert "0.2: +0.050" in found["diverse"].note and found["merging-to-few"].value == pytest.approx(0.25)
    worse = claims.image_claims(accuracies(DPP_nodes=-0.1, random_edges=-0.3, merging=0.02))
    verdict = {c.id.removeprefix("pruning/digits-"): c.verdict for c in worse}
    assert [verdict[name] for name in ("diverse", "important", "random-edges")] == ["fails"] * 3
    assert verdict["free"] == "holds" and all(c.refuses for c in worse)


def test_where_merging_stops_being_free():
    rows = [
        dict(over_realization=z, noise=noise, seed=seed, own=1.0, error=1 + noise / 10 * w, subset=9.0 * w)
        for z in (2.0, 6.0)
        for noise in (1.0, 4.0, 16.0)
        for seed, w in enumerate((0.9, 1.0, 1.1))
    ]
    first, second = claims.limit_claims(pd.DataFrame(rows))
    assert (first.verdict, second.verdict) == ("holds", "holds") and first.refuses and second.refuses
    flat = claims.limit_claims(pd.DataFrame(rows).assign(error=1.2, own=1.0))
    assert [claim.verdict for claim in flat] == ["holds", "fails"]
