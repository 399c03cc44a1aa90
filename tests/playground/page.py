"""The playground as its tests use it."""

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from types import ModuleType

import numpy as np

from tests.toy_book import ROOT

STATIC = ROOT / "book" / "_static"
MATHEMATICS = STATIC / "teacher_student.js"


def words(key: int, places: np.ndarray) -> np.ndarray:
    """32 bits for a key and each place: mulberry32, entered there, as the page has it."""
    mask = np.uint64(0xFFFFFFFF)
    a = (key + (places.astype(np.uint64) + 1) * 0x6D2B79F5) & mask
    a = (a ^ (a >> 15)) * (a | 1) & mask
    a ^= a + (a ^ (a >> 7)) * (a | 61) & mask
    return a ^ (a >> 14)


def rows_of(key: int, step: int, size: int, samples: int) -> Iterator[np.ndarray]:
    """Numbers of the samples that each step from ``step`` on sees."""
    for now in count(step):
        yield (words(key, now * size + np.arange(size)) * samples >> 32).astype(np.int64)


def benchmark() -> ModuleType:
    """The script that measures the presets over seeds."""
    spec = spec_from_file_location("playground_benchmark", ROOT / "benchmarks" / "playground.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
