"""Pruning and merging the hidden nodes, or the first-layer weights, of ensembles of erf students.

Everything is exact over inputs N(0, I), also the kernels, where the published experiments take means over
samples; means over subsets of nodes are exact too. Only masks on weights are drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from companion.chapters.pruning import committee, kdpp
from ts_core.streams import stream


@dataclass(frozen=True)
class Pair:
    """Students ``(e, n, d)``, ``(e, n)`` and their teachers ``(e, m, d)``, ``(e, m)``; no biases."""

    rows: np.ndarray
    fan_out: np.ndarray
    rows_t: np.ndarray
    fan_out_t: np.ndarray

    def error(self, rows: np.ndarray, fan_out: np.ndarray) -> np.ndarray:
        """Relative error of networks ``(e, ..., k, d)``, ``(e, ..., k)`` in the place of the students."""
        more = tuple(range(1, fan_out.ndim - 1))
        return committee.error(
            rows, fan_out, np.expand_dims(self.rows_t, more), np.expand_dims(self.fan_out_t, more)
        )

    def refitted(self, rows: np.ndarray) -> np.ndarray:
        """Fan-outs with which nodes ``(e, ..., k, d)`` come closest to the students: ``(e, ..., k)``."""
        more = tuple(range(1, rows.ndim - 2))
        return committee.refitted(rows, np.expand_dims(self.rows, more), np.expand_dims(self.fan_out, more))


Found = Iterator[tuple[str, bool, np.ndarray]]
"""method, whether fan-outs were fitted anew, relative error ``(e,)``: the mean over subsets or masks."""


def nodes(pair: Pair, k: int, seeds: tuple[int, ...], draws: int) -> Found:
    """Pruning all but k nodes: k-DPP with kernel w_i^T w_j, uniform, the most important, the best of all.

    Importance is the size |v_k| ||w_k|| of a node's linear part. The best subset is that of least error
    against the *student*: what one could find without the teacher. The shuffled DPP has the kernel under
    wrong names, a mean over ``draws`` permutations of the nodes: what diversity is worth in chance.
    """
    chosen = kdpp.subsets(pair.fan_out.shape[1], k)
    rows = pair.rows[:, chosen]  # (e, subsets, k, d)
    chance = kdpp.probabilities(pair.rows @ pair.rows.mT, k)
    shuffled = _under_wrong_names(pair.rows, k, seeds, draws)
    size = np.abs(pair.fan_out) * np.linalg.norm(pair.rows, axis=2)
    important = size[:, chosen].sum(-1).argmax(1)
    student = Pair(pair.rows, pair.fan_out, pair.rows, pair.fan_out)
    of_best = lambda errors, which: np.take_along_axis(errors, which[:, None], 1)[:, 0]
    for reweighted in (False, True):
        fan_out = pair.refitted(rows) if reweighted else pair.fan_out[:, chosen]
        errors = pair.error(rows, fan_out)
        yield "DPP nodes", reweighted, (chance * errors).sum(1)
        yield "shuffled DPP", reweighted, (shuffled * errors).sum(1)
        yield "uniform nodes", reweighted, errors.mean(1)
        yield "important nodes", reweighted, of_best(errors, important)
        yield "best nodes", reweighted, of_best(errors, student.error(rows, fan_out).argmin(1))


def _under_wrong_names(rows: np.ndarray, k: int, seeds: tuple[int, ...], draws: int) -> np.ndarray:
    streams = [stream(seed, "wrong names", k) for seed in seeds]
    order = np.stack([[g.permutation(rows.shape[1]) for _ in range(draws)] for g in streams])
    renamed = np.take_along_axis(rows[:, None], order[..., None], 2)  # (e, draws, n, d)
    return kdpp.probabilities(renamed @ renamed.mT, k).mean(1)


def edges(pair: Pair, kept: int, seeds: tuple[int, ...], draws: int) -> Found:
    """Keeping that many of the d first-layer weights of each node.

    By a k-DPP for every node (inputs N(0, I) make its kernel diag(w_i^2)), each weight by chance with the
    same share, and the largest.
    """
    n, d = pair.rows.shape[1:]
    uniforms = np.stack(
        [stream(seed, "masks", kept).random((draws, n, d)) for seed in seeds], axis=1
    )  # (draws, e, n, d)
    squares = np.square(pair.rows)
    largest = np.argsort(np.argsort(-squares, axis=2), axis=2) < kept
    masks = {
        "DPP edges": kdpp.draw_diagonal(squares, kept, uniforms),
        "random edges": uniforms < kept / d,
        "magnitude edges": largest[None],
    }
    for method, mask in masks.items():
        rows = np.moveaxis(pair.rows * mask, 0, 1)  # (e, draws, n, d)
        fan_out = np.broadcast_to(pair.fan_out[:, None], rows.shape[:-1])
        yield method, False, pair.error(rows, fan_out).mean(1)


def merged(
    rows: np.ndarray, fan_out: np.ndarray, moments: np.ndarray | None = None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Merging by specialization: k nodes left, rows ``(e, k, d)`` and fan-outs ``(e, k, c)``, k falling.

    Two nodes become one that has the mean of their rows, weighted by the size of their fan-outs, and the sum
    of these; erf is odd, so that (w, v) and (-w, -v) are the same node. The pair that goes next has the least
    a b / (a + b) E((w - u)^T x)^2, a and b being the sizes of the fan-outs (Ward's cost): copies of a teacher
    node are near, and a node without fan-out joins any other for nothing.

    moments     E[x x^T], ``(d, d)``; by default that of inputs N(0, I).
    """
    size = np.linalg.norm(fan_out, axis=2)
    e = np.arange(len(rows))
    for k in range(rows.shape[1], 0, -1):
        yield k, rows, fan_out
        if k == 1:
            return
        inner = (rows if moments is None else rows @ moments) @ rows.mT
        own = np.diagonal(inner, axis1=1, axis2=2)
        first, second = np.triu_indices(k, 1)
        cross = inner[:, first, second]
        apart = np.maximum(own[:, first] + own[:, second] - 2 * np.abs(cross), 0)
        a, b = size[:, first], size[:, second]
        cheapest = (a * b / np.maximum(a + b, np.finfo(float).tiny) * apart).argmin(1)
        i, j = first[cheapest], second[cheapest]
        s = np.where(cross[e, cheapest] < 0, -1.0, 1.0)[:, None]
        total = np.maximum(size[e, i] + size[e, j], np.finfo(float).tiny)
        share = (size[e, i] / total)[:, None]
        rows, fan_out, size = rows.copy(), fan_out.copy(), size.copy()
        rows[e, i] = share * rows[e, i] + (1 - share) * s * rows[e, j]
        fan_out[e, i] += s * fan_out[e, j]
        size[e, i] = total
        rest = np.arange(k)[None] != j[:, None]
        rows, fan_out, size = (
            values[rest].reshape(len(e), k - 1, *values.shape[2:]) for values in (rows, fan_out, size)
        )


def merging(pair: Pair) -> Iterator[tuple[int, str, bool, np.ndarray]]:
    """What :func:`merged` costs, for each k below the student's width, with fan-outs summed or fitted."""
    for k, rows, sums in merged(pair.rows, pair.fan_out[..., None]):
        fan_out = sums[..., 0]
        if k < pair.fan_out.shape[1]:
            yield k, "merging", False, pair.error(rows, fan_out)
            yield k, "merging", True, pair.error(rows, pair.refitted(rows))
