"""The same experiment as one would write it in JAX today: one network, then grad, vmap, scan and jit.

    python benchmarks/jitted.py [--rounds N] [--out FOLDER]

JAX is no requirement of the book (``pip install jax``). It trains the networks of the ensemble's step in
two_layer.py, as many at once, on the same batches, float32, compiled before; the two take turns on one core.
Writes jitted.csv: microseconds per step and network, the least processor time over rounds, billions of useful
operations in a second and their share of what a large matrix product reaches in the same run.
"""

import os

if __name__ == "__main__":  # before numpy and JAX load, which read these once; one core for both
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import argparse
import json
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

if not find_spec("jax"):
    print("JAX is not installed, so it is not measured; pip install jax")
    sys.exit(0)

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import torch
from two_layer import SCALES, SHAPES, Case, Scale, build, gemm_rate, timed, useful_gflop

from companion.runs.identity import machine
from ts_core.networks import Network, spread

OURS, THEIRS, PEAK = "ensemble float32", "JAX float32", "matrix product float32"


def outputs(weights, x):
    """Of one network, weights (nodes, fan-in + 1) with the biases last, for inputs x (b, d)."""
    lower, upper = weights
    hidden = jax.nn.relu(x @ lower[:, :-1].T + lower[:, -1])
    return hidden @ upper[:, :-1].T + upper[:, -1]


def loss(student, teacher, x):
    """J = 1/2 ||f* - f||^2, mean over the samples of a batch."""
    return 0.5 * ((outputs(teacher, x) - outputs(student, x)) ** 2).sum(1).mean()


def step(student, teacher, x, rate):
    slope = jax.grad(loss)(student, teacher, x)
    return jax.tree.map(lambda w, g: w - rate * g, student, slope)


# networks of a seed, which see the same samples, and seeds, which do not
together = jax.vmap(jax.vmap(step, (0, 0, None, None)), (0, 0, 0, None))


@jax.jit
def train(students, teachers, x, rows, rate):
    """SGD steps on the rows (steps, g, b) of inputs x (g, N, d); weights (g, networks, nodes, fan-in + 1)."""

    def one(now, picked):
        batch = jnp.take_along_axis(x, picked[:, :, None], axis=1)
        return together(now, teachers, batch, rate), None

    return jax.lax.scan(one, students, rows)[0]


def weights(network: Network, groups: int, dtype) -> list:
    """Those of an ensemble, by data set and network."""
    own = (spread(w, network.members).cpu().numpy() for w in network.weights)
    return [jnp.asarray(w.reshape(groups, -1, *w.shape[1:]).astype(dtype)) for w in own]


def drawn(generators: list[np.random.Generator], samples: int, size: int, steps: int) -> np.ndarray:
    """Rows (steps, g, b) of every batch, with replacement, as the ensemble draws them."""
    return np.stack([g.integers(samples, size=(steps, size)) for g in generators], axis=1)


def step_time(case: Case, scale: Scale) -> list[float]:
    """Microseconds (wall, cpu) per step and network, all seeds and polarities at once."""
    seeds, cell, steps = case.generators(), case.cell, scale.ensemble_steps
    of = lambda network: weights(network, len(seeds), "float32")
    students, teachers, x = of(case.students[0]), of(case.teacher), jnp.asarray(case.x_32.numpy())
    rows = lambda: drawn(seeds, x.shape[1], cell.batch_size, steps)
    run = lambda: jax.block_until_ready(train(students, teachers, x, rows(), cell.learning_rate))
    run()  # compiles
    return [1e6 * t / steps / case.members for t in timed(run)]


def one_round(scale: Scale) -> list[dict]:
    """A row per engine and width, and the peak; the engines take turns."""
    rows = [{"engine": PEAK, "nodes": 0, "cpu": gemm_rate(scale.gemm, torch.float32)[1]}]
    for n, (m, ratio) in SHAPES.items():
        case = build(scale, m, (ratio,), scale.seeds)
        rows.append({"engine": OURS, "nodes": n, "cpu": case.ensemble_steps(torch.float32, scale)[1]})
        rows.append({"engine": THEIRS, "nodes": n, "cpu": step_time(case, scale)[1]})
    return rows


def summary(rows: list[dict]) -> pd.DataFrame:
    """The least of the rounds, and what it says of the machine."""
    raw = pd.DataFrame(rows)
    peak = raw.cpu[raw.engine == PEAK].max()
    table = raw[raw.engine != PEAK].groupby(["engine", "nodes"]).cpu.agg(["min", "size"]).reset_index()
    table = table.rename(columns={"min": "cpu", "size": "rounds"})
    table["gflop_s"] = useful_gflop(table.nodes) / table.cpu * 1e6
    return table.assign(peak_share=table.gflop_s / peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--quick", action="store_true", help="few steps and samples: does it run?")
    folder = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=folder, metavar="FOLDER")
    given = parser.parse_args()
    about = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "jax": version("jax")}
    about |= {"load_average": [round(load, 2) for load in os.getloadavg()]} | machine(("torch", "numpy"))
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    for _ in range(given.rounds):  # what an interruption leaves is of use
        rows += one_round(SCALES["quick" if given.quick else "full"])
        table = summary(rows)
        table.to_csv(given.out / "jitted.csv", index=False, float_format="%.4g")
        (given.out / "jitted.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
