"""The playground as its tests use it."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from tests.toy_book import ROOT

STATIC = ROOT / "book" / "_static"
MATHEMATICS = STATIC / "teacher_student.js"


def benchmark() -> ModuleType:
    """The script that measures the presets over seeds."""
    spec = spec_from_file_location("playground_benchmark", ROOT / "benchmarks" / "playground.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
