"""Partial results: what is done of a sweep, kept beside its tables, exact, and taken up elsewhere."""

import json
import shutil
from pathlib import Path

import gated
import pandas as pd
import pytest

from companion.runs import partial
from companion.runs.cells import Store
from companion.runs.partial import describe, load_partial, progress
from companion.runs.store import FORMER, PARTIAL, StoreError, load, load_results, save
from companion.runs.sweeps import Sweep


class Broken(gated.Gated):
    """Cell 3 fails as long as ``broken`` exists."""

    def run(self, *earlier):
        if self.seed == 3 and (Path(self.gate) / "broken").exists():
            raise ValueError("no such number")
        return super().run()

    @property
    def work(self) -> float:
        return float(self.seed)


class Fragile(gated.FourCells):
    """Four cells, the third of which may fail."""

    def cells(self):
        return [Broken(seed=seed, gate=self.gate) for seed in (1, 2, 3, 4)]


class Longer(Fragile):
    """One cell more."""

    def cells(self):
        return [*super().cells(), Broken(seed=5, gate=self.gate)]


class Stages(gated.TwoStages):
    """Two stages, in the first of which a cell may fail, or in the second (seed 20)."""

    def stages(self, data=None):
        first = Fragile(gate=self.gate).cells()
        return [first, [gated.Sums(seed=seed, gate=self.gate) for seed in (10, 20)]]


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "broken").touch()
    return folder


def sweep(gate, spec=Fragile, scale="paper"):
    return Sweep("gated", {scale: spec(gate=str(gate))}, keys=("ratio",))


def run(sweep, tmp_path, machine, scale="paper"):
    """Run a sweep on a machine (a folder of cells) for the tables of the book."""
    place = tmp_path / "book" / "gated"
    return sweep.run(scale, Store(tmp_path / machine, gated.PROJECT), place, progress=False)


def broken_off(tmp_path, gate, **options):
    """The folder of a sweep whose third cell has failed."""
    with pytest.raises(ValueError, match="no such number"):
        run(sweep(gate, **options), tmp_path, "first", options.get("scale", "paper"))
    return tmp_path / "book" / "gated"


def starts(gate):
    return [len(list(gate.glob(f"started-{seed}-*"))) for seed in (1, 2, 3, 4)]


def test_a_failing_cell_leaves_what_was_finished_before(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    facts = describe(place)
    assert facts["cells"] == 4 and facts["share"] == 0.3 and len(facts["done"]) == 2
    assert facts["sweep"] == "gated" and facts["scale"] == "paper" and facts["spec"] == {"gate": str(gate)}
    assert progress(place) == "gated at paper scale is not finished: 2 of 4 cells, 30% of the work"
    assert progress(tmp_path) == ""


def test_every_cell_says_which_run_and_code_made_which_rows(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    for seed, name in zip((1, 2), describe(place)["done"]):
        tables, facts = load(place / PARTIAL / name)
        assert tables["runs"].equals(gated.numbers(seed)["runs"]) and facts["spec"]["seed"] == seed
        assert (
            facts["run"].endswith(".test_partial.Broken") and len(facts["code"]) == 16 and "commit" in facts
        )


def test_another_machine_goes_on_and_ends_with_the_same_files(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    (gate / "broken").unlink()
    assert run(sweep(gate), tmp_path, "second") == place and starts(gate) == [1, 1, 1, 1]
    assert not (place / PARTIAL).exists() and load_results("gated", place)[1]["cells"] == 4
    other = sweep(gate).run("paper", Store(tmp_path / "third", gated.PROJECT), tmp_path / "whole")
    assert starts(gate) == [2, 2, 2, 2], "on its own"
    for name in ("runs", "units"):
        assert (place / f"{name}.parquet").read_bytes() == (other / f"{name}.parquet").read_bytes()


def test_tables_that_a_killed_export_had_moved_aside_are_taken(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    staged = place.with_name(".gated-abcdefgh")
    staged.mkdir()
    place.rename(staged / FORMER)  # and killed before the new ones came
    (gate / "broken").unlink()
    run(sweep(gate), tmp_path, "second")
    assert starts(gate) == [1, 1, 1, 1] and not staged.exists()


def test_a_later_stage_gets_the_exact_tables_of_the_earlier(tmp_path, gate):
    """Gathered tables are rounded; had the sums been made of those, they would differ."""
    place, whole = tmp_path / "book" / "gated", tmp_path / "whole"
    exact = Sweep("gated", {"paper": Stages(gate=str(gate))}, keys=("sum",))
    with pytest.raises(ValueError, match="no such number"):
        run(exact, tmp_path, "first")
    (gate / "broken").unlink()
    run(exact, tmp_path, "second")
    assert starts(gate) == [1, 1, 1, 1]
    exact.run("paper", Store(tmp_path / "third", gated.PROJECT), whole)
    assert (place / "sums.parquet").read_bytes() == (whole / "sums.parquet").read_bytes()
    sums = load_results("gated", place)[0]["sums"].query("factor == 10")["sum"]
    losses = [gated.numbers(seed)["runs"].loss for seed in (1, 2, 3, 4)]
    assert list(sums) == [10 * loss.sum() for loss in losses]
    assert list(sums) != [10 * loss.astype("float32").astype(float).sum() for loss in losses]


def test_cells_of_other_code_or_settings_are_not_taken(tmp_path, gate):
    """A folder with another name than its run id counts for nothing, and is none of this sweep's cells."""
    place = broken_off(tmp_path, gate)
    one = place / PARTIAL / describe(place)["done"][0]
    one.rename(one.with_name("0" * 16))
    (gate / "broken").unlink()
    run(sweep(gate), tmp_path, "second")
    assert starts(gate) == [2, 1, 1, 1]


@pytest.mark.parametrize("name", ["runs.parquet", "meta.json"])
def test_a_damaged_cell_is_computed_again(tmp_path, gate, name):
    place = broken_off(tmp_path, gate)
    damaged = place / PARTIAL / describe(place)["done"][0]
    (damaged / name).write_bytes((damaged / name).read_bytes()[:-20])
    with pytest.raises(StoreError, match="damaged"):
        load_partial(place)
    with (
        pytest.warns(UserWarning, match="damaged.*computed again"),
        pytest.raises(ValueError, match="number"),
    ):
        run(sweep(gate), tmp_path, "second")
    assert starts(gate) == [2, 1, 0, 0]
    assert load(damaged)[0]["runs"].equals(gated.numbers(1)["runs"]) and len(describe(place)["done"]) == 2


def test_a_sweep_that_grew_goes_on_from_what_was_done(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    with pytest.raises(ValueError, match="no such number"):
        run(sweep(gate, Longer), tmp_path, "second")
    assert starts(gate)[:2] == [1, 1] and describe(place)["cells"] == 5 and describe(place)["share"] == 0.2


def test_complete_tables_stay_until_complete_ones_replace_them(tmp_path, gate):
    (gate / "broken").unlink()
    place = run(sweep(gate), tmp_path, "first")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    (gate / "broken").touch()
    with pytest.raises(ValueError, match="no such number"):
        run(sweep(gate, Longer), tmp_path, "second")
    assert len(describe(place)["done"]) == 2 and describe(place)["cells"] == 5
    assert {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()} == before
    assert load_results("gated", place)[1]["cells"] == 4
    (gate / "broken").unlink()
    run(sweep(gate, Longer), tmp_path, "third")
    assert load_results("gated", place)[1]["cells"] == 5 and not (place / PARTIAL).exists()


def test_cells_of_another_scale_or_sweep_are_refused_before_any_work(tmp_path, gate):
    place = broken_off(tmp_path, gate, scale="laptop")
    before = starts(gate)
    with pytest.raises(StoreError, match="partial result of scale 'laptop', not of 'paper'; finish it"):
        run(sweep(gate), tmp_path, "second")
    other = Sweep("other", {"laptop": Fragile(gate=str(gate))})
    with pytest.raises(StoreError, match="partial result of sweep 'gated', not of 'other'"):
        run(other, tmp_path, "second", "laptop")
    shutil.rmtree(place / PARTIAL)
    (place / PARTIAL).mkdir()
    (place / PARTIAL / "thesis.tex").touch()
    with pytest.raises(StoreError, match="cannot read results at .*partial/meta.json"):
        run(sweep(gate), tmp_path, "second")
    assert starts(gate) == before and (place / PARTIAL / "thesis.tex").exists()


ABOUT = '{"sweep": "gated", "scale": "paper", "spec": {}, "cells": 4, '
DAMAGED = [
    *("{", "[]", "{}", '{"sweep": "gated"}', 99_999 * "["),
    ABOUT + '"share": "all", "done": []}',
    ABOUT + '"share": 0.5, "done": ["../../gated"]}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_description_is_named(tmp_path, gate, text):
    place = broken_off(tmp_path, gate)
    (place / PARTIAL / "meta.json").write_text(text)
    with pytest.raises(StoreError, match=r"partial/meta.json is damaged, or not a description"):
        progress(place)


def test_one_that_was_killed_before_its_first_file_is_none(tmp_path, gate):
    place = tmp_path / "book" / "gated"
    (place / PARTIAL).mkdir(parents=True)
    (place / PARTIAL / ".meta.json").write_text("{")
    assert progress(place) == ""
    (gate / "broken").unlink()
    run(sweep(gate), tmp_path, "first")
    assert load_results("gated", place)[1]["cells"] == 4


def test_the_tables_of_what_is_done_bear_the_name_of_no_scale(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    tables, facts = load_partial(place)
    expected = pd.concat([gated.numbers(seed)["runs"] for seed in (1, 2)], ignore_index=True)
    assert tables["runs"].equals(expected) and set(tables) == {"runs", "units"}
    assert facts["scale"] == "paper, 30% done" and facts["cells"] == 2 and facts["done"] == progress(place)
    with pytest.raises(StoreError, match="cannot read results"):
        load_results("gated", place)


def test_nothing_is_left_beside_the_cells(tmp_path, gate):
    place = broken_off(tmp_path, gate)
    assert {path.name for path in (place / PARTIAL).iterdir()} == {*describe(place)["done"], "meta.json"}
    assert json.loads((place / PARTIAL / "meta.json").read_text())["done"] == describe(place)["done"]


class Looked(dict):
    """Work of cells that counts how often any of them is looked at."""

    looks = 0

    def __iter__(self):
        for run in super().__iter__():
            self.looks += 1
            yield run


def test_counting_what_is_kept_does_not_grow_with_its_square(tmp_path, monkeypatch):
    monkeypatch.setattr(partial, "_copy", lambda cell, place: None)
    monkeypatch.setattr(partial, "_is_whole", lambda place: False)
    looks = []
    for cells in (1_000, 4_000):
        work = Looked({f"{number:016}": 1.0 for number in range(cells)})
        kept = partial.Partial(tmp_path / str(cells), {"sweep": "s", "scale": "paper", "spec": {}}, work)
        for run in list(dict(work)):
            kept.keep(tmp_path / run)
        assert describe(kept.folder)["share"] > 0.99
        kept.count()
        facts = describe(kept.folder)
        assert facts["share"] == 1 and facts["done"] == list(dict(work))
        looks.append(work.looks)
    assert looks[1] < 8 * looks[0], "16 times, if every cell were counted after each"


def test_few_cells_are_counted_one_by_one(tmp_path, gate):
    """What is killed leaves a description of all its cells but the last hundredth."""
    place = broken_off(tmp_path, gate)
    again = partial.Partial(
        place, {"sweep": "s", "scale": "paper", "spec": {}}, {f"{n:016}": 1.0 for n in range(300)}
    )
    for number in range(300):
        again.keep(save(tmp_path / "cells" / f"{number:016}", gated.numbers(number), {}))
        assert len(describe(place)["done"]) >= 0.99 * number
