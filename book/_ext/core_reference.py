"""Sphinx extension: the page ``book/api`` lists what ts_core offers, from its source without importing it."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

PACKAGE = "ts_core"
PAGE = "book/api"
SECTIONS = "returns", "raises", "source"


def root():
    return Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])


def modules():
    """Names and syntax trees of the package's modules that say something, the conventions first."""
    name = lambda path: ".".join((PACKAGE, *path.relative_to(root()).with_suffix("").parts))
    trees = {
        name(path): ast.parse(path.read_text("utf-8"))
        for path in root().rglob("*.py")
        if path.name != "__init__.py"
    }
    first = f"{PACKAGE}.networks"
    return sorted(trees.items(), key=lambda pair: (pair[0] != first, pair[0].count("."), pair[0]))


def reference():
    """The page's text after its introduction: modules, their public functions and classes with methods."""
    for name, tree in modules():
        yield f"## `{name}`\n"
        yield from _words(ast.get_docstring(tree))
        for node in filter(_public, tree.body):
            yield f"### `{_signature(node)}`\n"
            yield from _words(ast.get_docstring(node))
            for method in filter(_public, node.body if isinstance(node, ast.ClassDef) else ()):
                yield f"**`{node.name}.{_signature(method)}`**\n"
                yield from _words(ast.get_docstring(method))


def _public(node):
    kinds = ast.FunctionDef, ast.ClassDef
    return isinstance(node, kinds) and not node.name.startswith("_") and ast.get_docstring(node)


def _signature(node):
    """Name and arguments, without their types: a docstring has shapes and ranges."""
    if isinstance(node, ast.ClassDef):
        fields = [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
        return f"{node.name}({', '.join(fields)})"
    for argument in ast.walk(node.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"{node.name}({re.sub(r'^(self|cls)(, )?', '', ast.unparse(node.args))})"


def _words(docstring):
    """The docstring as Markdown: paragraphs, and lists of what stands in two columns, which fit any page."""
    if not docstring:
        return
    plain = re.sub(r":\w+:`([^`]+)`", r"``\1``", inspect.cleandoc(docstring))  # names, not roles
    first, _, rest = plain.partition("\n\n")
    yield f"{_escaped(' '.join(first.split()))}\n"
    for block in filter(None, rest.split("\n\n")):
        yield from _block(block)
        yield ""


def _block(block):
    """Lines that belong together: an item begins with a name and a gap, or a star, and goes on indented."""
    listed = False
    for line in re.split(r"\n(?! )", block):
        name, star, text = re.fullmatch(r"(?s)(?:(\w[\w, ]*?) {2,}|(\* ))?(.*)", line).groups()
        words = _escaped(" ".join(text.split()))
        if name:
            words = f"- *{name}* {words}" if name in SECTIONS else f"- `{name}` {words}"
        elif star:
            words = f"- {words}"
        elif listed:
            words = f"\n{words}"
        yield words
        listed = bool(name or star)


def _escaped(text):
    """For Markdown; names in double backticks stay code, words between stars stay emphasized."""
    parts = text.split("``")
    plain = lambda part: "".join(f"\\{letter}" if letter in "\\*_<>[]$|`{}#" else letter for letter in part)
    told = "`".join(part if at % 2 else plain(part) for at, part in enumerate(parts))
    return re.sub(r"\\\*([\w-]+(?: [\w-]+)*)\\\*", r"*\1*", told)


def add(app, docname, source):
    if docname == PAGE:
        source[0] += "\n" + "\n".join(reference())
        for path in root().rglob("*.py"):
            app.env.note_dependency(str(path))


def setup(app):
    app.connect("source-read", add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
