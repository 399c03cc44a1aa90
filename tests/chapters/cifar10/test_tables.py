"""What the tables of a run say: which images, which epoch, which filters."""

import pandas as pd
import pytest

from companion.chapters.cifar10.sweeps import Cifar10
from companion.chapters.cifar10.tables import first_filters, outcomes, teacher_accuracy, what_ran, widths
from companion.project import PROJECT
from companion.runs.cells import Store, run_stages

TINY = dict(
    images=200,
    validation_images=40,
    test_images=60,
    width=4,
    prune=(0.0, 0.25),
    seeds=1,
    batch_size=20,
    teacher_epochs=1,
    tuning_epochs=1,
    student_epochs=2,
    teacher_rate=0.01,
    student_rate=0.01,
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of a tiny run on patches."""
    store = Store(tmp_path_factory.mktemp("cells"), PROJECT)
    return run_stages(Cifar10(**TINY, dataset="patches").stages(), store, progress=False)[0]


def test_tables_of_a_run(tables):
    assert widths(tables["channels"]).to_dict("list") == {"before": [4, 4], "after": [4, 3]}
    assert what_ran(tables["images"]).startswith("NOT CIFAR-10")
    shown = first_filters(tables)
    assert shown.groupby("label").size().to_dict() == {
        "teacher": 108,
        "student, before": 108,
        "student, after": 108,
    }
    found = outcomes(tables)
    assert sorted(found.index) == [(1, 1.0), (1, 2.0)] and found.notna().all(axis=None)


def test_the_teachers_filters_are_those_it_was_saved_with(tables):
    teacher = (
        first_filters(tables).query("label == 'teacher'").sort_values(["teacher", "colour", "row", "column"])
    )
    saved = tables["weights"].query("parameter == 'convs.0.weight'").sort_values("index")
    assert teacher.weight.tolist() == saved.value.tolist()


@pytest.mark.parametrize(
    "official, words", [(True, "the verified official archive"), (False, "not the official archive")]
)
def test_real_images_are_named(official, words):
    said = what_ran(pd.DataFrame([dict(dataset="cifar10", fingerprint="abc", official=official)]))
    assert said.startswith("CIFAR-10 (fingerprint abc)") and words in said


def test_validation_selects_and_the_test_split_is_reported_for_that_epoch():
    runs = pd.DataFrame(
        {
            "seed": 1,
            "over_realization": 1.0,
            "epoch": [0, 1, 2],
            "validation_accuracy": [0.1, 0.6, 0.5],
            "test_accuracy": [0.1, 0.4, 0.7],
            "test_agreement": 0.5,
            "selected": [False, True, False],
        }
    )
    units = pd.DataFrame(
        {
            "seed": 1,
            "over_realization": 1.0,
            "epoch": [0, 0, 2, 2],
            "layer": 1,
            "best_correlation": [0.0, 0.2, 0.8, 1.0],
        }
    )
    epochs = pd.DataFrame(
        {
            "phase": ["training", "tuning", "tuning"],
            "selected": [True, False, True],
            "test_accuracy": [0.9, 0.1, 0.5],
        }
    )
    row = outcomes(dict(runs=runs, units=units, epochs=epochs)).iloc[0]
    assert row.test_accuracy == 0.4 and row.gap == pytest.approx(0.1) and row.selection == pytest.approx(0.3)
    assert row.mean_best_correlation == pytest.approx(0.9)
    assert teacher_accuracy(epochs, "training") == 0.9
