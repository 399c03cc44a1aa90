"""A chapter's page: its parameters, its cells, stored tables, published numbers, data beside its figures."""

import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from companion.pages import parameters, request
from companion.pages.page import Page, costs, provenance
from companion.project import PROJECT
from companion.runs.identity import machine, origin
from companion.runs.partial import Partial
from companion.runs.spec import Cell, SpecError, Tables
from companion.runs.store import StoreError, export, save
from companion.runs.workers import RunError
from tests import toy_book


class Count(Cell):
    """Counts, and leaves a mark each time that it does."""

    to: int = 3
    mark: str = ""

    def run(self, *earlier: Tables) -> Tables:
        Path(self.mark).write_text(Path(self.mark).read_text() + "x")
        start = earlier[0]["counts"].number.max() if earlier else 0
        name = "later" if earlier else "counts"
        return {name: pd.DataFrame({"number": range(start, start + self.to)})}


class Noise(Cell):
    """Random numbers."""

    seed: int

    def run(self, *earlier: Tables) -> Tables:
        return {"noise": pd.DataFrame({"value": np.random.default_rng(self.seed).random(5)})}


def dart_cell(sides: int, spec) -> tuple[Tables, dict]:
    """Tables and facts of one cell of the polygon's sweep."""
    (cell,) = [throw for throw in spec.throws() if throw.sides == sides]
    facts = origin(PROJECT, cell) | machine(PROJECT.libraries)
    return cell.run(), facts | {"seconds": 1.0, "started": "now", "device": "cpu"}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens the polygon's page as its notebook does, with or without a request."""
    book = toy_book.book(toy_book.drop(tmp_path / "toy"))
    monkeypatch.chdir(book.root / "book")
    spec = book.chapters["polygon"]
    monkeypatch.setattr(
        plt, "style", type("Style", (), {"use": staticmethod(lambda path: used.append(path))})
    )
    used = []

    def open_(asked: request.Request | None = None, **changes) -> Page:
        if asked:
            asked.save(Path.cwd())
        page = Page(book, spec, {**parameters.defaults(spec), **changes})
        assert used == [book.root / "book" / "house.mplstyle"]
        return page

    return open_


def asked(tmp_path: Path, **changes) -> request.Request:
    return request.Request("polygon", {}, str(tmp_path / "cells"), **changes)


def test_it_holds_the_checked_parameters(opened):
    assert opened(sides=7, bars=[0.5]).spec.sides == 7
    with pytest.raises(SpecError, match="sides: .*got 2"):
        opened(sides=2)


def test_without_a_request_it_works_in_the_books_own_folders(opened):
    page = opened()
    assert page.data is None and page.store.folder == page.book.work / "cells"


def test_with_a_request_it_works_where_the_reader_said(opened, tmp_path):
    page = opened(asked(tmp_path, data=str(tmp_path)))
    assert page.data == tmp_path and page.store.folder == tmp_path / "cells"


def test_finished_cells_are_read_and_not_computed_again(opened, tmp_path):
    page, mark = opened(asked(tmp_path)), tmp_path / "mark"
    mark.write_text("")
    cells = [Count(mark=str(mark)), Count(to=2, mark=str(mark))]
    assert list(page.run(*cells)["counts"].number) == [0, 1, 2, 0, 1]
    assert list(page.run(*cells)["counts"].number) == [0, 1, 2, 0, 1] and mark.read_text() == "xx"


@pytest.mark.parametrize("workers", [1, 2])
def test_several_processes_compute_what_the_page_will_ask_for(opened, tmp_path, workers):
    """Side by side, whatever their types; one process computes what is asked. The numbers are the same."""
    page, mark = opened(asked(tmp_path, workers=workers)), tmp_path / "mark"
    mark.write_text("")
    counts, noise, other = [Count(mark=str(mark)), Count(to=2, mark=str(mark))], Noise(seed=4), Noise(seed=5)
    page.spec = SimpleNamespace(live_cells=lambda: [*counts, noise])
    found = page.run(noise)["noise"]
    assert found.equals(noise.run()["noise"]) and mark.read_text() == ("" if workers == 1 else "xx")
    assert page.run(other)["noise"].equals(other.run()["noise"]), "not named, computed when it is asked for"
    assert list(page.run(*counts)["counts"].number) == [0, 1, 2, 0, 1] and mark.read_text() == "xx"
    before = sorted(page.store.folder.rglob("*"))
    page.run(noise), page.run(*counts)
    assert sorted(page.store.folder.rglob("*")) == before and len(list(page.store.folder.iterdir())) == 4


def test_cells_of_a_later_stage_get_the_tables_of_the_earlier(opened, tmp_path):
    page, mark = opened(asked(tmp_path)), tmp_path / "mark"
    mark.write_text("")
    found = page.run_stages([[Count(mark=str(mark))], [Count(to=2, mark=str(mark))]])
    assert list(found["counts"].number) == [0, 1, 2] and list(found["later"].number) == [2, 3]
    with pytest.raises(RunError, match="two stages make a table called later"):
        page.run_stages([[Count(mark=str(mark))], [Count(to=2, mark=str(mark))], [Count(mark=str(mark))]])


def test_stored_tables_come_with_where_they_come_from(opened):
    page = opened()
    facts = {"sweep": "polygon_darts", "spec": {}, "versions": {"numpy": "2"}, "commit": "abc"}
    assert not page.has("polygon_darts")
    export(
        page.book.root / "book" / "results" / "polygon_darts",
        {"shares": pd.DataFrame({"share": [0.5]})},
        facts,
    )
    assert page.has("polygon_darts") and not page.has("other")
    tables, found = page.stored("polygon_darts")
    assert tables["shares"].share.item() == 0.5
    assert list(provenance(found).index) == ["sweep", "commit", "numpy"]
    with pytest.raises(StoreError, match="cannot read results at .*other"):
        page.stored("other")


def test_a_partial_result_is_no_scale_of_the_paper(opened, tmp_path):
    """It says how much is done; a claim at its scale is refused, and so are its tables unless asked for."""
    page = opened()
    stored, spec = page.book.committed / "polygon_darts", page.spec
    cells = [save(tmp_path / f"{sides:016}", *dart_cell(sides, spec)) for sides in (3, 4)]
    work = {f"{sides:016}": float(sides) for sides in (3, 4, 93)}
    begun = lambda: Partial(stored, {"sweep": "polygon_darts", "scale": "paper", "spec": {}}, work)
    partial = begun()
    assert page.progress("polygon_darts") == ""
    for cell in cells:
        partial.keep(cell)
    done = "polygon_darts at paper scale is not finished: 2 of 3 cells, 7% of the work"
    assert not page.has("polygon_darts") and page.progress("polygon_darts") == done
    with pytest.raises(StoreError, match=f"^{done}; python -m companion sweep goes on$"):
        page.stored("polygon_darts")
    tables, facts = page.stored("polygon_darts", partial=True)
    assert list(tables["shares"].sides.unique()) == [3, 4] and facts["scale"] == "paper, 7% done"
    assert provenance(facts).loc["done"].item() == done
    claims = import_module("companion.chapters.polygon.claims")
    assert claims.dart_claims(tables["shares"], "quick"), "the tables themselves would do"
    with pytest.raises(ValueError, match="scale must be one of quick, laptop, paper, got 'paper, 7% done'"):
        claims.dart_claims(tables["shares"], facts["scale"])

    whole = {"sweep": "polygon_darts", "scale": "paper", "spec": {}, "versions": {}}
    export(stored, tables, whole)
    begun().keep(cells[0])  # a larger one has begun
    assert page.has("polygon_darts") and page.progress("polygon_darts").endswith(
        "1 of 3 cells, 3% of the work"
    )
    for asked_for in (False, True):
        assert page.stored("polygon_darts", asked_for)[1]["scale"] == "paper"


def test_published_numbers_are_those_of_the_book(opened):
    page = opened()
    folder = page.book.root / "book" / "reference"
    folder.mkdir()
    (folder / "euclid.csv").write_text("sides,share\n4,0.6366\n")
    assert page.published("euclid").share.item() == 0.6366


def test_a_figure_lays_its_data_beside_the_page_in_a_build_only(opened, tmp_path):
    table = pd.DataFrame({"x": [1.0, 2.0]})
    figure, axes = opened().figure("fig-x", 1, 2, table)
    assert axes.shape == (1, 2) and not Path("figures").exists(), "an editor's run leaves nothing"
    plt.close(figure)


def test_a_build_writes_the_data_of_a_figure_and_none_for_pictures_of_images(opened, tmp_path):
    page, table = opened(asked(tmp_path)), pd.DataFrame({"x": [1.0, 2.0]})
    for name, data in (("fig-x", table), ("fig-y", {"a": table, "b": table}), ("fig-z", None)):
        plt.close(page.figure(name, 1, 1, data)[0])
    written = sorted(path.name for path in Path("figures/polygon").iterdir())
    assert written == ["fig-x.csv", "fig-y.a.csv", "fig-y.b.csv"]
    assert Path("figures/polygon/fig-x.csv").read_text() == "x\n1\n2\n"


def test_what_sweeps_took_is_listed_the_longest_first(tmp_path):
    for name, cells, seconds in (("short", 4, 360), ("long", 2, 7200)):
        (tmp_path / name).mkdir()
        facts = {"sweep": name, "scale": "laptop", "cells": cells, "seconds": seconds}
        (tmp_path / name / "meta.json").write_text(json.dumps(facts))
    (tmp_path / "begun" / "partial").mkdir(parents=True)
    took = costs(tmp_path)
    assert list(took.index) == ["long", "short"] and list(took["hours"]) == [2.0, 0.1]
    assert list(took["minutes per cell"]) == [60.0, 1.5]
    assert costs(tmp_path / "begun").empty
