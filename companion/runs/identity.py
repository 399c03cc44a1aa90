"""Who made a number: the id of a run and of the code behind it, the commit, the machine."""

import ast
import functools
import hashlib
import importlib.metadata
import json
import os
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from companion.runs.spec import Cell


def _cpu(cell: Cell) -> str:
    return "cpu"


@dataclass(frozen=True)
class Project:
    """What runs need to know of the project that they serve.

    packages    whose code makes numbers: it is part of every id.
    libraries   whose versions are part of every provenance.
    alone       context in which a cell is computed, for example on one thread; a function at the top of a
                module, because workers get it by name.
    device      names the device on which a cell is computed; the same.
    """

    packages: tuple[str, ...]
    libraries: tuple[str, ...] = ("numpy", "pandas")
    alone: Callable[[], AbstractContextManager] = nullcontext
    device: Callable[[Cell], str] = _cpu

    def __post_init__(self):
        sources(self.packages)


@functools.cache
def sources(packages: tuple[str, ...]) -> Mapping[str, str]:
    """Source text of every module of some packages by name, as it was when this was first asked.

    An edit during a long sweep must not put old numbers under a new code's id.
    """
    return {
        name: path.read_text(encoding="utf-8") for package in packages for name, path in _modules(package)
    }


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    module = import_module(package)
    if module.__file__:
        yield package, Path(module.__file__)
    for found in pkgutil.iter_modules(module.__path__, f"{package}."):
        if found.ispkg:
            yield from _modules(found.name)
        else:
            yield found.name, Path(str(find_spec(found.name).origin))  # type: ignore[union-attr]


@functools.cache
def code_id(packages: tuple[str, ...], module: str, name: str = "") -> str:
    """Id of the statements that make a module's numbers: its own and those it imports from ``packages``.

    Comments, docstrings and layout do not count; the Python version does not either.

    name        of what the module is asked for: then its other definitions do not count, as far as this one
                does not use them, so that cells that share a module have ids of their own.
    """
    return _digest(_code(packages, module, name))


def code_hash(module: str, sources: Mapping[str, str], name: str = "") -> str:
    """:func:`code_id` for given source texts by module name.

    A module of another package is read from its file.
    """
    return _digest(_behind(module, sources, name))


def edited(packages: tuple[str, ...], module: str, name: str = "") -> list[str]:
    """Modules of :func:`code_id` that are not loaded yet and whose files say something else by now.

    A cell imports what it computes with when it runs: such an edit would put new numbers under an old id.
    """
    waiting = {found: was for found, was in _code(packages, module, name).items() if found not in sys.modules}
    files = {found: Path(spec.origin) for found in waiting if (spec := find_spec(found)) and spec.origin}
    return [
        found
        for found, file in files.items()
        if _statements(ast.parse(file.read_text(encoding="utf-8"))) != waiting[found]
    ]


@functools.cache
def _code(packages: tuple[str, ...], module: str, name: str) -> dict:
    return _behind(module, sources(packages), name)


def _behind(module: str, sources: Mapping[str, str], wanted: str) -> dict:
    """Statements of a module and of all it imports from ``sources``, by name."""
    seen, pending = {}, [module]
    while pending:
        name = pending.pop()
        if name not in seen:
            text = (
                sources[name]
                if name in sources
                else Path(str(import_module(name).__file__)).read_text(encoding="utf-8")
            )
            seen[name], imported = _read(text, wanted if name == module else "")
            pending += [found for found in imported if found in sources]
    return seen


@functools.cache
def _read(text: str, wanted: str) -> tuple[list, tuple[str, ...]]:
    """Statements of a module, of all of it or behind one of its names, and what they import."""
    tree = ast.parse(text)
    if wanted:
        tree.body = _needed(tree.body, wanted)
    return _statements(tree), tuple(_imports(tree))


def _needed(body: list[ast.stmt], name: str) -> list[ast.stmt]:
    """The statements behind one name of a module: what defines it, what that uses, what defines nothing."""
    kept: set[int] = set()
    wanted, pending = {name}, True
    while pending:
        fresh = {i for i, s in enumerate(body) if i not in kept and (_defined(s) & wanted or not _defined(s))}
        wanted |= {node.id for i in fresh for node in ast.walk(body[i]) if isinstance(node, ast.Name)}
        kept, pending = kept | fresh, bool(fresh)
    return [body[i] for i in sorted(kept)]


def _defined(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    return set()


def _imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


def _statements(node):
    """A syntax tree as nested lists, without bare strings (docstrings) and what Python versions differ in."""
    if isinstance(node, list):
        return [_statements(n) for n in node if not _is_text(n)]
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value is not None and value != []]
        return [type(node).__name__, *((name, _statements(value)) for name, value in fields)]
    return repr(node)


def _is_text(node) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def run_id(project: Project, cell: Cell, after: Sequence[str] = ()) -> str:
    """Name of one run: every field of its cell (defaults too) and the code that makes its numbers.

    after       ids of the runs whose tables it gets, in their order: with other tables it is another run.
    """
    named = {"run": kind(cell), "spec": cell.model_dump(), "code": code_of(project.packages, cell)}
    return _digest(named | {"after": list(after)} if after else named)


def stage_ids(project: Project, stages: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """Run ids of the cells of every stage; those of a later one are told from the earlier ones too."""
    ids: list[list[str]] = []
    for cells in stages:
        after = [run for stage in ids for run in stage]
        ids.append([run_id(project, cell, after) for cell in cells])
    return ids


def code_of(packages: tuple[str, ...], cell: Cell) -> str:
    """Id of the code that makes a cell's numbers."""
    return code_id(packages, *address(cell))


def address(cell: Cell) -> tuple[str, str]:
    """Module and name of a cell's type."""
    return type(cell).__module__, type(cell).__qualname__.partition(".")[0]


def kind(cell: Cell) -> str:
    """Module and name of a cell's type."""
    return f"{type(cell).__module__}.{type(cell).__qualname__}"


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def origin(project: Project, cell: Cell) -> dict:
    """Which code makes the numbers: type of cell, code id, commit, whether files differ from it.

    The commit is empty without git.
    """
    module = type(cell).__module__
    folder = Path(str(sys.modules[module].__file__)).parent
    changes = _git(folder, "status", "--porcelain", "--", ":/*.py")
    return {
        "run": kind(cell),
        "code": code_of(project.packages, cell),
        "commit": _git(folder, "rev-parse", "--short", "HEAD"),
        "uncommitted_changes": bool(changes),
    }


def _git(folder: Path, *words: str) -> str:
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git on this machine
        return ""


def machine(libraries: tuple[str, ...]) -> dict:
    """Which machine and libraries make the numbers."""
    versions = {"python": platform.python_version()}
    for name in libraries:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {"versions": versions, "machine": f"{_processor()}, {os.cpu_count()} cores"}


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
