"""What is asked for, what is pinned, and what is imported are one list."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"].values()
DIRECT = [Requirement(line) for lines in (PROJECT["dependencies"], *EXTRAS) for line in lines]
LINES = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
PYTHONS = ("3.11.2", "3.11.14", "3.12.1", "3.13.0")  # Debian 12 has 3.11.2


def pins(python: str, system: str = "linux") -> list[tuple[str, str]]:
    """Name and version of everything that is installed on one Python."""
    here = {
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "sys_platform": system,
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found = [Requirement(line) for line in LINES]
    return [
        (canonicalize_name(pin.name), str(pin.specifier).removeprefix("=="))
        for pin in found
        if pin.marker is None or pin.marker.evaluate(here)
    ]


def test_every_line_pins_one_package():
    """So none names an index, a folder, a file or a host."""
    assert len(LINES) > 100
    assert not [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.]+( ; [\w.'*<>=!() ]+)?", line)]


def test_no_host_is_named_anywhere_in_the_file():
    assert not re.search(r"://|\bfile:|\bindex|find-links", (ROOT / "requirements.txt").read_text())


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("python", PYTHONS)
def test_each_python_gets_one_version_of_everything_asked_for(python, system):
    pinned = pins(python, system)
    version = dict(pinned)
    assert len(version) == len(pinned)
    missing = {one.name for one in DIRECT if canonicalize_name(one.name) not in version}
    assert not missing, f"make requirements: {missing}"
    wrong = [str(one) for one in DIRECT if not one.specifier.contains(version[canonicalize_name(one.name)])]
    assert not wrong, f"make requirements: {wrong}"


def test_a_package_is_asked_for_once():
    names = [canonicalize_name(one.name) for one in DIRECT]
    assert sorted(set(names)) == sorted(names)


def test_torch_is_pinned_without_a_local_version():
    asked = [str(one) for one in DIRECT if one.name == "torch"]
    assert asked == [line for line in LINES if line.startswith("torch")]
    assert "+" not in "".join(LINES)


def test_no_package_of_cuda_is_pinned():
    assert not [line for line in LINES if re.match(r"nvidia|cuda|triton|cupy", line)]


def test_what_is_imported_is_asked_for():
    sources = [path for folder in ("ts_core", "companion", "tests") for path in (ROOT / folder).rglob("*.py")]
    imported = set()
    for path in (*sources, ROOT / "conftest.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    installed, asked = packages_distributions(), {canonicalize_name(one.name) for one in DIRECT}
    ours = {"ts_core", "companion", *(path.stem for path in sources)}
    undeclared = {
        name
        for name in imported - ours - sys.stdlib_module_names
        if name in installed and not asked & {canonicalize_name(found) for found in installed[name]}
    }
    assert {"torch", "yaml", "skimage"} <= imported and not undeclared


@pytest.mark.parametrize("name", ["Makefile", "README.md", "book/reproduce.ipynb"])
def test_one_least_python_is_said_everywhere(name):
    text, least = (ROOT / name).read_text(), PROJECT["requires-python"].removeprefix(">=")
    assert set(re.findall(r"Python (3\.\d+) or newer", text)) == {least}
    checked = re.findall(r"version_info < \((\d), (\d+)\)", text)
    assert {".".join(numbers) for numbers in checked} <= {least}
