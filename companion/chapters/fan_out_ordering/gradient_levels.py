"""The gradient level at which each teacher node is found: what the theorem on small gradients speaks of."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.experiments.tidy import tidy
from companion.experiments.two_layer.run import start
from companion.experiments.two_layer.spec import TwoLayer
from ts_core.gradients import by_backprop
from ts_core.metrics import best_student, correlation, observability
from ts_core.networks import Network, fan_out_norm, forward
from ts_core.streams import stream
from ts_core.theory.geometry import alpha
from ts_core.training.batches import drawn
from ts_core.training.device import device_of
from ts_core.training.sgd import train


def gradient_levels(cell: TwoLayer, observes: float) -> pd.DataFrame:
    """Teacher nodes while one over-realization trains: how well each is found, and at which gradient level.

    observes    least share of the samples on either side of a teacher's boundary at which a student that is
                active there counts as an observer, in (0, 1/2).
    columns     seed, polarity, epoch, teacher (0 = strongest): fan_out_norm, best_correlation, and level and
                overlap of :func:`best_observer`, all on the training samples.
    """
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    teacher, (student,), x = start(cell)
    teacher, x = teacher.to(**place), x.to(**place)
    tables = []

    def record(step: int, now: list[Network]) -> None:
        (student,) = now
        f_t, f = (forward(network, x)[1][0] for network in (teacher, student))
        level, overlap = best_observer(teacher, student, x, observability(f_t, f) >= observes)
        columns = dict(
            fan_out_norm=fan_out_norm(teacher),
            best_correlation=best_student(correlation(f_t, f)),
            level=level,
            overlap=overlap,
        )
        members, nodes = level.shape
        table = tidy(
            {"member": range(members), "teacher": range(nodes)},
            **{name: values.double().cpu().numpy() for name, values in columns.items()},
        )
        member = table.pop("member").to_numpy()
        keys = dict(
            seed=np.repeat(cell.seeds, len(cell.polarities))[member],
            polarity=np.tile(cell.polarities, len(cell.seeds))[member],
            epoch=step // cell.steps_per_epoch,
        )
        tables.append(table.assign(**keys))

    train(
        teacher,
        [student],
        drawn(x, [stream(seed, "batches") for seed in cell.seeds], cell.batch_size),
        learning_rate=cell.learning_rate,
        snapshots=[epoch * cell.steps_per_epoch for epoch in cell.snapshots],
        on_snapshot=record,
    )
    return pd.concat(tables, ignore_index=True)


def best_observer(teacher: Network, student: Network, x: Tensor, observer: Tensor) -> tuple[Tensor, Tensor]:
    """What the observer that the theorem favours says of each teacher node: the least max|g_k| / |alpha_kj|.

    observer    bool ``(e, m, n)``: whether student k observes teacher node j.
    returns     max|g_k| over the samples and |alpha_kj| of that student, both in units of ||v_k||, which
                cancels in their ratio: ``(e, m)`` each; NaN for a node that nobody observes.
    """
    gradient = by_backprop(teacher, student, x)[0].abs().amax(1)  # (e, n)
    overlap, size = alpha(teacher, student).abs(), fan_out_norm(student)
    ratio = (gradient[:, None] / overlap).where(observer, torch.inf)
    best = ratio.argmin(2, keepdim=True)
    seen = observer.any(2)
    of_best = lambda values: (values / size[:, None]).expand_as(ratio).gather(2, best)[..., 0]
    return tuple(of_best(v).where(seen, torch.nan) for v in (gradient[:, None], overlap))
