"""Ensembles of fully connected networks: weights, conventions, forward pass.

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
  Other losses are in :mod:`ts_core.losses`, which converts learning rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_core.activations import RELU, Activation, LeakyReLU, Linear, Tanh


@dataclass(frozen=True)
class Network:
    """An ensemble of networks with an activation after every layer but the last, which is linear.

    weights     per layer ``(e_l, n_l, n_{l-1} + 1)``, the bias in the last column.
    """

    weights: tuple[Tensor, ...]
    activation: Activation = RELU

    def __post_init__(self):
        if not isinstance(self.activation, Activation):
            raise ValueError(f"activation must be one like LeakyReLU(0.1), got {self.activation!r}")
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

    @property
    def slope(self) -> float:
        """Slope of a (Leaky) ReLU for negative input.

        raises      ValueError for another activation: what asks for a slope is a theorem about kinks.
        """
        if not isinstance(self.activation, LeakyReLU):
            raise ValueError(f"this holds for (Leaky) ReLU networks, got the activation {self.activation}")
        return self.activation.slope

    def spread(self, members: int | None = None) -> "Network":
        """The same networks, each as often as gives ``members`` (default: once), all layers their own."""
        return Network(tuple(spread(w, members or self.members) for w in self.weights), self.activation)

    def to(self, *args, **kwargs) -> "Network":
        return Network(tuple(w.to(*args, **kwargs) for w in self.weights), self.activation)

    @classmethod
    def from_torch(cls, *modules: torch.nn.Module) -> "Network":
        """An ensemble with the weights of some ``torch.nn.Sequential``, one member each, in their dtype.

        modules     alike: ``Linear`` layers with one kind of activation (ReLU, LeakyReLU, Tanh, or none at
                    all) after each but the last. A missing bias is 0. The weights are copies.
        raises      ValueError for anything else, naming the layer.
        """
        read = [_from_torch(module) for module in modules]
        if not read or any(activation != read[0][1] for _, activation in read):
            raise ValueError(f"need networks of one activation, got {[str(a) for _, a in read]}")
        shapes = [[tuple(w.shape) for w in weights] for weights, _ in read]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(f"need networks of equal layers, got weights (with biases) of shapes {shapes}")
        return cls(tuple(map(torch.stack, zip(*(weights for weights, _ in read)))), read[0][1])

    def to_torch(self, member: int = 0) -> torch.nn.Sequential:
        """One member as a ``torch.nn.Sequential`` that :meth:`from_torch` reads back; weights are copies.

        raises      ValueError for an activation that torch has no module for.
        """
        layers: list[torch.nn.Module] = []
        for weight in self.spread().weights:
            w = weight[member]
            linear = torch.nn.Linear(w.shape[1] - 1, w.shape[0], device=w.device, dtype=w.dtype)
            linear.load_state_dict({"weight": w[:, :-1], "bias": w[:, -1]})
            layers += [linear, *_to_torch(self.activation)]
        return torch.nn.Sequential(*layers[: None if isinstance(self.activation, Linear) else -1])


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
        f.append(network.activation.value(z[-1]))
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


def _from_torch(module: torch.nn.Module) -> tuple[list[Tensor], Activation]:
    """Weights with biases of a ``Sequential``, and its activation."""
    if not isinstance(module, torch.nn.Sequential):
        raise ValueError(f"need a torch.nn.Sequential, got {type(module).__name__}")
    weights: list[Tensor] = []
    found: list[Activation] = []
    for number, layer in enumerate(module):
        if isinstance(layer, torch.nn.Linear):
            if len(weights) > len(found):
                found.append(Linear())
            bias = layer.bias if layer.bias is not None else layer.weight.new_zeros(layer.out_features)
            weights.append(torch.column_stack([layer.weight.detach(), bias.detach()]))
        elif len(weights) == len(found) + 1 and (activation := _activation_of(layer)):
            found.append(activation)
        else:
            raise ValueError(f"layer {number}, {layer}, is no Linear layer and no activation after one")
    if len(weights) != len(found) + 1 or any(activation != found[0] for activation in found):
        raise ValueError(f"need one kind of activation after every Linear layer but the last, got {module}")
    return weights, found[0] if found else RELU


def _activation_of(layer: torch.nn.Module) -> Activation | None:
    match layer:
        case torch.nn.ReLU():
            return RELU
        case torch.nn.LeakyReLU():
            return LeakyReLU(layer.negative_slope)
        case torch.nn.Tanh():
            return Tanh()
    return None


def _to_torch(activation: Activation) -> Sequence[torch.nn.Module]:
    match activation:
        case LeakyReLU(slope=0):
            return [torch.nn.ReLU()]
        case LeakyReLU():
            return [torch.nn.LeakyReLU(activation.slope)]
        case Tanh():
            return [torch.nn.Tanh()]
        case Linear():
            return []
    raise ValueError(f"torch has no module for the activation {activation}")
