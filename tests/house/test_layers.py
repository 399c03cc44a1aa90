"""House rules on the source itself: who may import whom, how large a file may be."""

import ast
import importlib
import io
import re
import tokenize
from pathlib import Path

import pytest

from ts_core import networks
from ts_core.notebooks import ROOT

PACKAGE = ROOT / "ts_core"
LAYERS = [  # a module imports from rows above its own, and from its own row where it says so
    {"networks", "data", "cifar10"},
    {"gradients", "metrics"},
    {"theory", "training"},
    {"experiments"},
]
ANYWHERE_BELOW = {"store", "sweeps"}  # machinery of experiments: imports nothing that makes numbers
ALONE = {"plots", "claims", "notebooks"}  # see tables and files only
TOOLS = {"chapters": {"experiments", "notebooks"}, "book": {"chapters", "claims", "notebooks"}}
FILE_LINES, FUNCTION_LINES = 300, 50
CORE_LINES = 2000  # of code, in all that chapters share; experiments/ grows with each chapter, one small file at a time


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    """First name below the package: a module, or ``experiments`` for everything in that folder."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(source: str) -> set[str]:
    """Modules of our own package that a source imports, at any depth; ``*`` for the package itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that this test can read them"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "ts_core" else [node.module]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {(name.split(".") + ["*"])[1] for name in names if name.split(".")[0] == "ts_core"}
    return found


def allowed(layer: str) -> set[str]:
    if layer in ALONE:
        return {layer}  # a package's own files
    if layer in TOOLS:
        return TOOLS[layer]
    if layer in ANYWHERE_BELOW:
        return ANYWHERE_BELOW | ({"experiments"} if layer == "sweeps" else set())
    row = next(index for index, names in enumerate(LAYERS) if layer in names)
    below = set().union(*LAYERS[:row])
    return below | (ANYWHERE_BELOW | {"experiments"} if layer == "experiments" else set())


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    layer = layer_of(path)
    if layer in ("__main__", "__init__"):
        return  # sees everything; sees nothing
    # Tables become claims in modules of their own, so that a reworded claim never changes the id of a run.
    may = allowed(layer) | ({"claims"} if layer == "experiments" and path.stem.endswith("_claims") else set())
    wrong = imports(path.read_text()) - may
    assert not wrong, f"{path.name} may import {sorted(may)} of ours, not {sorted(wrong)}"


def test_the_reader_of_imports_reads_every_form():
    source = "import ts_core.data\nfrom ts_core import plots, claims\nfrom ts_core.metrics import success\nimport numpy.ts_core"
    assert imports(source) == {"data", "plots", "claims", "metrics"}
    assert imports("def f():\n    import ts_core") == {"*"}
    assert imports("from torch import Tensor") == set()


def test_number_makers_never_import_pictures():
    assert all("matplotlib" not in path.read_text() for path in modules() if layer_of(path) != "plots")


@pytest.mark.parametrize("name", sorted(ALONE))
def test_tables_are_read_without_torch(name):
    for path in modules():
        if layer_of(path) == name:
            assert "torch" not in {word for node in ast.walk(ast.parse(path.read_text()))
                                   if isinstance(node, ast.Import | ast.ImportFrom)
                                   for word in [getattr(node, "module", None), *(alias.name for alias in node.names)]}


def code_lines(source: str) -> int:
    """Lines that hold code: no blank lines, no comments, no docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    docstrings = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for token in tokens if token.type not in skipped for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - docstrings)


def test_lines_of_code_are_counted_right():
    assert code_lines('"""Doc."""\n\n# why\nx = (1,\n     2)  # two lines\n\n\ndef f():\n    """Doc\n    more."""\n    return x\n') == 4


def test_files_stay_small():
    long = {path.name: size for path in modules() if (size := len(path.read_text().splitlines())) > FILE_LINES}
    assert not long, f"files over {FILE_LINES} lines: {long}"


def test_the_core_stays_small():
    total = sum(code_lines(path.read_text()) for path in modules() if layer_of(path) != "experiments")
    assert total <= CORE_LINES, f"{total} lines of code outside of experiments/; {CORE_LINES} are allowed"


def test_functions_stay_small():
    long = [
        f"{path.name}: {node.name} has {size} lines"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (size := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long, long


def test_the_notation_page_names_code_that_exists():
    page = (ROOT / "book" / "notation.md").read_text()
    names = re.findall(r"^\|[^|]*\| `(\w+)\.(\w+)` \|", page, re.MULTILINE)
    assert len(names) > 10
    for module, name in names:
        if module == "Network":
            assert hasattr(networks.Network, name) or name in networks.Network.__dataclass_fields__, name
        else:
            assert hasattr(importlib.import_module(f"ts_core.{module}"), name), f"{module}.{name}"
