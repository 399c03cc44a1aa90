"""What is told before work starts: from settings and measured cells, and refused where there is no room."""

import json
import re
from itertools import chain

import gated
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from companion import __main__ as command_line
from companion import chapters, cost, project
from companion.__main__ import main
from companion.experiments.two_layer.spec import TwoLayer
from companion.pages import build, request
from companion.place import root
from companion.project import PROJECT
from companion.runs.cells import Store, run_cells
from companion.runs.identity import kind
from tests.tiny import TWO_LAYER

CELL = TwoLayer(**TWO_LAYER, seeds=(1, 2, 3))
SIZE = cost.size(CELL)


def row(cell, seconds=10.0, memory=1e8, disk=1e3):
    return cost.Measured(cell, kind(cell), cost.size(cell), seconds, memory, disk)


def changed(**fields):
    return TwoLayer(**TWO_LAYER | dict(seeds=(1, 2, 3)) | fields)


KNOWN = [row(CELL)]


def test_networks_and_steps_are_counted():
    assert (SIZE.networks, SIZE.steps) == (3 * 2 * 2, 2 * 20)


@pytest.mark.parametrize(
    "fields",
    [
        dict(seeds=tuple(range(30))),
        dict(input_dim=600),
        dict(outputs=300),
        dict(teacher_width=20),
        dict(over_realizations=(1.0, 20.0)),
        dict(polarities=(0.0, 1.0, 2.0)),
    ],
)
def test_what_is_larger_takes_more_time_and_memory(fields):
    larger = cost.size(changed(**fields))
    assert larger.operations > SIZE.operations and larger.volume > SIZE.volume


def test_more_samples_take_memory_and_more_steps_time():
    samples, steps = cost.size(changed(samples=4000)), cost.size(changed(steps_per_epoch=200))
    assert samples.operations == SIZE.operations and samples.volume > 5 * SIZE.volume
    assert (steps.moves, steps.volume) == (10 * SIZE.moves, SIZE.volume)
    assert steps.operations == pytest.approx(10 * SIZE.operations)


CHAPTERS = chapters.parameters()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_cell_of_a_chapter_has_a_size_that_its_seeds_enlarge(chapter):
    for cell in CHAPTERS[chapter]().live_cells():
        own = cost.size(cell)
        assert own.networks >= 1 and own.steps >= 1 and own.operations > 0 and own.volume > 0
        seeds = getattr(cell, "seeds", None)
        if isinstance(seeds, int):
            more = cost.size(cell.model_copy(update={"seeds": 1000 * seeds}))
            assert more.networks == 1000 * own.networks and more.volume > own.volume


def seconds(cell, known, slower=1.0):
    return cost.estimate([cell], slower, known).seconds


def test_a_measured_cell_costs_what_it_took_and_another_one_in_proportion_but_for_a_fixed_part():
    told = cost.estimate([CELL, changed(steps_per_epoch=60)], slower=2.0, known=KNOWN)
    assert (told.cells, told.networks, told.steps) == (2, 24, 40 + 120)
    assert seconds(CELL, KNOWN) == pytest.approx(10) and seconds(CELL, KNOWN, 2.0) == pytest.approx(20)
    assert 20 < seconds(changed(steps_per_epoch=60), KNOWN) < 30
    assert told.longest == pytest.approx(2 * seconds(changed(steps_per_epoch=60), KNOWN))
    assert told.memory == pytest.approx(1e8) and told.disk == pytest.approx(2e3)
    assert told.wall(1) == pytest.approx(told.seconds) and told.wall(100) == pytest.approx(told.longest)
    assert told.room(1) < told.room(2) == told.room(100), "there are only two cells"


def of_laws(fixed, step, network):
    """Cells of known laws, measured: the smallest, with twice the seeds, with twice the steps."""
    law = lambda cell: fixed + step * cost.size(cell).moves + network * cost.size(cell).work
    cells = CELL, changed(seeds=tuple(range(6))), changed(steps_per_epoch=40)
    return law, [row(cell, law(cell)) for cell in cells]


@pytest.mark.parametrize("shares", [(0.1, 0.8, 0.1), (0.5, 0.1, 0.4), (0.05, 0.05, 0.9)])
def test_three_measured_cells_tell_what_is_fixed_what_a_step_and_what_a_network_takes(shares):
    law, known = of_laws(shares[0], shares[1] / SIZE.moves, shares[2] / SIZE.work)
    for other in (changed(seeds=tuple(range(30))), changed(steps_per_epoch=200)):
        assert seconds(other, known) == pytest.approx(law(other), rel=0.2)


def test_what_seemed_to_cost_nothing_still_counts_where_it_is_large():
    _, known = of_laws(1.0, 0.0, 0.0)
    assert seconds(changed(seeds=tuple(range(300_000))), known) > 10


def test_the_nearest_cells_count_most_in_words_and_in_size():
    double, many = row(changed(dtype="float64"), 40.0), row(changed(seeds=tuple(range(300))), 70.0)
    near = lambda cell: seconds(cell, [*KNOWN, double, many])
    assert near(changed(learning_rate=0.02)) == pytest.approx(10, rel=0.02)
    assert near(changed(dtype="float64", learning_rate=0.02)) == pytest.approx(40, rel=0.05)
    assert near(changed(dtype="float64", device="cuda")) == pytest.approx(40, rel=0.05)
    assert near(changed(seeds=tuple(range(299)))) == pytest.approx(70, rel=0.05)


def test_between_two_measured_cells_both_count():
    one, other = row(changed(data_std=2.0), 10.0), row(changed(data_std=3.0), 40.0)
    assert cost.size(one.cell) == cost.size(other.cell)
    assert seconds(CELL, [one, other]) == pytest.approx(20), "their geometric mean"


def test_looks_at_networks_are_counted():
    often = changed(epochs=2, snapshots=(0, 1, 2))
    seldom = changed(epochs=2, snapshots=(0, 2))
    assert cost.size(often).evaluations == pytest.approx(1.5 * cost.size(seldom).evaluations)
    assert cost.size(changed(seeds=(1, 2, 3, 4, 5, 6))).evaluations == pytest.approx(2 * SIZE.evaluations)


def test_a_measured_cell_costs_what_it_took_beside_others_of_its_size():
    other = changed(learning_rate=0.02)
    assert cost.size(other) == SIZE
    told = cost.estimate([CELL, other], known=[row(other, 30.0, 2e8), *KNOWN])
    assert (told.seconds, told.longest, told.memory) == (40, 30, 2e8)


def test_memory_has_a_part_that_does_not_grow():
    small = [row(CELL, memory=cost.LEAST)]
    assert cost.estimate([changed(samples=4000)], known=small).memory < 3 * cost.LEAST
    large = [row(CELL, memory=100 * cost.LEAST)]
    ratio = cost.size(changed(samples=4000)).volume / SIZE.volume
    assert cost.estimate([changed(samples=4000)], known=large).memory > 0.95 * ratio * 100 * cost.LEAST


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_cell_comes_back_from_its_settings_as_json(chapter):
    for cell in CHAPTERS[chapter]().live_cells():
        assert cost.size(cost.revived(kind(cell), json.loads(cell.model_dump_json()))) == cost.size(cell)


@pytest.mark.parametrize(
    "what, values", [("companion.nowhere.Cell", {}), (kind(CELL), {"seeds": []}), (kind(CELL), {"new": 1})]
)
def test_a_measured_cell_of_a_kind_that_has_changed_is_left_out(what, values):
    assert cost.revived(what, values) is None


def test_the_table_is_of_cells_that_there_are():
    rows, reference = cost.table()
    stored = json.loads((root() / "benchmarks" / "results" / "costs.json").read_text())["cells"]
    assert len(rows) == len(stored) > 50 and 0.01 < reference < 10


def test_what_is_started_most_often_is_in_the_table():
    """Chapters at their defaults and sweeps at quick scale, whose settings thus do not move unnoticed.

    Where they are to, ``python benchmarks/costs.py CHAPTER`` measures them.
    """
    same = lambda cell: re.sub(r'"fingerprint":"\w*"', "", f"{kind(cell)} {cell.model_dump_json()}")
    there = {same(row.cell) for row in cost.table()[0]}
    live = [cell for parameters in CHAPTERS.values() for cell in parameters().live_cells()]
    stages = [stage for sweep in chapters.sweeps().values() for stage in sweep.scales["quick"].stages()]
    cells = {same(cell) for cell in chain(live, *stages)}
    assert len(cells) > 100 and cells - there == set()


def test_a_kind_that_was_never_measured_is_guessed_at_its_usual_size():
    known = cost.assumed([CELL], [])
    assert cost.estimate([CELL], known=known).seconds == cost.UNKNOWN
    assert cost.assumed([CELL], KNOWN) == KNOWN


def test_kinds_that_nobody_asks_for_are_not_imported(monkeypatch):
    every, reference = cost.table()
    one = min(row.kind for row in every)
    looked_at, revived = set(), cost.revived
    monkeypatch.setattr(cost, "revived", lambda what, values: looked_at.add(what) or revived(what, values))
    assert cost.table(kinds={one}) == ([row for row in every if row.kind == one], reference)
    assert looked_at == {one} and len({row.kind for row in every}) > 1


def test_finished_cells_cost_nothing(tmp_path):
    store, cells = Store(tmp_path, PROJECT), [CELL, changed(seeds=(4,))]
    run_cells(cells[:1], store, progress=False)
    assert cost.missing([cells], PROJECT, [tmp_path]) == cells[1:]
    assert cost.missing([cells], PROJECT, [tmp_path / "other", tmp_path]) == cells[1:]
    assert cost.missing([cells], PROJECT, []) == cells


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_a_chapter_has_computed_is_not_paid_again(chapter, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "calibrate", lambda: 1.0)
    book, store = project.book(CHAPTERS), Store(tmp_path, PROJECT)
    one = request.Request(chapter, {}, str(tmp_path))
    stages = command_line._stages(book, one, {})
    left = command_line._training_left(book, one)
    assert left() > 0
    after: list[str] = []
    for cells in stages:
        places = [store.place(cell, after) for cell in cells]
        for place in places:
            place.mkdir(exist_ok=True)
        after += [place.name for place in places]
    assert left() == 0 and cost.missing(stages, PROJECT, [tmp_path]) == []
    kept = [cell for cells in stages for cell in cells if store.place(cell).exists()]
    assert set(CHAPTERS[chapter]().live_cells()) <= set(kept) or len(stages) > 1


def test_the_machine_is_measured_once(tmp_path, monkeypatch):
    answers = iter([3.0, 2.0, 4.0, 6.0, 6.0, 6.0])
    monkeypatch.setattr(cost, "calibrate", lambda: next(answers))
    assert cost.slower(tmp_path, 1.0) == 2.0 == cost.slower(tmp_path, 1.0)
    (tmp_path / "machine.json").write_text(json.dumps({"machine": "another", "calibration": 1.0}))
    assert cost.slower(tmp_path, 1.0) == 6.0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"machine": 1}', '{"calibration": "fast"}'])
def test_a_broken_measurement_is_made_again(tmp_path, monkeypatch, text):
    facts = cost.machine(())
    (tmp_path / "machine.json").write_text(text.replace("{", f'{{"machine": "{facts["machine"]}", ', 1))
    monkeypatch.setattr(cost, "calibrate", lambda: 2.0)
    assert cost.slower(tmp_path, 1.0) == 2.0


def of(**fields):
    usual = dict(cells=1, networks=1, steps=1, seconds=1.0, longest=1.0, memory=1.0, disk=1.0)
    return cost.Cost(**usual | fields)


@pytest.mark.parametrize(
    "told, message",
    [
        (of(memory=300 * cost.GIB), "needs 300.* GiB of memory, 4.0 GiB are free; memory"),
        (of(disk=300 * cost.GIB), "needs 300.0 GiB on disk, 2.0 GiB are free; disk"),
        (of(seconds=1e9), "would take about 32 years; seconds"),
        (of(seconds=float("inf")), "would take more than ten thousand years; seconds"),
    ],
)
def test_no_room_is_refused_with_the_numbers(told, message, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "free_memory", lambda: 4 * cost.GIB)
    monkeypatch.setattr(cost, "free_disk", lambda folder: 2 * cost.GIB)
    with pytest.raises(cost.CostError, match=message):
        cost.check(told, 1, tmp_path, lambda weight: weight)
    cost.check(of(), 1, tmp_path, lambda weight: weight)


@given(st.floats(0, 1e4 * cost.YEAR, exclude_max=True))
@example(99.7 * 86_400)  # two digits of it are 1e+02
def test_a_time_in_words_is_the_time_without_an_exponent(seconds):
    _, number, unit = cost.duration(seconds).split()
    size = {"s": 1, "minutes": 60, "hours": cost.HOUR, "days": 86_400, "years": cost.YEAR}[unit]
    assert float(number) * size == pytest.approx(max(seconds, 1), rel=0.06 if unit != "s" else 0.5)
    assert "e" not in number


def test_free_room_is_that_of_this_machine(tmp_path):
    assert cost.free_memory() > 2**20 and cost.free_disk(tmp_path / "not" / "there") > 2**20


@pytest.fixture
def started(monkeypatch, tmp_path) -> list:
    begun = []
    monkeypatch.setattr(build, "run", lambda book, request, training: begun.append(request) or book.root)
    monkeypatch.setattr(cost, "calibrate", lambda: 0.2)
    return begun


def test_a_run_is_told_before_it_starts(started, capsys, tmp_path):
    assert main(["run", "two_layer_theorem", "-p", "seeds", "3", "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(started) == 1 and len(said) == 2
    assert " networks, " in said[0] and " cells: about " in said[0] and " of memory, " in said[0]


def test_a_run_without_room_is_refused_with_what_weighs_most(started, capsys, tmp_path):
    words = ["-p", "seeds", "3", "-p", "input_dim", "1000000", "--results", str(tmp_path)]
    assert main(["run", "two_layer_theorem", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: needs ") and error.endswith("are free; input_dim 1000000 weighs most\n")
    assert error.count("\n") == 1 and not started


def test_a_sweep_is_told_and_one_of_hours_with_its_cluster(monkeypatch, capsys, tmp_path):
    (tmp_path / "gate").mkdir()
    monkeypatch.setattr(chapters, "sweeps", lambda: {"gated": gated.sweep(str(tmp_path / "gate"))})
    monkeypatch.setattr(command_line.project, "PROJECT", gated.PROJECT)
    monkeypatch.setattr(cost, "UNKNOWN", 3600.0)
    words = ["--results", str(tmp_path / "cells"), "--export", str(tmp_path / "tables"), "--workers", "1"]
    assert main(["sweep", "gated", "--scale", "paper", *words]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("gated: ") and " in 4 cells: " in said[0]
    assert said[1].endswith("python -m companion sweep gated --scale paper --scheduler tcp://HOST:8786")


@pytest.mark.parametrize("export", ["cells", "cells/tables", "."])
def test_tables_inside_the_cells_are_refused_before_training(monkeypatch, capsys, tmp_path, export):
    gate = tmp_path / "gate"
    gate.mkdir()
    monkeypatch.setattr(chapters, "sweeps", lambda: {"gated": gated.sweep(str(gate))})
    monkeypatch.setattr(command_line.project, "PROJECT", gated.PROJECT)
    words = ["--results", str(tmp_path / "cells"), "--export", str(tmp_path / export)]
    assert main(["sweep", "gated", "--scale", "paper", *words]) == 1
    assert "must be folders apart from each other" in capsys.readouterr().err
    assert not list(gate.iterdir()), "no cell has begun"
