"""What a hidden neuron may be replaced by without a change of the network: turned round, rescaled.

A layer is rows ``(n, d + 1)``, the bias last, and fan-outs ``(n, c)``; an affine path ``(d + 1, c)`` from its
inputs to its outputs takes what is left.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

ACTIVATIONS = ("tanh", "sigmoid", "relu")
Layer = tuple[np.ndarray, np.ndarray, np.ndarray]
"""rows, fan-outs, affine path"""
MOST_SIGNS = 14  # neurons whose signs are found by trying all of them


def turned(activation: str, rows: np.ndarray, fan_out: np.ndarray, which: np.ndarray) -> Layer:
    """The same layer with some of its neurons turned round, w to -w; and what that adds to the affine path.

    tanh(-z) = -tanh z; sigmoid(-z) = 1 - sigmoid(z); relu(-z) = relu(z) - z.

    which       ``(n,)`` booleans.
    raises      ValueError for another activation.
    source      released code of Martinelli et al. 2024.
    """
    sign = np.where(which, -1.0, 1.0)[:, None]
    path = np.zeros((rows.shape[1], fan_out.shape[1]))
    match activation:
        case "tanh":
            return rows * sign, fan_out * sign, path
        case "sigmoid":
            path[-1] = fan_out[which].sum(0)
            return rows * sign, fan_out * sign, path
        case "relu":
            return rows * sign, fan_out, rows[which].T @ fan_out[which]
    raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}")


def canonical(activation: str, rows: np.ndarray, fan_out: np.ndarray) -> Layer:
    """The same layer with all first weights positive; ReLU's rows have norm 1 with their biases.

    returns     rows, fan-outs, and what the signs add to the affine path.
    """
    rows, fan_out = scaled(activation, rows, fan_out)
    return turned(activation, rows, fan_out, rows[:, 0] < 0)


def scaled(activation: str, rows: np.ndarray, fan_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same layer with ReLU's rows, biases included, at norm 1; a row of zeros stays one."""
    if activation != "relu":
        return rows, fan_out
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1.0), fan_out * norm


def without_path(activation: str, rows: np.ndarray, fan_out: np.ndarray, path: np.ndarray) -> Layer:
    """The same layer with ReLU's neurons turned round so that as little as can be is left on a linear path.

    A teacher without a linear path is found up to signs first; 2 to the n choices of them are tried.

    returns     rows, fan-outs, and the path that is left; as they were for other activations, and for more
                neurons than MOST_SIGNS.
    """
    n = len(rows)
    if activation != "relu" or not 0 < n <= MOST_SIGNS:
        return rows, fan_out, path
    choices = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    added = rows[:, :, None] * fan_out[:, None]  # by turning round each of them
    left = path[:-1] + np.tensordot(choices.astype(float), added[:, :-1], 1)
    best = choices[np.square(left).sum((1, 2)).argmin()]
    rows, fan_out, more = turned(activation, rows, fan_out, best)
    return rows, fan_out, path + more


def matched(activation: str, rows: np.ndarray, fan_out: np.ndarray, rows_t: np.ndarray) -> Layer:
    """A layer in the order and with the signs of a teacher's rows, the nearest assignment of all.

    returns     rows, fan-outs, and what the signs add to the affine path.
    raises      ValueError for layers of different widths.
    """
    if len(rows) != len(rows_t):
        raise ValueError(f"matching needs layers of one width, got {len(rows)} and {len(rows_t)} neurons")
    apart = np.stack([np.linalg.norm(sign * rows[:, None] - rows_t, axis=2) for sign in (1, -1)])
    own, teacher = linear_sum_assignment(apart.min(0))
    order = own[teacher.argsort()]
    back = apart[1, order, np.arange(len(order))] < apart[0, order, np.arange(len(order))]
    return turned(activation, rows[order], fan_out[order], back)


def distance(activation: str, layer: Layer, teacher: Layer) -> float:
    """Largest distance of a parameter of a two-layer network from the teacher's, up to its symmetries.

    The path of a network without a linear one is its output bias; NaN for layers of different widths.
    """
    rows, fan_out, path = layer
    if len(rows) != len(teacher[0]):
        return np.nan
    rows_t, fan_out_t = scaled(activation, *teacher[:2])
    rows, fan_out, more = matched(activation, *scaled(activation, rows, fan_out), rows_t)
    pairs = (rows, rows_t), (fan_out, fan_out_t), (path + more, teacher[2])
    return max(float(abs(one - other).max()) for one, other in pairs)
