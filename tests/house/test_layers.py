"""House rules on the source itself: who may import whom, and what loads without torch or pictures."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from companion.project import PROJECT
from companion.runs.identity import sources

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sources(PROJECT.packages)
SCIENCE = [  # a module of ts_core imports from rows above its own; a package also itself
    {"sizes", "streams", "activations", "losses"},
    {"networks"},
    {"data", "teachers", "convnets", "gradients", "metrics"},
    {"theory", "training"},
]
EVERYTHING = {"companion.chapters", "companion.__main__"}  # they see everything
# What a reader waits for:
READ_AT_ONCE = {"parameters", "sweeps", "studies", "tables", "claims", "plots", "spec"}
# The parts of a chapter that its notebook calls and that make no numbers:
ON_PAGES = {"parameters", "tables", "claims", "plots"}


def imports(source: str, top_level_only: bool = False) -> set[str]:
    """Modules of our own that a source imports, at any depth, by their full names."""
    found = set()
    tree = ast.parse(source)
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in SOURCES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("ts_core", "companion")}


def below(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def allowed(module: str, other: str) -> bool:
    """Whether a module of ours may import another."""
    if module in EVERYTHING:
        return True
    package, part = module.split(".")[0], module.split(".")[-1]
    if package == "ts_core":
        return _science(module, other)
    room = ".".join(module.split(".")[:2])
    if room == "companion.project":
        return other == "companion.place" or below(other, "companion.pages", "companion.runs", "ts_core")
    if room == "companion.cost":
        return other == "companion.place" or below(other, "companion.runs")
    if room == "companion.budget":
        return other == "companion.cost" or below(other, "companion.runs")
    if room == "companion.runs":
        return below(other, room)
    if room == "companion.pages":
        return below(other, room, "companion.runs")
    if room == "companion.datasets":
        return below(other, room, "ts_core")
    if room == "companion.experiments":
        pictures = part == "plots" and other == "companion.pages.figures"
        return pictures or below(other, room, "ts_core", "companion.runs", "companion.datasets")
    if room == "companion.chapters":
        return _chapter(".".join(module.split(".")[:3]), part, other)
    return False  # companion.place, companion itself


def _science(module: str, other: str) -> bool:
    if module in ("ts_core", "ts_core.__main__"):
        return False
    own, name = module.split(".")[1], [*other.split("."), "everything"][1]
    row = next(index for index, names in enumerate(SCIENCE) if own in names)
    package = f"ts_core.{own}" in SOURCES and below(module, f"ts_core.{own}") and module != f"ts_core.{own}"
    return below(other, "ts_core") and (name in set().union(*SCIENCE[:row]) or (package and name == own))


def _chapter(chapter: str, part: str, other: str) -> bool:
    if part == "claims":  # sees tables only, so that a reworded claim never changes the id of a run
        tables = below(other, "companion.experiments") and other.endswith(".tables")
        own = other in (f"{chapter}.tables", f"{chapter}.parameters")
        return own or tables or below(other, "companion.pages") or other == "companion.runs.spec"
    own = (
        below(other, chapter)
        and other != chapter
        and (part in ON_PAGES or other.split(".")[-1] not in ON_PAGES)
    )
    pages = part in ON_PAGES and below(other, "companion.pages")
    return (
        own
        or pages
        or below(other, "companion.experiments", "companion.datasets", "companion.runs", "ts_core")
    )


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_imports_point_downwards(module):
    wrong = [other for other in imports(SOURCES[module]) if not allowed(module, other)]
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


@pytest.mark.parametrize(
    "module, other",
    [
        ("companion.runs.store", "ts_core.streams"),
        ("companion.runs.cells", "companion.pages.book"),
        ("companion.runs.cells", "companion.place"),
        ("companion.pages.page", "companion.project"),
        ("companion.pages.claims", "companion.experiments.two_layer.tables"),
        ("companion.pages.build", "ts_core.sizes"),
        ("ts_core.networks", "companion.runs.spec"),
        ("ts_core.losses", "ts_core.activations"),
        ("ts_core.activations", "ts_core.networks"),
        ("ts_core.gradients", "ts_core.metrics"),
        ("ts_core.metrics", "ts_core.theory.geometry"),
        ("ts_core.theory.kernels", "ts_core.training.sgd"),
        ("ts_core.training.fit", "ts_core.theory.kernels"),
        ("ts_core.theory.kernels", "ts_core"),
        ("ts_core.__main__", "companion.__main__"),
        ("companion.datasets.images", "companion.runs.spec"),
        ("companion.experiments.two_layer.run", "companion.pages.figures"),
        ("companion.experiments.two_layer.plots", "companion.pages.claims"),
        ("companion.experiments.two_layer.run", "companion.chapters.lowest_layer.tables"),
        ("companion.chapters.cifar10.tables", "companion.chapters.lowest_layer.tables"),
        ("companion.chapters.cifar10.tables", "companion.chapters"),
        ("companion.chapters.cifar10.tables", "companion.project"),
        ("companion.chapters.cifar10.sweeps", "companion.chapters.cifar10.claims"),
        ("companion.chapters.cifar10.sweeps", "companion.pages.figures"),
        ("companion.chapters.cifar10.claims", "companion.chapters.cifar10.plots"),
        ("companion.chapters.cifar10.claims", "companion.chapters.cifar10.sweeps"),
        ("companion.chapters.cifar10.claims", "ts_core.metrics"),
        ("companion.place", "companion.runs.spec"),
        ("companion.project", "companion.chapters"),
        ("companion.project", "companion.datasets.cifar10"),
        ("companion", "ts_core"),
    ],
)
def test_what_points_upwards_is_refused(module, other):
    """Such imports do not exist; this test would see them."""
    assert not allowed(module, other)


@pytest.mark.parametrize(
    "module, other",
    [
        ("companion.pages.page", "companion.runs.cells"),
        ("ts_core.theory.kernels", "ts_core.theory.geometry"),
        ("ts_core.theory.kernels", "ts_core.gradients"),
        ("companion.experiments.two_layer.plots", "companion.pages.figures"),
        ("companion.chapters.cifar10.claims", "companion.chapters.cifar10.tables"),
        ("companion.chapters.cifar10.claims", "companion.experiments.two_layer.tables"),
        ("companion.chapters.cifar10.plots", "companion.pages.figures"),
        ("companion.__main__", "companion.chapters"),
    ],
)
def test_what_points_downwards_is_allowed(module, other):
    assert allowed(module, other)


def test_the_project_loads_the_science_only_when_it_runs():
    assert not [
        name for name in imports(SOURCES["companion.project"], top_level_only=True) if below(name, "ts_core")
    ]


def test_the_reader_of_imports_reads_every_form():
    source = "import ts_core.data\nfrom companion.pages import figures, claims as c\n"
    source += (
        "from ts_core.metrics import success\nfrom companion import place, chapters\nimport numpy.ts_core\n"
    )
    source += "def f():\n    import companion.runs.store as s"
    assert imports(source) == {
        "ts_core.data",
        "companion.pages.figures",
        "companion.pages.claims",
        "ts_core.metrics",
        "companion.place",
        "companion.chapters",
        "companion.runs.store",
    }
    assert imports(source, top_level_only=True) == imports(source) - {"companion.runs.store"}
    assert imports("def f():\n    import ts_core") == {"ts_core"}
    assert imports("from torch import Tensor") == set()
    with pytest.raises(AssertionError, match="absolute"):
        imports("from . import data")


def test_every_source_file_is_read():
    """Files that no import finds would be outside of these rules, and of the ids of runs."""
    files = [path for package in PROJECT.packages for path in (ROOT / package).rglob("*.py")]
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files
    }
    assert names == set(SOURCES)


def test_what_a_reader_waits_for_imports_no_torch():
    """Settings, tables, claims, pictures, runs and pages, in a fresh process: a page redraws at once."""
    waited = [
        name
        for name in SOURCES
        if below(name, "companion.runs", "companion.pages")
        or (
            below(name, "companion.experiments", "companion.chapters") and name.split(".")[-1] in READ_AT_ONCE
        )
    ]
    assert len(waited) > 40 and {"companion.pages.page", "companion.chapters.cifar10.plots"} <= set(waited)
    look = FORBID + "".join(f"import {name}\n" for name in sorted(waited)) + SETTINGS
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# The traceback of the first import says where torch comes from.
FORBID = """
import sys
class Forbid:
    def find_spec(self, name, *_):
        assert name != "torch", "torch is imported"
sys.meta_path.insert(0, Forbid())
"""
SETTINGS = """
from companion import chapters, project
assert len(project.book(chapters.parameters()).pages()) > 3 and len(chapters.sweeps()) > 5
for sweep in chapters.sweeps().values():
    for scale in sweep.scales.values():
        assert getattr(scale, "cells", list)() or scale.model_dump()
assert "torch" not in sys.modules
"""


def test_number_makers_never_import_pictures():
    pictures = [name for name, source in SOURCES.items() if "matplotlib" in source]
    assert "companion.pages.figures" in pictures
    assert not [
        name for name in pictures if name.split(".")[-1] != "plots" and not below(name, "companion.pages")
    ]


def test_packages_say_nothing_by_themselves():
    """An import of one module loads no other; only the package of chapters finds its chapters."""
    files = [path for package in PROJECT.packages for path in (ROOT / package).rglob("__init__.py")]
    assert len(files) > 10
    assert [path.parent.name for path in files if path.read_text()] == ["chapters"]


def test_the_notation_page_names_code_that_exists():
    """Dotted names start below ts_core; what lies in the other package is named in full."""
    page = (ROOT / "book" / "notation.md").read_text()
    names = re.findall(r"^\|[^|]*\| `(\w+(?:\.\w+)+)` \|", page, re.MULTILINE)
    assert len(names) > 15 and {name.split(".")[0] for name in names} >= {
        "networks",
        "gradients",
        "metrics",
        "theory",
        "companion",
    }
    for name in names:
        full = name if name.startswith("companion.") else f"ts_core.{name}"
        module = max((known for known in SOURCES if below(full, known)), key=len)
        found = importlib.import_module(module)
        for part in full[len(module) + 1 :].split("."):
            assert hasattr(found, part) or part in getattr(found, "__dataclass_fields__", ()), name
            found = getattr(found, part, None)
