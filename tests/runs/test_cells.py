"""Cells and sweeps: resumed, interrupted, killed; here, on workers and on a Dask cluster; in stages."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import gated
import numpy as np
import pandas as pd
import pytest

from companion.experiments.two_layer.spec import TwoLayer
from companion.project import PROJECT
from companion.runs import cells as cells_module
from companion.runs import cluster, locks, workers
from companion.runs.cells import Store, finish, gather, run_cells, run_stages, summary
from companion.runs.claims import Claims
from companion.runs.identity import run_id, stage_ids
from companion.runs.partial import describe
from companion.runs.store import StoreError, load, load_results, save
from companion.runs.sweeps import Sweep
from companion.runs.workers import RunError, timed
from tests.tiny import TWO_LAYER

DRIVER = """
import signal, sys

if __name__ == "__main__":
    import gated
    from companion import __main__, chapters, project
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    gate, workers, results, target = sys.argv[1:]
    chapters.sweeps = lambda: {"gated": gated.sweep(gate)}
    project.PROJECT = gated.PROJECT
    sys.exit(__main__.main(
        ["sweep", "gated", "--scale", "paper", "--workers", workers, "--results", results, "--export", target]
    ))
"""


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


def specs(gate):
    return gated.FourCells(gate=str(gate)).cells()


def store(folder):
    return Store(folder, gated.PROJECT)


def started(gate, seed="*"):
    """(seed, process) of every start of a cell."""
    return sorted(tuple(map(int, mark.name.split("-")[1:3])) for mark in gate.glob(f"started-{seed}-*"))


def finished(results):
    return {path.parent.name: path.stat().st_mtime_ns for path in results.glob("[!.]*/meta.json")}


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(process):
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@pytest.fixture(scope="session")
def expected():
    """Tables of the four cells, made in this process and without a store."""
    return pd.concat([gated.numbers(seed)["runs"] for seed in (1, 2, 3, 4)], ignore_index=True)


def test_cells_run_once_and_are_gathered_in_order(tmp_path, gate, expected):
    results = tmp_path / "cells"
    tables, facts = run_cells(specs(gate), store(results))
    assert tables["runs"].equals(expected) and len(started(gate)) == 4
    assert [f["spec"]["seed"] for f in facts] == [1, 2, 3, 4] and all(f["threads"] == 1 for f in facts)
    assert {*finished(results)} == {run_id(gated.PROJECT, spec) for spec in specs(gate)}
    before = finished(results)
    again, _ = run_cells(specs(gate)[::-1], store(results))
    assert finished(results) == before and len(started(gate)) == 4
    assert again["runs"].seed.drop_duplicates().tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda cell: (cell / "runs.parquet").write_bytes((cell / "runs.parquet").read_bytes()[:-20]),
        lambda cell: (cell / "meta.json").write_text("{"),
        lambda cell: (cell / "meta.json").write_text(
            (cell / "meta.json").read_text().replace('"seed": 2', '"seed": 9')
        ),
        lambda cell: (cell / "units.parquet").unlink(),
    ],
    ids=["truncated", "no facts", "of another run", "incomplete"],
)
def test_a_damaged_cell_is_set_aside_and_computed_again(tmp_path, gate, expected, damage):
    results = tmp_path / "cells"
    run_cells(specs(gate), store(results))
    cell = results / run_id(gated.PROJECT, specs(gate)[1])
    damage(cell)
    kept = {path.name: path.read_bytes() for path in cell.iterdir()}
    with pytest.warns(UserWarning, match=f"{cell}.*set aside as {cell.name}.damaged-.* computed again"):
        tables, _ = run_cells(specs(gate), store(results))
    assert tables["runs"].equals(expected) and len(started(gate)) == 5 and len(started(gate, 2)) == 2
    (aside,) = results.glob(f"{cell.name}.damaged-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept


def test_leftovers_of_killed_processes_are_cleaned_and_those_at_work_are_not(tmp_path, gate):
    results = tmp_path / "cells"
    left, held = results / ".0123456789abcdef-left", results / ".0123456789abcdef-held"
    mine = results / ".git"
    for folder in (left, held, mine):
        folder.mkdir(parents=True)
    claimed = results / ".0123456789abcdef.lock"
    claimed.touch()
    at_work = locks.take(held)
    run_cells(specs(gate)[:1], store(results))
    assert not left.exists() and not claimed.exists() and held.exists() and mine.exists()
    os.close(at_work)
    run_cells(specs(gate)[:1], store(results))
    assert not held.exists() and mine.exists(), "also when every cell is finished"


def test_without_locks_only_what_is_a_day_old_is_cleaned(tmp_path, gate, monkeypatch):
    def without(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", without)
    old, new = tmp_path / ".0123456789abcdef-old", tmp_path / ".0123456789abcdef-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    run_cells(specs(gate)[:1], store(tmp_path))
    assert not old.exists() and new.exists() and len(finished(tmp_path)) == 1


@pytest.mark.parametrize("fact", ["seconds", "started", "versions", "machine"])
def test_a_cell_without_a_fact_is_computed_again(tmp_path, gate, expected, fact):
    """As an older version or another program would have written it: its checksums hold."""
    run_cells(specs(gate), store(tmp_path / "cells"))
    cell = tmp_path / "cells" / run_id(gated.PROJECT, specs(gate)[1])
    tables, facts = load(cell)
    shutil.rmtree(cell)
    save(cell, tables, {name: value for name, value in facts.items() if name != fact})
    with pytest.warns(UserWarning, match=f"it does not say {fact}; set aside"):
        again, more = run_cells(specs(gate), store(tmp_path / "cells"))
    assert again["runs"].equals(expected) and len(started(gate, 2)) == 2 and summary(more)["cells"] == 4


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), OSError(38, "Function not implemented"), ImportError("sem")]
)
def test_a_system_without_worker_processes_is_one_line(tmp_path, gate, monkeypatch, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr(workers, "ProcessPoolExecutor", refused)
    with pytest.raises(RunError, match=r"no worker process starts: .*/dev/shm.*--workers 1 runs") as said:
        run_cells(specs(gate), store(tmp_path / "cells"), workers=2)
    assert "\n" not in str(said.value) and len(str(said.value)) < 300 and not started(gate)


def test_nothing_is_trained_when_results_cannot_be_kept(tmp_path, gate, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"{tmp_path / 'file'} cannot be written"):
        run_cells(specs(gate), store(tmp_path / "file"))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "mine.txt").touch()
    for target in (tmp_path / "file", tmp_path / "file" / "below", foreign):
        with pytest.raises(StoreError, match=str(target).removesuffix("/below")):
            gated.sweep(str(gate)).run("paper", store(tmp_path / "cells"), target)
    assert not started(gate)


def test_a_disk_that_fills_up_keeps_the_finished_cells(tmp_path, gate, monkeypatch, expected):
    results, write = tmp_path / "cells", pd.DataFrame.to_parquet

    def full(table, path, **options):
        if set(table.seed) == {3}:
            raise OSError(28, "No space left on device")
        return write(table, path, **options)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StoreError, match=f"cannot save results at {results}/.*: No space left on device"):
        run_cells(specs(gate), store(results))
    assert len(finished(results)) == 2
    monkeypatch.undo()
    assert run_cells(specs(gate), store(results))[0]["runs"].equals(expected)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 2, 1]


def test_two_sweeps_share_a_folder_and_the_work(tmp_path, gate, expected):
    """A cell that one of them holds the other leaves, and takes what comes of it; both end with all."""
    results, gathered = tmp_path / "cells", []
    share = lambda: gathered.append(run_cells(specs(gate), store(results))[0])
    (gate / "hold-1").touch()
    sharing = [threading.Thread(target=share) for _ in range(2)]
    for thread in sharing:
        thread.start()
    until(lambda: len(finished(results)) == 3)
    (gate / "hold-1").unlink()
    for thread in sharing:
        thread.join()
    assert len(gathered) == 2 and all(tables["runs"].equals(expected) for tables in gathered)
    assert [seed for seed, _ in started(gate)] == [1, 2, 3, 4], "each once"
    assert len(finished(results)) == 4 and len(list(results.iterdir())) == 4


def test_a_claim_dies_with_its_holder(tmp_path, gate, expected):
    hold = "import sys; from pathlib import Path; from companion.runs.claims import Claims\n"
    hold += "print(Claims().take(Path(sys.argv[1])), flush=True); input()"
    place = store(tmp_path / "cells").place(specs(gate)[0])
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "True\n" and not Claims().take(place)
    holder.kill()
    holder.communicate()
    assert run_cells(specs(gate), store(tmp_path / "cells"))[0]["runs"].equals(expected)
    assert len(list((tmp_path / "cells").iterdir())) == 4, "no lock is left"


def drive(tmp_path, gate, workers=2):
    environment = {
        **os.environ,
        "TQDM_DISABLE": "",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)]),
    }
    (tmp_path / "driver.py").write_text(DRIVER)
    return subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", gate, str(workers), tmp_path / "cells", tmp_path / "gated"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def halfway(driver, tmp_path, gate):
    """Wait until two cells are finished and each worker holds one; returns the workers and those cells."""
    held = lambda: len(started(gate)) == 4 and len(finished(tmp_path / "cells")) == 2
    until(lambda: driver.poll() is not None or held())
    assert driver.poll() is None, driver.stderr.read()
    workers = {process for _, process in started(gate)}
    assert len(workers) == 2 and driver.pid not in workers
    return workers, finished(tmp_path / "cells")


def test_kill_then_interrupt_then_resume(tmp_path, gate, expected):
    """SIGKILL, then Ctrl-C, half-way: only running cells are lost, no worker is left, the rest resumes."""
    for seed in (3, 4):
        (gate / f"hold-{seed}").touch()
    killed = drive(tmp_path, gate)
    workers, kept = halfway(killed, tmp_path, gate)
    killed.kill()
    killed.communicate()
    until(lambda: not any(map(alive, workers)), seconds=20)

    stopped = drive(tmp_path, gate)
    until(lambda: stopped.poll() is not None or len(started(gate)) == 6)
    workers = {process for _, process in started(gate)}
    os.killpg(stopped.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    output, errors = stopped.communicate(timeout=60)
    assert stopped.returncode == 130 and "wrote" not in output
    assert "gated: 2 of 4 cells" in errors and "50%" in errors  # the bar starts with what is there
    assert errors.splitlines()[-1] == (
        "interrupted; gated at paper scale is not finished: 2 of 4 cells, 50% of the work; they are kept in "
        f"{tmp_path / 'gated' / 'partial'}, and the same command goes on wherever that folder is"
    )
    assert "Traceback" not in errors and not any(map(alive, workers))
    assert finished(tmp_path / "cells") == kept and os.listdir(tmp_path / "gated") == ["partial"]

    for seed in (3, 4):
        (gate / f"hold-{seed}").unlink()
    tables, _ = run_cells(specs(gate), store(tmp_path / "cells"))
    assert tables["runs"].equals(expected)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 3, 3]
    after = finished(tmp_path / "cells")
    assert len(after) == 4 and {name: after[name] for name in kept} == kept


def test_a_sweep_survives_its_machine(tmp_path, gate):
    """SIGKILL half-way, and the machine is gone; another is told to end; a third ends with the same files."""
    results, target = tmp_path / "cells", tmp_path / "gated"
    for seed in (3, 4):
        (gate / f"hold-{seed}").touch()
    first = drive(tmp_path, gate)
    _, kept = halfway(first, tmp_path, gate)
    until(lambda: len(describe(target)["done"]) == 2)
    first.kill()
    first.communicate()
    shutil.rmtree(results)

    (gate / "hold-3").unlink()
    second = drive(tmp_path, gate)
    until(lambda: second.poll() is not None or len(started(gate, 4)) == 2)
    until(lambda: second.poll() is not None or len(describe(target)["done"]) == 3)
    os.killpg(second.pid, signal.SIGTERM)  # as a batch system does: the workers get it too
    output, errors = second.communicate(timeout=60)
    assert second.returncode == 130 and "wrote" not in output and "Traceback" not in errors
    assert "interrupted; gated at paper scale is not finished: 3 of 4 cells, 75% of the work" in errors
    assert not any(alive(process) for _, process in started(gate)) and {*finished(results)} > {*kept}
    shutil.rmtree(results)

    (gate / "hold-4").unlink()
    gated.sweep(str(gate)).run("paper", store(results), target)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 2, 3]
    whole = gated.sweep(str(gate)).run("paper", store(tmp_path / "other"), tmp_path / "whole")
    assert (
        sorted(os.listdir(target))
        == sorted(os.listdir(whole))
        == ["meta.json", "runs.parquet", "units.parquet"]
    )
    for name in ("runs.parquet", "units.parquet"):
        assert (target / name).read_bytes() == (whole / name).read_bytes()
    one, other = (load_results("gated", folder)[1] for folder in (target, whole))
    assert {**one, "seconds": 0, "started": ""} == {**other, "seconds": 0, "started": ""}


@pytest.mark.parametrize("times", [1, 3])
def test_a_worker_process_that_dies_is_replaced_and_its_cell_given_up_at_last(
    tmp_path, gate, expected, times
):
    (gate / "hold-2").touch()

    def kill():
        for time_ in range(times):
            until(lambda: len(started(gate, 2)) == time_ + 1)
            process = max(gate.glob("started-2-*"), key=lambda mark: mark.stat().st_mtime_ns).name.split("-")[
                2
            ]
            if time_ == times - 1 and times < 3:
                (gate / "hold-2").unlink()
            os.kill(int(process), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run = lambda: run_cells(specs(gate), store(tmp_path / "cells"), workers=2)
    if times < 3:
        assert run()[0]["runs"].equals(expected)
    else:
        name = store(tmp_path / "cells").place(specs(gate)[1]).name
        with pytest.raises(
            RunError, match=f"Gated {name}: a worker process died 3 times.*all other cells are"
        ):
            run()
    killer.join()
    assert len(finished(tmp_path / "cells")) == 4 - (times == 3)
    assert not any(alive(process) for _, process in started(gate))
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, min(times + 1, 3), 1, 1]


def test_a_stopped_worker_does_not_hold_up_the_end(tmp_path, gate):
    (gate / "hold-1").touch()
    with workers.processes(2) as both:
        future = both[0].submit(gated.Gated.run, specs(gate)[0])
        until(lambda: started(gate, 1))
        os.kill(started(gate, 1)[0][1], signal.SIGSTOP)
    assert not alive(started(gate, 1)[0][1]) and future.exception()


@pytest.fixture(scope="module")
def dask():
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as running:
        yield running


def test_other_code_on_a_cluster_is_refused(tmp_path, gate, dask, monkeypatch):
    monkeypatch.setattr(workers, "code_of", lambda *of: "another")
    refusal = r"Dask worker tcp://.* runs other code .* than this process \(another\)"
    with pytest.raises(RunError, match=refusal):
        run_cells(specs(gate), store(tmp_path / "cells"), scheduler=dask.scheduler_address)
    monkeypatch.undo()
    # A worker that joins later:
    with pytest.raises(RunError, match="a worker runs another version of the code"):
        timed(gated.PROJECT, specs(gate)[0], "another")
    assert not started(gate)


def test_a_killed_dask_worker_costs_its_running_cell_only(tmp_path, gate, dask, expected):
    (gate / "hold-2").touch()
    killed = []

    def kill_half_way():
        until(lambda: started(gate, 2))
        killed.append(started(gate, 2)[0][1])
        os.kill(killed[0], signal.SIGKILL)
        (gate / "hold-2").unlink()

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    tables, facts = run_cells(specs(gate), store(tmp_path / "cells"), scheduler=dask.scheduler_address)
    killer.join()
    assert tables["runs"].equals(expected) and len(facts) == 4
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 2, 1, 1]
    assert killed[0] != os.getpid() and started(gate, 2)[0][1] != started(gate, 2)[1][1]


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, gate, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        refused = {
            "tcp://127.0.0.1:9": "no Dask scheduler answers at",
            f"tcp://127.0.0.1:{silent.getsockname()[1]}": "no Dask scheduler answers at",
            **dict.fromkeys(
                ("nonsense://x", "localhost", "localhost:8786", "tls://localhost:8786", "tcp://x:99999999"),
                "--scheduler takes an address like tcp://host:8786, got",
            ),
        }
        for address, message in refused.items():
            with pytest.raises(RunError, match=f"{message} '{address}'") as error:
                run_cells(specs(gate), store(tmp_path / "cells"), scheduler=address)
            assert "\n" not in str(error.value)
    assert not started(gate)


def test_gathered_tables_carry_their_provenance(tmp_path, gate, expected):
    folder = gated.sweep(str(gate)).run("paper", store(tmp_path / "cells"), tmp_path / "tables")
    tables, facts = load_results("gated", folder)
    assert len(tables["runs"]) == len(expected) and facts["scale"] == "paper" and facts["cells"] == 4
    cells = [load(cell)[1] for cell in (tmp_path / "cells").iterdir()]
    assert facts["seconds"] == round(sum(cell["seconds"] for cell in cells))
    assert facts["started"] == min(cell["started"] for cell in cells)
    assert facts["code"] == cells[0]["code"] and facts["spec"] == {"gate": str(gate)}
    assert facts["run"] == "gated.Gated" and facts["sweep"] == "gated" and facts["device"] == "cpu"
    assert facts["versions"].keys() == {"python", "numpy", "pandas"}


def test_a_sweep_keeps_the_numbers_that_its_keys_name(tmp_path, gate, expected):
    folder = gated.sweep(str(gate)).run("paper", store(tmp_path / "cells"), tmp_path / "tables")
    runs = load_results("gated", folder)[0]["runs"]
    assert len(runs.query("ratio == 0.1")) == len(expected)
    assert (runs.loss == expected.loss.astype("float32")).all() and (runs.loss != expected.loss).any()


def test_a_sweep_has_known_scales_only(gate):
    cells = gated.FourCells(gate=str(gate))
    for scales in ({"huge": cells}, {"paper": cells, "Paper": cells}, {}):
        with pytest.raises(ValueError, match="gated: scales must be some of quick, laptop, paper, got"):
            Sweep("gated", scales)
    with pytest.raises(RunError, match="unknown scale 'huge'; known are quick, laptop, paper"):
        gated.sweep(str(gate)).settings("huge")
    with pytest.raises(RunError, match="gated has no quick scale; try paper"):
        gated.sweep(str(gate)).settings("quick")
    assert gated.sweep(str(gate)).settings("paper") == cells


def test_two_stages_that_make_one_table_are_refused(tmp_path, gate):
    stages = [specs(gate)[:1], specs(gate)[1:2]]
    with pytest.raises(RunError, match="two stages make a table called .*each needs a name of its own"):
        run_stages(stages, Store(tmp_path / "cells", gated.PROJECT), progress=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_stage_gets_the_tables_of_the_first(tmp_path, gate, expected, workers):
    stages = gated.TwoStages(gate=str(gate)).stages()
    tables, facts = run_stages(stages, store(tmp_path / "cells"), workers=workers)
    assert tables["runs"].equals(expected) and set(tables) == {"runs", "units", "sums"}
    one = expected.groupby("seed").loss.sum()
    assert tables["sums"].set_index(["factor", "seed"])["sum"].to_dict() == {
        (factor, seed): factor * one[seed] for factor in (10, 20) for seed in (1, 2, 3, 4)
    }
    assert [f["run"] for f in facts] == ["gated.Gated"] * 4 + ["gated.Sums"] * 2
    processes = {process for _, process in started(gate)}
    assert processes == {os.getpid()} if workers == 1 else os.getpid() not in processes


def test_an_interrupted_second_stage_is_resumed_with_the_stored_first(tmp_path, gate):
    """The same numbers whether the first stage was computed or read; only what is missing is computed."""
    first, second = gated.TwoStages(gate=str(gate)).stages()
    fresh, _ = run_stages([first, second], store(tmp_path / "other"))
    run_stages([first, second[:1]], store(tmp_path / "cells"))
    before = len(started(gate))
    tables, facts = run_stages([first, second], store(tmp_path / "cells"))
    assert [seed for seed, _ in started(gate)].count(20) == 2 and len(started(gate)) == before + 1
    assert len(facts) == 6 and all(tables[name].equals(fresh[name]) for name in fresh)


def test_a_sweep_of_two_stages_is_gathered_into_one_folder(tmp_path, gate):
    sweep = Sweep("gated", {"laptop": gated.TwoStages(gate=str(gate))}, keys=("sum",))
    tables, facts = load_results("gated", sweep.run("laptop", store(tmp_path / "cells"), tmp_path / "tables"))
    assert facts["cells"] == 6 and facts["run"] == "gated.Gated, gated.Sums" and len(tables["sums"]) == 8
    assert facts["spec"] == {"gate": str(gate)} and len(tables["runs"]) == 12


def test_tables_that_only_later_stages_read_are_not_exported(tmp_path, gate):
    sweep = Sweep("gated", {"laptop": gated.TwoStages(gate=str(gate))}, inner=("runs",))
    tables, facts = load_results("gated", sweep.run("laptop", store(tmp_path / "cells"), tmp_path / "tables"))
    assert set(tables) == set(facts["sha256"]) == {"units", "sums"} and len(tables["sums"]) == 8


def test_the_id_of_a_later_stage_is_told_from_the_earlier(tmp_path, gate):
    """Other cells before it, other tables for it: another run, although its own settings are the same."""
    first, second = gated.TwoStages(gate=str(gate)).stages()
    ids = lambda *stages: stage_ids(gated.PROJECT, stages)
    assert ids(first)[0] == [run_id(gated.PROJECT, cell) for cell in first]
    alone, after, less = ids(second)[0], ids(first, second)[1], ids(first[:3], second)[1]
    turned, third = ids(first[::-1], second)[1], ids(first, first, second)[2]
    assert len({*alone, *after, *less, *turned, *third}) == 10
    few, _ = run_stages([first[:2], second], store(tmp_path / "cells"))
    all_, facts = run_stages([first, second], store(tmp_path / "cells"))
    assert len(few["sums"]) == 4 and len(all_["sums"]) == 8 and len(started(gate)) == 4 + 2 + 2
    assert [f.get("after") for f in facts] == [None] * 4 + [ids(first)[0]] * 2


def test_cells_of_several_types_are_finished_side_by_side(tmp_path, gate):
    """In the order asked for, each under its own id and its own code."""
    mixed = [gated.Draws(seed=1, gate=str(gate)), *specs(gate)[:2]]
    both = [list(finish(mixed, store(tmp_path / str(n)), workers=n)) for n in (1, 2)]
    assert [[*tables] for tables, _ in both[0]] == [["draws"], *[["runs", "units"]] * 2]
    for (one, facts), (other, more) in zip(*both):
        assert all(one[name].equals(other[name]) for name in one)
        assert facts["run"] == more["run"] and facts["code"] == more["code"]
    assert [facts["run"] for _, facts in both[0]] == ["gated.Draws", "gated.Gated", "gated.Gated"]
    processes = [process for _, process in started(gate)]
    assert processes.count(os.getpid()) == 3 and len(processes) == 6, "the others on workers"


def table_of(number: int, rows: int) -> pd.DataFrame:
    draws = np.random.default_rng(number)
    columns = {f"x{n}": draws.random(rows) for n in range(8)}
    return pd.DataFrame({"seed": number, "unit": np.arange(rows)} | columns)


def test_gathering_holds_no_cell_twice():
    """The peak, from the first cell that is read to the tables of all, against the size of those tables."""
    made = lambda cells: (({"runs": table_of(number, 5_000)}, {}) for number in range(cells))
    gather(made(2))  # what is imported and cached
    tracemalloc.start()
    tables, _ = gather(made(60))
    size, peak = tables["runs"].memory_usage().sum(), tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2e7 < size < peak < 1.4 * size
    whole = pd.concat([one["runs"] for one, _ in made(60)], ignore_index=True)
    pd.testing.assert_frame_equal(tables["runs"], whole)


def test_finished_cells_are_read_one_at_a_time(tmp_path, gate, monkeypatch):
    read = []
    monkeypatch.setattr(cells_module, "load", lambda place: read.append(place) or load(place))
    found = finish(specs(gate), store(tmp_path / "cells"), progress=False)
    assert len(started(gate)) == 4 and not read, "all are finished, and none is held"
    assert [next(found)[1]["spec"]["seed"] for _ in range(2)] == [1, 2] and len(read) == 2


def test_columns_that_some_cells_lack_are_named():
    with pytest.raises(RunError, match=r"cells make runs tables of other columns: \['a', 'b'\] and \['a'\]"):
        gather([({"runs": pd.DataFrame({"a": [1], "b": [2]})}, {}), ({"runs": pd.DataFrame({"a": [1]})}, {})])


def test_columns_are_joined_as_pandas_joins_tables():
    kinds = [[1, 2], [1.5], ["a"], [True], [np.nan], pd.Categorical(["a"]), [], [np.float32(1)]]
    frames = [pd.DataFrame({"x": kind, "n": 1}) for kind in kinds]
    for one in frames:
        for other in frames:
            expected = pd.concat([one, other], ignore_index=True)
            found = gather([({"t": one}, {}), ({"t": other}, {})])[0]["t"]
            pd.testing.assert_frame_equal(found, expected)


def test_networks_are_bit_equal_wherever_and_whenever_they_are_trained(tmp_path):
    """Real cells: in this process, on two workers, read from disk; each is one thread's work and says so."""
    real = [TwoLayer(**TWO_LAYER, seeds=(seed,)) for seed in (1, 2)]
    here, facts = run_cells(real, Store(tmp_path / "here", PROJECT))
    spread, _ = run_cells(real, Store(tmp_path / "spread", PROJECT), workers=2)
    read, again = run_cells(real, Store(tmp_path / "here", PROJECT), workers=2)
    assert again == facts and set(here) == {"runs", "teachers", "students"}
    for name, table in here.items():
        assert table.equals(spread[name]) and table.equals(read[name])
        with PROJECT.alone():
            assert table.equals(pd.concat([cell.run()[name] for cell in real], ignore_index=True))
    assert {f["threads"] for f in facts} == {1} and {f["device"] for f in facts} == {"cpu"}
    assert {*finished(tmp_path / "spread")} == {run_id(PROJECT, cell) for cell in real}


def test_summary_lists_what_differs():
    facts = dict(
        seconds=1.2,
        started="2",
        run="r",
        code="a",
        commit="c",
        machine="m",
        device="cpu",
        uncommitted_changes=False,
        versions={"torch": "1"},
    )
    other = {**facts, "started": "1", "code": "b", "uncommitted_changes": True, "versions": {"torch": "2"}}
    whole = summary([facts, other])
    assert whole["code"] == "a, b" and whole["versions"] == {"torch": "1, 2"} and whole["started"] == "1"
    assert whole["uncommitted_changes"] is True and whole["commit"] == "c" and whole["seconds"] == 2
