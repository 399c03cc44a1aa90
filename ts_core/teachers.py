"""Teachers as the papers draw them, and the starts of students."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ts_core.activations import RELU, Activation
from ts_core.networks import Network, affine, two_layer

CHOICES = np.linspace(-1.0, 1.0, 9)  # the values a teacher weight is drawn from
FIVE = np.linspace(-0.5, 0.5, 5)  # those of "Luck Matters"


def distinct_encodings(
    generator: np.random.Generator, rows: int, columns: int, choices: Sequence[float] | np.ndarray = CHOICES
) -> np.ndarray:
    """``(rows, columns)`` of entries uniform over the choices; rows are distinct and none is zero.

    raises      ValueError when so many distinct rows do not exist.
    source      released two-layer experiment of the ICML 2020 paper.
    """
    if columns < 16 and rows > len(choices) ** columns - 1:
        raise ValueError(
            f"only {len(choices) ** columns - 1} distinct non-zero rows of {columns} exist, asked for {rows}"
        )
    kept: dict[bytes, np.ndarray] = {}
    while len(kept) < rows:
        row = generator.choice(choices, columns)
        if row.any():
            kept.setdefault(row.tobytes(), row)
    return np.stack(list(kept.values()))


def two_layer_teachers(
    generators: Sequence[np.random.Generator],
    input_dim: int,
    width: int,
    outputs: int,
    polarities: Sequence[float],
    bias: float = -0.1,
) -> Network:
    """The paper's two-layer teachers, float64; one member per generator and polarity (polarity runs fastest).

    First-layer rows have norm 1 (the bias is not rescaled). The fan-out weights of node j (from 1) are
    divided by j^p, so that ||v*_j|| decays like j^-p: p is the *polarity* (``teacher_strength_decay`` in the
    released code).

    returns     weights ``(g, width, input_dim + 1)``, ``(g * v, outputs, width + 1)``: layer 1 is shared by
                the polarities.
    source      released two-layer experiment of the ICML 2020 paper.
    """
    lower, upper = [], []
    decay = np.arange(1, width + 1)[None, :] ** -np.asarray(polarities, float)[:, None]
    for generator in generators:
        fan_in = distinct_encodings(generator, width, input_dim)
        lower.append(_with_bias(fan_in / np.linalg.norm(fan_in, axis=1, keepdims=True), bias))
        fan_out = distinct_encodings(generator, outputs, width)
        upper.extend(_with_bias(fan_out * strength, bias) for strength in decay)
    return Network((torch.from_numpy(np.stack(lower)), torch.from_numpy(np.stack(upper))))


def drawn_teachers(
    generators: Sequence[np.random.Generator],
    sizes: Sequence[int],
    choices: Sequence[float] | np.ndarray = CHOICES,
) -> Network:
    """Deep teachers as drawn: entries from the choices, biases U(-1/2, 1/2), float64; one per generator.

    sizes       of the layers, from input to output.
    raises      ValueError when a layer cannot have so many distinct rows (see :func:`distinct_encodings`).
    """

    def rows(generator: np.random.Generator, columns: int, count: int) -> np.ndarray:
        return np.column_stack(
            [distinct_encodings(generator, count, columns, choices), generator.uniform(-0.5, 0.5, count)]
        )

    layers = [np.stack([rows(g, *size) for g in generators]) for size in zip(sizes, sizes[1:])]
    return Network(tuple(map(torch.from_numpy, layers)))


def with_unit_rows(network: Network, floor: float = 0.0) -> Network:
    """Every row, its bias included, divided by the norm of its weights.

    floor       is added to that norm; the released code has 1e-5.
    """
    norms = [w[..., :-1].norm(dim=2, keepdim=True) + floor for w in network.weights]
    return Network(tuple(w / norm for w, norm in zip(network.weights, norms)), network.activation)


def with_polarity(network: Network, polarity: float) -> Network:
    """The fan-out weights of node j (from 1) of every hidden layer divided by j^polarity."""
    weights = list(network.weights)
    for l, above in enumerate(weights[1:], start=1):
        strength = torch.arange(1, above.shape[2], dtype=above.dtype, device=above.device) ** -polarity
        weights[l] = torch.cat([above[..., :-1] * strength, above[..., -1:]], dim=2)
    return Network(tuple(weights), network.activation)


def tuned(network: Network, x: Tensor) -> Network:
    """The networks with biases shifted, and outputs scaled, so that all nodes are at work on ``x``.

    From the lowest layer up every hidden pre-activation gets median 0, and the outputs mean 0 and standard
    deviation 1: predicting nothing has loss 1.

    x           ``(g, b, d)`` samples, one data set per member.
    """
    weights, f = [], x
    for l, drawn in enumerate(network.weights, start=1):
        weight = drawn.clone()
        z = affine(weight, f)
        if l < network.depth:
            weight[..., -1] -= z.median(1).values
            f = network.activation.value(affine(weight, f))
        else:
            weight[..., -1] -= z.mean(1)
            weight /= z.std(1)[..., None]
        weights.append(weight)
    return Network(tuple(weights), network.activation)


def deep_teachers(
    generators: Sequence[np.random.Generator],
    sizes: Sequence[int],
    x: Tensor,
    activation: Activation = RELU,
    polarity: float = 0.0,
) -> Network:
    """The paper's multi-layer teachers: drawn, normalized, polarized if asked for, and tuned; float64.

    x           ``(g, b, d)`` samples that the biases are tuned on, one data set per generator.
    raises      ValueError when a layer cannot have so many distinct rows (see :func:`distinct_encodings`).
    source      released multi-layer experiment of the ICML 2020 paper, which has no polarity.
    """
    normalized = with_polarity(with_unit_rows(drawn_teachers(generators, sizes)), polarity)
    return tuned(Network(normalized.weights, activation), x)


def gaussian_teacher(generator: np.random.Generator, input_dim: int, width: int, outputs: int) -> Network:
    """An ensemble of one: unit rows, biases of std .3 and fan-out weights of std 1, all Gaussian, float64."""
    w = generator.standard_normal((width, input_dim))
    rows = np.column_stack(
        [w / np.linalg.norm(w, axis=1, keepdims=True), 0.3 * generator.standard_normal(width)]
    )
    return two_layer(torch.from_numpy(rows), torch.from_numpy(generator.standard_normal((width, outputs))))


def random_networks(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], activation: Activation = RELU
) -> Network:
    """Networks with weights N(0, 1 / fan-in) and biases N(0, 1/4), float64, one member per generator."""
    weights = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        draws = np.stack([g.standard_normal((n_out, n_in + 1)) for g in generators])
        draws[..., :-1] /= np.sqrt(n_in)
        draws[..., -1] /= 2
        weights.append(torch.from_numpy(draws))
    return Network(tuple(weights), activation)


def uniform_students(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], activation: Activation = RELU
) -> Network:
    """Students of layer ``sizes``, all entries U(-r, r), r = 1 / sqrt(fan-in): PyTorch's default; float64."""
    layers = [
        np.stack([g.uniform(-1, 1, (n_out, n_in + 1)) / math.sqrt(n_in) for g in generators])
        for n_in, n_out in zip(sizes, sizes[1:])
    ]
    return Network(tuple(map(torch.from_numpy, layers)), activation)


def small_students(
    generators: Sequence[np.random.Generator],
    sizes: Sequence[int],
    scale: float = 0.005,
    copies: int = 1,
    activation: Activation = RELU,
) -> Network:
    """Students of layer ``sizes`` (input first) with weights scale * N(0, 1) and zero biases, float64.

    copies      consecutive members that start alike, for example one per polarity of the teacher.
    returns     one member per generator and copy.
    """
    weights = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = np.stack([_with_bias(scale * g.standard_normal((n_out, n_in)), 0.0) for g in generators])
        weights.append(torch.from_numpy(layer.repeat(copies, axis=0)))
    return Network(tuple(weights), activation)


def _with_bias(weight: np.ndarray, bias: float) -> np.ndarray:
    return np.column_stack([weight, np.full(len(weight), bias)])
