"""Our engine beside the released code: the same start, samples and batches must give the same numbers.

The released code wrote its numbers down once, in float64 (``book/reference/README.md`` describes the file);
here they are computed again and compared.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ts_core.gradients import overlaps, weight_gradients
from ts_core.losses import SQUARED_ERROR
from ts_core.metrics import VARIANCE_FLOOR, evaluate, observability
from ts_core.networks import Network, forward
from ts_core.training.batches import given
from ts_core.training.sgd import train

BAR = 1e-9  # what rounding may do to a number that is not a count
TWO_LAYER_RATE = 0.01
DEEP_FLOOR = 1e-7  # added to every variance in the released multi-layer code

Numbers = Mapping[str, np.ndarray]


class Pair(NamedTuple):
    """One number or array of theirs, and ours."""

    network: str
    quantity: str
    after: int
    unit: str
    theirs: np.ndarray
    ours: Tensor
    exact: bool = False


def read(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name from a file of numbers; nothing in it can run."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def compare(numbers: Numbers) -> pd.DataFrame:
    """Train as the released code did, and compare all that it wrote down.

    returns     a row per quantity and time: network, quantity, after (how many), unit (steps or epochs),
                numbers (that were compared), largest_difference, exact (whether that is to be 0), agrees.
    raises      ValueError when ours has another shape, KeyError when a number is missing.
    """
    return pd.DataFrame([_row(pair) for found in (_two_layer, _multi_layer) for pair in found(numbers)])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row per quantity, its largest difference as the power of ten that it stays below.

    Rounding differs between machines, so nothing below 1e-12 is told apart; what is to be exact is.
    """
    by_quantity = table.groupby(["network", "quantity"], sort=False)
    after = lambda rows: f"{_times(list(map(str, rows.after)))} {rows.unit.iloc[0]}"
    said = lambda rows: _said(rows.largest_difference.max(), rows.exact.all())
    columns = by_quantity[["after", "unit", "largest_difference", "exact"]]
    return pd.DataFrame(
        {
            "after": columns.apply(after),
            "numbers": by_quantity.numbers.sum(),
            "largest difference": columns.apply(said),
        }
    )


def _times(after: list[str]) -> str:
    return ", ".join(after if len(after) < 5 else [*after[:2], f"… {after[-1]}"])


def _said(largest: float, exact: bool) -> str:
    if exact or not math.isfinite(largest):
        return f"{largest:g}"
    return f"< 1e{math.ceil(math.log10(max(largest, 9e-13)))}"


def _row(pair: Pair) -> dict:
    ours = pair.ours.double().numpy()
    if ours.shape != pair.theirs.shape:
        raise ValueError(f"{pair.quantity}: theirs has shape {pair.theirs.shape}, ours {ours.shape}")
    largest = np.nan_to_num(np.abs(ours - pair.theirs), nan=np.inf).max()
    return {
        **{name: getattr(pair, name) for name in ("network", "quantity", "after", "unit")},
        "numbers": ours.size,
        "largest_difference": largest,
        "exact": pair.exact,
        "agrees": largest <= (0 if pair.exact else BAR),
    }


def _two_layer(numbers: Numbers) -> Iterator[Pair]:
    its = lambda name: torch.from_numpy(numbers[f"two_layer.{name}"])
    # columns are hidden nodes in their W1, rows in their W2; the last row is the bias
    network = lambda *names: Network(tuple(its(name).T[None].contiguous() for name in names))
    teacher, x, x_eval = network("W1_t", "W2_t"), its("X_train")[None], its("X_eval")[None]
    looks, kept = its("eval_steps").tolist(), (1, 10, 100, 300)
    seen: dict[int, Network] = {}
    train(
        teacher,
        [network("W1_s_init", "W2_s_init")],
        given(x, its("batch_idx").numpy()),
        learning_rate=TWO_LAYER_RATE,
        snapshots=[*kept, *looks],
        on_snapshot=lambda step, now: seen.update({step: now[0]}),
    )
    pair = lambda quantity, after, theirs, ours, exact=False: Pair(
        "two layers", quantity, after, "steps", np.asarray(theirs), ours, exact
    )
    for step in kept:
        theirs = network(f"W1_s_step{step}", f"W2_s_step{step}")
        yield pair("weights", step, _flat(theirs), _flat(seen[step]))
    for at, step in enumerate(looks):
        (old,), (new,) = (evaluate(teacher, [seen[step]], inputs) for inputs in (x, x_eval))
        rho, samples = new.rho[0][0], x_eval.shape[1]
        observed = observability(forward(teacher, x_eval)[1][0], forward(seen[step], x_eval)[1][0])[0]
        above = torch.stack([(rho > threshold).sum(1) for threshold in its("eval_thresholds")])
        yield pair("training loss", step, its("eval_train_loss")[at], old.loss[0])
        yield pair("evaluation loss", step, its("eval_eval_loss")[at], new.loss[0])
        yield pair("correlations", step, its("eval_corr_eval")[at], rho)
        yield pair("students above each threshold", step, its("eval_counts_eval")[at], above, exact=True)
        yield pair("observing samples", step, its("eval_obs_eval")[at], observed * samples, exact=True)


def _multi_layer(numbers: Numbers) -> Iterator[Pair]:
    its = lambda name: torch.from_numpy(np.asarray(numbers[f"multi_layer.{name}"]))
    teacher, x, x_eval = _deep(its, "teacher"), its("x_train")[None], its("x_eval")[None]
    start, outputs = _deep(its, "student_init"), teacher.weights[-1].shape[1]
    sizes, chunks = its("train_batch_sizes").tolist(), its("eval_batch_sizes").tolist()
    rows = [block.numpy() for block in torch.arange(x.shape[1]).split(sizes)]
    seen: dict[int, Network] = {}
    train(
        teacher,
        [start],
        given(x, 3 * rows),
        learning_rate=SQUARED_ERROR.rate(its("lr").item(), outputs),
        snapshots=[0, len(rows), 3 * len(rows)],
        on_snapshot=lambda step, now: seen.update({step // len(rows): now[0]}),
    )
    pair = lambda quantity, after, theirs, ours: Pair(
        "four layers", quantity, after, "epochs", np.asarray(theirs), ours
    )
    first = x[:, : sizes[0]]
    ours = Network(tuple(2 / outputs * g for g in weight_gradients(teacher, start, first)))  # of MSELoss
    yield pair("gradients of the first batch", 0, _flat(_deep(its, "batch0.grad")), _flat(ours))
    yield pair(
        "loss of the first batch", 0, its("batch0.mse_loss"), evaluate(teacher, [start], first)[0].loss[0]
    )
    for epoch in (1, 3):
        yield pair("weights", epoch, _flat(_deep(its, f"student_epoch{epoch}")), _flat(seen[epoch]))
    for epoch in (0, 3):
        student, parts = seen[epoch], x_eval.split(chunks, dim=1)
        # a batch of 6 counts as much as one of 12 there
        losses = [evaluate(teacher, [student], part)[0].loss[0] for part in parts]
        beta = [[b[0].mean(0) for b in overlaps(teacher, student, part)[1]] for part in parts]
        yield pair("evaluation loss", epoch, its(f"eval{epoch}.mse_loss"), torch.stack(losses).mean())
        for layer, rho in enumerate(_with_deep_floor(teacher, student, x_eval)):
            mean = torch.stack([part[layer] for part in beta]).mean(0)
            name = f"layer {layer + 1}"
            yield pair(f"correlations, {name}", epoch, its(f"eval{epoch}.corrs.{layer}"), rho)
            yield pair(f"beta, {name}", epoch, its(f"eval{epoch}.betas_ss.{layer}"), mean)


def _deep(its, name: str) -> Network:
    """A network from torch's names of its layers."""
    layers = [*(f"ws_linear.{i}" for i in range(3)), "final_w"]
    parts = [(its(f"{name}.{layer}.weight"), its(f"{name}.{layer}.bias")) for layer in layers]
    return Network(tuple(torch.column_stack(part)[None] for part in parts))


def _with_deep_floor(teacher: Network, student: Network, x: Tensor) -> Iterator[Tensor]:
    """Our correlations of every hidden layer, with DEEP_FLOOR in the place of our own floor.

    Theirs is added to variances and ours to sums of squares, so that a node that is nearly silent correlates
    less there. Both sums are known: the one is divided out, the other put in.
    """
    f_t, f = forward(teacher, x)[1], forward(student, x)[1]
    for layer, rho in enumerate(evaluate(teacher, [student], x)[0].rho):
        factors = []
        for values in (f_t[layer][0], f[layer][0]):
            squares = (values - values.mean(0)).square().sum(0)
            factors.append(((squares + VARIANCE_FLOOR) / (squares + len(values) * DEEP_FLOOR)).sqrt())
        yield rho[0] * factors[0][:, None] * factors[1]


def _flat(network: Network) -> Tensor:
    """All weights in one row."""
    return torch.cat([w.flatten() for w in network.weights])
