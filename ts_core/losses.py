"""What a student learns of its teacher's outputs: target, residual, value, and the rate of torch's loss.

Outputs are ``(e, c, b)`` here: the sample axis is last, as in the training engine.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loss(ABC):
    """A loss J = E_x[j(f*(x), f(x))], as conventions in :mod:`ts_core.networks` say."""

    is_difference: ClassVar[bool] = False
    """whether the residual is target - f, which training makes within a product"""
    fewest_outputs: ClassVar[int] = 1

    def target(self, f: Tensor) -> Tensor:
        """What is learned of the teacher's outputs ``f``."""
        return f

    @abstractmethod
    def residual(self, target: Tensor, f: Tensor) -> Tensor:
        """g_L = -dj/df, for every sample."""

    @abstractmethod
    def value(self, target: Tensor, f: Tensor) -> Tensor:
        """The *reported* loss of every sample, ``(e, b)``."""

    def rate(self, torch_rate: float, outputs: int) -> float:
        """Our learning rate for that of torch's loss of this name, with its default reduction."""
        return torch_rate


@dataclass(frozen=True)
class SquaredError(Loss):
    """j = 1/2 ||f* - f||^2, summed over outputs; reported is their mean without the 1/2, 2 j / c."""

    is_difference = True

    def residual(self, target: Tensor, f: Tensor) -> Tensor:
        return target - f

    def value(self, target: Tensor, f: Tensor) -> Tensor:
        return (target - f).square().mean(1)

    def rate(self, torch_rate: float, outputs: int) -> float:
        return torch_rate * 2 / outputs


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """j = -log softmax(f) at the teacher's largest output, reported as it is."""

    fewest_outputs = 2  # it tells classes apart

    def target(self, f: Tensor) -> Tensor:
        return torch.zeros_like(f).scatter_(1, f.argmax(1, keepdim=True), 1.0)

    def residual(self, target: Tensor, f: Tensor) -> Tensor:
        return target - f.softmax(1)

    def value(self, target: Tensor, f: Tensor) -> Tensor:
        return -f.log_softmax(1).gather(1, target.argmax(1, keepdim=True))[:, 0]


SQUARED_ERROR = SquaredError()
LOSSES = {"mse": SQUARED_ERROR, "cross_entropy": CrossEntropy()}
