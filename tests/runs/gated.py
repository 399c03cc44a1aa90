"""A sweep of small cells for the tests: each leaves a mark when it starts, and chosen ones wait until a gate opens."""

import os
import time
from pathlib import Path

from ts_core.experiments import two_layer
from ts_core.experiments.spec import Spec

TINY = dict(
    input_dim=6, outputs=3, teacher_width=2, over_realizations=(1.0, 2.0), polarities=(0.0, 1.0), samples=40,
    batch_size=4, learning_rate=0.05, epochs=2, steps_per_epoch=20, snapshots=(0, 1, 2), eval_samples=50,
)


class Gated(Spec):
    """One cell."""

    seed: int
    gate: str
    """folder for the marks; a cell waits while ``hold-<seed>`` exists there"""


class Sweep(Spec):
    """Cells 1 to 4."""

    gate: str

    def cells(self):
        return [Gated(seed=seed, gate=self.gate) for seed in (1, 2, 3, 4)]


PAPER = Sweep(gate=os.environ.get("GATE", ""))  # read as a sweep's module by ts_core.sweeps


def run(spec):
    gate = Path(spec.gate)
    (gate / f"started-{spec.seed}-{os.getpid()}-{time.time_ns()}").touch()
    while (gate / f"hold-{spec.seed}").exists():
        time.sleep(0.02)
    return two_layer.run(two_layer.Cell(**TINY, seeds=(spec.seed,)))
