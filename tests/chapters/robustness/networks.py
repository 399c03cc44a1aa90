"""A small world: teachers, students and inputs near subspaces, float64."""

import torch

from companion.chapters.robustness.low_rank import bases, inputs, teachers
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.teachers import random_networks

D, RANK, M, N, C, SEEDS = 7, 3, 2, 5, 4, (1, 2, 3)


def of(purpose: str) -> list:
    return [stream(seed, purpose) for seed in SEEDS]


def teacher() -> Network:
    return teachers(of("teacher"), D, M, C, 0.2)


def student(depth: int = 2) -> Network:
    return random_networks(of("student"), (D, *[N] * (depth - 1), C))


def basis() -> torch.Tensor:
    return bases(of("subspace"), D, RANK)


def in_s(samples: int = 50) -> torch.Tensor:
    return inputs(of("inputs"), basis(), torch.zeros(1, dtype=torch.float64), samples)[:, 0]
