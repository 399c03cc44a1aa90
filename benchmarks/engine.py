"""What an activation and an optimizer add to a training step; on one thread.

    python benchmarks/engine.py [--quick] [--out FOLDER]

Two-layer students of 20 nodes on 100 inputs, as in the two-layer sweep, float32: 12 networks, which fit the
cache of a core with all that Adam keeps, and 96, which do not; batch 16, and batch 1, where every step moves
all weights for one sample. Engines take turns within each round. Writes engine.csv (one row per case and
round) and engine.json (machine, versions, settings).
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
from two_layer import POLARITIES, arguments, clock, facts

from companion.experiments.two_layer.run import start
from companion.experiments.two_layer.spec import TwoLayer
from ts_core.activations import RELU, Erf, LeakyReLU, Linear, Square, Tanh
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.training.batches import drawn
from ts_core.training.optimizers import SGD, Adam
from ts_core.training.sgd import train

ACTIVATIONS = {
    "relu": RELU,
    "leaky relu": LeakyReLU(0.1),
    "erf": Erf(),
    "tanh": Tanh(),
    "square": Square(),
    "linear": Linear(),
}
OPTIMIZERS = {"sgd": SGD(), "momentum": SGD(momentum=0.9), "adam": Adam()}
KEYS = ["batch_size", "networks"]
BAR = 1.6  # erf with Adam over relu with SGD: batch 16, within the cache


@dataclass(frozen=True)
class Scale:
    rounds: int = 9
    steps: int = 200
    warm_up: int = 20
    cases: tuple[tuple[int, int], ...] = ((16, 2), (16, 16), (1, 2))
    """batch size and seeds, of six networks each"""


SCALES = {"full": Scale(), "quick": Scale(rounds=2, steps=5, warm_up=2, cases=((16, 1), (1, 1)))}


def steps(scale: Scale, activation: str, optimizer: str, batch_size: int, seeds: int) -> np.ndarray:
    """Microseconds (wall, cpu) per step and network."""
    cell = TwoLayer(
        over_realizations=(2.0,),
        polarities=POLARITIES,
        seeds=tuple(range(1, seeds + 1)),
        samples=2000,
        batch_size=batch_size,
    )
    teacher, (student,), x = start(cell)
    marks, stop = [], scale.warm_up + scale.steps
    train(
        teacher,
        [Network(student.weights, ACTIVATIONS[activation])],
        drawn(x.float(), [stream(seed, "batches") for seed in cell.seeds], batch_size),
        learning_rate=1e-4,  # small: what diverges is slow
        optimizer=OPTIMIZERS[optimizer],
        snapshots=[scale.warm_up, stop],
        on_snapshot=lambda *_: marks.append(clock()),
    )
    return 1e6 * (marks[1] - marks[0]) / scale.steps / teacher.members


def run(scale_name: str, out: Path) -> pd.DataFrame:
    """Measure, write both files, and return the summary."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    scale, rows = SCALES[scale_name], []
    began = facts(scale_name, scale)
    for turn in range(scale.rounds):
        for size, seeds in scale.cases:
            rows += [
                (
                    size,
                    6 * seeds,
                    activation,
                    optimizer,
                    turn,
                    *steps(scale, activation, optimizer, size, seeds),
                )
                for activation in ACTIVATIONS
                for optimizer in OPTIMIZERS
            ]
    raw = pd.DataFrame(rows, columns=[*KEYS, "activation", "optimizer", "round", "wall", "cpu"])
    raw.round(3).to_csv(out / "engine.csv", index=False)
    (out / "engine.json").write_text(json.dumps(began, indent=1) + "\n")
    return summary(raw)


def summary(raw: pd.DataFrame) -> pd.DataFrame:
    """Least CPU time (us) per step and network, and its ratio to relu with SGD in the same case."""
    best = raw.groupby([*KEYS, "optimizer", "activation"], sort=False).cpu.min()
    reference = best.xs(("sgd", "relu"), level=("optimizer", "activation"))
    table = pd.DataFrame({"us": best, "ratio": best / reference})
    return table.unstack("optimizer")


def main() -> None:
    given = arguments(__doc__).parse_args()
    table = run("quick" if given.quick else "full", given.out)
    print(table.to_string(float_format="%.3g"))
    found = table["ratio", "adam"].xs("erf", level="activation").loc[16].iloc[0]
    print(f"erf with Adam at batch 16, within the cache: {found:.2f} times relu with SGD; bar {BAR}")


if __name__ == "__main__":
    main()
