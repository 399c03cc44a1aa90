"""Students of a pruned convolutional teacher: they learn its outputs on unlabelled training images."""

import numpy as np
import pandas as pd
import torch

from companion.datasets.augmentation import inputs
from companion.experiments.convolutional.spec import Student
from companion.experiments.convolutional.teacher import CHUNK, batches, from_table, schedule, splits, where
from companion.experiments.tidy import tidy
from companion.runs.spec import Tables
from ts_core.convnets import ConvNet, as_samples, place, start
from ts_core.metrics import RunningCorrelation
from ts_core.streams import stream
from ts_core.training.fit import logit_loss, train


def run(cell: Student, taught: Tables) -> Tables:
    """Train one student; its tables are described at :meth:`Student.run`.

    taught      tables of the teacher's run.
    """
    parts, teacher = splits(cell.teacher), from_table(taught["weights"], cell.teacher)
    device, dtype = where(cell.teacher)
    draws = stream(cell.seed, "start", *cell.widths)
    student = start(draws, cell.widths, cell.teacher.side, norm=cell.teacher.norm)
    pixels, shift = parts[0][0], cell.teacher.shift
    order, crops = stream(cell.seed, "order"), stream(cell.seed, "crops")

    def taught_batches():
        for x, _ in batches(pixels, cell.training, shift, dtype, order, crops):
            with torch.no_grad():
                target = teacher(x)[1]
            yield x, target

    rows = {"runs": [], "units": [], "filters": []}

    def see(step: int, now: ConvNet, loss: float) -> None:
        epoch = len(rows["runs"])
        keys = dict(seed=cell.seed, over_realization=cell.over_realization, epoch=epoch)
        facts, rho = compare(teacher, now, parts, dtype)
        rows["runs"].append(pd.DataFrame([{**keys, "train_loss": 2 * loss / now.top.out_features, **facts}]))
        units = _units(rho).assign(**keys)
        rows["units"].append(units)
        if epoch in (0, cell.training.epochs):
            rows["filters"].append(_filters(now, units[units.layer == 1].student.to_numpy()).assign(**keys))

    train(
        place(student, device, dtype),
        taught_batches(),
        logit_loss,
        **schedule(cell.training, len(pixels)),
        on_snapshot=see,
    )
    tables = {name: pd.concat(found, ignore_index=True) for name, found in rows.items()}
    runs = tables["runs"]
    tables["runs"] = runs.assign(
        selected=runs.index == runs.validation_accuracy.idxmax(),
        status=np.where(np.isfinite(runs.test_loss), "ok", "diverged"),
    )
    return tables


@torch.no_grad()
def compare(teacher: ConvNet, student: ConvNet, parts, dtype: torch.dtype) -> tuple[dict, list[torch.Tensor]]:
    """Losses and accuracies on validation and test images, and correlations per layer.

    The correlations are over all test images and positions.
    """
    facts, running = {}, [RunningCorrelation() for _ in teacher.convs]
    for name, (images, labels) in zip(("validation", "test"), parts[1:]):
        terms = []
        for pixels, truth in zip(images.split(CHUNK), labels.split(CHUNK)):
            x = inputs(pixels, dtype)
            (f_t, y_t), (f_s, y_s) = teacher(x), student(x)
            guess = y_s.argmax(1)
            terms.append(
                torch.stack(
                    [
                        (y_t - y_s).double().square().mean(1).sum(),
                        (guess == truth).sum(),
                        (guess == y_t.argmax(1)).sum(),
                    ]
                )
            )
            if name == "test":
                for layer, t, s in zip(running, f_t, f_s):
                    layer.add(as_samples(t), as_samples(s))
        means = (torch.stack(terms).sum(0) / len(labels)).tolist()
        facts |= dict(zip((f"{name}_loss", f"{name}_accuracy", f"{name}_agreement"), means))
    return facts, [layer.value()[0] for layer in running]


def _units(rho: list[torch.Tensor]) -> pd.DataFrame:
    """Best student of every active teacher channel, from correlations ``(m_l, n_l)`` per layer."""
    parts = []
    for layer, found in enumerate(rho, start=1):
        best = found.max(1)
        parts.append(
            pd.DataFrame(
                dict(
                    layer=layer,
                    teacher=range(len(found)),
                    student=best.indices.cpu(),
                    best_correlation=best.values.cpu(),
                )
            )
        )
    return pd.concat(parts, ignore_index=True)


def _filters(student: ConvNet, chosen: np.ndarray) -> pd.DataFrame:
    """First-layer filters of the chosen channels, one row per teacher channel and weight."""
    weights = student.convs[0].weight.detach().double().cpu().numpy()[chosen]
    table = tidy(dict(zip(("teacher", "colour", "row", "column"), map(range, weights.shape))), weight=weights)
    return table.assign(student=chosen[table.teacher])
