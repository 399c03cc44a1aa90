"""Speed of the multi-layer sweep: torch's own layers, one at a time, against the ensemble; on one thread.

    python benchmarks/multi_layer.py [--quick] [--out FOLDER]

Teacher 50-75-100-125, a student twice as wide, batch 64, squared error. The reference is what a
researcher would write: ``torch.nn.Linear``, autograd and ``torch.optim.SGD``. Engines take turns within
each round. Writes multi_layer.csv (one row per engine, number of seeds and round) and multi_layer.json
(machine, versions, settings).
"""

import os

if __name__ == "__main__":  # before numpy loads its matrix library, which reads these once
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from two_layer import DTYPES, arguments, clock, facts, gemm_rate, timed

from companion.experiments.multi_layer.run import start
from companion.experiments.multi_layer.spec import MultiLayer
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.training.batches import shuffled
from ts_core.training.sgd import train

RATE = 0.004  # for J; torch.nn.MSELoss takes c / 2 times as much


@dataclass(frozen=True)
class Scale:
    rounds: int = 5
    steps: int = 200
    warm_up: int = 10
    seeds: tuple[int, ...] = (1, 2, 5, 10)
    samples: int = 5000
    hidden: tuple[int, ...] = (50, 75, 100, 125)
    gemm: int = 2048


SCALES = {
    "full": Scale(),
    "quick": Scale(rounds=2, steps=5, warm_up=1, seeds=(1, 2), samples=200, hidden=(5, 6), gemm=512),
}


def plain(
    teacher: Network,
    student: Network,
    x: torch.Tensor,
    order: np.random.Generator,
    batch_size: int,
    steps: int,
):
    """A generator that trains one network and yields after every step."""
    teacher, student = teacher.to_torch(), student.to_torch()
    outputs = student[-1].out_features
    optimizer, loss = torch.optim.SGD(student.parameters(), lr=RATE * outputs / 2), torch.nn.MSELoss()
    while True:
        for batch in np.array_split(
            order.permutation(len(x))[: len(x) // batch_size * batch_size], len(x) // batch_size
        ):
            with torch.no_grad():
                target = teacher(x[batch])
            optimizer.zero_grad()
            loss(student(x[batch]), target).backward()
            optimizer.step()
            yield student


def cell(scale: Scale, seeds: int) -> MultiLayer:
    return MultiLayer(hidden=scale.hidden, seeds=tuple(range(1, seeds + 1)), samples=scale.samples)


def plain_steps(scale: Scale, dtype: torch.dtype) -> np.ndarray:
    """Microseconds (wall, cpu) per step of one network."""
    spec = cell(scale, 1)
    teacher, student, x, _ = start(spec)
    steps = plain(
        teacher.to(dtype),
        student.to(dtype),
        x[0].to(dtype),
        stream(1, "batches"),
        spec.batch_size,
        scale.steps,
    )
    for _ in range(scale.warm_up):
        next(steps)
    return 1e6 * timed(lambda: [next(steps) for _ in range(scale.steps)]) / scale.steps


def ensemble_steps(scale: Scale, seeds: int, dtype: torch.dtype) -> np.ndarray:
    """Microseconds (wall, cpu) per step and network."""
    spec, marks = cell(scale, seeds), []
    teacher, student, x, _ = start(spec)
    stop = scale.warm_up + scale.steps
    train(
        teacher.to(dtype),
        [student],
        shuffled(x.to(dtype), [stream(s, "batches") for s in spec.seeds], spec.batch_size),
        learning_rate=RATE,
        snapshots=[scale.warm_up, stop],
        on_snapshot=lambda *_: marks.append(clock()),
    )
    return 1e6 * (marks[1] - marks[0]) / scale.steps / seeds


def run(scale_name: str, out: Path) -> pd.DataFrame:
    """Measure, write both files, return the summary: best CPU time, GFLOP/s, peak share, ratio to plain."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    scale = SCALES[scale_name]
    began, rows = facts(scale_name, scale), []
    for turn in range(scale.rounds):
        for name, dtype in DTYPES.items():
            rows.append((f"matrix product {name}", 0, turn, *gemm_rate(scale.gemm, dtype)))
            rows.append((f"plain torch {name}", 1, turn, *plain_steps(scale, dtype)))
            rows += [
                (f"ensemble {name}", seeds, turn, *ensemble_steps(scale, seeds, dtype))
                for seeds in scale.seeds
            ]
    raw = pd.DataFrame(rows, columns=["engine", "seeds", "round", "wall", "cpu"])
    raw.round(3).to_csv(out / "multi_layer.csv", index=False)
    (out / "multi_layer.json").write_text(json.dumps(began, indent=1) + "\n")
    return summary(raw, scale)


def summary(raw: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    sizes = cell(scale, 1).student_sizes
    # forward, back, update; not the teacher
    useful = 6e-9 * MultiLayer().batch_size * sum(a * b for a, b in zip(sizes, sizes[1:]))
    best = raw.groupby(["engine", "seeds"], sort=False).cpu.agg(["min", "max"]).reset_index()
    product = best.engine.str.startswith("matrix product")
    table = best.assign(
        us_per_step=best["min"].where(~product),
        gflop_s=(useful / best["min"] * 1e6).where(~product, best["max"]),
    )
    kind = table.engine.str.split().str[-1]
    for name, chosen in (("peak_share", product), ("over_plain", table.engine.str.startswith("plain"))):
        table[name] = table.gflop_s / kind.map(table[chosen].set_index(kind[chosen]).gflop_s)
    return table.drop(columns=["min", "max"])


def main() -> None:
    given = arguments(__doc__).parse_args()
    print(run("quick" if given.quick else "full", given.out).to_string(index=False, float_format="%.3g"))


if __name__ == "__main__":
    main()
