"""Draws the two packages and their rooms from the imports, into CONTRIBUTING.md: python docs/rooms.py."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- rooms: python docs/rooms.py -->", "<!-- /rooms -->"
# A folder is a room; modules beside the folders of a package share some.
ROOMS = {
    "companion": {
        "command line": ("__main__",),
        "place, project, cost": ("place", "project", "cost", "budget"),
        "chapters": ("chapters",),
        "experiments": ("experiments",),
        "datasets": ("datasets",),
        "pages": ("pages",),
        "runs": ("runs",),
    },
    "ts_core": {
        "training": ("training",),
        "theory": ("theory",),
        "gradients, metrics": ("gradients", "metrics", "winners"),
        "networks, data": (
            *("networks", "activations", "losses", "teachers", "convnets", "sizes", "data", "streams"),
        ),
    },
}
Edges = set[tuple[str, str]]


def modules(root: Path) -> Mapping[str, Path]:
    """Every module of the packages by its name."""
    files = [file for package in ROOMS for file in (root / package).rglob("*.py")]
    dotted = lambda file: ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    return {dotted(file): file for file in sorted(files)}


def room(module: str) -> str:
    """The room of a module; empty for a package itself and for ``ts_core.__main__``, which only explains.

    raises      KeyError for a module that has no room yet.
    """
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    if not part or (package, part) == ("ts_core", "__main__"):
        return ""
    for name, parts in ROOMS[package].items():
        if part in parts:
            return name
    raise KeyError(f"{module} has no room: name one for it in docs/rooms.py")


def imported(source: str, known: Mapping[str, Path]) -> Iterator[str]:
    """Modules of ours that a source imports, at its top or in a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in inner if name in known]
            yield from found
            if len(found) < len(inner) and node.module in known:
                yield node.module


def edges(root: Path) -> Edges:
    """Pairs of rooms, of which the first imports the second."""
    known = modules(root)
    pairs = {
        (room(one), room(two)) for one, file in known.items() for two in imported(file.read_text(), known)
    }
    return {(one, two) for one, two in pairs if one and two and one != two}


def reachable(start: str, found: Edges) -> set[str]:
    """Rooms that one comes to from a room, by one arrow or several."""
    seen, pending = set(), [start]
    while pending:
        here = pending.pop()
        fresh = {two for one, two in found if one == here} - seen
        seen |= fresh
        pending += fresh
    return seen


def reduced(found: Edges) -> Edges:
    """The arrows that do not follow from others.

    raises      ValueError when rooms import each other in a circle.
    """
    if circle := sorted({one for one, _ in found if one in reachable(one, found)}):
        raise ValueError(f"rooms that import each other: {', '.join(circle)}")
    return {(one, two) for one, two in found if two not in reachable(one, found - {(one, two)})}


def drawing(root: Path = ROOT) -> str:
    """The picture, as mermaid."""
    names = [name for rooms in ROOMS.values() for name in rooms]
    key = {name: f"r{index}" for index, name in enumerate(names)}
    lines = ["```mermaid", "flowchart TB"]
    for package, rooms in ROOMS.items():
        lines += [f"  subgraph {package}", *(f'    {key[name]}["{name}"]' for name in rooms), "  end"]
    arrows = sorted(reduced(edges(root)), key=lambda pair: tuple(map(names.index, pair)))
    lines += [f"  {key[one]} --> {key[two]}" for one, two in arrows]
    return "\n".join([*lines, "```"])


def drawn(page: str, root: Path = ROOT) -> str:
    """The page with the picture between its two marks."""
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n{drawing(root)}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
