"""Students in spectral or direct coordinates, many at once, and what is left of them when nodes are cut."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import pad

from companion.chapters.spectral.parametrization import least_penalty
from companion.chapters.spectral.studies import Students
from companion.experiments.tidy import tidy
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.training.batches import Batches, shuffled
from ts_core.training.device import device_of
from ts_core.training.fit import Parameters, cosine_rates, fit
from ts_core.training.sgd import train


def trained(cell: Students) -> dict[str, pd.DataFrame]:
    """Train the students of a cell, then cut them node by node, the smallest first.

    units       method, problem, width, teacher_width, seed, step, unit (0 is the largest): size (in units of
                the largest) and balance, (a lambda^2 - b ||phi||^2) / (a lambda^2 + b ||phi||^2) in [-1, 1],
                NaN without spectral coordinates.
    kept        method, problem, width, teacher_width, seed, kept (how many of the largest nodes stay): error,
                the mean squared error on test samples over the variance of what is learned.
    both        status, of the whole student.
    """
    teacher, student, x, x_test = start(cell)
    y, y_test = (outputs(cell, *teacher, of) for of in (x, x_test))
    batches = shuffled(x, [stream(seed, "batches") for seed in cell.seeds], cell.batch_size, y.mT)
    members = {"seed": cell.seeds, "teacher_width": cell.teacher_widths}
    looks: list[pd.DataFrame] = []
    now: Parameters = {}

    def look(step: int, parameters: Parameters) -> None:
        size, order = sizes(cell, parameters)
        columns = dict(size=size / size[:, :1], balance=balance(cell, parameters).gather(1, order))
        levels = {**members, "unit": range(cell.width)}
        looks.append(tidy(levels, **{name: _array(of) for name, of in columns.items()}).assign(step=step))
        now.update(parameters)

    (_plain if cell.method == "plain" else _penalized)(cell, student, batches, look)
    error = cut(cell, now, x_test, y_test)
    units = pd.concat(looks, ignore_index=True)
    kept = tidy({**members, "kept": range(cell.width + 1)}, error=_array(error))
    fine = _array(error.isfinite().all(1))
    status = tidy(members, status=np.where(fine, "ok", "diverged"))
    keys = dict(method=cell.method, problem=cell.problem, width=cell.width)
    return {
        name: table.merge(status, on=list(members), how="left").assign(**keys)
        for name, table in (("units", units), ("kept", kept))
    }


def start(cell: Students) -> tuple[tuple[Tensor, Tensor], Parameters, Tensor, Tensor]:
    """Teachers and students, a member per seed and teacher width; training and test inputs, a set per seed.

    Rows of teachers have norm 1, so that none of their nodes is weak for a trivial reason; all other weights
    are Glorot's uniform ones (no node above is silent), eigenvalues 1. Members of one seed share data and
    start. Teachers are filled up with nodes of weights 0.
    """
    d, k, n = cell.input_dim, cell.outputs, cell.width
    rows, fan_outs, phi, above = [], [], [], []
    for seed in cell.seeds:
        for m in cell.teacher_widths:
            g = stream(seed, "teacher", m)
            w, v = glorot(g, m, d), heard(g, k, m)
            rows.append(np.pad(w / np.linalg.norm(w, axis=1, keepdims=True), ((0, n - m), (0, 0))))
            fan_outs.append(np.pad(v, ((0, 0), (0, n - m))))
            g = stream(seed, "start", n)
            phi.append(glorot(g, n, d))
            above.append(glorot(g, k, n))
    inputs = (
        [stream(seed, purpose).standard_normal((size, d)) for seed in cell.seeds]
        for purpose, size in (("data", cell.samples), ("test", cell.test_samples))
    )
    place = dict(device=device_of(cell.device), dtype=getattr(torch, cell.dtype))
    w, v, phi, above, x, x_test = (
        torch.from_numpy(np.stack(arrays)).to(**place) for arrays in (rows, fan_outs, phi, above, *inputs)
    )
    student = {"phi": phi, "above": above}
    if cell.method == "spectral":
        student["eigenvalues"] = torch.ones(phi.shape[:2], **place)
    return (w, v), student, x, x_test


def glorot(generator: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    """Uniform weights ``(n_out, n_in)`` of variance 2 / (n_in + n_out), the authors' start."""
    return np.sqrt(6 / (n_in + n_out)) * generator.uniform(-1, 1, (n_out, n_in))


def heard(generator: np.random.Generator, n_out: int, n_in: int) -> np.ndarray:
    """The same; rows without a positive entry, of ReLU nodes that would be silent, are drawn again."""
    weights = glorot(generator, n_out, n_in)
    while (silent := (weights <= 0).all(axis=1)).any():
        weights[silent] = glorot(generator, n_out, n_in)[silent]
    return weights


def first_layer(student: Parameters) -> Tensor:
    """Weights ``(e, n, d)``, w_i = -lambda_i phi_i; eigenvalues are 1 where there are none."""
    eigenvalues = student.get("eigenvalues")
    return -student["phi"] if eigenvalues is None else -eigenvalues[..., None] * student["phi"]


def outputs(cell: Students, w: Tensor, above: Tensor, x: Tensor) -> Tensor:
    """``(e, c, b)`` for weights ``(e, n, d)`` and ``(e, k, n)``; members of a seed share x ``(g, b, d)``."""
    return _top(cell, above @ _hidden(w, x))


def _hidden(w: Tensor, x: Tensor) -> Tensor:
    """Activations ``(e, n, b)``."""
    folded = w.reshape(x.shape[0], -1, w.shape[2])
    return torch.bmm(folded, x.mT).view(*w.shape[:2], x.shape[1]).relu()


def _top(cell: Students, z: Tensor) -> Tensor:
    return z.relu().sum(1, keepdim=True) if cell.problem == "three layers" else z


def penalty(cell: Students, student: Parameters) -> Tensor:
    """Of every member, ``(e,)``; 0 for plain students."""
    a, b, phi = cell.eigenvalue_penalty, cell.vector_penalty, student["phi"]
    match cell.method:
        case "spectral":
            return a * student["eigenvalues"].square().sum(1) + b * phi.square().sum((1, 2))
        case "direct":
            return b * phi.square().sum((1, 2))
        case "group lasso":
            return least_penalty(phi, a, b)
    return phi.new_zeros(len(phi))


def _penalized(
    cell: Students, student: Parameters, batches: Batches, look: Callable[[int, Parameters], None]
) -> None:
    """Squared error, summed over outputs, plus the penalty, by Adam."""

    def objective(parameters: Parameters, x: Tensor, y: Tensor) -> Tensor:
        found = outputs(cell, first_layer(parameters), parameters["above"], x)
        return (found - y.mT).square().sum(1).mean(1) + penalty(cell, parameters)

    def steps() -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in batches.blocks(0.0):
            assert y is not None  # these have targets
            yield from zip(x[..., :-1], y)

    fit(
        objective,
        student,
        steps(),
        optimizer=partial(torch.optim.Adam, fused=True),
        learning_rate=cosine_rates(cell.learning_rate, cell.steps),
        snapshots=cell.times,
        on_snapshot=look,
    )


def _plain(
    cell: Students, student: Parameters, batches: Batches, look: Callable[[int, Parameters], None]
) -> None:
    """The main chapters' way: stochastic gradient descent on 1/2 ||f* - f||^2 by the ensemble engine."""
    layers = [first_layer(student), student["above"]]
    if cell.problem == "three layers":
        layers.append(torch.ones_like(student["above"][:, :1, :1]).expand(-1, 1, cell.outputs))

    def show(step: int, now: list[Network]) -> None:
        rows, above, *_ = (w[..., :-1] for w in now[0].weights)
        look(step, {"phi": -rows, "above": above})

    train(
        None,
        [Network(tuple(pad(w, (0, 1)) for w in layers))],
        batches,
        learning_rate=cell.plain_rate,
        snapshots=cell.times,
        on_snapshot=show,
        layer_rates=[1.0, 1.0, 0.0][: len(layers)],
        biases=False,
    )


def sizes(cell: Students, student: Parameters) -> tuple[Tensor, Tensor]:
    """Sizes of the nodes ``(e, n)``, the largest first, and which nodes these are.

    The norm of a node's weights, by which the authors rank (|lambda_i| ||phi_i||); in a plain student times
    that of its fan-out, a product that no rescaling of the node changes.
    """
    size = first_layer(student).norm(dim=2)
    return (size * student["above"].norm(dim=1) if cell.method == "plain" else size).sort(descending=True)


def cut(cell: Students, student: Parameters, x: Tensor, y: Tensor) -> Tensor:
    """Error over the variance of y ``(e, c, b)`` with the 0, 1, ..., n largest nodes: ``(e, n + 1)``."""
    order = sizes(cell, student)[1]
    w, above = first_layer(student), student["above"]
    f = _hidden(w.gather(1, order[..., None].expand_as(w)), x)
    above = above.gather(2, order[:, None].expand_as(above))
    z = torch.zeros_like(above[:, :, :1] * f[:, :1])
    errors = [_error(cell, z, y)]
    for unit in range(cell.width):
        z = z + above[:, :, unit, None] * f[:, unit, None]
        errors.append(_error(cell, z, y))
    return torch.stack(errors, 1)


def _error(cell: Students, z: Tensor, y: Tensor) -> Tensor:
    return (_top(cell, z) - y).square().sum(1).mean(1) / y.var(2).sum(1)


def balance(cell: Students, student: Parameters) -> Tensor:
    """(a lambda^2 - b ||phi||^2) / (a lambda^2 + b ||phi||^2) per node, ``(e, n)``; NaN without lambda."""
    if cell.method != "spectral":
        return torch.full_like(student["phi"][..., 0], torch.nan)
    one = cell.eigenvalue_penalty * student["eigenvalues"].square()
    other = cell.vector_penalty * student["phi"].square().sum(2)
    return (one - other) / (one + other)


def _array(values: Tensor) -> np.ndarray:
    return values.double().cpu().numpy() if values.is_floating_point() else values.cpu().numpy()
