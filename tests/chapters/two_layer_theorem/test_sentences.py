"""What the chapter says in words, beside the queries that give it."""

from types import SimpleNamespace

import pytest

from companion.chapters.two_layer_theorem import claims, critical_points
from companion.chapters.two_layer_theorem.gradient_rule import gradient_rule
from companion.chapters.two_layer_theorem.studies import GradientRule, Plane, TrainedStudents
from companion.chapters.two_layer_theorem.tables import at_rest
from companion.experiments.two_layer.spec import TwoLayer
from companion.pages.statistics import mean_interval
from companion.runs.store import load_results
from tests.sentences import BOOK, Said, live, prose, unsaid

CHAPTER = "two_layer_theorem"


@pytest.fixture(scope="module")
def evidence():
    students = load_results("fan_out", BOOK / "results" / "fan_out")[0]["students"]
    rule, cases = GradientRule(), critical_points.all_cases()
    return SimpleNamespace(
        students=students[students.teacher_width == 10],
        cases=critical_points.summary(cases).set_index("case"),
        planes=critical_points.hyperplanes(cases[:1]),
        rule=gradient_rule(rule.depths, rule.slopes, range(rule.seeds)),
        trained=live(TrainedStudents()),
    )


def kept(of, ratio: float, polarity: float) -> float:
    """Share of the fan-out norm that unmatched students keep, a geometric mean over seeds."""
    chosen = of.students.query("over_realization == @ratio and polarity == @polarity")
    return mean_interval(claims.kept_fan_out(chosen), "log")["value"]


def kept_by_narrow(of) -> tuple[int, int, float]:
    """Unmatched 1x students at p = 1: how many, of how many, and the share of the fan-out norm they keep."""
    chosen = of.students.query("over_realization == 1 and polarity == 1")
    return int((chosen.best_correlation < claims.UNMATCHED).sum()), len(chosen), kept(of, 1, 1)


def resting(of, ratio: float, noise: float = 0.0):
    """Which students of a kind have no gradient of single samples left."""
    found = at_rest(of.trained["gradients"])
    return found[(found.over_realization == ratio) & (found.noise == noise)].at_rest


def gone(of, ratio: float, noise: float):
    """How far SGD goes in the end from the students of a kind."""
    found = of.trained["moved"]
    last = found[(found.step == found.step.max()) & (found.noise == noise)]
    return last[last.over_realization == ratio].distance


def over_realized(of):
    """What pruning does to over-realized students of the teacher's labels."""
    return of.trained["pruned"].query("noise == 0 and over_realization > 1")


SAID = [
    Said(
        "Over-realized ones (more than one student node per teacher node) reach a point where every single "
        "gradient is rounding.",
        lambda of: resting(of, 2).all() and resting(of, 4).all(),
    ),
    Said(
        "Some students with exactly as many nodes as the teacher stop in a local minimum, and so do students "
        "whose labels have noise",
        lambda of: 0 < (~resting(of, 1)).sum() < 8 and not resting(of, 2, 0.1).any(),
    ),
    Said(
        "lines in two bundles: near one thousandth, and at rounding.",
        lambda of: (
            gone(of, 2, 0.1).between(3e-4, 3e-2).all()
            and gone(of, 2, 0).max() < 1e-14
            and not gone(of, 1, 0).between(1e-14, 3e-4).any()
        ),
    ),
    Said(
        "takes an over-realized student of any width back to the teacher's, and its error on new samples "
        "does not grow: it falls, mostly to rounding.",
        lambda of: (
            (over_realized(of).kept == TrainedStudents().teacher_width).all()
            and (over_realized(of).loss_after <= over_realized(of).loss.clip(lower=1e-30)).all()
            and (over_realized(of).loss_after < 1e-30).mean() > 0.9
        ),
    ),
    Said("a share of <.2f> of the fan-out norm of its matched ones at $p=0$", lambda of: kept(of, 10, 0)),
    Said("and of <.2f> at $p=2$", lambda of: kept(of, 10, 2)),
    Said("unmatched nodes of the 1x students, <d> of <d> at $p=1$, keep <.2f>.", kept_by_narrow),
    Said("SGD with batches of <d> from a very small start", lambda of: TwoLayer().batch_size),
    Said("the outputs of a five-node teacher", lambda of: Plane().teacher_width == 5),
    Said(
        "Dots between 1e-16 and 1e-14 for depths two to five, far below a dashed line at 1e-12.",
        lambda of: of.rule.max_error.between(1e-16, 1e-14).all() and set(of.rule.depth) == {2, 3, 4, 5},
    ),
    Said("on five hyperplanes with sums near 1e-16", lambda of: of.planes.sum_norm.max() < 1e-15),
    Said("nine students, three teachers", lambda of: of.planes.network.value_counts().tolist() == [9, 3]),
    Said(
        "two bars: about 1e-14 and about 200.",
        lambda of: (
            5e-15 < of.cases.max_gradient["split copies"] < 5e-14
            and 150 < of.cases.max_gradient["silent node given a fan-out"] < 250
        ),
    ),
    Said(
        "has cosine −1 and no positively aligned node",
        lambda of: (
            of.cases.best_abs_cosine["anti-parallel copy"] > 1 - 1e-9
            and of.cases.best_cosine["anti-parallel copy"] < 0.5
        ),
    ),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_the_text_says_what_the_tables_do(said, evidence):
    assert said.filled(evidence) in prose(CHAPTER)


def test_no_number_stands_in_the_text_without_its_query(evidence):
    assert unsaid(prose(CHAPTER), [said.filled(evidence) for said in SAID]) == []
