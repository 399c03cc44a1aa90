"""What sweeps took or would take: what is measured stays measured, and cores have their limits."""

import json

import gated
import pandas as pd
import pytest

from companion import budget, chapters, place
from companion.__main__ import main
from companion.datasets import cifar10
from companion.runs.cells import Store
from companion.runs.partial import Partial
from companion.runs.store import save

NONE = budget.Overhead(0.0, 0.0)
COMMITTED = place.root() / "book" / "results"
BENCHMARKS = place.root() / "benchmarks" / "results"


@pytest.mark.parametrize(
    "cores, seconds", [(1, 16.0), (2, 10.0), (1000, 10.0)], ids=["all", "the longest", "no more than that"]
)
def test_many_cores_wait_for_the_longest_cell(cores, seconds):
    assert budget.wall([[10.0, 2.0, 4.0]], cores, NONE) == pytest.approx(seconds)


def test_stages_wait_for_each_other_and_all_for_the_driver():
    assert budget.wall([[10.0], [1.0] * 20], 20, NONE) == pytest.approx(11)
    slow = budget.Overhead(keep=0.5, gather=0.1)
    assert budget.wall([[1.0] * 100], 100, slow) == pytest.approx(100 * 0.5 + 100 * 0.1)
    assert budget.wall([[1.0] * 100], 1, slow) == pytest.approx(100 + 100 * 0.1)


def test_overheads_are_those_that_were_measured(tmp_path):
    assert budget.Overhead.measured(tmp_path / "nowhere.csv", dask=True) == NONE
    rows = [dict(way="2 processes", cells=100, driver_ms_per_cell=5.0, gather_s=1.0)]
    rows.append(dict(way="Dask, 2 workers", cells=100, driver_ms_per_cell=9.0, gather_s=2.0))
    pd.DataFrame(rows).to_csv(tmp_path / "scheduler.csv", index=False)
    assert budget.Overhead.measured(tmp_path / "scheduler.csv", dask=False) == budget.Overhead(0.005, 0.01)
    assert budget.Overhead.measured(tmp_path / "scheduler.csv", dask=True) == budget.Overhead(0.009, 0.02)


def test_what_is_stored_counts_at_its_own_scale(tmp_path):
    save(tmp_path / "some", gated.numbers(1), {"sweep": "some", "scale": "laptop", "seconds": 90})
    assert budget.measured(tmp_path / "some", "laptop") == (90.0, 1.0)
    assert budget.measured(tmp_path / "some", "paper") == (0.0, 0.0)
    assert budget.measured(tmp_path / "none", "paper") == (0.0, 0.0)


def test_what_is_under_way_counts_by_its_share(tmp_path):
    (tmp_path / "gate").mkdir()
    cells = gated.FourCells(gate=str(tmp_path / "gate")).cells()
    store = Store(tmp_path / "cells", gated.PROJECT)
    places = [store.place(cell) for cell in cells]
    about = {"sweep": "gated", "scale": "paper", "spec": {}}
    partial = Partial(tmp_path / "gated", about, {place.name: 1.0 for place in places})
    for folder in places[:3]:
        partial.keep(save(folder, gated.numbers(1), {"seconds": 20.0}))
    assert budget.measured(tmp_path / "gated", "paper") == (60.0, 0.75)
    assert budget.measured(tmp_path / "gated", "laptop") == (0.0, 0.0)


@pytest.fixture(scope="module")
def found():
    return budget.table(chapters.sweeps(), COMMITTED, BENCHMARKS)


def test_every_larger_scale_has_a_row_and_more_cores_are_no_slower(found):
    every = {(sweep.name, scale) for sweep in chapters.sweeps().values() for scale in sweep.scales}
    assert set(zip(found.sweep, found.scale)) == {pair for pair in every if pair[1] != "quick"}
    assert (found["64 cores"] <= 1.01 * found.laptop).all() and (
        found["1,000 cores"] <= found["64 cores"]
    ).all()
    assert (found.longest_cell <= found["1,000 cores"]).all() and (
        found.longest_cell <= found.core_hours
    ).all()


def test_what_was_measured_is_what_was_stored(found):
    whole = found[found.measured == 1].set_index("sweep")
    facts = {path.parent.name: json.loads(path.read_text()) for path in COMMITTED.glob("*/meta.json")}
    stored = pd.Series({name: about["seconds"] / 3600 for name, about in facts.items()})
    pd.testing.assert_series_equal(
        whole.core_hours.sort_index(), stored.sort_index(), check_names=False, check_index_type=False
    )
    assert whole.told.notna().all() and found[found.measured < 1].told.isna().all()


def test_the_full_scale_of_the_paper_is_among_them(found):
    dear = found.set_index(["sweep", "scale"]).core_hours
    assert dear["dataset_size", "paper"] > dear["dataset_size", "laptop"]
    assert dear["cifar10", "paper"] > dear["cifar10", "laptop"]


def test_the_command_needs_no_images(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cifar10, "data_folder", lambda folder=None: tmp_path)
    assert main(["cost"]) == 0
    text = capsys.readouterr().out
    larger = {name for name, sweep in chapters.sweeps().items() if set(sweep.scales) > {"quick"}}
    assert larger <= set(text.split())
    assert "1,000 cores" in text and "measured" in text
