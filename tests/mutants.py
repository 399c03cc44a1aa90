"""Plants small bugs, one at a time, and tells which of them no test notices.

``python -m tests.mutants 100`` draws a hundred at random, modules by their size but for those that only draw,
and gives each the tests of its module's folder; with ``--all`` those that survive meet the whole suite. What
is known is kept in ``_build/mutants.json``: the same command goes on with what is left.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ROOT / "_build" / "mutants.json"
COPY = ROOT / "_build" / "mutated"  # a checkout of its own
PACKAGES = ("ts_core", "companion")
DRAWING = ("plots.py", "figures.py")  # of which tests hold no more than what is legible
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


def tests_of(file: str) -> list[str]:
    """Folder of the tests of a module, the file of its name first."""
    path = Path(file)
    under = next(folder for folder in BESIDE if file.startswith(f"{folder}/"))
    beside = ROOT / BESIDE[under]
    if under == "companion/chapters" and (own := beside / path.parts[2]).is_dir():
        beside = own
    named = [beside / f"test_{path.stem}.py", *beside.glob(f"test_*{path.stem}*.py")]
    found = dict.fromkeys(place for place in (*named, beside) if place.exists())
    return [str(place.relative_to(ROOT)) for place in found]


def failing(file: str, source: str, tests: Sequence[str], limit: float) -> str | None:
    """The first test that fails in the copy with one file changed; empty without, None if they take long."""
    original = (COPY / file).read_text(encoding="utf-8")
    (COPY / file).write_text(source, encoding="utf-8")
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-x", "--tb=no", "-rfE", "-p", "no:cacheprovider", *tests],
        cwd=COPY,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(COPY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
        (COPY / file).write_text(original, encoding="utf-8")
    if running.returncode in (0, NO_TESTS):
        return ""
    found = re.search(r"^(?:FAILED|ERROR) ([^\s\[]+)", said, re.MULTILINE)
    return found[1] if found else tests[0]


def verdict(file: str, source: str, tests: Sequence[str], limit: float) -> str:
    """Who notices a changed file; a test that fails without the change too is no witness."""
    found = failing(file, source, tests, limit)
    if not found:
        return "slow" if found is None else "survived"
    as_it_is = (COPY / file).read_text(encoding="utf-8")
    if found not in SOUND:
        SOUND[found] = failing(file, as_it_is, [found], limit) == ""
    return f"caught by {found}" if SOUND[found] else f"no verdict: {found} fails as it is"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("times", type=int, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one")
    parser.add_argument("--all", action="store_true", help="give survivors the whole suite")
    asked = parser.parse_args()
    known = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        (COPY / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, COPY / name)
    for file, which in draw(asked.times, asked.seed):
        source = (COPY / file).read_text(encoding="utf-8")
        node, words = list(mutations(ast.parse(source)))[which]
        name = f"{file}:{node.lineno}: {ast.unparse(node)[:99]} -> {words[:99]}"
        if known.get(name) in (None, "slow"):
            known[name] = verdict(file, mutated(source, node, words), tests_of(file), asked.limit)
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
