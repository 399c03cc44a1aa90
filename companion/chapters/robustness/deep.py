"""Deep teachers and students on inputs in S, layer by layer."""

import pandas as pd
import torch

from companion.chapters.robustness.low_rank import bases, inputs
from companion.chapters.robustness.measures import in_and_out
from companion.chapters.robustness.studies import Deep
from companion.experiments.tidy import tidy
from ts_core.data import gaussian
from ts_core.metrics import best_student, evaluate
from ts_core.networks import Network
from ts_core.sizes import over_realized_width
from ts_core.streams import stream
from ts_core.teachers import deep_teachers, uniform_students
from ts_core.training.batches import fresh
from ts_core.training.device import device_of
from ts_core.training.fit import cosine_rates
from ts_core.training.optimizers import Adam
from ts_core.training.sgd import train

TUNED_ON = 2000  # samples in S on which a teacher's biases are set


def deep(cell: Deep) -> pd.DataFrame:
    """Train deep students, and look at every layer.

    returns     seed, layer, inputs ("in S" or "full rank"), when ("start" or "end"): correlation (teacher
                mean of best-student correlations), loss (of the whole student there); cos_in and cos_out of
                the lowest layer, NaN above.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    of = lambda purpose: [stream(seed, purpose) for seed in cell.seeds]
    basis = bases(of("subspace"), cell.input_dim, cell.rank)
    zero = torch.zeros(1, dtype=torch.float64)
    inside = lambda purpose, samples: inputs(of(purpose), basis, zero, samples)[:, 0]
    sizes = (cell.input_dim, *cell.hidden, cell.outputs)
    teacher = deep_teachers(of("teacher"), sizes, inside("tuning", TUNED_ON)).to(**place)
    widths = [over_realized_width(width, cell.over_realization) for width in cell.hidden]
    student = uniform_students(of("start"), (cell.input_dim, *widths, cell.outputs)).to(**place)
    looks = {
        "in S": inside("evaluation", cell.eval_samples).to(**place),
        "full rank": gaussian(of("full"), cell.eval_samples, cell.input_dim, 1.0).to(**place),
    }
    basis, zero = basis.to(**place), zero.to(**place)
    tables = []

    def record(step: int, now: list[Network]) -> None:
        in_s, out = (c.mean(1).cpu().numpy() for c in in_and_out(teacher, now[0], basis))
        for name, x in looks.items():
            found = evaluate(teacher, now, x)[0]
            rho = torch.stack([best_student(layer).mean(1) for layer in found.rho], 1).cpu().numpy()
            table = tidy({"seed": cell.seeds, "layer": range(1, len(found.rho) + 1)}, correlation=rho)
            table["loss"] = found.loss.cpu().numpy().repeat(len(found.rho))
            lowest = table.layer == 1
            table.loc[lowest, "cos_in"], table.loc[lowest, "cos_out"] = in_s, out
            tables.append(table.assign(inputs=name, when="end" if step else "start"))

    streams, rates = of("data"), cosine_rates(cell.learning_rate, cell.steps, warm=1 / cell.steps)
    train(
        teacher,
        [student],
        fresh(lambda samples: inputs(streams, basis, zero, samples)[:, 0], cell.batch_size, 50),
        learning_rate=[(step, float(rate)) for step, rate in enumerate(rates) if rate > 0],
        snapshots=[0, cell.steps],
        on_snapshot=record,
        optimizer=Adam(),
    )
    return pd.concat(tables, ignore_index=True)
