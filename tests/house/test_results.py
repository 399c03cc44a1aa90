"""Committed results: whole, small, of the sweeps and settings of today; what made them is known.

Sweeps are found by looking, so that new tables are covered without an edit. Whether today's code still
computes the stored numbers is tested with the chapter, in tests/chapters/<chapter>/test_results.py.
"""

import importlib
import re
import warnings

import pandas as pd
import pytest

from companion import chapters, place
from companion.project import PROJECT
from companion.runs.cells import plain
from companion.runs.identity import code_id
from companion.runs.partial import describe, load_partial
from companion.runs.spec import Cell, Grid
from companion.runs.store import PARTIAL, load_results

STORED = place.PACKAGE.parent / "book" / "results"
SWEEPS = chapters.sweeps()
NAMES = sorted(path.parent.name for path in STORED.glob("*/meta.json"))
# one of its laws has samples of any size; ReLU nodes of others may be lost, and a flow may not end
DIVERGING = {"other_inputs", "few_students"}
UNFINISHED = sorted(path.parent.parent.name for path in STORED.glob(f"*/{PARTIAL}/meta.json"))


def moved() -> dict[str, str]:
    """What cells were called before the code was split into two packages: the table of the README there."""
    rows = re.findall(
        r"^\| `(ts_core\.[\w.]+)` \| `(companion\.[\w.]+)` \|$",
        (STORED / "README.md").read_text(),
        re.MULTILINE,
    )
    return dict(rows)


def types(facts: dict) -> list[type[Cell]]:
    """Today's types of the cells that stored tables were gathered from."""
    places = [moved().get(name, name).rpartition(".") for name in facts["run"].split(", ")]
    return [getattr(importlib.import_module(module), name) for module, _, name in places]


def made_by_other_code() -> dict[str, str]:
    """Stored tables whose code is not today's, with the ids of both."""
    found = {}
    for name in NAMES:
        facts = load_results(name, STORED / name)[1]
        today = ", ".join(
            sorted({code_id(PROJECT.packages, cell.__module__, cell.__qualname__) for cell in types(facts)})
        )
        if facts["code"] != today:
            found[name] = f"{facts['code']} at {facts['commit']}, today {today}"
    return found


def test_every_folder_of_stored_tables_belongs_to_a_sweep():
    assert len(NAMES) > 8 and {*NAMES, *UNFINISHED} <= set(SWEEPS)
    assert {path.name for path in STORED.iterdir()} == {*NAMES, *UNFINISHED, "README.md"}


def test_partial_results_are_whole_and_small_and_of_a_larger_scale():
    for name in UNFINISHED:
        about, facts = describe(STORED / name), load_partial(STORED / name)[1]
        assert about["sweep"] == name and about["scale"] in set(SWEEPS[name].scales) - {"quick"}
        assert about["spec"] == plain(SWEEPS[name].settings(about["scale"]))
        assert 0 < about["share"] < 1 and facts["cells"] == len(about["done"]) < about["cells"]
        inside = {path.name for path in (STORED / name / PARTIAL).iterdir()}
        assert inside >= {*about["done"], "meta.json"}
        assert sum(file.stat().st_size for file in (STORED / name).rglob("*") if file.is_file()) < 12e6


@pytest.mark.parametrize("name", NAMES)
def test_committed_results_are_whole_and_small(name):
    tables, facts = load_results(name, STORED / name)
    assert (
        facts["scale"] in ("laptop", "paper")
        and facts["cells"] > 0
        and all(len(table) for table in tables.values())
    )
    assert sum(file.stat().st_size for file in (STORED / name).iterdir() if file.is_file()) < 6e6
    assert {path.stem for path in (STORED / name).glob("*.parquet")} == set(tables)


def test_all_committed_results_together_are_small():
    assert sum(file.stat().st_size for file in STORED.rglob("*") if file.is_file()) < 25e6


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_settings_are_those_of_the_sweep(name):
    _, facts = load_results(name, STORED / name)
    settings = SWEEPS[name].settings(facts["scale"])
    assert facts["spec"] == plain(settings) == settings.model_dump(mode="json")
    if isinstance(settings, Grid):  # else the cells depend on input data
        assert facts["cells"] == len(settings.cells())
        assert {type(cell) for cell in settings.cells()} == set(types(facts))


@pytest.mark.parametrize("name", [name for name in NAMES if (STORED / name / "runs.parquet").exists()])
def test_the_stored_runs_are_complete_and_none_diverged(name):
    """One row per network and evaluation, each of a finite loss once training has begun."""
    runs = load_results(name, STORED / name)[0]["runs"]
    losses = [column for column in runs if column.endswith("loss") and runs[column].dtype.kind == "f"]
    trained = runs.epoch > 0 if "epoch" in runs else pd.Series(True, runs.index)  # a flow has no epochs
    if name in DIVERGING:
        trained &= runs.status == "ok"
    else:
        assert set(runs.get("status", ["ok"])) == {"ok"}
    assert runs.loc[trained, losses].notna().all(axis=None)
    assert not runs.duplicated(
        [column for column in runs if runs[column].dtype.kind != "f" or column in SWEEPS[name].keys]
    ).any()


@pytest.mark.parametrize("name", NAMES)
def test_numbers_that_are_looked_up_are_stored_exactly(name):
    """A key is no float32 in disguise: 0.1 is found as 0.1, in every table that has it."""
    settings = plain(SWEEPS[name].settings(load_results(name, STORED / name)[1]["scale"]))
    tables = load_results(name, STORED / name)[0].values()
    for key in SWEEPS[name].keys:
        columns = [table[key] for table in tables if key in table]
        listed = settings.get(f"{key[:-1]}ies" if key.endswith("y") else f"{key}s")
        if listed and columns:
            assert set(pd.concat(columns)) >= set(listed)
        assert all((column.round(6) == column).all() for column in columns)


def test_the_former_name_of_every_stored_run_is_known():
    assert len(moved()) == 4
    for name in NAMES:
        assert all(issubclass(cell, Cell) for cell in types(load_results(name, STORED / name)[1]))


def test_committed_tables_of_other_code_are_listed():
    """A warning and no error: the slices that are computed again say whether the numbers still hold."""
    for name, ids in made_by_other_code().items():
        warnings.warn(f"book/results/{name} was made by other code: {ids}", stacklevel=1)
