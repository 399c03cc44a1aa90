"""Plants small bugs, one at a time, and tells which of them no test notices.

``python -m tests.mutants 100`` draws a hundred at random, modules by their size but for those that only draw,
and gives each the tests of its module's folder, then those elsewhere that import the module or hold every
chapter to something; with ``--all`` those that survive meet the whole suite. What is known is kept in
``_build/mutants.json``: the same command goes on with what is left, with ``--again`` also with survivors.
"""

import argparse
import ast
import compileall
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import NoReturn, TextIO

import pytest

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ROOT / "_build" / "mutants.json"
COPY = ROOT / "_build" / "mutated"  # a checkout of its own
PACKAGES = ("ts_core", "companion")
DRAWING = ("plots.py", "figures.py")  # of which tests hold no more than what is legible
# What tests import, once for all of them: they run in processes that fork from this one.
HEAVY = ("hypothesis", "matplotlib.pyplot", "nbformat", "scipy.stats", "seaborn", "sklearn.datasets", "torch")
NOTEBOOKS = ("--nbval", "--nbval-current-env")  # compares those that are among the tests with what they store
NO_TESTS = 5  # how pytest ends when there are none
SOUND: dict[str, bool] = {}  # tests by whether they pass without a bug
LIMIT = 600  # seconds of the tests of one folder; a bug that makes them hang is noticed too
# Where the tests of a folder of modules lie: the longest that fits. A chapter's have its name.
BESIDE = {
    "ts_core/theory": "tests/core/theory",
    "ts_core": "tests/core",
    "companion/chapters": "tests/chapters",
    "companion/runs": "tests/runs",
    "companion/pages": "tests/pages",
    "companion/datasets": "tests/datasets",
    "companion/experiments": "tests/experiments",
    "companion": "tests/house",
}
# Tests of everything that is found, without browsers and without books that are rendered.
OF_ALL = [
    *("tests/chapters/test_sweeps.py", "tests/chapters/test_live_cells.py"),
    *(f"tests/house/test_{name}.py" for name in ("results", "limits", "parameters", "claims", "sentences")),
]
# Tests that render books, or wait for a browser or an installation: too slow to be asked unless by name.
RENDERING = {
    *(
        f"tests/house/test_{name}.py"
        for name in ("browser", "figures_enlarge", "hints", "scorecard", "wheel")
    ),
    *(f"tests/pages/test_{name}.py" for name in ("build", "pdf", "drop", "kills")),
    *("tests/playground/test_page.py", "tests/house/test_benchmarks.py"),
}
SWAPS = {
    "Add": "-",
    "Sub": "+",
    "Mult": "/",
    "Div": "*",
    "Lt": "<=",
    "LtE": "<",
    "Gt": ">=",
    "GtE": ">",
    "Eq": "!=",
    "NotEq": "==",
    "In": "not in",
    "NotIn": "in",
    "Is": "is not",
    "IsNot": "is",
    "And": "or",
    "Or": "and",
}


def mutations(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Every expression that can be made wrong, and what then stands there; none of types and messages."""
    spared = {id(child) for node in ast.walk(tree) for part in _spared(node) for child in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) not in spared and (found := _wrong(node)):
            yield found


def _spared(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.arg(annotation=ast.expr() as types) | ast.AnnAssign(annotation=types):
            return [types]
        case ast.FunctionDef(returns=ast.expr() as types):
            return [types]
        case ast.Raise() | ast.JoinedStr() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
    return []


def _wrong(node: ast.AST) -> tuple[ast.expr, str] | None:
    match node:
        case ast.BinOp(left, op, right) if swapped := SWAPS.get(type(op).__name__):
            return node, f"({ast.unparse(left)}) {swapped} ({ast.unparse(right)})"
        case ast.BoolOp(op, values):
            return node, f" {SWAPS[type(op).__name__]} ".join(f"({ast.unparse(value)})" for value in values)
        case ast.Compare(left, [op], [right]):
            return node, f"({ast.unparse(left)}) {SWAPS[type(op).__name__]} ({ast.unparse(right)})"
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            return node, ast.unparse(operand)
        case ast.Constant(bool(value)):
            return node, repr(not value)
        case ast.Constant(int(value) | float(value)):
            return node, repr(value + 1 if isinstance(value, int) else 1.1 * value or 0.1)
        case ast.If(test) | ast.While(test):
            return test, f"not ({ast.unparse(test)})"
        case ast.IfExp(test, body, orelse):
            return node, f"({ast.unparse(orelse)}) if ({ast.unparse(test)}) else ({ast.unparse(body)})"
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            return value, "None"
        case ast.Expr(ast.Call() as call):  # what is called for its effect is not
            return call, "None"
    return None


def mutated(source: str, node: ast.expr, words: str) -> str:
    """A source with other words for one of its expressions."""
    lines = source.encode().splitlines(keepends=True)  # columns are counted in bytes
    first, last = lines[node.lineno - 1], lines[(node.end_lineno or 0) - 1]
    head, tail = first[: node.col_offset], last[node.end_col_offset :]
    new = [*lines[: node.lineno - 1], head, f"({words})".encode(), tail, *lines[node.end_lineno :]]
    return b"".join(new).decode()


def draw(times: int, seed: int) -> list[tuple[str, int]]:
    """Modules and which of their expressions, at random; a longer draw begins with a shorter one."""
    sites = [
        (str(path.relative_to(ROOT)), which)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in DRAWING
        for which, _ in enumerate(mutations(ast.parse(path.read_text(encoding="utf-8"))))
    ]
    random.Random(seed).shuffle(sites)
    return sites[:times]


def tests_of(file: str) -> tuple[list[str], list[str]]:
    """The tests beside a module: those of its name or that import it, and the others of their folder."""
    path = Path(file)
    under = next(folder for folder in BESIDE if file.startswith(f"{folder}/"))
    beside = ROOT / BESIDE[under]
    if under == "companion/chapters" and (own := beside / path.parts[2]).is_dir():
        beside = own
    named = [beside / f"test_{path.stem}.py", *beside.glob(f"test_*{path.stem}*.py")]
    short = lambda places: [str(place.relative_to(ROOT)) for place in places if place.exists()]
    others = sorted(beside.rglob("test_*.py"))
    users = [place for place in others if dotted(ROOT / file) in imported(place)]
    first, others = [*dict.fromkeys(short([*named, *users]))], short(others)
    return first, [place for place in others if place not in (*first, *RENDERING)]


def stages_of(file: str) -> list[list[str]]:
    """Tests of a module in the order in which they are asked.

    Those of its name or that import it; others beside it; those of other folders that import it, or what
    imports it, and those of everything; of a chapter the notebook.
    """
    rooms = (*PACKAGES, "tests")
    imports = {path: imported(path) for room in rooms for path in sorted((ROOT / room).rglob("*.py"))}
    reached, afar = {dotted(ROOT / file)}, []
    for _ in range(2):
        users = [path for path, names in imports.items() if names & reached]
        afar += [str(path.relative_to(ROOT)) for path in users if path.stem.startswith("test_")]
        reached = {dotted(path) for path in users}
    named, beside = tests_of(file)
    known = {*named, *beside, *RENDERING}
    others = [test for test in dict.fromkeys((*afar, *OF_ALL)) if test not in known]
    chapter = file.startswith("companion/chapters/") and f"book/{Path(file).parts[2]}.ipynb"
    return [named, beside, others, *([[chapter]] if chapter else [])]


def dotted(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")


@cache
def imported(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it, and names that it takes from them as if they were some."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def failing(file: str, source: str, tests: Sequence[str], limit: float) -> str | None:
    """The first test that fails in the copy with one file changed; empty without, None if they take long."""
    original = (COPY / file).read_text(encoding="utf-8")
    (COPY / file).write_text(source, encoding="utf-8")
    with tempfile.TemporaryFile("w+") as output:
        running = os.fork()
        if not running:
            _test(tests, output)
        try:
            code = _ended(running, limit)
        finally:
            (COPY / file).write_text(original, encoding="utf-8")
        output.seek(0)
        said = output.read()
    if code is None:
        return None
    if code in (0, NO_TESTS):
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (\S+\.ipynb|[^\s\[]+)", said, re.MULTILINE)  # a notebook as a whole
    return found[1] if found else tests[0]


def _test(tests: Sequence[str], output: TextIO) -> NoReturn:
    """Be a process of its own that runs tests in the copy."""
    os.setsid()
    os.chdir(COPY)
    os.environ.update(OMP_NUM_THREADS="1", PYTHONPATH=str(COPY))
    sys.path.insert(0, str(COPY))
    for name in [name for name in sys.modules if name.partition(".")[0] in (*PACKAGES, "tests")]:
        del sys.modules[name]
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    options = ["-x", "--tb=no", "-rfE", "-p", "no:cacheprovider", *NOTEBOOKS]
    code = 1
    try:
        code = int(pytest.main([*options, *tests]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _ended(child: int, limit: float) -> int | None:
    """How a process ends; None if it has to be ended with all that it started."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def verdict(file: str, source: str, tests: Sequence[str], limit: float) -> str:
    """Who notices a changed file; a test that fails without the change too is no witness."""
    found = failing(file, source, tests, limit)
    if not found:
        return "slow" if found is None else "survived"
    as_it_is = (COPY / file).read_text(encoding="utf-8")
    if found not in SOUND:
        SOUND[found] = failing(file, as_it_is, [found], limit) == ""
    return f"caught by {found}" if SOUND[found] else f"no verdict: {found} fails as it is"


def asked_in_turn(file: str, source: str, stages: Sequence[Sequence[str]], limit: float) -> str:
    """The verdict of the first stage that notices; slow if none does and one took too long."""
    found = "survived"
    for tests in filter(None, stages):
        said = verdict(file, source, tests, limit)
        if said not in ("survived", "slow"):
            return said
        found = max(found, said, key=("survived", "slow").index)
    return found


def copy() -> None:
    """Make the checkout that bugs are planted in, with the finished cells of this one."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, COPY / name)
    for package in PACKAGES:  # by their content: within a second a file may change without getting longer
        compileall.compile_dir(COPY / package, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    kept = ROOT / "_build" / "cells"
    if kept.exists():  # notebooks need not compute what no bug touches
        shutil.copytree(kept, COPY / "_build" / "cells", copy_function=os.link)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("times", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one")
    parser.add_argument("--again", action="store_true", help="survivors once more, after new tests")
    parser.add_argument("--all", action="store_true", help="give survivors the whole suite")
    asked = parser.parse_args()
    known = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}
    copy()
    for name in HEAVY:
        import_module(name)
    for file, which in draw(asked.times, asked.seed):
        source = (COPY / file).read_text(encoding="utf-8")
        node, words = list(mutations(ast.parse(source)))[which]
        name = f"{file}:{node.lineno}: {ast.unparse(node)[:99]} -> {words[:99]}"
        if known.get(name) in (None, "slow") or (asked.again and known[name].startswith("survived")):
            known[name] = asked_in_turn(file, mutated(source, node, words), stages_of(file), asked.limit)
            print(f"{known[name]}: {name}", flush=True)
        if asked.all and known[name] == "survived":
            known[name] = verdict(file, mutated(source, node, words), ["tests"], 10 * asked.limit)
            known[name] = "survived all" if known[name] == "survived" else known[name]
            print(f"{known[name]}, by the whole suite: {name}", flush=True)
        KNOWN.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    by_room: dict[str, Counter] = {}
    for name, what in known.items():
        room = "/".join(name.split(":")[0].split("/")[:2])
        by_room.setdefault(room, Counter())[what.partition(" by ")[0].partition(":")[0]] += 1
    for room, counts in sorted(by_room.items()):
        print(f"{room}: {', '.join(f'{number} {what}' for what, number in sorted(counts.items()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
