"""Speed and memory of the two-layer sweep: one network at a time against the ensemble, on one thread.

    python benchmarks/two_layer.py [--quick] [--out FOLDER]

The reference is plain.py beside this file. Engines take turns within each round, so that a busy machine
hurts all of them; what counts is the minimum over rounds of the process CPU time, next to the median of
the wall time. Writes two_layer.csv (one row per engine, size and round), two_layer_summary.csv and
two_layer.json (machine, versions, settings).
"""

import os

if __name__ == "__main__":  # before numpy loads its matrix library, which reads these once
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import torch
from plain import Plain

from companion.experiments.two_layer.run import start
from companion.experiments.two_layer.spec import TwoLayer
from companion.project import PROJECT
from companion.runs.identity import code_id
from ts_core.metrics import evaluate
from ts_core.streams import stream
from ts_core.training.batches import drawn
from ts_core.training.sgd import train

# n: m and over-realization
SHAPES = {5: (5, 1.0), 20: (10, 2.0), 50: (10, 5.0), 100: (10, 10.0), 200: (20, 10.0)}
POLARITIES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
RATIOS = (1.0, 2.0, 5.0, 10.0)
DTYPES = {"float64": torch.float64, "float32": torch.float32}
STEP, EVALUATION = "us per step and network", "ms per network"
KEYS = ["part", "engine", "teacher_width", "nodes", "seeds", "networks", "unit"]


@dataclass(frozen=True)
class Scale:
    """How much to measure; networks and data have the sweep's sizes at either scale unless named here."""

    rounds: int = 7
    plain_steps: int = 1000
    ensemble_steps: int = 400
    warm_up: int = 20
    seeds: int = 4
    many_seeds: tuple[int, ...] = (1, 2, 4, 8, 16)
    samples: int = 10_000
    gemm: int = 2048


QUICK = Scale(
    rounds=2, plain_steps=40, ensemble_steps=10, warm_up=5, seeds=1, many_seeds=(1, 2), samples=500, gemm=512
)
SCALES = {"quick": QUICK, "full": Scale()}


# -- Measurements --------------------------------------------------------------------------------


@dataclass
class Case:
    """A cell of the sweep, ready to time: its networks in both precisions and its data."""

    cell: TwoLayer

    def __post_init__(self):
        self.teacher, self.students, self.x = start(self.cell)
        self.x_32, self.teacher_32 = self.x.float(), self.teacher.to(torch.float32)
        self.rows = {np: self.x[0].numpy(), torch: self.x[0]}
        self.members = self.teacher.members

    def generators(self) -> list[np.random.Generator]:
        return [stream(seed, "batches") for seed in self.cell.seeds]

    def plain_steps(self, xp: ModuleType, scale: Scale, which: int = 0) -> list[float]:
        """Microseconds (wall, cpu) per step and network."""
        network = Plain.of(self.teacher, self.students[which], 0, xp)
        args = self.rows[xp], self.generators()[0], self.cell.learning_rate, self.cell.batch_size
        network.train(*args, scale.warm_up)
        return [1e6 * t / scale.plain_steps for t in timed(lambda: network.train(*args, scale.plain_steps))]

    def ensemble_steps(self, dtype: torch.dtype, scale: Scale, which: slice = slice(None)) -> list[float]:
        """Microseconds (wall, cpu) per step and network, without the setting up of buffers."""
        marks, students, stop = [], self.students[which], scale.warm_up + scale.ensemble_steps
        x = self.x_32 if dtype == torch.float32 else self.x
        train(
            self.teacher,
            students,
            drawn(x, self.generators(), self.cell.batch_size),
            learning_rate=self.cell.learning_rate,
            snapshots=[scale.warm_up, stop],
            on_snapshot=lambda *_: marks.append(clock()),
        )
        return [1e6 * t / scale.ensemble_steps / self.members / len(students) for t in marks[1] - marks[0]]

    def plain_evaluation(self, xp: ModuleType) -> list[float]:
        """Milliseconds (wall, cpu) per network and evaluation on one data set."""
        network = Plain.of(self.teacher, self.students[0], 0, xp)
        return [1e3 * t for t in timed(lambda: network.evaluate(self.rows[xp]))]

    def ensemble_evaluation(self) -> list[float]:
        """Milliseconds (wall, cpu) per network and evaluation on one data set, float32."""
        students = [student.to(torch.float32) for student in self.students]
        return [1e3 * t / self.members for t in timed(lambda: evaluate(self.teacher_32, students, self.x_32))]


def clock() -> np.ndarray:
    """Wall and process CPU seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def timed(work: Callable) -> np.ndarray:
    began = clock()
    work()
    return clock() - began


def gemm_rate(size: int, dtype: torch.dtype) -> list[float]:
    """GFLOP/s (by wall, by cpu) of one large matrix product: the peak that the steps are held against."""
    a = torch.from_numpy(stream(0, "peak").standard_normal((size, size))).to(dtype)
    out = torch.empty_like(a)
    torch.mm(a, a, out=out)
    return list(2e-9 * size**3 / timed(lambda: torch.mm(a, a, out=out)))


def build(scale: Scale, m: int, ratios: tuple[float, ...], seeds: int) -> Case:
    return Case(
        TwoLayer(
            teacher_width=m,
            over_realizations=ratios,
            polarities=POLARITIES,
            seeds=tuple(range(1, seeds + 1)),
            samples=scale.samples,
        )
    )


def one_round(scale: Scale) -> Iterator[tuple]:
    """Rows of one round: the values of KEYS and (wall, cpu). Data are drawn again each time, untimed."""
    for name, dtype in DTYPES.items():
        yield "peak", f"matrix product {name}", 0, scale.gemm, 0, 0, "GFLOP/s", *gemm_rate(scale.gemm, dtype)
    for n, (m, ratio) in SHAPES.items():
        case = build(scale, m, (ratio,), scale.seeds)
        alone, many = (m, n, 1, 1), (m, n, scale.seeds, case.members)
        for xp in (torch, np):
            yield "step", f"plain {xp.__name__} float64", *alone, STEP, *case.plain_steps(xp, scale)
            yield "evaluation", f"plain {xp.__name__} float64", *alone, EVALUATION, *case.plain_evaluation(xp)
        for name, dtype in DTYPES.items():
            yield "step", f"ensemble {name}", *many, STEP, *case.ensemble_steps(dtype, scale)
        yield "evaluation", "ensemble float32", *many, EVALUATION, *case.ensemble_evaluation()
    for m in (5, 10, 20):
        case = build(scale, m, RATIOS, scale.seeds)
        n, many = m * np.mean(RATIOS), len(RATIOS) * case.members
        plain = [case.plain_steps(np, scale, i) for i in range(len(RATIOS))]
        apart = [case.ensemble_steps(torch.float32, scale, slice(i, i + 1)) for i in range(len(RATIOS))]
        yield "widths", "plain numpy float64", m, n, 1, len(RATIOS), STEP, *np.mean(plain, 0)
        yield "widths", "ensemble float32, apart", m, n, scale.seeds, many, STEP, *np.mean(apart, 0)
        together = case.ensemble_steps(torch.float32, scale)
        yield "widths", "ensemble float32, together", m, n, scale.seeds, many, STEP, *together
    for seeds in scale.many_seeds:
        case = build(scale, 10, (2.0,), seeds)
        row = "seeds", "ensemble float32", 10, 20, seeds, case.members, STEP
        yield *row, *case.ensemble_steps(torch.float32, scale)


def peak_memory() -> float:
    """Peak resident memory of this process so far, in MiB."""
    # The counter of getrusage starts from the parent's value in a process that was spawned without a copy.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        unit = 1 if sys.platform == "linux" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit / 1024


def sweep_cell(scale: Scale) -> TwoLayer:
    """The sweep's largest cell, cut short: memory does not depend on the number of steps."""
    return TwoLayer(
        teacher_width=20,
        over_realizations=RATIOS,
        polarities=POLARITIES,
        seeds=tuple(range(1, scale.seeds + 1)),
        samples=scale.samples,
        eval_samples=scale.samples,
        epochs=1,
        steps_per_epoch=10,
        snapshots=(0, 1),
    )


def memory(scale_name: str) -> Iterator[tuple]:
    """Peak MiB of a fresh process that trains and evaluates the largest cell, and of mere imports."""
    cell = sweep_cell(SCALES[scale_name])
    networks = len(cell.seeds) * len(POLARITIES) * len(RATIOS)
    for engine in ("imports only", "ensemble float32"):
        command = [
            sys.executable,
            __file__,
            "--memory",
            engine,
            *(["--quick"] if scale_name == "quick" else []),
        ]
        peak = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        yield "memory", engine, 20, 20 * np.mean(RATIOS), len(cell.seeds), networks, "MiB", peak, peak


# -- Results -------------------------------------------------------------------------------------


def useful_gflop(nodes: pd.Series) -> pd.Series:
    """10^9 operations of one student's step: two products per layer and one back through the upper."""
    cell = TwoLayer()
    return 2e-9 * cell.batch_size * nodes * (2 * (cell.input_dim + 1) + 3 * cell.outputs)


def summary(raw: pd.DataFrame) -> pd.DataFrame:
    """Best CPU time (or rate), best and median wall time over rounds; of steps also GFLOP/s, peak share.

    over_numpy, over_torch    how many times less CPU than the plain loop of that library at the same size.
    """
    table = (
        raw.groupby(KEYS, sort=False)
        .agg(cpu=("cpu", "min"), wall=("wall", "min"), median_wall=("wall", "median"), most=("cpu", "max"))
        .reset_index()
    )
    table["cpu"] = table.cpu.where(table.unit != "GFLOP/s", table.most)  # of a rate the best is the largest
    peak = table.cpu[table.engine == "matrix product float32"].max()
    table["gflop_s"] = (useful_gflop(table.nodes) / table.cpu * 1e6).where(table.unit == STEP)
    table["peak_share"] = table.gflop_s / peak
    place = pd.MultiIndex.from_frame(table[["part", "nodes"]])
    for library in ("numpy", "torch"):
        plain = table[table.engine == f"plain {library} float64"].set_index(["part", "nodes"]).cpu
        table[f"over_{library}"] = plain.reindex(place).to_numpy() / table.cpu
    return table.drop(columns="most").sort_values(
        ["part", "nodes", "seeds"], kind="stable", ignore_index=True
    )


def show(table: pd.DataFrame) -> str:
    """The summary part by part, without the columns that say nothing there."""
    parts = (rows.drop(columns="part").dropna(axis=1, how="all") for _, rows in table.groupby("part"))
    return "\n\n".join(rows.to_string(index=False, float_format="%.3g") for rows in parts)


def facts(scale_name: str, scale) -> dict:
    """Where the numbers come from, JSON-ready."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": processor,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "code": code_id(PROJECT.packages, "ts_core.training.sgd"),
        "scale": scale_name,
        **asdict(scale),
    }


def run(scale_name: str, out: Path) -> pd.DataFrame:
    """Measure, write the three files and return the summary."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    scale = SCALES[scale_name]
    began = facts(scale_name, scale)
    rows = [(*row, 0) for row in memory(scale_name)]
    for turn in range(scale.rounds):
        rows += [(*row, turn) for row in one_round(scale)]
    raw = pd.DataFrame(rows, columns=[*KEYS, "wall", "cpu", "round"])
    raw.round(3).to_csv(out / "two_layer.csv", index=False)
    (out / "two_layer.json").write_text(json.dumps(began, indent=1) + "\n")
    table = summary(raw)
    table.round(4).to_csv(out / "two_layer_summary.csv", index=False)
    return table


def arguments(about: str) -> argparse.ArgumentParser:
    """What every benchmark of the engine takes; ``about`` is the docstring of its script."""
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; noisy numbers")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results", help="folder for the results"
    )
    return parser


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--memory", choices=("imports only", "ensemble float32"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    scale_name = "quick" if given.quick else "full"
    if given.memory:
        torch.set_num_threads(1)
        if given.memory != "imports only":
            sweep_cell(SCALES[scale_name]).run()
        print(peak_memory())
        return
    table = run(scale_name, given.out)
    print(show(table))


if __name__ == "__main__":
    main()
