"""Erf perceptrons that classify images: trained, then pruned and merged to equal numbers of parameters."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.pruning import kdpp, pruning
from companion.chapters.pruning.studies import PrunedClassifiers
from companion.datasets.cifar10 import CLASSES, Split
from companion.datasets.images import of_cell
from companion.runs.spec import Tables
from ts_core.activations import Erf
from ts_core.losses import CrossEntropy
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.training.batches import shuffled
from ts_core.training.sgd import train

RIDGE = 0.01  # of the kernel of nodes, as published
BANDWIDTH = 10.0  # of its Gaussian, over the number of samples, as published
SLACK = 1e-9  # added to the moments that are inverted, in units of their mean: pixels that are always black


@dataclass(frozen=True)
class Data:
    """Inputs ``(samples, d)``, their mean over the training images 0 and their mean square 1, and labels."""

    x: np.ndarray
    labels: np.ndarray
    x_test: np.ndarray
    labels_test: np.ndarray


@dataclass(frozen=True)
class Classifier:
    """One network: rows ``(n, d + 1)``, the bias last, fan-outs ``(n, c)``, output biases ``(c,)``."""

    rows: np.ndarray
    fan_out: np.ndarray
    bias: np.ndarray


def pruned(cell: PrunedClassifiers) -> Tables:
    """Train networks on labels, then prune and merge them.

    returns     ``classifiers``, a row per seed: accuracy and train_accuracy; ``accuracies``, a row per seed,
                kept, method and reweighted: test accuracy, the mean over draws, and the network's ``own``.
                Networks that diverged are in ``classifiers`` only, as NaN.
    """
    data, rows, networks = images(cell), [], []
    for seed, network in zip(cell.seeds, trained(cell, data)):
        fine = all(np.isfinite(values).all() for values in vars(network).values())
        own = [
            float(_accuracy(network.rows[None], network.fan_out[None], network.bias, x, labels)[0])
            if fine
            else np.nan
            for x, labels in ((data.x_test, data.labels_test), (data.x, data.labels))
        ]
        networks.append(dict(seed=seed, accuracy=own[0], train_accuracy=own[1]))
        if not fine:
            continue
        for share, method, reweighted, candidates in _candidates(cell, seed, network, data.x):
            found = _accuracy(*candidates, data.x_test, data.labels_test)
            about = dict(seed=seed, kept=share, method=method, reweighted=reweighted)
            rows.append(about | dict(accuracy=found.mean(), own=own[0]))
    return {
        "classifiers": pd.DataFrame(networks).assign(dataset=cell.dataset),
        "accuracies": pd.DataFrame(rows).assign(dataset=cell.dataset),
    }


def images(cell: PrunedClassifiers) -> Data:
    """The images of a cell as vectors.

    raises      DataError where this machine holds other images than the cell names, or fewer.
    """
    found = of_cell(cell, "train", "test")
    x, x_test = (_vectors(split, cell.pool) for split in (found.train, found.test))
    mean = x.mean(0)
    scale = np.sqrt(np.square(x - mean).mean())
    return Data((x - mean) / scale, found.train.labels, (x_test - mean) / scale, found.test.labels)


def _vectors(split: Split, pool: int) -> np.ndarray:
    pixels = split.images.astype(np.float32)
    n, colours, height, width = pixels.shape
    blocks = pixels.reshape(n, colours, height // pool, pool, width // pool, pool)
    return blocks.mean((3, 5)).reshape(n, -1)


def trained(cell: PrunedClassifiers, data: Data) -> list[Classifier]:
    """The networks in the end: cross-entropy, SGD, starts N(0, 1 / fan-in), biases 0 at first."""
    n, d, e = cell.width, cell.input_dim, len(cell.seeds)
    dtype = getattr(torch, cell.dtype)
    starts = [stream(seed, "start", n) for seed in cell.seeds]
    lower = np.stack([g.standard_normal((n, d)) for g in starts]) / np.sqrt(d)
    upper = np.stack([g.standard_normal((CLASSES, n)) for g in starts]) / np.sqrt(n)
    without_bias = lambda w: torch.from_numpy(np.pad(w, ((0, 0), (0, 0), (0, 1))))
    student = Network((without_bias(lower), without_bias(upper)), Erf()).to(dtype)
    x = torch.from_numpy(data.x).to(dtype)
    one_hot = torch.from_numpy(np.eye(CLASSES)[data.labels]).to(dtype)
    last: list[Network] = []
    train(
        None,
        [student],
        shuffled(
            x.expand(e, -1, -1),
            [stream(seed, "order") for seed in cell.seeds],
            cell.batch_size,
            targets=one_hot.expand(e, -1, -1),
        ),
        learning_rate=[(0, cell.learning_rate), (max(1, cell.steps * 3 // 4), cell.learning_rate / 10)],
        snapshots=[cell.steps],
        on_snapshot=lambda _, now: last.extend(now),
        loss=CrossEntropy(),
    )
    lower, upper = (w.double().numpy() for w in last[0].weights)
    return [Classifier(w, v[:, :-1].T, v[:, -1]) for w, v in zip(lower, upper)]


Candidates = tuple[np.ndarray, np.ndarray, np.ndarray]
"""rows ``(draws, k, d + 1)``, fan-outs ``(draws, k, c)``, output biases ``(c,)`` or ``(draws, 1, c)``"""


def _candidates(
    cell: PrunedClassifiers, seed: int, network: Classifier, x: np.ndarray
) -> Iterator[tuple[float, str, bool, Candidates]]:
    """share, method, whether reweighted, and the pruned networks."""
    inputs = _with_ones(x)
    hidden = _hidden(network.rows, x)
    outputs = hidden @ network.fan_out + network.bias
    moments = inputs.T @ inputs / len(x)
    merged = {
        k: (rows[0], fan_out[0])
        for k, rows, fan_out in pruning.merged(network.rows[None], network.fan_out[None], moments)
    }
    moments = moments[:-1, :-1]
    of_nodes = np.linalg.eigh(np.exp(-BANDWIDTH * _apart(hidden)) + RIDGE * np.eye(cell.width))
    rows = network.rows[:, :-1]
    of_edges = np.linalg.eigh(rows[:, :, None] * rows[:, None] * moments)
    of_hidden, of_outputs = _moments(hidden, outputs)
    importance = np.linalg.norm(network.fan_out, axis=1) * hidden.std(0)
    for share in cell.kept:
        for method, chosen in _nodes(cell, seed, share, of_nodes, importance):
            rows, fan_out = network.rows[chosen], network.fan_out[chosen]
            yield share, method, False, (rows, fan_out, network.bias)
            yield share, method, True, (rows, *_refitted(of_hidden, of_outputs, chosen))
        rows, fan_out = merged[cell.nodes(share)]
        yield share, "merging", False, (rows[None], fan_out[None], network.bias)
        fitted = _refitted(*_moments(_hidden(rows, x), outputs), np.arange(len(rows))[None])
        yield share, "merging", True, (rows[None], *fitted)
        for method, mask in _edges(cell, seed, share, of_edges, network.rows[:, :-1]):
            every = np.pad(mask, ((0, 0), (0, 0), (0, 1)), constant_values=True)  # biases stay
            fan_out = np.broadcast_to(network.fan_out, (len(mask), *network.fan_out.shape))
            yield share, method, False, (network.rows * every, fan_out, network.bias)
            moved = np.concatenate(
                [
                    _moved(network.rows[:, :-1], mask, moments),
                    np.tile(network.rows[:, -1:], (len(mask), 1, 1)),
                ],
                -1,
            )
            yield share, method, True, (moved, fan_out, network.bias)


def _nodes(
    cell: PrunedClassifiers, seed: int, share: float, spectrum: kdpp.Spectrum, importance: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Numbers of the nodes that stay, ``(draws, k)``."""
    n, k = cell.width, cell.nodes(share)
    uniforms = stream(seed, "diverse nodes", k).random((cell.draws, n + k))
    yield "DPP nodes", np.nonzero(kdpp.draw(spectrum, k, uniforms))[1].reshape(cell.draws, k)
    g = stream(seed, "uniform nodes", k)
    yield "uniform nodes", np.stack([g.permutation(n)[:k] for _ in range(cell.draws)])
    yield "important nodes", np.argsort(-importance)[None, :k]


def _apart(hidden: np.ndarray) -> np.ndarray:
    """Mean squared difference of the activations of every two nodes, ``(n, n)``."""
    inner = hidden.T @ hidden / len(hidden)
    own = np.diagonal(inner)
    return np.maximum(own[:, None] + own - 2 * inner, 0)


def _edges(
    cell: PrunedClassifiers, seed: int, share: float, spectrum: kdpp.Spectrum, rows: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Masks ``(draws, n, d)`` with as many edges for every node."""
    kept, (n, d) = cell.edges(share), rows.shape
    uniforms = stream(seed, "diverse edges", kept).random((cell.draws, n, d + kept))
    yield "DPP edges", kdpp.draw(spectrum, kept, uniforms)
    rank = lambda values: np.argsort(np.argsort(values, axis=-1), axis=-1)
    yield "random edges", rank(stream(seed, "random edges", kept).random((cell.draws, n, d))) < kept
    yield "magnitude edges", (rank(-np.abs(rows)) < kept)[None]


def _moved(rows: np.ndarray, mask: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Rows ``(draws, n, d)`` on the edges of a mask with which pre-activations stay closest, least squares.

    All nodes of a mask keep as many edges. The moments E[x x^T] are ``(d, d)``.
    """
    of = rows @ moments  # E[x (w^T x)]
    moments = moments + SLACK * np.trace(moments) / len(moments) * np.eye(len(moments))
    found = np.zeros(mask.shape)
    for draw, keep in enumerate(mask):
        at = np.nonzero(keep)[1].reshape(len(rows), -1)  # (n, kept)
        blocks = moments[at[:, :, None], at[:, None]]
        found[draw][keep] = np.linalg.solve(blocks, np.take_along_axis(of, at, 1)[..., None]).ravel()
    return found


def _moments(hidden: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[h h^T] and E[h y^T] of activations and outputs, over samples; a constant node is last."""
    ones = _with_ones(hidden)
    return ones.T @ ones / len(ones), ones.T @ outputs / len(ones)


def _refitted(
    of_hidden: np.ndarray, of_outputs: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fan-outs ``(draws, k, c)`` and output biases ``(draws, 1, c)`` that come closest to the whole network.

    of_hidden, of_outputs   of :func:`_moments`.
    chosen                  numbers of the nodes that stay, ``(draws, k)``.
    """
    at = np.pad(chosen, ((0, 0), (0, 1)), constant_values=len(of_hidden) - 1)
    blocks = of_hidden[at[:, :, None], at[:, None]]
    slack = SLACK * np.trace(of_hidden) / len(of_hidden) * np.eye(at.shape[1])
    found = np.linalg.solve(blocks + slack, of_outputs[at])
    return found[:, :-1], found[:, -1:]


def _accuracy(rows, fan_out, bias, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of images whose largest output is at their label, for each network: ``(draws,)``."""
    lower, upper = (torch.from_numpy(np.ascontiguousarray(values, np.float32)) for values in (rows, fan_out))
    bias = torch.from_numpy(np.asarray(bias, np.float32))
    seen, truth = torch.from_numpy(_with_ones(x).astype(np.float32)), torch.from_numpy(labels)
    outputs: Tensor = Erf().value(seen @ lower.mT) @ upper + bias
    return (outputs.argmax(2) == truth).double().mean(1).numpy()


def _hidden(rows: np.ndarray, x: np.ndarray) -> np.ndarray:
    return Erf().value(torch.from_numpy(_with_ones(x) @ rows.T)).numpy()


def _with_ones(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)
