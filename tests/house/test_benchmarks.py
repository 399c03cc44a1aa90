"""The benchmark compares equals: its reference is the ensemble to rounding, and its command line runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from companion import chapters
from companion.experiments.multi_layer.run import start as multi_layer_start
from companion.experiments.two_layer.run import start as two_layer_start
from companion.experiments.two_layer.spec import TwoLayer
from ts_core.metrics import evaluate
from ts_core.streams import stream
from ts_core.training.batches import drawn, shuffled
from ts_core.training.sgd import train

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
CELL = TwoLayer(
    input_dim=12,
    outputs=7,
    teacher_width=4,
    over_realizations=(1.0, 3.0),
    polarities=(0.0, 1.5),
    seeds=(3, 8),
    samples=50,
    batch_size=5,
    student_scale=0.3,
    learning_rate=0.05,
    dtype="float64",
)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import plain

    return plain.Plain


@pytest.mark.parametrize("xp", [np, torch])
def test_reference_follows_the_ensemble(plain, xp):
    teacher, students, x = two_layer_start(CELL)
    steps, trained = 300, []
    streams = lambda: [stream(seed, "batches") for seed in CELL.seeds]
    train(
        teacher,
        students,
        drawn(x, streams(), CELL.batch_size),
        learning_rate=CELL.learning_rate,
        snapshots=[steps],
        on_snapshot=lambda _, now: trained.extend(now),
    )
    for start, end, judged in zip(students, trained, evaluate(teacher, trained, x), strict=True):
        for member in range(teacher.members):
            one = plain.of(teacher, start, member, xp)
            group = member // len(CELL.polarities)
            inputs = x[group].numpy() if xp is np else x[group]
            one.train(inputs, streams()[group], CELL.learning_rate, CELL.batch_size, steps)
            for ours, theirs, before in zip(one.student, end.weights, start.weights, strict=True):
                ours = torch.as_tensor(ours).T
                assert (ours - before[member]).abs().max() > 0.1  # it has moved
                torch.testing.assert_close(ours, theirs[member], rtol=0, atol=1e-12)
            loss, rho = map(torch.as_tensor, one.evaluate(inputs))
            torch.testing.assert_close(loss, judged.loss[member], rtol=1e-10, atol=0)
            torch.testing.assert_close(rho, judged.rho[0][member], rtol=0, atol=1e-9)


def test_jax_follows_the_ensemble(monkeypatch):
    jax = pytest.importorskip("jax")
    monkeypatch.syspath_prepend(FOLDER)
    import jitted

    wide = CELL.model_copy(update={"over_realizations": (3.0,)})
    teacher, (student,), x = two_layer_start(wide)
    steps, trained, streams = 300, [], lambda: [stream(seed, "batches") for seed in wide.seeds]
    train(
        teacher,
        [student],
        drawn(x, streams(), wide.batch_size),
        learning_rate=wide.learning_rate,
        snapshots=[steps],
        on_snapshot=lambda _, now: trained.extend(now),
    )
    rows = jitted.drawn(streams(), x.shape[1], wide.batch_size, steps)
    jax.config.update("jax_enable_x64", True)
    try:
        of = lambda network: jitted.weights(network, len(wide.seeds), "float64")
        theirs = jitted.train(of(student), of(teacher), x.numpy(), rows, wide.learning_rate)
    finally:
        jax.config.update("jax_enable_x64", False)
    for ours, other, before in zip(trained[0].weights, theirs, student.weights, strict=True):
        assert (ours - before).abs().max() > 0.1  # it has moved
        np.testing.assert_allclose(np.asarray(other).reshape(ours.shape), ours, rtol=0, atol=1e-12)


def test_keeping_cells_is_measured_in_every_way(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    import scheduler as benchmark

    table = benchmark.run(20, tmp_path).set_index("way")
    assert list(table.index) == list(benchmark.WAYS) and (table.cells_per_s > 0).all()


def test_command_line_writes_its_results(tmp_path):
    command = [sys.executable, FOLDER / "two_layer.py", "--quick", "--out", tmp_path / "results"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stderr
    assert "share" in done.stdout
    table = pd.read_csv(tmp_path / "results" / "two_layer.csv")
    assert set(table.part) == {"memory", "peak", "step", "evaluation", "widths", "seeds"}
    steps = table[table.part == "step"].groupby("engine").nodes.unique().map(sorted)
    assert len(steps) == 4 and all(nodes == [5, 20, 50, 100, 200] for nodes in steps)
    assert (table[["wall", "cpu"]] > 0).all(axis=None)
    assert not table.duplicated(["part", "engine", "nodes", "seeds", "round"]).any()
    summary = pd.read_csv(tmp_path / "results" / "two_layer_summary.csv")
    least = table[table.part == "step"].groupby(["engine", "nodes"]).cpu.min()
    assert summary[summary.part == "step"].set_index(
        ["engine", "nodes"]
    ).cpu.sort_index().tolist() == pytest.approx(least.tolist(), abs=1e-3)


def test_the_stored_summary_is_that_of_the_stored_rounds(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import two_layer as benchmark

    rounds, stored = (
        pd.read_csv(FOLDER / "results" / name) for name in ("two_layer.csv", "two_layer_summary.csv")
    )
    pd.testing.assert_frame_equal(benchmark.summary(rounds).round(4), stored, check_dtype=False)


def test_the_multi_layer_reference_follows_the_ensemble(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import multi_layer as benchmark

    scale = benchmark.SCALES["quick"]
    spec = benchmark.cell(scale, 1)
    teacher, student, x, _ = multi_layer_start(spec)
    steps = benchmark.plain(teacher, student, x[0], stream(1, "batches"), spec.batch_size, 40)
    for _ in range(40):
        theirs = next(steps)
    trained = []
    train(
        teacher,
        [student],
        shuffled(x, [stream(1, "batches")], spec.batch_size),
        learning_rate=benchmark.RATE,
        snapshots=[40],
        on_snapshot=lambda _, now: trained.extend(now),
    )
    for layer, ours, before in zip(theirs[::2], trained[0].weights, student.weights, strict=True):
        assert (ours - before).abs().max() > 1e-3
        torch.testing.assert_close(layer.weight, ours[0, :, :-1], rtol=0, atol=1e-12)
        torch.testing.assert_close(layer.bias, ours[0, :, -1], rtol=0, atol=1e-12)


def test_the_multi_layer_command_line_writes_its_results(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    import multi_layer as benchmark

    monkeypatch.setattr(sys, "argv", ["multi_layer.py", "--quick", "--out", str(tmp_path / "results")])
    benchmark.main()
    assert "over_plain" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "results" / "multi_layer.csv")
    assert set(table[table.engine == "ensemble float32"].seeds) == {1, 2} and (
        table[["wall", "cpu"]] > 0
    ).all(axis=None)


def test_the_engine_benchmark_compares_every_case_with_its_reference(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    import engine as benchmark

    table = benchmark.run("quick", tmp_path)
    assert len(table) == 2 * len(benchmark.ACTIVATIONS) and (table.us > 0).all(axis=None)
    assert (table.ratio.sgd.xs("relu", level="activation") == 1).all()
    raw = pd.read_csv(tmp_path / "engine.csv")
    least = raw[(raw.activation == "erf") & (raw.optimizer == "adam") & (raw.batch_size == 16)].cpu.min()
    assert table.us.adam[16, 6, "erf"] == pytest.approx(least, abs=1e-3)


def test_what_only_pictures_use_is_found(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import rerun

    from companion.chapters.cifar10.parameters import Parameters as Images
    from companion.chapters.lowest_layer.parameters import Parameters as Layers

    assert list(rerun.unused_by_cells(Layers)) == [("-p", "threshold", "0.855")]
    assert list(rerun.unused_by_cells(Images)) == [], "every number of this chapter makes other cells"


def test_the_ensemble_benchmark_runs_the_same_seeds_both_ways(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import ensembles as benchmark

    run = []
    monkeypatch.setattr(TwoLayer, "run", lambda cell: run.append(cell.seeds))
    rows = pd.DataFrame(benchmark.measure("two_layer", CELL, benchmark.SCALES["quick"]))
    assert run == [(3, 8), (3,), (8,)] and list(rows.way) == ["together", "one by one"]
    rows["cpu"] = [2.0, 6.0]
    assert benchmark.summary(rows).gain.item() == 3
    known = chapters.parameters()
    assert len(benchmark.seeds(benchmark.longest(known["two_layer_theorem"]))) == 4
    assert benchmark.longest(known["cifar10"]) is None
    counted = benchmark.longest(known["online_learning"])
    assert benchmark.of(counted, 3).seeds == 1 and benchmark.seeds(counted) == (1, 2, 3, 4)
    started = benchmark.longest(known["copy_average"])
    assert benchmark.of(started, 7, 8).starts == 2 and len(benchmark.seeds(started)) == started.starts
