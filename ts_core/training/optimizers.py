"""Optimizers of whole ensembles: what a step does with the gradients of a batch.

Each is what torch's optimizer of the same name does, entry by entry, so that members stay independent. They
hold settings only; :meth:`state` makes what one training run carries along.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class State(Protocol):
    """An optimizer at work on the weights of one ensemble.

    Weights are ``(e, n_l, n_{l-1} + 1)``; ``g`` and ``f`` are the layer's gradients and what it sees, sample
    axis last and first: the batch's part of the step is g f, to be *added* (g is -dJ/dz).
    """

    def layer(self, l: int, g: Tensor, f: Tensor, rate: float) -> None:
        """Take in the gradient of layer l (0 is the lowest) of a batch; its weights may move at once."""

    def step(self, rates: Sequence[float]) -> None:
        """End the step, with a learning rate per layer."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """weight_decay    of all weights and biases, as torch's optimizers do it (added to the gradient)."""

    weight_decay: float = 0.0

    def __post_init__(self):
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be at least 0, got {self.weight_decay}")

    @abstractmethod
    def state(self, weights: Sequence[Tensor]) -> State:
        """What one training run carries along; ``weights`` are changed in place."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """``torch.optim.SGD``.

    momentum    in [0, 1).
    """

    momentum: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")

    def state(self, weights: Sequence[Tensor]) -> State:
        return _Momentum(self, weights) if self.momentum else _Plain(self, weights)


@dataclass(frozen=True)
class Adam(Optimizer):
    """``torch.optim.Adam``.

    betas       decay rates of both moments, each in [0, 1);  eps  positive.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self):
        super().__post_init__()
        if not all(0 <= beta < 1 for beta in self.betas) or len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers in [0, 1), got {self.betas}")
        if not self.eps > 0:
            raise ValueError(f"eps must be positive, got {self.eps}")

    def state(self, weights: Sequence[Tensor]) -> State:
        return _Adam(self, weights)


class _AtOnce:
    """The weights of a layer move as soon as its gradient is known."""

    def step(self, rates: Sequence[float]) -> None:
        pass


class _Plain(_AtOnce):
    """They move within the product that makes their gradient."""

    def __init__(self, settings: SGD, weights: Sequence[Tensor]):
        self.decay, self.weights = settings.weight_decay, weights

    def layer(self, l: int, g: Tensor, f: Tensor, rate: float) -> None:
        self.weights[l].baddbmm_(g, f, beta=1 - rate * self.decay, alpha=rate / g.shape[2])


class _Momentum(_AtOnce):
    def __init__(self, settings: SGD, weights: Sequence[Tensor]):
        self.settings, self.weights = settings, weights
        self.moved = [torch.zeros_like(w) for w in weights]

    def layer(self, l: int, g: Tensor, f: Tensor, rate: float) -> None:
        moved = self.moved[l].baddbmm_(g, f, beta=self.settings.momentum, alpha=1 / g.shape[2])
        if self.settings.weight_decay:
            moved.add_(self.weights[l], alpha=-self.settings.weight_decay)
        self.weights[l].add_(moved, alpha=rate)


class _Adam:
    """One fused call per step, or per layer where their rates differ."""

    def __init__(self, settings: Adam, weights: Sequence[Tensor]):
        self.settings, self.weights = settings, weights
        self.gradients, self.means, self.squares = ([torch.zeros_like(w) for w in weights] for _ in range(3))
        self.steps = torch.zeros((), device=weights[0].device)  # of all layers that move at all

    def layer(self, l: int, g: Tensor, f: Tensor, rate: float) -> None:
        torch.baddbmm(self.gradients[l], g, f, beta=0, alpha=1 / g.shape[2], out=self.gradients[l])

    def step(self, rates: Sequence[float]) -> None:
        self.steps.add_(1)
        parts = self.weights, self.gradients, self.means, self.squares
        if len(set(rates)) == 1:
            self._fused(parts, rates[0])
            return
        for rate in set(rates) - {0}:
            layers = [l for l, own in enumerate(rates) if own == rate]
            self._fused([[part[l] for l in layers] for part in parts], rate)

    def _fused(self, parts: Sequence[Sequence[Tensor]], rate: float) -> None:
        torch._fused_adam_(
            *parts,
            [],
            [self.steps] * len(parts[0]),
            lr=rate,
            beta1=self.settings.betas[0],
            beta2=self.settings.betas[1],
            weight_decay=self.settings.weight_decay,
            eps=self.settings.eps,
            amsgrad=False,
            maximize=True,  # gradients here point downhill
        )
