"""Over-realized erf students of erf teachers, both layers trained on samples that come once."""

import numpy as np
import pandas as pd
import torch

from companion.chapters.pruning import pruning
from companion.chapters.pruning.pruning import Pair
from companion.chapters.pruning.studies import Pruned
from companion.runs.spec import Tables
from ts_core.activations import Erf
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.training.batches import fresh
from ts_core.training.sgd import train


def pruned(cell: Pruned) -> Tables:
    """Train students, then prune and merge them.

    returns     ``students``, a row per seed: error (relative), and of the ``fan_out`` sizes the smallest and
                the largest; ``errors``, a row per seed, k, method and reweighted: the relative error. Members
                that diverged are in ``students`` only, as NaN.
    """
    pair = trained(cell)
    fine = np.isfinite(pair.rows).all((1, 2)) & np.isfinite(pair.fan_out).all(1)
    seeds = np.array(cell.seeds)
    own = np.full(len(seeds), np.nan)
    pair_fine = Pair(*(values[fine] for values in (pair.rows, pair.fan_out, pair.rows_t, pair.fan_out_t)))
    own[fine] = pair_fine.error(pair_fine.rows, pair_fine.fan_out)
    sizes = np.abs(pair.fan_out)
    keys = dict(start=cell.start, over_realization=cell.over_realization, noise=cell.noise)
    students = pd.DataFrame(dict(seed=seeds, error=own, smallest=sizes.min(1), largest=sizes.max(1)) | keys)
    rows = []
    if fine.any():
        chosen = tuple(int(seed) for seed in seeds[fine])
        found = [
            (k, *row)
            for k in range(1, cell.width)
            for row in (
                *pruning.nodes(pair_fine, k, chosen, cell.draws),
                *pruning.edges(pair_fine, round(k / cell.width * cell.input_dim), chosen, cell.draws),
            )
        ]
        for k, method, reweighted, error in (*found, *pruning.merging(pair_fine)):
            about = dict(k=k, kept=k / cell.width, method=method, reweighted=reweighted)
            rows.append(pd.DataFrame(dict(seed=chosen, error=error, own=own[fine]) | about | keys))
    return {"students": students, "errors": pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()}


def merged(cell: Pruned) -> Tables:
    """Train students, then merge each to m nodes, fan-outs fitted.

    returns     ``merged``, a row per seed: relative errors ``own``, ``error`` and ``subset``, of the best of
                all subsets of m nodes, fan-outs fitted too. Students that diverged are rows of NaN.
    """
    pair, m = trained(cell), cell.teacher_width
    fine = np.isfinite(pair.rows).all((1, 2)) & np.isfinite(pair.fan_out).all(1)
    found = np.full((3, len(cell.seeds)), np.nan)
    if fine.any():
        pair = Pair(*(values[fine] for values in (pair.rows, pair.fan_out, pair.rows_t, pair.fan_out_t)))
        errors = {(k, name, again): error for k, name, again, error in pruning.merging(pair)}
        seeds = tuple(int(seed) for seed in np.array(cell.seeds)[fine])
        nodes = {(name, again): error for name, again, error in pruning.nodes(pair, m, seeds, cell.draws)}
        own = pair.error(pair.rows, pair.fan_out)
        found[:, fine] = own, errors[m, "merging", True], nodes["best nodes", True]
    table = pd.DataFrame(dict(zip(("own", "error", "subset"), found)) | dict(seed=cell.seeds))
    return {"merged": table.assign(over_realization=cell.over_realization, noise=cell.noise)}


def trained(cell: Pruned) -> Pair:
    """The students in the end, with their teachers, float64."""
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in cell.seeds]
    m, n, d = cell.teacher_width, cell.width, cell.input_dim
    rows_t = np.stack([g.standard_normal((m, d)) for g in of("teacher")])
    rows_t /= np.linalg.norm(rows_t, axis=2, keepdims=True)
    fan_out_t = np.full((len(cell.seeds), m), cell.fan_out)
    starts = of("start", n)
    rows = np.stack([g.standard_normal((n, d)) for g in starts]) / np.sqrt(d)
    fan_out = np.stack([g.standard_normal(n) for g in starts])
    if cell.start == "even":
        fan_out = 1 + fan_out / 10
    dtype = getattr(torch, cell.dtype)
    teacher, student = (_network(*pair).to(dtype) for pair in ((rows_t, fan_out_t), (rows, fan_out)))
    data, noises = of("data"), of("label noise")

    def draw(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = np.stack([g.standard_normal((samples, d), dtype=np.float32) for g in data])
        x = torch.from_numpy(x).to(dtype)
        noise = np.stack([g.standard_normal((samples, 1)) for g in noises])
        return x, forward(teacher, x)[1][-1] + cell.noise * torch.from_numpy(noise).to(dtype)

    last: list[Network] = []
    train(
        None,
        [student],
        fresh(draw, cell.batch_size),
        learning_rate=cell.learning_rate,
        snapshots=[cell.steps],
        on_snapshot=lambda _, now: last.extend(now),
        biases=False,
    )
    lower, upper = (w[..., :-1].double().numpy() for w in last[0].weights)
    return Pair(lower, upper[:, 0], rows_t, fan_out_t)


def _network(rows: np.ndarray, fan_out: np.ndarray) -> Network:
    without_bias = lambda w: torch.from_numpy(np.concatenate([w, np.zeros((*w.shape[:2], 1))], axis=2))
    return Network((without_bias(rows), without_bias(fan_out[:, None])), Erf())
