"""Networks and inputs that someone brings to an experiment, held to its settings before any work."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ts_core.networks import Network


def own_network(
    name: str, network: Network, sizes: Sequence[int], members: int, sets: int | None = None
) -> Network:
    """The network as drawn ones are: on the CPU, float64.

    sizes       of its layers, from input to output.
    sets        members whose first layer may be shared are a multiple of these; by default none may be.
    raises      ValueError naming what does not fit.
    """
    found = (network.weights[0].shape[2] - 1, *(w.shape[1] for w in network.weights))
    if found != tuple(sizes):
        raise ValueError(f"{name}: need layers of {tuple(sizes)} nodes, from input to output, got {found}")
    if network.members != members:
        raise ValueError(
            f"{name}: need {members} members, got {network.members}; Network.spread({members}) repeats them"
        )
    layers = [len(w) for w in network.weights]
    if any(count % (sets or members) for count in layers):
        raise ValueError(
            f"{name}: need weights for {sets or members} or more members in every layer, got {layers}"
        )
    return network.to("cpu", torch.float64)


def own_inputs(name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
    """The inputs as drawn ones are: on the CPU, float64.

    shape       data sets, samples, inputs.
    raises      ValueError for another shape, and for inputs that are not finite.
    """
    if tuple(x.shape) != tuple(shape):
        raise ValueError(
            f"{name}: need inputs of shape {tuple(shape)} (seeds, samples, d), got {tuple(x.shape)}"
        )
    if not x.isfinite().all():
        raise ValueError(f"{name}: inputs must be finite, got {int((~x.isfinite()).sum())} that are not")
    return x.to("cpu", torch.float64)
