"""Deep students with affine batch normalization behind every ReLU, as the released option puts it."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ts_core.networks import Network, affine, forward
from ts_core.training.batches import Batches
from ts_core.training.fit import Parameters, fit

EPS = 1e-5  # torch's default


def train_normalized(
    teacher: Network,
    student: Network,
    batches: Batches,
    x: Tensor,
    *,
    learning_rate: float,
    snapshots: Sequence[int],
    on_snapshot: Callable[[int, list[Network]], None],
) -> None:
    """Minimize the mean over outputs of the squared error; gains begin at 1 and shifts at 0.

    x               ``(e, b, d)`` samples whose moments the networks of the snapshots normalize with.
    learning_rate   in the convention of torch.nn.MSELoss.
    on_snapshot     gets the step and, in a list, the students as plain networks: see :func:`folded`.
    """
    parameters = {f"weight{l}": w for l, w in enumerate(student.weights)}
    for l, w in enumerate(student.weights[:-1]):
        parameters |= {f"gain{l}": torch.ones_like(w[..., 0]), f"shift{l}": torch.zeros_like(w[..., 0])}

    def objective(now: Parameters, batch: Tensor) -> Tensor:
        return (outputs(now, batch) - forward(teacher, batch)[1][-1]).square().mean((1, 2))

    fit(
        objective,
        parameters,
        _inputs(batches),
        optimizer=torch.optim.SGD,
        learning_rate=learning_rate,
        snapshots=snapshots,
        on_snapshot=lambda step, now: on_snapshot(step, [folded(now, x)]),
    )


def _inputs(batches: Batches) -> Iterator[tuple[Tensor]]:
    for block, _ in batches.blocks(1.0):
        for batch in block:
            yield (batch[..., :-1],)  # without the constant


def outputs(parameters: Parameters, x: Tensor) -> Tensor:
    """Outputs ``(e, b, c)`` of students that normalize with the moments of x ``(e, b, d)``."""
    f, top = x, sum(name.startswith("weight") for name in parameters) - 1
    for l in range(top):
        f = affine(parameters[f"weight{l}"], f).relu()
        scale, shift = _scale_and_shift(parameters, l, f)
        f = f * scale[:, None] + shift[:, None]
    return affine(parameters[f"weight{top}"], f)


def folded(parameters: Parameters, x: Tensor) -> Network:
    """The students as ReLU networks, each normalization a part of the weights above it.

    Normalized with fixed moments, here those of x ``(e, b, d)``, a node is an affine function of its
    activation; so correlations, which take activations before it, and overlaps are those of plain networks.
    """
    weights, f = [parameters["weight0"]], x
    for l in range(sum(name.startswith("weight") for name in parameters) - 1):
        f = affine(weights[l], f).relu()
        scale, shift = _scale_and_shift(parameters, l, f)
        above = parameters[f"weight{l + 1}"]
        bias = above[..., -1:] + above[..., :-1] @ shift[..., None]
        weights.append(torch.cat([above[..., :-1] * scale[:, None], bias], dim=2))
    return Network(tuple(weights))


def _scale_and_shift(parameters: Parameters, l: int, f: Tensor) -> tuple[Tensor, Tensor]:
    """Of layer l ``(e, n)``, for activations f ``(e, b, n)``."""
    variance, mean = torch.var_mean(f, 1, correction=0)
    scale = parameters[f"gain{l}"] / (variance + EPS).sqrt()
    return scale, parameters[f"shift{l}"] - scale * mean
