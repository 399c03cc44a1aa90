"""Teachers as the papers draw them, and the starts of students."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ts_core.networks import Network, activation, affine, two_layer

CHOICES = np.linspace(-1.0, 1.0, 9)  # the values a teacher weight is drawn from


def distinct_encodings(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """``(rows, columns)`` of entries uniform over the nine CHOICES; rows are distinct and none is zero.

    raises      ValueError when so many distinct rows do not exist.
    source      released two-layer experiment of the ICML 2020 paper.
    """
    if columns < 8 and rows > len(CHOICES) ** columns - 1:
        raise ValueError(
            f"only {len(CHOICES) ** columns - 1} distinct non-zero rows of {columns} exist, asked for {rows}"
        )
    kept: dict[bytes, np.ndarray] = {}
    while len(kept) < rows:
        row = generator.choice(CHOICES, columns)
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


def deep_teachers(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], x: Tensor, slope: float = 0.0
) -> Network:
    """The paper's multi-layer teachers of layer ``sizes`` (from input to output), float64; one per generator.

    Entries are drawn from CHOICES and biases from U(-1/2, 1/2); both are divided by the norm of the row's
    weights. Then, from the lowest layer up, biases are shifted so that every hidden pre-activation has median
    0 on ``x``, and the outputs are scaled and shifted to mean 0 and standard deviation 1 there: predicting
    nothing has loss 1.

    x           ``(g, b, d)`` samples that the biases are tuned on, one data set per generator.
    raises      ValueError when a layer cannot have so many distinct rows (see :func:`distinct_encodings`).
    source      released multi-layer experiment of the ICML 2020 paper.
    """
    weights, f = [], x
    for layer, (n_in, n_out) in enumerate(zip(sizes, sizes[1:]), start=1):
        weight = torch.from_numpy(np.stack([_normalized_rows(g, n_out, n_in) for g in generators]))
        z = affine(weight, f)
        if layer < len(sizes) - 1:
            weight[..., -1] -= z.median(1).values
            f = activation(affine(weight, f), slope)
        else:
            weight[..., -1] -= z.mean(1)
            weight /= z.std(1)[..., None]
        weights.append(weight)
    return Network(tuple(weights), slope)


def _normalized_rows(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    weight = distinct_encodings(generator, rows, columns)
    bias = generator.uniform(-0.5, 0.5, rows)
    return np.column_stack([weight, bias]) / np.linalg.norm(weight, axis=1, keepdims=True)


def gaussian_teacher(generator: np.random.Generator, input_dim: int, width: int, outputs: int) -> Network:
    """An ensemble of one: unit rows, biases of std .3 and fan-out weights of std 1, all Gaussian, float64."""
    w = generator.standard_normal((width, input_dim))
    rows = np.column_stack(
        [w / np.linalg.norm(w, axis=1, keepdims=True), 0.3 * generator.standard_normal(width)]
    )
    return two_layer(torch.from_numpy(rows), torch.from_numpy(generator.standard_normal((width, outputs))))


def random_networks(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], slope: float = 0.0
) -> Network:
    """Networks with weights N(0, 1 / fan-in) and biases N(0, 1/4), float64, one member per generator."""
    weights = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        draws = np.stack([g.standard_normal((n_out, n_in + 1)) for g in generators])
        draws[..., :-1] /= np.sqrt(n_in)
        draws[..., -1] /= 2
        weights.append(torch.from_numpy(draws))
    return Network(tuple(weights), slope)


def uniform_students(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], slope: float = 0.0
) -> Network:
    """Students of layer ``sizes``, all entries U(-r, r), r = 1 / sqrt(fan-in): PyTorch's default; float64."""
    layers = [
        np.stack([g.uniform(-1, 1, (n_out, n_in + 1)) / math.sqrt(n_in) for g in generators])
        for n_in, n_out in zip(sizes, sizes[1:])
    ]
    return Network(tuple(map(torch.from_numpy, layers)), slope)


def small_students(
    generators: Sequence[np.random.Generator],
    sizes: Sequence[int],
    scale: float = 0.005,
    copies: int = 1,
    slope: float = 0.0,
) -> Network:
    """Students of layer ``sizes`` (input first) with weights scale * N(0, 1) and zero biases, float64.

    copies      consecutive members that start alike, for example one per polarity of the teacher.
    returns     one member per generator and copy.
    """
    weights = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layer = np.stack([_with_bias(scale * g.standard_normal((n_out, n_in)), 0.0) for g in generators])
        weights.append(torch.from_numpy(layer.repeat(copies, axis=0)))
    return Network(tuple(weights), slope)


def _with_bias(weight: np.ndarray, bias: float) -> np.ndarray:
    return np.column_stack([weight, np.full(len(weight), bias)])
