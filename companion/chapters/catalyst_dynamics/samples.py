"""From population to samples: random starts trained on one small data set each."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import pad

from companion.chapters.catalyst_dynamics.studies import FewSamples
from companion.experiments.dynamics.run import Centred, learned, random_start, strengths, teachers
from companion.experiments.tidy import tidy
from ts_core.data import gaussian
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.theory.population import loss
from ts_core.training.batches import drawn
from ts_core.training.sgd import train


def run(spec: FewSamples) -> pd.DataFrame:
    """Table ``runs``, as described at :meth:`FewSamples.run`."""
    teacher, s = teachers(spec), strengths(spec)
    draw = lambda purpose: [stream(seed, purpose, spec.train_samples) for seed in range(1, spec.seeds + 1)]
    x = gaussian(draw("data"), spec.train_samples, spec.input_dim, std=1.0)
    ended: list[Network] = []
    train(
        _network(*(part.expand(spec.seeds, -1, -1) for part in teacher)),
        [_network(*random_start(spec, ratio)) for ratio in spec.over_realizations],
        drawn(x, draw("batches"), min(spec.batch_size, spec.train_samples)),
        learning_rate=spec.learning_rate,
        loss=Centred(),
        biases=False,
        snapshots=[round(spec.horizon / spec.learning_rate)],
        on_snapshot=lambda _, students: ended.extend(students),
    )
    w, v = zip(*((net.weights[0][..., :-1], net.weights[1][..., :-1].mT) for net in ended))
    count = torch.stack([(learned(*state) > s / 2).sum(1) for state in zip(w, v)])
    silent = loss(0 * w[0] + 1e-9, 0 * v[0], *teacher)
    shares = torch.stack([loss(*state, *teacher) / silent for state in zip(w, v)])
    table = tidy(
        {"over_realization": spec.over_realizations, "seed": range(1, spec.seeds + 1)},
        learned=count,
        share_loss=shares,
    )
    return table.assign(
        polarity=spec.polarity,
        train_samples=spec.train_samples,
        covered=table.learned == spec.teacher_width,
        status=np.where(np.isfinite(table.share_loss), "ok", "diverged"),
    )


def _network(w: Tensor, v: Tensor) -> Network:
    return Network(tuple(pad(part, (0, 1)) for part in (w, v.mT)))
