"""Where networks are computed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def device_of(name: str) -> torch.device:
    """``auto`` is the GPU if there is one; raises ValueError when ``cuda`` is asked for and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda', but this machine has no usable GPU; use 'auto' or 'cpu'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def device_name(name: str) -> str:
    """What ``device_of(name)`` is called: ``cpu``, or the model of the GPU."""
    on_gpu = name != "cpu" and torch.cuda.is_available()
    return torch.cuda.get_device_name() if on_gpu else "cpu"


@contextmanager
def one_thread() -> Iterator[None]:
    """Small batched products only lose by sharing cores: inside, torch computes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
