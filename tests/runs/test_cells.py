"""Sweeps: resumed, interrupted, killed; here, on worker processes and on a Dask cluster."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import gated
from ts_core import sweeps
from ts_core.__main__ import main
from ts_core.store import StoreError, load, load_results, run_id
from ts_core.sweeps import SweepError, run_cells

DRIVER = """
import argparse, signal, sys
from pathlib import Path
from ts_core import sweeps

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    sweeps.SWEEPS["gated"] = "gated"
    sys.exit(sweeps.command(argparse.Namespace(
        name="gated", scale="paper", workers=int(sys.argv[1]), scheduler=None, results=Path(sys.argv[2]),
        export=Path(sys.argv[3]),
    )))
"""


@pytest.fixture
def gate(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir()
    return folder


def specs(gate):
    return gated.Sweep(gate=str(gate)).cells()


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
    return sweeps.pd.concat(
        [gated.two_layer.run(gated.two_layer.Cell(**gated.TINY, seeds=(seed,)))["runs"] for seed in (1, 2, 3, 4)],
        ignore_index=True,
    )


def test_cells_run_once_and_are_gathered_in_order(tmp_path, gate, expected):
    results = tmp_path / "cells"
    tables, facts = run_cells(gated.run, specs(gate), results)
    assert tables["runs"].equals(expected) and len(started(gate)) == 4
    assert [f["spec"]["seed"] for f in facts] == [1, 2, 3, 4] and all(f["threads"] == 1 for f in facts)
    assert {*finished(results)} == {run_id(gated.run, spec) for spec in specs(gate)}
    before = finished(results)
    again, _ = run_cells(gated.run, specs(gate)[::-1], results)
    assert finished(results) == before and len(started(gate)) == 4
    assert again["runs"].seed.drop_duplicates().tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize("damage", [
    lambda cell: (cell / "runs.parquet").write_bytes((cell / "runs.parquet").read_bytes()[:-20]),
    lambda cell: (cell / "meta.json").write_text("{"),
    lambda cell: (cell / "meta.json").write_text((cell / "meta.json").read_text().replace('"seed": 2', '"seed": 9')),
    lambda cell: (cell / "teachers.parquet").unlink(),
], ids=["truncated", "no facts", "of another run", "incomplete"])
def test_a_damaged_cell_is_set_aside_and_computed_again(tmp_path, gate, expected, damage):
    results = tmp_path / "cells"
    run_cells(gated.run, specs(gate), results)
    cell = results / run_id(gated.run, specs(gate)[1])
    damage(cell)
    kept = {path.name: path.read_bytes() for path in cell.iterdir()}
    with pytest.warns(UserWarning, match=f"{cell}.*set aside as {cell.name}.damaged-.* computed again"):
        tables, _ = run_cells(gated.run, specs(gate), results)
    assert tables["runs"].equals(expected) and len(started(gate)) == 5 and len(started(gate, 2)) == 2
    aside, = results.glob(f"{cell.name}.damaged-*")
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == kept


def test_leftovers_of_killed_processes_are_cleaned_when_old(tmp_path, gate):
    results = tmp_path / "cells"
    old, new, mine = results / ".0123456789abcdef-old", results / ".0123456789abcdef-new", results / ".git"
    for folder in (old, new, mine):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0) if folder != new else None)
    run_cells(gated.run, specs(gate)[:1], results)
    assert not old.exists() and new.exists() and mine.exists()


def test_nothing_is_trained_when_results_cannot_be_kept(tmp_path, gate, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"{tmp_path / 'file'} cannot be written"):
        run_cells(gated.run, specs(gate), tmp_path / "file")
    monkeypatch.setitem(sweeps.SWEEPS, "gated", "gated")
    monkeypatch.setattr(gated, "PAPER", gated.Sweep(gate=str(gate)))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "mine.txt").touch()
    for target in (tmp_path / "file", tmp_path / "file" / "below", foreign):
        with pytest.raises(StoreError, match=str(target).removesuffix("/below")):
            sweeps.sweep("gated", scale="paper", results=tmp_path / "cells", target=target)
    assert not started(gate)


def test_a_disk_that_fills_up_keeps_the_finished_cells(tmp_path, gate, monkeypatch, expected):
    results, write = tmp_path / "cells", sweeps.pd.DataFrame.to_parquet

    def full(table, path, **options):
        if set(table.seed) == {3}:
            raise OSError(28, "No space left on device")
        return write(table, path, **options)

    monkeypatch.setattr(sweeps.pd.DataFrame, "to_parquet", full)
    with pytest.raises(StoreError, match=f"cannot save results at {results}/.*: No space left on device"):
        run_cells(gated.run, specs(gate), results)
    assert len(finished(results)) == 2
    monkeypatch.undo()
    assert run_cells(gated.run, specs(gate), results)[0]["runs"].equals(expected)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 2, 1]


def test_two_sweeps_share_a_folder(tmp_path, gate, expected):
    """Both start the same cells; whoever finishes a cell first keeps it, and both end with the same tables."""
    results, gathered = tmp_path / "cells", []
    share = lambda: gathered.append(run_cells(gated.run, specs(gate), results)[0])  # noqa: E731
    (gate / "hold-1").touch()
    sharing = [threading.Thread(target=share) for _ in range(2)]
    for thread in sharing:
        thread.start()
    until(lambda: len(started(gate, 1)) == 2)
    (gate / "hold-1").unlink()
    for thread in sharing:
        thread.join()
    assert len(gathered) == 2 and all(tables["runs"].equals(expected) for tables in gathered)
    assert len(finished(results)) == 4 and len(list(results.iterdir())) == 4


def drive(tmp_path, gate, workers=2):
    environment = {
        **os.environ, "GATE": str(gate), "TQDM_DISABLE": "",
        "PYTHONPATH": os.pathsep.join([str(sweeps.PACKAGE.parent), str(Path(__file__).parent)]),
    }
    (tmp_path / "driver.py").write_text(DRIVER)
    return subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", str(workers), tmp_path / "cells", tmp_path / "gated"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )


def halfway(driver, tmp_path, gate):
    """Wait until two cells are finished and both workers hold one each; returns the workers and the finished cells."""
    until(lambda: driver.poll() is not None or len(started(gate)) == 4 and len(finished(tmp_path / "cells")) == 2)
    assert driver.poll() is None, driver.stderr.read()
    workers = {process for _, process in started(gate)}
    assert len(workers) == 2 and driver.pid not in workers
    return workers, finished(tmp_path / "cells")


def test_kill_then_interrupt_then_resume(tmp_path, gate, expected):
    """SIGKILL and then Ctrl-C, each half-way: only running cells are lost, no worker is left, the rest is resumed."""
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
    assert stopped.returncode == 130 and not output
    assert "gated: 2 of 4 cells" in errors and "50%" in errors  # the bar starts with what is there
    assert errors.splitlines()[-1] == (
        f"interrupted; finished cells are kept in {tmp_path / 'cells'}, the same command resumes"
    )
    assert "Traceback" not in errors and not any(map(alive, workers))
    assert finished(tmp_path / "cells") == kept and not (tmp_path / "gated").exists()

    for seed in (3, 4):
        (gate / f"hold-{seed}").unlink()
    tables, _ = run_cells(gated.run, specs(gate), tmp_path / "cells")
    assert tables["runs"].equals(expected)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 3, 3]
    after = finished(tmp_path / "cells")
    assert len(after) == 4 and {name: after[name] for name in kept} == kept


def test_a_worker_process_that_dies_is_named(tmp_path, gate, expected):
    (gate / "hold-4").touch()

    def kill_the_last():
        until(lambda: started(gate, 4) and len(finished(tmp_path / "cells")) == 3)
        os.kill(started(gate, 4)[0][1], signal.SIGKILL)

    killer = threading.Thread(target=kill_the_last)
    killer.start()
    with pytest.raises(SweepError, match="a worker process died.* try fewer workers; the same command resumes"):
        run_cells(gated.run, specs(gate), tmp_path / "cells", workers=2)
    killer.join()
    assert len(finished(tmp_path / "cells")) == 3 and not any(alive(process) for _, process in started(gate))
    (gate / "hold-4").unlink()
    assert run_cells(gated.run, specs(gate), tmp_path / "cells")[0]["runs"].equals(expected)
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 1, 1, 2]


@pytest.fixture(scope="module")
def cluster():
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as running:
        yield running


def test_other_code_on_a_cluster_is_refused(tmp_path, gate, cluster, monkeypatch):
    real = sweeps.origin
    monkeypatch.setattr(sweeps, "origin", lambda function: {**real(function), "code": "another"})
    with pytest.raises(SweepError, match=r"Dask worker tcp://.* runs other code .* than this process \(another\)"):
        run_cells(gated.run, specs(gate), tmp_path / "cells", scheduler=cluster.scheduler_address)
    with pytest.raises(SweepError, match="a worker runs another version of the code"):  # a worker that joins later
        sweeps._timed(gated.run, specs(gate)[0], "another")
    assert not started(gate)


def test_a_killed_dask_worker_costs_its_running_cell_only(tmp_path, gate, cluster, expected):
    (gate / "hold-2").touch()
    killed = []

    def kill_half_way():
        until(lambda: started(gate, 2))
        killed.append(started(gate, 2)[0][1])
        os.kill(killed[0], signal.SIGKILL)
        (gate / "hold-2").unlink()

    killer = threading.Thread(target=kill_half_way)
    killer.start()
    tables, facts = run_cells(gated.run, specs(gate), tmp_path / "cells", scheduler=cluster.scheduler_address)
    killer.join()
    assert tables["runs"].equals(expected) and len(facts) == 4
    assert [len(started(gate, seed)) for seed in (1, 2, 3, 4)] == [1, 2, 1, 1]
    assert killed[0] != os.getpid() and started(gate, 2)[0][1] != started(gate, 2)[1][1]


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, gate, monkeypatch):
    monkeypatch.setattr(sweeps, "CONNECT", 0.3)
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(SweepError, match=f"no Dask scheduler answers at '{address}'") as error:
            run_cells(gated.run, specs(gate), tmp_path / "cells", scheduler=address)
        assert "\n" not in str(error.value)
    assert not started(gate)


def test_gathered_tables_carry_their_provenance(tmp_path, gate, monkeypatch, expected):
    monkeypatch.setitem(sweeps.SWEEPS, "gated", "gated")
    monkeypatch.setattr(gated, "PAPER", gated.Sweep(gate=str(gate)))
    folder = sweeps.sweep("gated", scale="paper", results=tmp_path / "cells", target=tmp_path / "tables")
    tables, facts = load_results("gated", folder)
    assert len(tables["runs"]) == len(expected) and facts["scale"] == "paper" and facts["cells"] == 4
    cells = [load(cell)[1] for cell in (tmp_path / "cells").iterdir()]
    assert facts["seconds"] == round(sum(cell["seconds"] for cell in cells))
    assert facts["started"] == min(cell["started"] for cell in cells)
    assert facts["code"] == cells[0]["code"] and facts["spec"] == {"gate": str(gate)} and facts["run"] == "gated"
    with pytest.raises(SweepError, match="unknown sweep 'fan_in'; known are .*fan_out, sample_complexity"):
        sweeps.settings("fan_in", "quick")
    with pytest.raises(SweepError, match="unknown scale 'huge'; known are quick, laptop, paper"):
        sweeps.settings("fan_out", "huge")


def test_summary_lists_what_differs():
    facts = dict(seconds=1.2, started="2", run="r", code="a", commit="c", machine="m", device="cpu",
                 uncommitted_changes=False, versions={"torch": "1"})
    other = {**facts, "started": "1", "code": "b", "uncommitted_changes": True, "versions": {"torch": "2"}}
    whole = sweeps.summary([facts, other])
    assert whole["code"] == "a, b" and whole["versions"] == {"torch": "1, 2"} and whole["started"] == "1"
    assert whole["uncommitted_changes"] is True and whole["commit"] == "c" and whole["seconds"] == 2


@pytest.mark.parametrize("words, message", [
    (["--workers", "0"], "error: need at least 1 worker"),
    (["--results", "/dev/null/cells"], "error: results folder /dev/null/cells cannot be written: a file"),
    (["--export", "/dev/null/tables"], "error: results folder /dev/null cannot be written"),
])
def test_command_line_refuses_in_one_line(words, message, tmp_path, capsys):
    places = ["--results", str(tmp_path / "cells"), "--export", str(tmp_path / "tables")]
    assert main(["sweep", "fan_out", *places, *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1


def test_an_unknown_sweep_is_named_and_the_help_names_all_known(capsys):
    assert main(["sweep", "fan_in"]) == 1
    error = capsys.readouterr().err
    assert "unknown sweep 'fan_in'" in error
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    text = capsys.readouterr().out
    assert all(name in text and name in error for name in sweeps.SWEEPS)
