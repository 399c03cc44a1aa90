"""Activations: their values, their derivatives, and both in place, for the training engine."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Activation(ABC):
    """A function sigma of a pre-activation, entry by entry.

    An activation of one's own needs ``value`` and ``derivative``; what follows them makes training faster.
    """

    overwrites: ClassVar[bool] = False
    """whether the derivative can be told from the value, which then takes the pre-activation's place"""
    at_one: ClassVar[float | None] = None
    """a pre-activation at which the value is exactly 1; None if none is known, or sigma(0) is not 0"""

    @abstractmethod
    def value(self, z: Tensor) -> Tensor:
        """sigma(z)."""

    @abstractmethod
    def derivative(self, z: Tensor) -> Tensor:
        """sigma'(z)."""

    def value_(self, z: Tensor, f: Tensor) -> None:
        """Write sigma(z) into ``f``, which is ``z`` itself if the activation overwrites.

        ``z`` may be left with anything that :meth:`gate_` understands.
        """
        f.copy_(self.value(z))

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        """Multiply ``g`` by sigma'; ``z`` and ``f`` are as :meth:`value_` left them, and may be spoiled."""
        g.mul_(self.derivative(z))


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """sigma(z) = max(z, slope * z); sigma'(0) is ``slope``, as in autograd.

    slope       for negative input, in [0, 1); 0 is ReLU.
    """

    slope: float = 0.0
    at_one = 1.0
    overwrites = True  # for 0 <= slope < 1 a value has the sign of its pre-activation

    def __post_init__(self):
        if not 0 <= self.slope < 1:
            raise ValueError(f"slope must lie in [0, 1), got {self.slope}")

    def value(self, z: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(z, self.slope) if self.slope else z.clamp(min=0)

    def derivative(self, z: Tensor) -> Tensor:
        return torch.where(z > 0, torch.ones_like(z), self.slope)  # two plain numbers would round the slope

    def value_(self, z: Tensor, f: Tensor) -> None:
        torch.nn.functional.leaky_relu_(f, self.slope) if self.slope else f.clamp_min_(0)

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        if self.slope:
            torch.ops.aten.leaky_relu_backward.grad_input(g, f, self.slope, True, grad_input=g)
        else:
            torch.ops.aten.threshold_backward.grad_input(g, f, 0, grad_input=g)


@cache
def _log_of_peak(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Logarithm of the slope of erf(z / sqrt 2) at 0."""
    return torch.tensor(math.log(2 / math.pi) / 2, dtype=dtype, device=device)


@dataclass(frozen=True)
class Erf(Activation):
    """sigma(z) = erf(z / sqrt 2), as in the theory of soft committee machines."""

    at_one = 20.0

    def value(self, z: Tensor) -> Tensor:
        return (z * math.sqrt(0.5)).erf()

    def derivative(self, z: Tensor) -> Tensor:
        return (z.square() / -2).exp() * math.sqrt(2 / math.pi)

    def value_(self, z: Tensor, f: Tensor) -> None:
        torch.erf(z.mul_(math.sqrt(0.5)), out=f)

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        torch.addcmul(_log_of_peak(z.dtype, z.device), z, z, value=-1, out=z)  # z is z / sqrt 2 by now
        g.mul_(z.exp_())


@dataclass(frozen=True)
class Tanh(Activation):
    """sigma(z) = tanh z."""

    overwrites = True
    at_one = 20.0

    def value(self, z: Tensor) -> Tensor:
        return z.tanh()

    def derivative(self, z: Tensor) -> Tensor:
        return 1 - z.tanh().square()

    def value_(self, z: Tensor, f: Tensor) -> None:
        f.tanh_()

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        torch.ops.aten.tanh_backward.grad_input(g, f, grad_input=g)


@dataclass(frozen=True)
class Square(Activation):
    """sigma(z) = z^2."""

    at_one = 1.0

    def value(self, z: Tensor) -> Tensor:
        return z.square()

    def derivative(self, z: Tensor) -> Tensor:
        return 2 * z

    def value_(self, z: Tensor, f: Tensor) -> None:
        torch.mul(z, z, out=f)

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        g.mul_(z).mul_(2)


@dataclass(frozen=True)
class Linear(Activation):
    """sigma(z) = z."""

    overwrites = True
    at_one = 1.0

    def value(self, z: Tensor) -> Tensor:
        return z

    def derivative(self, z: Tensor) -> Tensor:
        return torch.ones_like(z)

    def value_(self, z: Tensor, f: Tensor) -> None:
        pass

    def gate_(self, g: Tensor, z: Tensor, f: Tensor) -> None:
        pass


RELU = LeakyReLU()
