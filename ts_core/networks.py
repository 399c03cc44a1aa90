"""Ensembles of fully connected (Leaky) ReLU networks: weights, conventions, forward pass.

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
* Cross-entropy: J = -E_x log softmax(f(x)) at the teacher's largest output, reported as it is; a learning
  rate of ``torch.nn.CrossEntropyLoss`` is ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

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

    def spread(self, members: int | None = None) -> "Network":
        """The same networks, each as often as gives ``members`` (default: once), all layers their own."""
        return Network(tuple(spread(w, members or self.members) for w in self.weights), self.slope)

    def to(self, *args, **kwargs) -> "Network":
        return Network(tuple(w.to(*args, **kwargs) for w in self.weights), self.slope)


def spread(shared: Tensor, members: int) -> Tensor:
    """Repeat the entries of a shared leading axis until there is one per member.

    This is the identity if there already is.

    raises      ValueError when the members cannot share the entries evenly.
    """
    if members % shared.shape[0]:
        raise ValueError(f"{members} members cannot share {shared.shape[0]} entries evenly")
    return (
        shared.repeat_interleave(members // shared.shape[0], dim=0) if members != shared.shape[0] else shared
    )


def pair(teacher: Network, student: Network) -> tuple[Network, Network]:
    """Teacher and student with one network, all its layers its own, for each of the student's members.

    What speaks of pairs begins with this. Only the training engine, the forward pass and this know
    of sharing.
    """
    return teacher.spread(student.members), student.spread()


def activation(z: Tensor, slope: float = 0.0) -> Tensor:
    """sigma(z) = max(z, slope * z)."""
    return torch.nn.functional.leaky_relu(z, slope) if slope else z.clamp(min=0)


def activation_slope(z: Tensor, slope: float = 0.0) -> Tensor:
    """sigma'(z), with entries in {slope, 1}; at z = 0 it is ``slope``, as in autograd."""
    return torch.where(z > 0, torch.ones_like(z), slope)  # two plain numbers would round the slope to float32


def affine(weight: Tensor, f: Tensor) -> Tensor:
    """Pre-activations ``(e_l, b, n_l)`` of a layer: ``weight`` (e_l, n_l, n + 1) on ``f`` (e_{l-1}, b, n)."""
    parents, share = f.shape[0], weight.shape[0] // f.shape[0]
    if weight.shape[0] % parents:
        raise ValueError(f"{weight.shape[0]} networks cannot share {parents} data sets evenly")
    w = weight.reshape(parents, share, *weight.shape[1:])
    z = f[:, None] @ w[..., :-1].transpose(2, 3) + w[..., -1][:, :, None]
    return z.reshape(weight.shape[0], f.shape[1], weight.shape[1])


def forward(network: Network, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Pre-activations and activations of every layer.

    x           ``(g, b, d)``; ``g`` divides the number of members (see the module's conventions).
    returns     ``z, f``, each with one entry per layer, ``z[l - 1]`` and ``f[l - 1]`` being ``(e, b, n_l)``;
                ``f[-1]`` is the linear output. What members share is computed once.
    """
    z, f = [], [x]
    for weight in network.weights:
        z.append(affine(weight, f[-1]))
        f.append(activation(z[-1], network.slope))
    z, f = ([spread(values, network.members) for values in layers] for layers in (z, f[1:]))
    return z, [*f[:-1], z[-1]]


def fan_out_norm(network: Network, layer: int = 1) -> Tensor:
    """Norm of the fan-out weights ``(e, n_layer)`` of each unit of a hidden layer (1 is the lowest)."""
    if not 1 <= layer < network.depth:
        raise ValueError(f"layer must lie in 1..{network.depth - 1} (the hidden layers), got {layer}")
    return network.weights[layer][:, :, :-1].norm(dim=1)


def two_layer(rows: Tensor, fan_out: Tensor, output_bias: Tensor | None = None) -> Network:
    """An ensemble of one: first-layer rows ``(n, d + 1)``, fan-out rows ``(n, c)``, output bias ``(c,)``."""
    bias = torch.zeros_like(fan_out[0]) if output_bias is None else output_bias
    return Network((rows[None], torch.column_stack([fan_out.T, bias])[None]))
