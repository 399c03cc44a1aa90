"""Sphinx extension: formulas and terms say on hover or focus what they mean, in the words of the notation.

The first formula of a page that has a symbol can be reached by the keyboard; a term is explained where the
text of a page has it first. What is said lies in the page, and ``hints.js`` shows it.
"""

import json
import re
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes

from companion.pages import notation


@cache
def known(folder):
    return notation.read(folder)


def annotate(app, doctree, docname):
    entries, terms = known(Path(app.srcdir) / Path(docname).parent)
    if app.builder.format != "html" or Path(docname).name == notation.NOTATION or not entries:
        return
    labels = app.env.get_domain("std").labels
    homes = {Path(docname).name, *(name for name, (page, *_) in labels.items() if page == docname)}
    shown = {}
    for formula in list(doctree.findall(nodes.math)):
        if found := notation.meanings(formula.astext(), entries, homes):
            new = any(entry not in shown for entry in found)
            numbers = " ".join(str(shown.setdefault(entry, len(shown))) for entry in found)
            formula.replace_self(box(formula.deepcopy(), numbers, new))
    left = list(terms)
    for text in filter(in_prose, list(doctree.findall(nodes.Text))):
        parts = [text]
        while found := notation.find(left, parts[-1]):
            term, start, end = found
            left.remove(term)
            rest = parts.pop()
            number = str(shown.setdefault(term, len(shown)))
            parts += [nodes.Text(rest[:start]), *box(nodes.Text(rest[start:end]), number, True)]
            parts.append(nodes.Text(rest[end:]))
        if len(parts) > 1:
            text.parent.replace(text, parts)
    if shown:
        words = json.dumps([html(entry) for entry in shown]).replace("</", "<\\/")
        script = f'<script type="application/json" id="meanings">{words}</script>'
        doctree += nodes.raw("", script, format="html")


def in_prose(text):
    """Whether a text stands in a paragraph, and in nothing that is a link, a heading or code."""
    kinds, node = set(), text.parent
    while node is not None and not isinstance(node, (nodes.paragraph, nodes.document)):
        kinds.add(type(node))
        node = node.parent
    table = node is not None and isinstance(node.parent, nodes.entry)
    return isinstance(node, nodes.paragraph) and not table and kinds <= {nodes.emphasis, nodes.strong}


def box(node, numbers, new):
    opened = f'<span class="symbols" data-meanings="{numbers}"{" data-new" if new else ""}>'
    start, end = (nodes.raw("", text, format="html") for text in (opened, "</span>"))
    return [start, node, end]


def html(entry):
    """Symbols or term, and meaning; formulas are left to MathJax."""
    said = entry.words[:1] if isinstance(entry, notation.Term) else [f"${one}$" for one in entry.symbols]
    text = escape(f"{', '.join(said)}: {entry.meaning}", quote=False)
    text = re.sub(r"in \{ref\}`[^`]+`(?: and \{ref\}`[^`]+`)*: |; in \{ref\}`[^`]+`", "", text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*([^*$]+)\*", r"<i>\1</i>", text)
    return notation.FORMULA.sub(r'<span class="math notranslate nohighlight">\\(\1\\)</span>', text)


def setup(app):
    app.connect("builder-inited", lambda app: known.cache_clear())
    app.connect("doctree-resolved", annotate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
