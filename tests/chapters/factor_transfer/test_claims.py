"""Tables, verdicts and pictures from students made by hand."""

import matplotlib

matplotlib.use("agg")

import numpy as np
import pandas as pd
import pytest

from companion.chapters.factor_transfer import claims, plots, tables
from companion.pages import figures
from tests.pictures import close, words  # noqa: F401 (a fixture)

SEEDS = range(1, 7)
LEVEL = {
    "labels": 0.5,
    "soft labels": 0.6,
    "hints": 0.55,
    "attention": 0.4,
    "factors": 0.7,
    "factors, as printed": 0.2,
}


def noise(seed: int) -> float:
    return 0.005 * np.sin(7.0 * seed)


def students(**level: float) -> pd.DataFrame:
    rows = [
        dict(method=method, divisor=divisor, labels=labels, seed=seed, parameters=400 // divisor, status="ok")
        | dict(accuracy=accuracy + noise(seed + len(method)), agreement=0.5)
        for method, accuracy in (LEVEL | level).items()
        for divisor in (2, 4)
        for labels in (100, 1000)
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


def layers(own: float) -> pd.DataFrame:
    """Students of factors match their own teacher by ``own`` more than another, all others do not."""
    rows = [
        dict(method=method, divisor=2, labels=100, seed=seed, layer=layer, trained=trained, teacher=teacher)
        | dict(by_teacher=0.5)
        | dict(
            by_student=0.5
            + noise(seed + layer)
            + (own if trained and teacher == "own" and method == "factors" else 0.01 * noise(2 * seed))
        )
        for method in LEVEL
        for seed in SEEDS
        for layer in (1, 2, 3)
        for trained in ((False, True) if method == "labels" else (True,))
        for teacher in ("own", "another")
    ]
    return pd.DataFrame(rows)


def readings(paraphraser: float) -> pd.DataFrame:
    level = {"paraphraser": paraphraser, "untrained": 1.3, "linear": 0.2, "mean": 1.0}
    rows = [
        dict(seed=seed, reading=name, absolute=error * (1 + noise(seed)), squared=error * (1 + noise(seed)))
        for name, error in level.items()
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


TEACHERS = pd.DataFrame(dict(seed=SEEDS, accuracy=0.9, parameters=800))


def test_the_best_baseline_is_that_of_the_highest_mean():
    best = tables.best_baseline(students())
    assert set(best) == {"soft labels"} and best.index.tolist() == [(2, 100), (2, 1000), (4, 100), (4, 1000)]
    lead = tables.lead(students(), "factors")
    assert len(lead) == 4 * len(SEEDS) and lead.mean() == pytest.approx(0.1, abs=0.01)
    assert tables.lead(students(), "hints", "labels").mean() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("factors, verdict", [(0.7, "ahead"), (0.6, "tie"), (0.5, "behind")])
def test_leads_are_named(factors, verdict):
    found = tables.leads(students(factors=factors))
    assert set(found.verdict) == {verdict} and set(found.best) == {"soft labels"}


def test_sizes_are_shares_of_the_teachers():
    assert tables.sizes(TEACHERS, students()).share.tolist() == [1, 0.25, 0.125]


@pytest.mark.parametrize(
    "level, verdicts",
    [(dict(), ["holds"] * 3), ({"factors": 0.45, "factors, as printed": 0.44}, ["fails"] * 3)],
)
def test_transfer_is_judged_in_pairs(level, verdicts):
    made = claims.transfer_claims(students(**level), "laptop")
    assert [claim.verdict for claim in made] == verdicts
    assert "over soft labels" in made[0].note and made[0].refuses


def test_wrong_alternatives_are_refused():
    made = claims.transfer_claims(students(), "laptop")
    made += claims.paraphraser_claims(readings(0.1), "laptop")
    assert all(claim.refuses for claim in [*made, claims.specialization_claim(layers(0.1), "laptop")])


def test_a_student_that_diverged_leaves_its_claims_open():
    broken = students()
    broken.loc[(broken.method == "factors") & (broken.seed == 2), "accuracy"] = np.nan
    made = claims.transfer_claims(broken, "laptop")
    assert [claim.verdict for claim in made] == ["undecided"] * 3


@pytest.mark.parametrize("error, verdicts", [(0.1, ["holds", "holds"]), (0.9, ["fails", "fails"])])
def test_paraphrasers_are_judged_by_what_they_leave_and_beside_a_projection(error, verdicts):
    assert [claim.verdict for claim in claims.paraphraser_claims(readings(error), "laptop")] == verdicts


@pytest.mark.parametrize("own, verdict", [(0.1, "holds"), (0.0, "fails")])
def test_channels_are_judged_by_the_own_teacher_minus_another(own, verdict):
    assert claims.specialization_claim(layers(own), "laptop").verdict == verdict


def test_one_teacher_says_nothing_of_another():
    alone = layers(0.1).query("teacher == 'own'")
    assert claims.specialization_claim(alone, "quick").verdict == "undecided"


def test_identities_are_judged_by_the_largest_error():
    errors = pd.DataFrame(dict(unmixed=[1e-16, 1e-15], same=[0.5, 1.0]))
    assert claims.identity_claim(errors).verdict == "holds" and claims.identity_claim(errors).refuses


def legend(axes) -> list[str]:
    return [text.get_text() for text in np.ravel(axes)[0].figure.legends[0].get_texts()]


def test_accuracies_have_a_panel_per_size_and_a_colour_per_number_of_labels():
    _, axes = figures.figure(1, 2, sharey=True)
    plots.accuracies(students(), TEACHERS, axes[0])
    assert legend(axes) == ["100 labels", "1,000 labels", "teacher"]
    assert [ax.get_title(loc="left") or ax.get_title() for ax in axes[0]] == [
        "1/4 of the teacher's parameters",
        "1/8 of the teacher's parameters",
    ]
    assert axes[0, 0].lines[0].get_xdata() == [0.9, 0.9]
    broken = students().assign(accuracy=np.nan)
    plots.accuracies(broken, TEACHERS, axes[0])
    assert "missing" in words(axes)


def test_leads_stand_beside_zero():
    _, axes = figures.figure(1, 1)
    plots.lead_over_best(tables.leads(students(factors=0.6)), axes[0, 0])
    assert legend(axes) == ["tie"]
    assert "best: soft labels" in axes[0, 0].get_yticklabels()[0].get_text()


def test_reconstructions_are_drawn_by_what_makes_them():
    _, axes = figures.figure(1, 2, sharey=True)
    plots.reconstructions(readings(0.5), axes[0])
    names = [label.get_text() for label in axes[0, 0].get_yticklabels()]
    assert names == ["projection", "paraphraser", "untrained", "mean"]
    assert axes[0, 1].lines[1].get_xdata()[0] == pytest.approx(0.5, rel=0.01)


def test_channels_are_drawn_with_both_teachers_by_layer():
    _, axes = figures.figure(1, 3, sharey=True)
    plots.channels(layers(0.1), axes[0])
    assert legend(axes) == ["own teacher", "another teacher", "untrained"]
    assert len(axes[0, 0].lines) == 1 + 2 * 2 * len(LEVEL)
