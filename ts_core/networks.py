"""Ensembles of fully connected (Leaky) ReLU networks: weights, forward pass, teachers, student starts.

Conventions, used everywhere in the package (``book/notation.md`` mirrors them):

* Letters: ``e`` ensemble member, ``b`` sample, ``d`` input, ``m`` teacher nodes, ``n`` student nodes,
  ``c`` output, ``l`` layer (1 is the lowest), ``p`` polarity. A trailing ``_t`` marks a teacher.
* Axes: the ensemble is first, then the sample, then the unit: activations are ``(e, b, n_l)``.
* Weights: ``weights[l - 1]`` is ``(e, n_l, n_{l-1} + 1)``: one row per unit as in ``torch.nn.Linear``, its
  last column is the bias. The *fan-out weight* of hidden unit k is column k of the next layer.
* Consecutive members may share their inputs and their lower layers: the ensemble axis of a layer is a
  multiple of the one below it. Inputs ``(g, b, d)`` with ``weights[0]`` of ``(g * v, ...)`` feed ``v``
  networks from each of the ``g`` data sets.
* Loss: J = 1/2 E_x ||f*(x) - f(x)||^2, summed over outputs. The *reported* loss is the mean over samples and
  outputs without the 1/2, that is 2 J / c. The gradient g_l = -dJ/dz_l carries the minus sign, so gradient
  descent *adds* lr * E[g_l f_{l-1}^T]. A learning rate of ``torch.nn.MSELoss`` is c / 2 times ours.
* Cross-entropy: J = -E_x log softmax(f(x)) at the teacher's largest output, reported as it is; a learning rate of
  ``torch.nn.CrossEntropyLoss`` is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CHOICES = np.linspace(-1.0, 1.0, 9)  # the values a teacher weight is drawn from
LOSSES = ("mse", "cross_entropy")


def check_loss(loss: str) -> None:
    """Raises ValueError unless ``loss`` is one of LOSSES."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")


@dataclass(frozen=True)
class Network:
    """An ensemble of networks with one (Leaky) ReLU after every layer but the last, which is linear.

    weights     per layer ``(e_l, n_l, n_{l-1} + 1)``, the bias in the last column.
    slope       of the activation for negative input, in [0, 1); 0 is ReLU.
    """

    weights: tuple[Tensor, ...]
    slope: float = 0.0

    def __post_init__(self):
        if not 0 <= self.slope < 1:
            raise ValueError(f"slope must lie in [0, 1), got {self.slope}")
        for below, above in zip(self.weights, self.weights[1:]):
            if above.shape[2] != below.shape[1] + 1 or above.shape[0] % below.shape[0]:
                raise ValueError(
                    f"a layer of shape {tuple(above.shape)} does not fit on one of {tuple(below.shape)}: "
                    "it needs one column per unit below and one for the bias, and a multiple of its members"
                )

    @property
    def members(self) -> int:
        return self.weights[-1].shape[0]

    @property
    def depth(self) -> int:
        """Number of weight layers L; a two-layer network has one hidden layer."""
        return len(self.weights)

    def to(self, *args, **kwargs) -> "Network":
        return Network(tuple(w.to(*args, **kwargs) for w in self.weights), self.slope)


def activation(z: Tensor, slope: float = 0.0) -> Tensor:
    """sigma(z) = max(z, slope * z)."""
    return torch.nn.functional.leaky_relu(z, slope) if slope else z.clamp(min=0)


def activation_slope(z: Tensor, slope: float = 0.0) -> Tensor:
    """sigma'(z), with entries in {slope, 1}; at z = 0 it is ``slope``, as in autograd."""
    return torch.where(z > 0, torch.ones_like(z), slope)  # two plain numbers would round the slope to float32


def affine(weight: Tensor, f: Tensor) -> Tensor:
    """Pre-activations ``(e_l, b, n_l)`` of one layer; ``weight`` (e_l, n_l, n + 1) on ``f`` (e_{l-1}, b, n)."""
    parents, share = f.shape[0], weight.shape[0] // f.shape[0]
    if weight.shape[0] % parents:
        raise ValueError(f"{weight.shape[0]} networks cannot share {parents} data sets evenly")
    w = weight.reshape(parents, share, *weight.shape[1:])
    z = f[:, None] @ w[..., :-1].transpose(2, 3) + w[..., -1][:, :, None]
    return z.reshape(weight.shape[0], f.shape[1], weight.shape[1])


def forward(network: Network, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Pre-activations and activations of every layer.

    x           ``(g, b, d)``; ``g`` divides the number of members (see the module's conventions).
    returns     ``z, f``, each with one entry per layer, ``z[l - 1]`` and ``f[l - 1]`` being ``(e_l, b, n_l)``;
                ``f[-1]`` is the linear output.
    """
    z, f = [], [x]
    for weight in network.weights:
        z.append(affine(weight, f[-1]))
        f.append(activation(z[-1], network.slope))
    return z, [*f[1:-1], z[-1]]


def fan_out_norm(network: Network, layer: int = 1) -> Tensor:
    """Norm of the fan-out weights ``(e, n_layer)`` of each unit of a hidden layer (1 is the lowest)."""
    if not 1 <= layer < network.depth:
        raise ValueError(f"layer must lie in 1..{network.depth - 1} (the hidden layers), got {layer}")
    return network.weights[layer][:, :, :-1].norm(dim=1)


def over_realized_width(teacher_width: int, over_realization: float) -> int:
    """Student width n = over_realization * m; raises ValueError below 1 or when n is not whole."""
    width = teacher_width * over_realization
    if over_realization < 1 or round(width) != width:
        raise ValueError(
            f"over_realization must be at least 1 and give a whole number of nodes; {over_realization} times "
            f"{teacher_width} teacher nodes is {width}"
        )
    return round(width)


def distinct_encodings(generator: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """``(rows, columns)`` of entries uniform over the nine CHOICES; rows are distinct and none is zero.

    raises      ValueError when so many distinct rows do not exist.
    source      released two-layer experiment of the ICML 2020 paper.
    """
    if columns < 8 and rows > len(CHOICES) ** columns - 1:
        raise ValueError(f"only {len(CHOICES) ** columns - 1} distinct non-zero rows of {columns} exist, asked for {rows}")
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

    First-layer rows have norm 1 (the bias is not rescaled). The fan-out weights of node j (from 1) are divided by
    j^p, so that ||v*_j|| decays like j^-p: p is the *polarity* (``teacher_strength_decay`` in the released code).

    returns     weights ``(g, width, input_dim + 1)``, ``(g * v, outputs, width + 1)``: polarities share layer 1.
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
    """The paper's multi-layer teachers of layer ``sizes`` (input and output included), float64; one per generator.

    Entries are drawn from CHOICES and biases from U(-1/2, 1/2); both are divided by the norm of the row's weights. Then,
    from the lowest layer up, biases are shifted so that every hidden pre-activation has median 0 on ``x``, and the
    outputs are scaled and shifted to mean 0 and standard deviation 1 there: predicting nothing has loss 1.

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


def uniform_students(generators: Sequence[np.random.Generator], sizes: Sequence[int], slope: float = 0.0) -> Network:
    """Students of layer ``sizes`` with weights and biases U(-r, r), r = 1 / sqrt(fan-in): PyTorch's default, float64."""
    layers = [
        np.stack([g.uniform(-1, 1, (n_out, n_in + 1)) / math.sqrt(n_in) for g in generators])
        for n_in, n_out in zip(sizes, sizes[1:])
    ]
    return Network(tuple(map(torch.from_numpy, layers)), slope)


def small_students(
    generators: Sequence[np.random.Generator], sizes: Sequence[int], scale: float = 0.005, copies: int = 1,
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
