"""Sphinx extension: a formula says on hover or focus what its symbols mean, in the words of the notation.

The first formula of a page that has a symbol can be reached by the keyboard. What is said lies in the
page, and ``hints.js`` shows it.
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
    entries = known(Path(app.srcdir) / Path(docname).parent)
    if app.builder.format != "html" or Path(docname).name == notation.NOTATION or not entries:
        return
    labels = app.env.get_domain("std").labels
    homes = {Path(docname).name, *(name for name, (page, *_) in labels.items() if page == docname)}
    shown = {}
    for formula in list(doctree.findall(nodes.math)):
        if found := notation.meanings(formula.astext(), entries, homes):
            new = any(entry not in shown for entry in found)
            numbers = " ".join(str(shown.setdefault(entry, len(shown))) for entry in found)
            opened = f'<span class="symbols" data-meanings="{numbers}"{" data-new" if new else ""}>'
            box = [nodes.raw("", text, format="html") for text in (opened, "</span>")]
            formula.replace_self([box[0], formula.deepcopy(), box[1]])
    if shown:
        words = json.dumps([html(entry) for entry in shown]).replace("</", "<\\/")
        script = f'<script type="application/json" id="meanings">{words}</script>'
        doctree += nodes.raw("", script, format="html")


def html(entry):
    """Symbols and meaning; formulas are left to MathJax."""
    text = escape(f"{', '.join(f'${symbol}$' for symbol in entry.symbols)}: {entry.meaning}", quote=False)
    text = re.sub(r"in \{ref\}`[^`]+`(?: and \{ref\}`[^`]+`)*: |; in \{ref\}`[^`]+`", "", text)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*([^*$]+)\*", r"<i>\1</i>", text)
    return notation.FORMULA.sub(r'<span class="math notranslate nohighlight">\\(\1\\)</span>', text)


def setup(app):
    app.connect("builder-inited", lambda app: known.cache_clear())
    app.connect("doctree-resolved", annotate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
